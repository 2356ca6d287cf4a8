import Connections
import Foundation
import HTTP
import JSON
import TestSupport
import Testing

@Suite struct ConnectPageTests {
    private let site: Site

    init() throws { site = try Site() }

    private static let all = #"{"access_token":"t","scope":"read write"}"#

    private func ticket(_ subject: JSON = ["userId": "alice"], options: JSON = [:]) throws -> String {
        let options: JSON = options.with(["redirectUrl": "https://app.example.com/done"])
        let url = try site.run("connect", subject.with(["appId": "crm", "options": options]))["url"]?.string ?? ""
        #expect(url.hasPrefix("\(Site.base)/connect?ticket="))
        return URLComponents(string: url)?.queryItems?.first?.value ?? ""
    }

    @Test func aTicketShowsWhatWillBeAskedForAndLeadsToTheProvider() throws {
        let page = try site.get(
            "/connect", [("ticket", try ticket(options: ["scopes": ["files"]]))], more: ["product": "Acme <Bot>"])
        #expect(page.status == 200)
        #expect(page.title == "Connect A &lt;b&gt;CRM&lt;/b&gt;")
        #expect(page.body.contains("Acme &lt;Bot&gt; asks for access"))
        #expect(page.body.contains("<code>files</code>"))
        #expect(page.mainLink?.hasPrefix("https://crm.example/authorize?") == true)
        let done = try site.callback(page, granting: #"{"access_token":"t","scope":"files"}"#)
        #expect(done.status == 303)
        #expect(done.location == "https://app.example.com/done")
        #expect(try site.tokens().count == 1)
    }

    /// Loading a page twice, or in two windows, uses nothing up.
    @Test func aTicketMayBeLoadedAgain() throws {
        let ticket = try ticket()
        let first = try site.get("/connect", [("ticket", ticket)])
        _ = try site.get("/connect", [("ticket", ticket)])
        #expect(try site.callback(first, granting: Self.all).status == 303)
    }

    @Test func somebodyElsesTicketLeadsNowhere() throws {
        let page = try site.get("/connect", [("ticket", try ticket())], as: Site.mallory)
        #expect(page.status == 403)
        #expect(!page.body.contains("crm.example"))
    }

    /// A user follows the provider's URL of somebody else.
    @Test func somebodyElsesCallbackKeepsNothing() throws {
        let page = try site.get("/connect", [("ticket", try ticket())])
        #expect(try site.callback(page, granting: Self.all, as: Site.mallory).status == 403)
        #expect(try site.tokens().isEmpty)
        #expect(try site.tokens(["userId": "mallory"]).isEmpty)
        #expect(try site.callback(page, granting: Self.all).status == 303)
    }

    @Test(arguments: [
        ["tenantId": "t1"] as JSON, ["tenantId": "t1", "userId": "alice"],
    ])
    func whoActsForATenantFollowsItsTickets(subject: JSON) throws {
        let ticket = try ticket(subject)
        let page = try site.get("/connect", [("ticket", ticket)])
        #expect(page.body.contains("Acme &amp; Sons"))
        #expect(try site.callback(page, granting: Self.all).status == 303)
        #expect(try site.tokens(subject).count == 1)
        #expect(try site.get("/connect", [("ticket", try self.ticket(subject))], as: ["userId": "alice"]).status == 403)
    }

    @Test func anotherUsersTicketInAnOwnTenantIsStillAnothers() throws {
        let ticket = try ticket(["tenantId": "t1", "userId": "bob"])
        #expect(try site.get("/connect", [("ticket", ticket)]).status == 403)
    }

    @Test(arguments: [true, false]) func aConnectMayBeginHere(pageIsKnown: Bool) throws {
        let site = try Site(pageIsKnown: pageIsKnown)
        let page = try site.get("/connect", [("app", "crm")])
        #expect(page.mainLink?.hasPrefix("https://crm.example/authorize?") == true)
        #expect(page.body.contains("<code>read</code>"))
        let back = try site.callback(page, granting: Self.all)
        #expect(back.location == "\(Site.base)/connected?app=crm")
        let connected = try site.get("/connected", [("app", "crm")])
        #expect(connected.title == "A &lt;b&gt;CRM&lt;/b&gt; is connected")
        #expect(connected.body.contains("data-result=\"connected\""))
    }

    @Test(arguments: [true, false]) func itsConnectionIsLoadedOnce(pageIsKnown: Bool) throws {
        let site = try Site(pageIsKnown: pageIsKnown)
        _ = site.asked.takeOperations()
        _ = try site.get("/connect", [("app", "crm")])
        #expect(site.asked.takeOperations().filter { $0 == "apps.load" }.count == 1)
    }

    @Test func aTenantConnectMayBeginHere() throws {
        let page = try site.get("/connect", [("app", "crm"), ("tenant", "t1")])
        let back = try site.callback(page, granting: Self.all)
        #expect(back.location == "\(Site.base)/connected?app=crm&tenant=t1")
        #expect(try site.tokens(["tenantId": "t1"]).count == 1)
        #expect(try site.tokens().isEmpty)
    }

    @Test func scopesThatWereNotGrantedAreNamed() throws {
        let page = try site.callback(
            try site.get("/connect", [("app", "crm")]), granting: #"{"access_token":"t","scope":"read"}"#)
        #expect(page.status == 200)
        #expect(page.body.contains("<code>write</code>"))
        #expect(!page.body.contains("<code>read</code>"))
        #expect(page.mainLink == "\(Site.base)/connected?app=crm")
    }

    @Test func aRefusalIsToldInWordsOfOurs() throws {
        let page = try site.get("/connect", [("app", "crm")])
        let state = page.mainLink.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value
        let refused = try site.get(
            "/callback",
            [
                ("state", state ?? ""), ("error", "access_denied"),
                ("error_description", "<script>alert(1)</script>\u{202E}x"),
            ])
        #expect(refused.status == 200)
        #expect(refused.title == "A &lt;b&gt;CRM&lt;/b&gt; was not connected")
        #expect(!refused.body.contains("<script>alert"))
        #expect(!refused.body.contains("\u{202E}"))
        #expect(refused.body.contains("&lt;script&gt;alert(1)"))
        #expect(refused.body.contains("data-result=\"failed\""))
        #expect(refused.mainLink == "\(Site.base)/connect?app=crm")
    }

    /// A typed code proves who is there, so the browser need not be signed in.
    @Test func aTypedCodeIsShownToWhoeverComesBack() throws {
        let page = try site.get("/connect", [("ticket", try ticket(options: ["confirmation": true]))])
        let code = try site.callback(page, granting: Self.all, as: nil)
        #expect(code.title == "A &lt;b&gt;CRM&lt;/b&gt; is almost connected")
        #expect(code.body.range(of: #"<p class="code">\d{3}-\d{3}</p>"#, options: .regularExpression) != nil)
        #expect(try site.tokens().isEmpty)
    }

    /// A strict session cookie is not sent from the provider's site: signing in leads back to the callback.
    @Test func aCallbackWithoutASessionIsNotUsedUp() throws {
        let page = try site.get("/connect", [("app", "crm")])
        let state = page.mainLink.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value ?? ""
        let unknown = try site.get(
            "/callback", [("state", state), ("code", "abc")], as: nil,
            more: ["signInUrl": "https://app.example.com/sign-in"])
        #expect(unknown.status == 303)
        let next = unknown.location.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "next" }?.value
        #expect(next == "/connections/callback?state=\(state)&code=abc")
        #expect(try site.callback(page, granting: Self.all).status == 303)
    }

    @Test(arguments: [
        ([("state", "x"), ("code", "y")], 404), ([], 400), ([("code", "y")], 400),
        ([("error", "e"), ("error", "e")], 404),
        ([("ticket", "x")], 400),
    ])
    func aCallbackThatIsNobodysIsToldSo(query: [(String, String)], status: Int) throws {
        #expect(try site.get("/callback", query).status == Int64(status))
    }

    @Test func aConnectionThatCannotWorkGoesToNoBrowser() throws {
        try site.run("apps.create", ["id": "half", "authorizationUrl": "https://half.example/authorize"])
        let page = try site.get("/connect", [("app", "half")])
        #expect(page.status == 500)
        #expect(!page.body.contains("href=\"https://half.example"))
        #expect(page.body.contains("clientId"))
    }

    @Test func aConnectionThatIsNotThereIsToldSo() throws {
        let page = try site.get("/connect", [("app", "nope")])
        #expect(page.status == 404)
        #expect(page.body.contains("There is no connection called"))
    }

    @Test func scopesAreSaidInWords() throws {
        try site.run(
            "apps.update",
            [
                "id": "crm", "clientId": "c", "authorizationUrl": "https://crm.example/authorize",
                "tokenUrl": "https://crm.example/token",
                "scopeDescriptions": ["files": "Read your <files>", "email": "See your work address"],
            ])
        let asked = [("app", "crm"), ("scopes", "files openid email other")]
        let page = try site.get("/connect", asked)
        #expect(page.body.contains("<span>Read your &lt;files&gt; </span><code>files</code>"))
        #expect(page.body.contains("<span>See your work address </span><code>email</code>"))
        #expect(page.body.contains("<span>Know who you are at the service </span><code>openid</code>"))
        #expect(page.body.contains("<li><code>other</code>"))
        let narrow = try site.callback(page, granting: #"{"access_token":"t","scope":"openid"}"#)
        #expect(narrow.body.contains("<span>Read your &lt;files&gt; </span><code>files</code>"))
    }
}
