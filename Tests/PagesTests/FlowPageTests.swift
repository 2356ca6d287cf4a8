import Connections
import Foundation
import HTTP
import JSON
import TestSupport
import Testing

@Suite struct FlowPageTests {
    private let site: Site

    init() throws { site = try Site() }

    private static let done = "https://app.example.com/done"
    private static let granted = #"{"access_token":"t","scope":"read write"}"#
    private let start = [("id", "f")]

    private func make(_ actions: JSON, _ more: JSON = [:]) throws {
        try site.run("flows.create", more.with(["id": "f", "actions": actions]))
    }

    /// Follows a redirect within the pages.
    private func follow(_ shown: Shown, as user: JSON? = Site.alice) throws -> Shown {
        let url = try #require(shown.location.flatMap(URLComponents.init))
        #expect(shown.location?.hasPrefix("\(Site.base)/") == true)
        let query = (url.queryItems ?? []).map { ($0.name, $0.value ?? "") }
        return try site.get(String(url.path.dropFirst("/connections".count)), query, as: user)
    }

    private func scopes(_ page: Shown) -> String? {
        page.mainLink.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "scope" }?.value
    }

    @Test func aUserIsLedThroughAllActionsToTheEnd() throws {
        try make(
            [
                ["type": "connect", "appId": "crm", "instructions": "Your <own> customers."],
                ["type": "connect_api_key", "appId": "weather"],
            ], ["redirectUrls": [.string(Self.done)]])
        let first = try site.get("/flow", start)
        #expect(first.body.contains("Step 1 of 2"))
        #expect(first.body.contains("Your &lt;own&gt; customers."))
        let back = try site.callback(first, granting: Self.granted)
        let second = try follow(try follow(back))
        #expect(second.body.contains("Step 2 of 2"))
        let kept = try site.submit("/flow", start + [("step", "2")], [("key", "sk-1")])
        #expect(kept.location == Self.done)
        #expect(try site.tokens().count == 2)
    }

    @Test func aFlowWithoutAnAddressEndsOnAPageThatSaysSo() throws {
        try make([["type": "connect_api_key", "appId": "weather"]])
        let end = try follow(try site.submit("/flow", start, [("key", "sk")]))
        #expect(end.status == 200)
        #expect(end.title == "All done")
        #expect(end.body.contains("data-result=\"connected\""))
    }

    // MARK: - Whose it is

    @Test(arguments: ["connect", "connect_api_key"]) func whatAUserConnectsIsTheUsers(type: String) throws {
        try make([["type": .string(type), "appId": type == "connect" ? "crm" : "weather"]])
        if type == "connect" {
            _ = try site.callback(try site.get("/flow", start + [("tenant", "t1")]), granting: Self.granted)
        } else {
            _ = try site.submit("/flow", start + [("tenant", "t1")], [("key", "sk")])
        }
        #expect(try site.tokens().count == 1)
        #expect(try site.tokens(["tenantId": "t1"]).isEmpty)
    }

    @Test(arguments: ["tenant_connect", "connect_tenant_api_key"])
    func whatIsConnectedForATenantIsTheTenants(type: String) throws {
        try make([["type": .string(type), "appId": type == "tenant_connect" ? "crm" : "weather"]])
        let page = try site.get("/flow", start)
        #expect(page.body.contains("Acme &amp; Sons"))
        if type == "tenant_connect" {
            let back = try follow(try site.callback(page, granting: Self.granted))
            #expect(back.location == "\(Site.base)/flow?id=f&step=2")
        } else {
            _ = try site.submit("/flow", start, [("key", "sk")])
        }
        #expect(try site.tokens(["tenantId": "t1"]).count == 1)
        #expect(try site.tokens().isEmpty)
    }

    @Test(arguments: ["tenant_connect", "connect_tenant_api_key"])
    func onlyWhoActsForATenantConnectsForIt(type: String) throws {
        try make([["type": .string(type), "appId": type == "tenant_connect" ? "crm" : "weather"]])
        #expect(try site.get("/flow", start, as: Site.mallory).status == 403)
        #expect(try site.get("/flow", start + [("tenant", "t2")]).status == 403)
        let token = try site.get("/flow", start).formToken ?? ""
        let posted = try site.send(
            "POST", "/flow", start + [("tenant", "t2")],
            more: ["headers": Site.formHeaders, "body": .string("form=\(token)&key=sk")])
        #expect(posted.status == 403)
        #expect(try site.tokens(["tenantId": "t2"]).isEmpty)
    }

    @Test func whoActsForSeveralTenantsSaysForWhich() throws {
        try make([["type": "tenant_connect", "appId": "crm"]])
        let user: JSON = ["userId": "bob", "tenants": [["id": "t1"], ["id": "t2", "name": "<Two>"]]]
        let page = try site.get("/flow", start, as: user)
        #expect(page.title == "Which organization is this for?")
        #expect(page.body.contains("&lt;Two&gt;"))
        let chosen = try site.get("/flow", start + [("tenant", "t2")], as: user)
        _ = try site.callback(chosen, granting: Self.granted, as: user)
        #expect(try site.tokens(["tenantId": "t2"]).count == 1)
    }

    @Test func nobodyIsLedBeforeSigningIn() throws {
        try make([["type": "connect", "appId": "crm"]])
        #expect(try site.get("/flow", start, as: nil).status == 401)
        let away = try site.get("/flow", start, as: nil, more: ["signInUrl": "https://app.example.com/in"])
        #expect(away.location == "https://app.example.com/in?next=%2Fconnections%2Fflow%3Fid%3Df")
    }

    // MARK: - Buttons

    @Test func aButtonLeadsToItsConnection() throws {
        try make([
            [
                "type": "connect",
                "buttons": [
                    ["appId": "crm", "text": "My <CRM>", "style": "filled", "logo": "https://logo.example/a.png"],
                    ["appId": "weather2", "style": "link"], ["appId": "weather"], ["appId": "gone"],
                ],
            ]
        ])
        let page = try site.get("/flow", start)
        #expect(page.title == "Choose what to connect")
        #expect(page.body.contains("My &lt;CRM&gt;"))
        #expect(page.body.contains("Connect Second"))
        #expect(page.body.contains("src=\"https://logo.example/a.png\""))
        #expect(page.header("content-security-policy")?.contains("img-src https://logo.example") == true)
        #expect(!page.body.contains("choice=weather\"") && !page.body.contains("choice=gone"))
        #expect(page.mainLink == "\(Site.base)/flow?id=f&choice=crm")
        let chosen = try site.get("/flow", start + [("choice", "weather2")])
        #expect(chosen.mainLink?.hasPrefix("https://second.example/authorize?") == true)
    }

    @Test(arguments: ["weather", "gone", "%00", ""]) func whatNoButtonIsForCannotBeChosen(choice: String) throws {
        try make([["type": "connect", "buttons": [["appId": "crm"]]]])
        let page = try site.get("/flow", start + [("choice", choice)])
        #expect(page.status == (choice.isEmpty ? 200 : 400))
        #expect(page.mainLink?.contains("/authorize") != true)
    }

    @Test func aStepWhoseConnectionsAreGoneSaysSo() throws {
        try make([["type": "connect", "buttons": [["appId": "gone"]]], ["type": "connect", "appId": "gone"]])
        #expect(try site.get("/flow", start).status == 500)
        #expect(try site.get("/flow", start + [("step", "2")]).status == 404)
    }

    @Test func aConnectionOfAnotherTypeIsNotAskedFor() throws {
        try make([["type": "connect", "appId": "weather"], ["type": "connect_api_key", "appId": "crm"]])
        for step in ["1", "2"] { #expect(try site.get("/flow", start + [("step", step)]).status == 500) }
    }

    // MARK: - What is asked for

    @Test func itsScopesStandInPlaceOfTheConnections() throws {
        try make([["type": "connect", "appId": "crm", "scopes": ["files"]]])
        let page = try site.get("/flow", start)
        #expect(scopes(page) == "files")
        #expect(page.body.contains("<code>files</code>") && !page.body.contains("<code>read</code>"))
    }

    @Test func aLinkMayAskForAnotherConnectionAndOtherScopes() throws {
        try make([
            ["type": "connect_api_key", "appId": "weather", "optional": true],
            ["type": "connect", "appId": "crm", "scopes": ["files"]], ["type": "connect", "appId": "crm"],
        ])
        let asked = [("app", "weather2"), ("scopes", "one two")]
        let first = try site.get("/flow", start + asked)
        #expect(first.body.contains("/flow?id=f&amp;step=2&amp;app=weather2&amp;scopes=one%20two"))
        let second = try site.get("/flow", start + [("step", "2")] + asked)
        #expect(second.mainLink?.hasPrefix("https://second.example/authorize?") == true)
        #expect(scopes(second) == "one two")
        let third = try site.get("/flow", start + [("step", "3")] + asked)
        #expect(third.mainLink?.hasPrefix("https://crm.example/authorize?") == true)
        #expect(scopes(third) == "read write")
    }

    @Test func aLinkCannotAskForWhatNoActionConnects() throws {
        try make([["type": "connect", "appId": "crm"]])
        #expect(try site.get("/flow", start + [("app", "weather")]).status == 400)
        #expect(try site.get("/flow", start + [("app", "gone")]).status == 404)
    }

    @Test(arguments: [("app", "weather2"), ("scopes", "files")]) func aFixedFlowStaysAsItIs(asked: (String, String))
        throws
    {
        try make([["type": "connect", "appId": "crm"]], ["fixed": true])
        #expect(try site.get("/flow", start + [asked]).status == 400)
        #expect(try site.get("/flow", start).status == 200)
    }

    // MARK: - Where it ends

    @Test func itEndsWhereTheLinkSaysIfThatIsAllowed() throws {
        let other = "https://app.example.com/x?y=1"
        try make(
            [["type": "connect_api_key", "appId": "weather"]],
            ["redirectUrls": [.string(Self.done), .string(other)]])
        let kept = try site.submit("/flow", start + [("redirectUrl", other)], [("key", "sk")])
        #expect(kept.location == other)
    }

    @Test(arguments: [
        "https://evil.example/", "\(done)/", "\(done)?x", "https://app.example.com", "//app.example.com/done",
        "javascript:alert(1)", "https://app.example.com/DONE",
    ])
    func itEndsNowhereElse(url: String) throws {
        try make([["type": "connect", "appId": "crm"]], ["redirectUrls": [.string(Self.done)]])
        for step in ["1", "2"] {
            let page = try site.get("/flow", start + [("step", step), ("redirectUrl", url)])
            #expect(page.status == 400)
            #expect(page.location == nil && page.mainLink == nil)
        }
    }

    @Test(arguments: ["0", "3", "-1", "x", "99999999999999999999", "\(Int.min)", "\(Int.max)"])
    func aStepThatIsNoneIsRefused(step: String) throws {
        try make([["type": "connect", "appId": "crm"]])
        #expect(try site.get("/flow", start + [("step", step)]).status == 400)
    }

    @Test func aFlowThatIsNotThereIsNotFound() throws {
        #expect(try site.get("/flow", start).status == 404)
        #expect(try site.get("/flow").status == 400)
    }

    // MARK: - What goes otherwise

    @Test func whoRefusesComesBackToTheStep() throws {
        try make([["type": "connect", "appId": "crm"]])
        let page = try site.get("/flow", start)
        let state = page.mainLink.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value
        let refused = try site.get("/callback", [("state", state ?? ""), ("error", "access_denied")])
        #expect(refused.mainLink == "\(Site.base)/flow?id=f")
        #expect(!refused.body.contains("data-result"))  // the window that opened it waits on
        let again = try site.get("/flow", start + [("back", "1")])
        #expect(again.body.contains("is not connected"))
        #expect(again.mainLink?.hasPrefix("https://crm.example/authorize?") == true)
    }

    /// Whatever the link has asked for.
    @Test func whoRefusesComesBackToTheStepOfTheSameLink() throws {
        try make([["type": "tenant_connect", "appId": "crm"]], ["redirectUrls": ["https://h.example/?x=1&back=1"]])
        let query =
            start + [
                ("scopes", "a+b back=1"), ("redirectUrl", "https://h.example/?x=1&back=1"), ("tenant", "t1"),
            ]
        let page = try site.get("/flow", query)
        let state = page.mainLink.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value
        let refused = try site.get("/callback", [("state", state ?? ""), ("error", "access_denied")])
        let again = try #require(refused.mainLink.flatMap(URLComponents.init)?.queryItems)
        #expect(Set(again.map { "\($0.name) \($0.value ?? "")" }) == Set(query.map { "\($0.0) \($0.1)" }))
    }

    /// However many connections there are.
    @Test func buttonsReadTheirConnectionsAlone() throws {
        try site.makeMany(300)
        try make([
            ["type": "connect_api_key", "buttons": [["appId": "many-7"], ["appId": "weather"], ["appId": "gone"]]]
        ])
        _ = site.store.takeRows()
        let page = try site.get("/flow", start)
        #expect(site.store.takeRows() <= 10)
        #expect(page.body.contains("One of many 7") && page.body.contains("Weather"))
    }

    @Test func whoGrantsLessMayGoOn() throws {
        try make([["type": "connect", "appId": "crm"]])
        let narrow = try site.callback(try site.get("/flow", start), granting: #"{"access_token":"t","scope":"read"}"#)
        #expect(narrow.status == 200)
        #expect(narrow.mainLink == "\(Site.base)/flow?id=f&back=1")
        #expect(!narrow.body.contains("data-result"))
        #expect(try site.get("/flow", start + [("back", "1")]).location == "\(Site.base)/flow?id=f&step=2")
    }

    @Test func whatIsConnectedAlreadyNeedNotBeConnectedAgain() throws {
        try make([
            ["type": "connect", "appId": "crm"], ["type": "connect", "buttons": [["appId": "crm"]]],
            ["type": "connect", "appId": "crm", "scopes": ["more"]],
        ])
        #expect(try !site.get("/flow", start).body.contains("already"))
        _ = try site.callback(try site.get("/flow", start), granting: Self.granted)
        for (step, said) in [("1", "A &lt;b&gt;CRM&lt;/b&gt; is already connected."), ("2", "already done")] {
            let page = try site.get("/flow", start + [("step", step)])
            #expect(page.body.contains(said))
            #expect(page.body.contains("step=\((Int(step) ?? 0) + 1)\""))
        }
        #expect(try !site.get("/flow", start + [("step", "3")]).body.contains("already"))
    }

    @Test func onlyWhatIsOptionalCanBeSkipped() throws {
        try make([
            ["type": "connect_api_key", "appId": "weather"],
            ["type": "connect_api_key", "appId": "weather", "optional": true],
        ])
        #expect(try !site.get("/flow", start).body.contains("Skip this step"))
        #expect(try site.get("/flow", start + [("step", "2")]).body.contains("Skip this step"))
    }

    /// What another site can make a browser send.
    @Test func aFormFromElsewhereKeepsNothing() throws {
        try make([["type": "connect_api_key", "appId": "weather"]])
        let elsewhere = Site.formHeaders.with(["origin": "https://evil.example"])
        #expect(try site.submit("/flow", start, [("key", "sk")], headers: elsewhere).status == 403)
        let token = try site.get("/key", [("app", "weather")]).formToken ?? ""
        let posted = try site.send(
            "POST", "/flow", start, more: ["headers": Site.formHeaders, "body": .string("form=\(token)&key=sk")])
        #expect(posted.status == 403)
        #expect(try site.tokens().isEmpty)
    }

    @Test(arguments: ["", " ", "two\nlines"]) func whatIsNoKeyLeavesTheUserAtTheStep(key: String) throws {
        try make([["type": "connect_api_key", "appId": "weather"], ["type": "connect_api_key", "appId": "weather"]])
        let page = try site.submit("/flow", start, [("key", key)])
        #expect(page.status == 422)
        #expect(page.body.contains("Step 1 of 2") && page.body.contains("role=\"alert\""))
        #expect(page.formToken != nil)
        #expect(try site.tokens().isEmpty)
    }

    @Test func aStepThatAsksForNoKeyTakesNone() throws {
        try make([["type": "connect", "appId": "crm"], ["type": "connect_api_key", "appId": "weather"]])
        let token = try site.get("/flow", start + [("step", "2")]).formToken ?? ""
        for step in ["1", "3"] {
            let posted = try site.send(
                "POST", "/flow", start + [("step", step)],
                more: ["headers": Site.formHeaders, "body": .string("form=\(token)&key=sk")])
            #expect(posted.status == 400)
        }
    }

    /// It holds a narrower token from before.
    @Test func whoRefusesMoreHasNotDoneTheStep() throws {
        try make([["type": "connect", "appId": "crm", "scopes": ["read", "admin"]]])
        _ = try site.callback(
            try site.get("/connect", [("app", "crm"), ("scopes", "read")]),
            granting: #"{"access_token":"t","scope":"read"}"#)
        let page = try site.get("/flow", start)
        #expect(!page.body.contains("already connected"))
        let state = page.mainLink.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value
        let refused = try site.get("/callback", [("state", state ?? ""), ("error", "access_denied")])
        #expect(refused.mainLink == "\(Site.base)/flow?id=f")
    }

    /// Providers have several names for a scope.
    @Test func aStepIsDoneWhateverTheProviderCallsItsScopes() throws {
        try site.run("apps.create", ["id": "g", "templateId": "google", "clientId": "c", "clientSecret": "s"])
        try make([["type": "connect", "appId": "g", "scopes": ["openid", "email"]]])
        let granted =
            #"{"access_token":"t","refresh_token":"r","expires_in":3600,"#
            + #""scope":"openid https://www.googleapis.com/auth/userinfo.email"}"#
        _ = try site.callback(try site.get("/flow", start), granting: granted)
        #expect(try site.get("/flow", start).body.contains("already connected"))
    }

    /// Chromium does not follow a form's redirect to another origin.
    @Test func aFormEndsOnAPageWhereTheFlowEndsElsewhere() throws {
        let other = "https://other.example/x?y=1"
        try make(
            [["type": "connect_api_key", "appId": "weather"]],
            ["redirectUrls": [.string(other), .string(Self.done)]])
        let elsewhere = try site.submit("/flow", start, [("key", "sk")])
        #expect(elsewhere.status == 200)
        #expect(elsewhere.mainLink == other)
        let here = try site.submit("/flow", start + [("redirectUrl", Self.done)], [("key", "sk")])
        #expect(here.location == Self.done)
    }

    /// The session changes while the page is open.
    @Test func aFormIsForTheTenantThatItsPageNamed() throws {
        try make([["type": "connect_tenant_api_key", "appId": "weather"]])
        let page = try site.get("/flow", start)
        #expect(page.body.contains("action=\"\(Site.base)/flow?id=f&amp;tenant=t1\""))
        let moved: JSON = ["userId": "alice", "tenants": [["id": "t9"]]]
        let posted = try site.send(
            "POST", "/flow", start + [("tenant", "t1")], as: moved,
            more: ["headers": Site.formHeaders, "body": .string("form=\(page.formToken ?? "")&key=sk")])
        #expect(posted.status == 403)
        #expect(try site.tokens(["tenantId": "t9"]).isEmpty)
    }

    /// Else a link could have a user enter one service's key under another's name.
    @Test func whatAnActionSaysIsNotSaidOfALinksConnection() throws {
        try site.run("apps.create", ["id": "hook", "name": "Hooks Inc", "appType": "apikey"])
        try make(
            [["type": "connect_api_key", "appId": "weather", "title": "Your token", "instructions": "Of the weather."]])
        let own = try site.get("/flow", start)
        #expect(own.title == "Your token")
        #expect(own.body.contains("Of the weather.") && own.body.contains("Your key for Weather"))
        let asked = try site.get("/flow", start + [("app", "hook")])
        #expect(asked.title == "Your key for Hooks Inc")
        #expect(!asked.body.contains("Your token") && !asked.body.contains("Of the weather."))
    }

    @Test func anOptionalStepThatCannotBeDoneCanBeSkipped() throws {
        try make([
            ["type": "connect", "appId": "gone", "optional": true],
            ["type": "connect", "appId": "weather", "optional": true], ["type": "connect", "appId": "gone"],
        ])
        for step in ["1", "2"] {
            #expect(try site.get("/flow", start + [("step", step)]).body.contains("Skip this step"))
        }
        #expect(try !site.get("/flow", start + [("step", "3")]).body.contains("Skip this step"))
    }

    @Test(arguments: ["", " ", "  "]) func noScopesAreTheConnectionsOwn(asked: String) throws {
        try make([["type": "connect", "appId": "crm", "scopes": []]])
        for page in [
            try site.get("/flow", start + [("scopes", asked)]),
            try site.get("/connect", [("app", "crm"), ("scopes", asked)]),
        ] {
            #expect(scopes(page) == "read write")
            #expect(page.body.contains("<code>read</code>"))
        }
    }

    // MARK: - My connections

    @Test func connectingAgainAsksForWhatThereIs() throws {
        let narrow = #"{"access_token":"t","scope":"one two"}"#
        let connect = [("app", "crm"), ("scopes", "one two")]
        let page = try site.get("/connect", connect)
        #expect(scopes(page) == "one two")
        _ = try site.callback(page, granting: narrow)
        #expect(try site.get("/").body.contains("/connect?app=crm&amp;scopes=one%20two%20read%20write\""))
    }

    /// Providers do not name all that they grant.
    @Test func connectingAgainAsksForWhatWasAskedFor() throws {
        let template: JSON = ["id": "ms", "templateId": "microsoft", "clientId": "c", "clientSecret": "s"]
        try site.run("apps.create", template)
        let page = try site.get("/connect", [("app", "ms"), ("scopes", "Mail.Read offline_access")])
        _ = try site.callback(
            page, granting: #"{"access_token":"t","refresh_token":"r","expires_in":3600,"scope":"Mail.Read"}"#)
        #expect(try site.get("/").body.contains("scopes=Mail.Read%20offline_access\""))
    }
}
