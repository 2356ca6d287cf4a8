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
        #expect(refused.body.contains("<span>Theirs</span>") && refused.body.contains("<span>Mine</span>"))
        #expect(refused.body.contains("value=\"Mine\""))
        #expect(try load("crm")["name"]?.string == "Theirs")
        let saved = try site.send(form: "/console/connection?", of: refused, as: Site.administrator, [])
        #expect(saved.body.contains("The settings are saved."))
        #expect(try load("crm")["name"]?.string == "Mine")
    }

    /// The settings are read before they are written: it must not matter who writes in between.
    @Test func anEditThatComesInBetweenIsNotOverwritten() throws {
        let mine = try page("/console/connection", [("id", "crm")])
        nonisolated(unsafe) let site = site
        site.asked.before("apps.update") {
            _ = try? site.run("apps.update", ["id": "crm", "name": "Theirs", "clientId": "c"])
        }
        let refused = try site.send(
            form: "/console/connection?", of: mine, as: Site.administrator,
            [("name", "Mine <i>"), ("clientSecret", "typed-secret")])
        #expect(refused.status == 409)
        #expect(refused.body.contains("<span>Mine &lt;i&gt;</span>") && !refused.body.contains("typed-secret"))
        #expect(try load("crm")["name"]?.string == "Theirs")
    }

    // MARK: - What a form does not say

    @Test func aFormThatSaysNothingChangesNothing() throws {
        try site.run(
            "apps.create",
            [
                "id": "desk", "templateId": "zendesk", "hosts": ["subdomain": "acme"], "clientId": "c",
                "clientSecret": "s", "name": "Desk", "defaultScopes": ["read"], "scopeDescriptions": ["read": "See"],
            ])
        try site.run("apps.create", Self.keyed)
        for id in ["desk", "keyed"] {
            let before = try load(id)
            let form = try #require(
                page("/console/connection", [("id", id)]).forms.first { $0.action.contains("version=") })
            let saved = try site.send(
                "POST", "/console/connection", as: Site.administrator,
                more: [
                    "query": .string(String(form.action.split(separator: "?")[1])), "headers": Site.formHeaders,
                    "body": .string("form=\(form.fields.first { $0.0 == "form" }?.1 ?? "")"),
                ])
            #expect(saved.body.contains("The settings are saved."), "\(id)")
            #expect(try load(id).equals(before), "\(id)")
        }
    }

    /// Marks that turn the direction of writing belong to names in some languages.
    @Test func whatAFormHoldsComesBackAsItWas() throws {
        let odd = "\u{200F}שלום\u{200E} (1) \u{2067}x\u{2069}\u{FEFF}\u{85}"
        try site.run("apps.create", ["id": "own", "name": .string(odd), "description": .string("<b>\"&'" + odd)])
        let before = try load("own")
        let shown = try edit("own", [])
        #expect(try load("own").equals(before))
        // Outside the form they could turn round what stands beside them.
        #expect(shown.title?.contains("\u{200F}") == false && shown.title?.contains("\u{2067}") == false)
    }

    @Test func spacesAndOddScopesStayAsTheyAre() throws {
        try site.run(
            "apps.create",
            ["id": "own", "name": "  Own ", "description": " ", "clientId": "c", "defaultScopes": ["a b", " c"]])
        let before = try load("own")
        _ = try edit("own", [])
        #expect(try load("own").equals(before))
    }

    /// A form is taken as a whole or not at all.
    @Test func aFormOfTooManyFieldsIsRefused() throws {
        let before = try load("crm")
        let refused = try edit("crm", (0..<300).map { ("x\($0)", "") } + [("name", "Cut")])
        #expect(refused.status == 413)
        #expect(try load("crm").equals(before))
    }

    // MARK: - Credentials

    private static let keyed: JSON = [
        "id": "keyed", "name": "Keyed", "appType": "apikey",
        "credentials": [
            ["name": "userName", "label": "Email <b>", "secret": false, "hint": "As \"you\" sign in."],
            [
                "name": "apiKey", "label": "Token", "pattern": " sk-.+", "helpUrl": "https://keys.example/?a=1&b=2",
            ], ["name": "extra", "optional": true],
        ],
        "credentialCheck": [
            "url": "https://keyed.example/me", "method": "POST",
            "headers": ["Authorization": "Bearer {apiKey}", "X-User": "{userName}:x"],
        ],
    ]

    @Test func credentialsAreShownAsTheyAreAndKept() throws {
        try site.run("apps.create", Self.keyed)
        let before = try load("keyed")
        let shown = try page("/console/connection", [("id", "keyed")])
        #expect(shown.body.contains("value=\"Email &lt;b&gt;\"") && !shown.body.contains("<b>"))
        #expect(try edit("keyed", []).body.contains("The settings are saved."))
        #expect(try load("keyed").equals(before))
    }

    @Test func credentialsAreEdited() throws {
        let added = try edit("weather", [("add", "1")])
        #expect(added.status == 200 && added.body.contains("name=\"credentials[0].name\" autofocus"))
        #expect(!added.body.contains("credentials[1]"))
        #expect(try load("weather")["credentials"] == nil)
        let more = try site.send(
            form: "/console/connection?", of: added, as: Site.administrator,
            [("credentials[0].name", "userName"), ("credentials[0].label", "User"), ("add", "1")])
        #expect(more.body.contains("value=\"userName\"") && more.body.contains("name=\"credentials[1].name\""))
        let saved = try site.send(
            form: "/console/connection?", of: more, as: Site.administrator,
            [
                ("credentials[1].name", "apiKey"), ("credentials[1].secret", "on"), ("credentials[0].optional", "on"),
                ("credentialCheck.url", "https://weather.example/me"), ("credentialCheck.method", "GET"),
                ("credentialCheck.headers", "Authorization:Bearer {apiKey}\r\n\r\n X-User :  {userName}"),
            ])
        #expect(saved.body.contains("The settings are saved."))
        let app = try load("weather")
        #expect(
            app["credentials"] == [["name": "userName", "label": "User", "optional": true], ["name": "apiKey"]])
        #expect(
            app["credentialCheck"] == [
                "url": "https://weather.example/me",
                "headers": ["Authorization": "Bearer {apiKey}", "X-User": "{userName}"],
            ])
        // Without its fields, the first one is gone; and without all of them, all.
        let less = try edit("weather", [("credentials[0].name", ""), ("credentials[0].label", "")])
        #expect(less.status == 422 && less.body.contains("names what is no credential"))
        let none = try site.send(
            form: "/console/connection?", of: less, as: Site.administrator,
            [("credentialCheck.headers", ""), ("credentialCheck.url", " ")])
        #expect(none.status == 200)
        #expect(try load("weather")["credentials"]?.text == #"[{"name":"apiKey"}]"#)
        #expect(try load("weather")["credentialCheck"] == nil)
        _ = try edit("weather", [("credentials[0].name", "")])
        #expect(try load("weather")["credentials"] == nil)
    }

    @Test(arguments: [
        ([("credentials[0].name", "a b")], "credentials[0].name"),
        ([("credentials[1].name", "userName")], "credentials[1].name"),
        ([("credentials[0].name", ""), ("credentials[0].label", "x")], "credentials[0].name"),
        ([("credentials[1].pattern", "(")], "credentials[1].pattern"),
        ([("credentials[1].helpUrl", "javascript:alert(1)")], "credentials[1].helpUrl"),
        ([("credentials[1].optional", "on")], "credentials[1].optional"),
        ([("credentials[0].label", String(repeating: "x", count: 300))], "credentials[0].label"),
        ([("credentialCheck.url", "http://plain.example")], "credentialCheck.url"),
        ([("credentialCheck.url", "")], "credentialCheck.url"),
        ([("credentialCheck.headers", "Host: <b>")], "credentialCheck.headers"),
        ([("credentialCheck.headers", "no mark <b>")], "credentialCheck.headers"),
        ([("credentialCheck.headers", "A: 1\nA: <b>")], "credentialCheck.headers"),
        ([("credentialCheck.headers", "A: {nobody}")], "credentialCheck.headers"),
        ([("credentialCheck.password", "x")], "credentialCheck.userName"),
    ])
    func whatIsWrongWithACredentialIsSaidBesideIt(_ row: (typed: [(String, String)], field: String)) throws {
        try site.run("apps.create", Self.keyed)
        let before = try load("keyed")
        // An empty row before the others does not shift what is said of them.
        let refused = try edit("keyed", row.typed + [("credentials[2].name", "")])
        #expect(refused.status == 422)
        #expect(refused.body.contains("id=\"field-\(row.field)-problem\""))
        #expect(!refused.body.contains("<b>"))
        #expect(try load("keyed").equals(before))
    }

    @Test func theKeyMustBeAmongTheCredentials() throws {
        let refused = try edit("weather", [("credentials[0].name", "userName")])
        #expect(refused.status == 422)
        #expect(refused.body.contains("must have a field called apiKey"))
    }

    @Test func thereAreSixteenCredentialsAtMost() throws {
        let names = (0..<20).map { ("credentials[\($0)].name", "n" + String(repeating: "x", count: $0)) }
        let full = try edit("weather", names + [("add", "1")])
        #expect(full.body.contains("credentials[15].name") && !full.body.contains("credentials[16]"))
        #expect(!full.body.contains("name=\"add\""))
    }

    @Test func aNewConnectionMayHaveCredentials() throws {
        let query = [("kind", "apikey")]
        let added = try submit("/console/connections/new", query, [("id", "new"), ("name", "New"), ("add", "1")])
        #expect(added.body.contains("value=\"new\"") && added.body.contains("credentials[0].name"))
        #expect(try site.run("apps.list")["apps"]?.elements.count == 3)
        let made = try submit(
            "/console/connections/new", query,
            [("id", "new"), ("credentials[0].name", "apiKey"), ("credentials[0].secret", "on")])
        #expect(made.body.contains("The connection is created."))
        #expect(try load("new")["credentials"]?.text == #"[{"name":"apiKey"}]"#)
    }

    // MARK: - Scopes in words

    @Test func scopesAreDescribedALineEach() throws {
        let words = "read = See <b>all</b> of it\r\n\r\nwrite=x = Change = it\nmark = \u{301}x"
        #expect(try edit("crm", [("scopeDescriptions", words)]).status == 200)
        #expect(
            try load("crm")["scopeDescriptions"] == [
                "read": "See <b>all</b> of it", "write=x": "Change = it", "mark": "\u{301}x",
            ])
        let before = try load("crm")
        _ = try edit("crm", [])
        #expect(try load("crm").equals(before))
        _ = try edit("crm", [("scopeDescriptions", " \r\n")])
        #expect(try load("crm")["scopeDescriptions"] == nil)
    }

    @Test(arguments: ["read", "= words", "read = a\nread = b", "read=words"])
    func whatDescribesNoScopeIsSaidBesideIt(_ words: String) throws {
        let refused = try edit("crm", [("scopeDescriptions", words)])
        #expect(refused.status == 422)
        #expect(refused.body.contains("id=\"field-scopeDescriptions-problem\"") && refused.body.contains(words))
    }

    // MARK: - Many

    @Test func aPageReadsABlockHoweverManyThereAre() throws {
        try site.makeMany(2500)
        for path in ["/console", "/console/connections"] {
            _ = site.store.takeRows()
            let first = try page(path)
            #expect(first.body.contains("1 to 50 of 1000") && first.body.contains("more than 1000"))
            // The overview asks for the tokens of those that it shows.
            #expect(site.store.takeRows() <= 1100)
        }
        var ids: Set<String> = []
        var next: String? = "\(Site.base)/console/connections"
        var count = 0
        while let link = next {
            let shown = try site.follow(link, as: Site.administrator)
            ids.formUnion(
                shown.body.components(separatedBy: "<code>").dropFirst().map { String($0.prefix { $0 != "<" }) })
            next = shown.link("Next page")
            count += 1
        }
        #expect(ids.count == 2503)
        #expect(count == 20 + 20 + 11)
    }

    @Test func aSearchFindsWhatStandsBehind() throws {
        try site.makeMany(2500)
        let found = try page("/console/connections", [("q", "many 2222")])
        #expect(found.body.contains("<code>many-2222</code>") && found.body.contains("1 to 1 of 1<"))
        let odd: [[(String, String)]] = [
            [("after", "x")], [("after", "\u{0}")], [("page", String(Int.min))],
            [("page", String(Int.max)), ("q", "many")],
        ]
        for query in odd { #expect([200, 400].contains(try page("/console/connections", query).status)) }
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
