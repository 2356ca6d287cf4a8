import Connections
import Foundation
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct ConsoleAppTests {
    private let site: Site

    init() throws { site = try Site() }

    private func page(_ path: String, _ query: [(String, String)] = []) throws -> Shown {
        try site.get(path, query, as: Site.administrator)
    }

    private func submit(
        _ path: String, _ query: [(String, String)], _ fields: [(String, String)] = []
    ) throws -> Shown {
        try site.submit(path, query, as: Site.administrator, fields)
    }

    private func load(_ id: String) throws -> JSON {
        try #require(site.run("apps.load", ["id": .string(id)])["app"])
    }

    /// Sends the edit form of a connection as it is shown, but for what is typed.
    private func edit(_ id: String, _ typed: [(String, String)]) throws -> Shown {
        let shown = try page("/console/connection", [("id", id)])
        return try site.send(form: "/console/connection?", of: shown, as: Site.administrator, typed)
    }

    // MARK: - The list

    @Test func listsConnectionsAndFindsThem() throws {
        let all = try page("/console/connections")
        for text in ["A &lt;b&gt;CRM&lt;/b&gt;", "Second", "Weather", "API key", "1 to 3 of 3"] {
            #expect(all.body.contains(text), "\(text)")
        }
        let found = try page("/console/connections", [("q", "SECO")])
        #expect(found.body.contains("Second") && !found.body.contains("CRM"))
        #expect(try page("/console/connections", [("q", "crm")]).body.contains("connection?id=crm"))
        for nothing in ["nothing <i>", "\u{0}", String(repeating: "x", count: 60000)] {
            let none = try page("/console/connections", [("q", nothing)])
            #expect(none.status == 200 && none.body.contains("no such connections") && !none.body.contains("<i>"))
        }
    }

    @Test func aPageHasFiftyConnections() throws {
        for index in 0..<120 { try site.run("apps.create", ["id": .string("app-\(index)-"), "name": "One of many"]) }
        let pages = try (1...3).map { number in
            try page("/console/connections", [("q", "many"), ("page", String(number))])
        }
        let shown = (0..<120).map { index in pages.filter { $0.body.contains("<code>app-\(index)-</code>") }.count }
        #expect(shown == Array(repeating: 1, count: 120))
        #expect(pages[0].link("Previous page") == nil)
        #expect(pages[0].link("Next page") == "\(Site.base)/console/connections?q=many&page=2")
        #expect(pages[2].link("Next page") == nil)
        for odd in ["0", "-1", "99999999999999999999", "4", "x", ""] {
            #expect(try page("/console/connections", [("q", "many"), ("page", odd)]).status == 200)
        }
    }

    // MARK: - New ones

    @Test func theCatalogueIsSearched() throws {
        let found = try page("/console/connections/new", [("q", "goog")])
        #expect(found.body.contains("/console/connections/new?template=google"))
        #expect(!found.body.contains("template=slack"))
        #expect(try page("/console/connections/new", [("q", "<i>")]).body.contains("has no such service"))
    }

    @Test func makesAConnectionFromTheCatalogue() throws {
        let query = [("template", "google")]
        let form = try page("/console/connections/new", query)
        #expect(form.title == "New connection to Google")
        #expect(form.body.contains("<code>\(Site.base)/callback</code>"))
        #expect(form.body.contains("value=\"google\""))
        let made = try submit(
            "/console/connections/new", query,
            [
                ("id", "google"), ("name", "Our <i>Google</i>"), ("clientId", " client "),
                ("clientSecret", "hush-hush"),
                ("defaultScopes", "openid  email\r\nprofile"),
            ])
        #expect(made.status == 200)
        #expect(made.title == "Our &lt;i&gt;Google&lt;/i&gt;")
        #expect(made.body.contains("The connection is created."))
        #expect(!made.body.contains("hush-hush"))
        let app = try load("google")
        #expect(app["clientId"]?.string == "client")
        #expect(app["templateId"]?.string == "google")
        #expect(app["defaultScopes"]?.strings == ["openid", "email", "profile"])
    }

    @Test func saysWhatANewConnectionLacks() throws {
        let made = try submit("/console/connections/new", [("template", "google")], [("id", "google")])
        #expect(made.body.contains("Before anybody can connect:"))
        #expect(made.body.contains("clientId is missing"))
    }

    @Test func asksForTheHostsOfATemplate() throws {
        let query = [("template", "zendesk")]
        #expect(try page("/console/connections/new", query).body.contains("name=\"hosts.subdomain\""))
        let refused = try submit(
            "/console/connections/new", query,
            [("id", "desk"), ("clientId", "kept"), ("clientSecret", "hush-hush"), ("hosts.subdomain", "a/b")])
        #expect(refused.status == 422)
        #expect(refused.body.contains("value=\"kept\""))
        #expect(refused.body.contains("aria-invalid"))
        #expect(!refused.body.contains("hush-hush"))
        let made = try submit(
            "/console/connections/new", query, [("id", "desk"), ("clientId", "c"), ("hosts.subdomain", "acme")])
        #expect(made.status == 200)
        #expect(try load("desk")["hosts"]?["subdomain"]?.string == "acme")
    }

    @Test func makesConnectionsThatAreNotInTheCatalogue() throws {
        let custom = try submit(
            "/console/connections/new", [("kind", "oauth")],
            [
                ("id", "own"), ("name", "Own"), ("clientId", "c"), ("clientSecret", "s"),
                ("authorizationUrl", "https://own.example/authorize"), ("tokenUrl", "https://own.example/token"),
            ])
        #expect(custom.status == 200)
        #expect(try load("own")["tokenUrl"]?.string == "https://own.example/token")
        let key = try submit("/console/connections/new", [("kind", "apikey")], [("name", "Maps")])
        #expect(key.status == 200)
        #expect(key.title == "Maps")
        #expect(!key.body.contains("name=\"clientId\""))
    }

    @Test func whatCannotBeIsSaidBesideItsField() throws {
        let query = [("kind", "oauth")]
        let taken = try submit("/console/connections/new", query, [("id", "crm"), ("name", "Again")])
        #expect(taken.status == 422)
        #expect(taken.body.contains("a connection of this id exists"))
        #expect(taken.body.contains("value=\"Again\""))
        let wrong = try submit(
            "/console/connections/new", query, [("id", "x"), ("tokenUrl", "http://plain.example/<b>")])
        #expect(wrong.status == 422)
        #expect(wrong.body.contains("id=\"field-tokenUrl-problem\""))
        #expect(!wrong.body.contains("<b>"))
        let long = try submit(
            "/console/connections/new", query, [("id", String(repeating: "x", count: 300)), ("logo", "\u{7}")])
        #expect(long.status == 422)
        #expect(try page("/console/connections/new", [("template", "nope")]).status == 404)
    }

    // MARK: - Changing

    /// Everything that the form does not show.
    private static let unshown: JSON = [
        "pkce": false, "prompt": ["login"], "accessType": "offline", "tokenEndpointAuthMethod": "client_secret_post",
        "authorizationUrlParams": [["key": "audience", "value": "a"], ["key": "x", "value": "<y>"]],
        "tokenUrlParams": [["key": "audience", "value": "a"]], "maxIdleSeconds": 86400,
        "deleteAfterFirstFetch": true, "errors": ["gone": "permanent"], "scopeSeparator": ",",
        "refresh": ["rotation": "single_use", "graceSeconds": 30], "issuer": "https://own.example",
        "renamedTokenParameters": ["client_id": "app_id"], "needsScopes": true,
        "expiry": ["rule": "fixed", "seconds": 3600], "defaultRedirectUrl": "https://app.example.com/own",
        "scopeRules": ["aliases": ["a": "b"], "complete": false], "useDcr": false,
    ]

    @Test func keepsTheSettingsThatTheFormDoesNotShow() throws {
        let own: JSON = [
            "id": "own", "name": "Own", "description": "Text", "clientId": "c", "clientSecret": "s",
            "authorizationUrl": "https://own.example/authorize", "tokenUrl": "https://own.example/token",
            "revocationUrl": "https://own.example/revoke", "defaultScopes": ["a", "b"],
        ]
        try site.run("apps.create", own.with(Self.unshown))
        let before = try load("own")
        let same = try edit("own", [])
        #expect(same.body.contains("The settings are saved."))
        #expect(try load("own").equals(before))
        let saved = try edit("own", [("name", "New <i>name"), ("description", ""), ("defaultScopes", "c\r\nd e")])
        #expect(saved.title == "New &lt;i&gt;name")
        let after = try load("own")
        #expect(after["description"] == nil)
        #expect(after["defaultScopes"]?.strings == ["c", "d", "e"])
        for (name, value) in Self.unshown.members { #expect(after[name]?.equals(value) == true, "\(name)") }
        #expect(saved.body.contains("<code>https://app.example.com/own</code>"))  // its own redirect URI
    }

    /// What the catalogue says stays the catalogue's.
    @Test func keepsWhatATemplateSays() throws {
        try site.run(
            "apps.create",
            [
                "id": "desk", "templateId": "zendesk", "hosts": ["subdomain": "acme"], "clientId": "c",
                "clientSecret": "s", "pkce": false,
            ])
        let before = try load("desk")
        #expect(try edit("desk", []).status == 200)
        #expect(try load("desk").equals(before))
        #expect(try edit("desk", [("hosts.subdomain", "other")]).status == 200)
        #expect(try load("desk")["tokenUrl"]?.string?.contains("other.zendesk.com") == true)
    }

    @Test func theSecretIsKeptWhereNoneIsTyped() throws {
        try site.run("store_token", ["appId": "crm", "userId": "bob", "refreshToken": "r", "accessToken": "a"])
        _ = try edit("crm", [("name", "CRM")])
        for secret in ["s", "new-secret"] {
            if secret != "s" {
                let saved = try edit("crm", [("clientSecret", secret)])
                #expect(!saved.body.contains(secret))
            }
            site.provider.next(200, #"{"access_token":"n","refresh_token":"r","expires_in":60}"#)
            try site.run("fetch", ["appId": "crm", "userId": "bob", "options": ["forceRefresh": true]])
            let sent = try #require(site.provider.requests.last)
            #expect(sent.header("Authorization") == "Basic " + Data("c:\(secret)".utf8).base64EncodedString())
        }
    }

    @Test func twoWhoChangeItAtOnceDoNotUndoEachOther() throws {
        let mine = try page("/console/connection", [("id", "crm")])
        try site.run(
            "apps.update",
            [
                "id": "crm", "name": "Theirs", "clientId": "c", "authorizationUrl": "https://crm.example/authorize",
                "tokenUrl": "https://crm.example/token",
            ])
        let refused = try site.send(
            form: "/console/connection?", of: mine, as: Site.administrator, [("name", "Mine")])
        #expect(refused.status == 409)
        #expect(refused.body.contains("Somebody has changed this connection"))
        #expect(refused.body.contains("value=\"Theirs\""))
        #expect(try load("crm")["name"]?.string == "Theirs")
    }

    @Test func whatCannotBeSavedIsShownAgain() throws {
        let refused = try edit("crm", [("tokenUrl", "nonsense <i>"), ("name", "Typed")])
        #expect(refused.status == 422)
        #expect(refused.body.contains("value=\"Typed\""))
        #expect(refused.body.contains("value=\"nonsense &lt;i&gt;\""))
        #expect(refused.body.contains("id=\"field-tokenUrl-problem\""))
        #expect(try load("crm")["tokenUrl"]?.string == "https://crm.example/token")
    }

    // MARK: - Testing and deleting

    @Test func aTestSaysWhereUsersWouldBeSent() throws {
        let good = try submit("/console/connection/test", [("id", "crm")])
        #expect(good.body.contains("The settings are complete."))
        #expect(good.body.contains("<code>https://crm.example</code>"))
        #expect(good.body.contains("<code>\(Site.base)/callback</code>"))
        #expect(good.body.contains("<code>read write</code>"))
    }

    @Test func aTestSaysWhatIsMissingAndWhatTheProviderSays() throws {
        try site.run("apps.create", ["id": "half", "clientId": "c", "clientSecret": "s"])
        let half = try submit("/console/connection/test", [("id", "half")])
        #expect(half.body.contains("missing or wrong"))
        #expect(half.body.contains("half lacks"))
        try site.run(
            "apps.create",
            [
                "id": "found", "clientId": "c", "clientSecret": "s",
                "discoveryUrl": "https://found.example/.well-known/openid-configuration",
            ])
        site.provider.next(404, "<b>no</b>")
        let absent = try submit("/console/connection/test", [("id", "found")])
        #expect(absent.status == 200)
        #expect(absent.body.contains("role=\"alert\""))
        #expect(!absent.body.contains("<b>no</b>"))
    }

    @Test func deletingAConnectionSaysHowManyTokensGo() throws {
        for user in ["bob", "carol"] {
            try site.run("store_token", ["appId": "crm", "userId": .string(user), "accessToken": "t"])
        }
        #expect(try page("/console/connection/delete", [("id", "crm")]).body.contains("with its tokens: 2."))
        let done = try submit("/console/connection/delete", [("id", "crm")])
        #expect(done.title == "Deleted")
        #expect(try page("/console/connection", [("id", "crm")]).status == 404)
        #expect(try site.tokens(["userId": "bob"]).isEmpty)
        let records = try site.run("audit.list", ["limit": 1000])["records"]?.elements ?? []
        #expect(records.contains { $0["actor"]?.string == "root" && $0["op"]?.string == "apps.delete" })
    }

    @Test(arguments: ["/console/connection", "/console/connection/test", "/console/connection/delete"])
    func whatDoesNotExistIsSaidSo(path: String) throws {
        for id in ["nope", "<script>", String(repeating: "x", count: 300), "\u{1}"] {
            let shown = try page(path, [("id", id)])
            #expect([400, 404].contains(shown.status))
            #expect(!shown.body.contains("<script>"))
            let token = try site.formToken(for: path)
            let posted = try site.send(
                "POST", path, [("id", id)], as: Site.administrator,
                more: ["headers": Site.formHeaders, "body": .string("form=\(token)")])
            #expect([400, 404].contains(posted.status))
        }
    }
}
