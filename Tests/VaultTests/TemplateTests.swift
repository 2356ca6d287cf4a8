import Connections
import HTTP
import JSON
import OAuth
import Runtime
import TestSupport
import Testing

@Suite struct TemplateTests {
    private let world: World

    init() throws { world = try World(config: ["redirectUrl": "https://h.example/callback"]) }

    private func app(_ operation: String, _ request: JSON) throws -> JSON {
        try #require(try world.call(operation, request)["app"])
    }

    @Test func theCatalogueIsAnswered() throws {
        let templates = try world.call("templates.list", [:])["templates"]?.elements ?? []
        #expect(templates.compactMap { $0["id"]?.string } == Template.all.map(\.id))
        let shopify = try #require(templates.first { $0["id"]?.string == "shopify" })
        #expect(shopify["hosts"]?["shop"] != nil)
        let row = try world.call("templates.load", ["id": "shopify"])["template"]
        #expect(row?["callback"]?["signature"]?.string == "hmac")
        #expect(world.error("templates.load", ["id": "nobody"])?.code == .notFound)
    }

    @Test func theSettingsInForceAreShown() throws {
        let created = try app(
            "apps.create", ["id": "z", "templateId": "zendesk", "hosts": ["subdomain": "acme"], "clientId": "c"])
        let loaded = try app("apps.load", ["id": "z"])
        let listed = try #require(try world.call("apps.list", [:])["apps"]?.elements.first)
        for answer in [created, loaded, listed] {
            #expect(answer["templateId"]?.string == "zendesk")
            #expect(answer["hosts"]?["subdomain"]?.string == "acme")
            #expect(answer["tokenUrl"]?.string == "https://acme.zendesk.com/oauth/tokens")
            #expect(answer["tokenEndpointAuthMethod"]?.string == "client_secret_post")
            #expect(answer["tokenUrlParams"]?.text == #"[{"key":"expires_in","value":"1800"}]"#)
        }
    }

    /// Whoever loads a connection, changes its hosts and writes it back does not keep it at the earlier ones.
    @Test func theAddressesOfATemplateMoveWithItsHosts() throws {
        let created = try app(
            "apps.create",
            [
                "id": "z", "templateId": "zendesk", "hosts": ["subdomain": "acme"], "clientId": "c",
                "refreshUrl": "https://own.example/refresh",
            ])
        let moved = try app("apps.update", created.with(["hosts": ["subdomain": "other"]]))
        #expect(moved["tokenUrl"]?.string == "https://other.zendesk.com/oauth/tokens")
        #expect(moved["refreshUrl"]?.string == "https://own.example/refresh")
        #expect(try app("apps.load", ["id": "z"]).equals(moved))
    }

    @Test func whatTheOperatorSetsGoesBefore() throws {
        _ = try app(
            "apps.create",
            [
                "id": "g", "templateId": "google", "clientId": "c", "clientSecret": "s3cret",
                "prompt": ["select_account"], "authorizationUrlParams": [["key": "hd", "value": "acme.example"]],
                "tokenUrl": "https://proxy.example/token",
            ])
        let url = try world.call(
            "connect",
            ["appId": "g", "userId": "u1", "options": ["redirectUrl": "https://h.example/done", "scopes": ["s"]]]
        )[
            "url"]?.string
        #expect(url?.hasPrefix("https://accounts.google.com/o/oauth2/v2/auth?") == true)
        #expect(query(url, "prompt") == "select_account")
        #expect(query(url, "access_type") == "offline")
        #expect(query(url, "include_granted_scopes") == "true")
        #expect(query(url, "hd") == "acme.example")
        try world.connect(app: "g")
        #expect(world.provider.requests.last?.url == "https://proxy.example/token")
    }

    /// What is loaded and written back fixes nothing: the row behind it stays in charge.
    @Test func whatTheTemplateSaysIsNotKept() throws {
        _ = try app(
            "apps.create",
            ["id": "g", "templateId": "github", "clientId": "c", "clientSecret": "s3cret", "pkce": false])
        let loaded = try app("apps.load", ["id": "g"])
        let changed = loaded.shallowCopy()
        changed.set("name", .string("GitHub"))
        _ = try app("apps.update", changed)
        // An update without any setting answers what the template says: nothing else was kept but the secret.
        let bare = try app("apps.update", ["id": "g", "clientId": "c2"])
        #expect(bare["pkce"]?.boolean == true)
        #expect(bare["tokenUrl"]?.string == "https://github.com/login/oauth/access_token")
        #expect(bare["templateId"]?.string == "github")
        let fresh = try app("apps.create", ["id": "h", "templateId": "github", "clientId": "c2"])
        for (name, value) in fresh.members where !["id", "version"].contains(name) {
            #expect(bare[name]?.text == value.text, "\(name)")
        }
    }

    private static let refused: [(request: JSON, field: String)] = [
        (["templateId": "nobody"], "templateId"), (["templateId": "github", "appType": "apikey"], "templateId"),
        (["templateId": "shopify"], "hosts.shop"),
        (["templateId": "shopify", "hosts": ["shop": "a.b"]], "hosts.shop"),
        (["templateId": "shopify", "hosts": ["shop": "a/"]], "hosts.shop"),
        (["templateId": "github", "hosts": ["host": "a"]], "hosts.host"), (["hosts": ["host": "a"]], "hosts"),
        (["templateId": "zoho", "hosts": ["domain": "evil.example"]], "hosts.domain"),
        (["templateId": "shopify", "hosts": ["shop": 5]], "hosts.shop"),
        (["templateId": "github", "hosts": ["sk_live_51H8xYz": "a"]], "hosts"),
    ]

    @Test(arguments: refused)
    func whatCannotBeIsRefused(_ request: JSON, _ field: String) {
        let error = world.error("apps.create", request)
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == field)
    }

    @Test func theTemplateStaysAndItsHostsMayMove() throws {
        let create: JSON = ["id": "s", "templateId": "shopify", "hosts": ["shop": "one"], "clientId": "c"]
        _ = try app("apps.create", create)
        #expect(world.error("apps.update", ["id": "s", "templateId": "github"])?.field == "templateId")
        #expect(try app("apps.update", ["id": "s"])["hosts"]?["shop"]?.string == "one")
        let moved = try app("apps.update", ["id": "s", "hosts": ["shop": "two"]])
        #expect(moved["tokenUrl"]?.string == "https://two.myshopify.com/admin/oauth/access_token")
    }

    // MARK: - Callbacks

    private func makeZoho() throws -> String {
        _ = try app("apps.create", ["id": "z", "templateId": "zoho", "clientId": "c", "clientSecret": "s3cret"])
        let url = try world.call(
            "connect", ["appId": "z", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])["url"]
        return query(url?.string, "state") ?? ""
    }

    /// Zoho: the code is good at the data centre that holds the account, and nowhere else.
    @Test func aGrantLivesWhereItsCallbackSays() throws {
        let state = try makeZoho()
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        _ = try world.call(
            "complete",
            [
                "state": "\(state)", "code": "c",
                "parameters": ["location": "eu", "accounts-server": "https://accounts.zoho.eu"],
                "openedBy": ["userId": "u1"],
            ]
        )
        world.provider.next(200, tokens("at-2"))
        _ = try world.fetch(["options": ["forceRefresh": true]], app: "z")
        #expect(
            world.provider.requests.map(\.url) == Array(repeating: "https://accounts.zoho.eu/oauth/v2/token", count: 2))
    }

    @Test(arguments: [
        "https://accounts.evil.example", "https://evil.example/?https://accounts.zoho.eu", "https://accounts.",
        "http://accounts.zoho.eu", "https://accounts.zoho.eu.evil.example", "https://accounts.zoho.eu/x", "", "/",
        "https://accounts.zoho.eu:8443", "https://accounts.zoho.xx", "https://accounts.zoho.eu//", "https://accounts..",
        "https://u@accounts.zoho.eu", "accounts.zoho.eu", "https://accounts.zoho.eu#",
        "https://accounts.zoho.e\u{212A}",
    ])
    func aForgedHostGetsNothing(_ host: String) throws {
        let state = try makeZoho()
        let error = world.error(
            "complete",
            [
                "state": "\(state)", "code": "c", "parameters": ["accounts-server": "\(host)"],
                "openedBy": ["userId": "u1"],
            ])
        #expect(error?.code == .providerError)
        #expect(error?.field == "parameters.accounts-server")
        #expect(world.provider.requests.isEmpty)
        // It has not used the connect URL up.
        try completes(state, at: "https://accounts.zoho.eu")
    }

    private func completes(_ state: String, at host: String) throws {
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        _ = try world.call(
            "complete",
            [
                "state": "\(state)", "code": "c", "parameters": ["accounts-server": "\(host)"],
                "openedBy": ["userId": "u1"],
            ])
        #expect(world.provider.requests.map(\.url) == ["https://accounts.zoho.eu/oauth/v2/token"])
    }

    @Test(arguments: ["https://accounts.zoho.eu/", "HTTPS://Accounts.Zoho.EU", "https://accounts.zoho.eu\n"])
    func howElseAHostIsWritten(_ host: String) throws { try completes(try makeZoho(), at: host) }

    @Test func aCallbackWithoutWhatIsNeededIsRefused() throws {
        _ = try app("apps.create", ["id": "q", "templateId": "quickbooks", "clientId": "c", "clientSecret": "s3cret"])
        let url = try world.call(
            "connect", ["appId": "q", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])["url"]
        let state = query(url?.string, "state") ?? ""
        let error = world.error("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
        #expect(error?.field == "parameters.realmId")
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        let done = try world.call(
            "complete",
            ["state": "\(state)", "code": "c", "parameters": ["realmId": "42"], "openedBy": ["userId": "u1"]])
        #expect(done["metadata"]?["realmId"]?.string == "42")
        let token = try world.fetch(app: "q")
        #expect(token["metadata"]?["realmId"]?.string == "42")
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        let refreshed = try world.fetch(["options": ["forceRefresh": true]], app: "q")
        #expect(refreshed["metadata"]?["realmId"]?.string == "42")
    }

    /// The person refused: that is told, and not that the provider's parameters lack.
    @Test func aRefusalNeedsNoFurtherParameters() throws {
        _ = try app("apps.create", ["id": "q", "templateId": "quickbooks", "clientId": "c", "clientSecret": "s3cret"])
        let url = try world.call(
            "connect", ["appId": "q", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])["url"]
        let state = query(url?.string, "state") ?? ""
        #expect(
            world.error("complete", ["state": "\(state)", "error": "access_denied", "openedBy": ["userId": "u1"]])?
                .errorCode == "access_denied")
    }

    /// Facebook has no refresh tokens: a token that has expired cannot be exchanged any more.
    @Test func anExchangedTokenThatExpiredNeedsTheUser() throws {
        _ = try app("apps.create", ["id": "f", "templateId": "facebook", "clientId": "c", "clientSecret": "s3cret"])
        try world.connect(app: "f", reply: tokens("at-1"))
        world.clock.advance(seconds: 3601)
        #expect(world.fetchError(app: "f")?.reason == .reauthorize)
        #expect(world.provider.requests.count == 1)
    }

    @Test func introspectionIsTheLastRung() throws {
        _ = try app("apps.create", ["id": "s", "templateId": "salesforce", "clientId": "c", "clientSecret": "s3cret"])
        world.provider.next(200, #"{"access_token":"at-1","refresh_token":"rt-1"}"#)
        world.provider.next(200, #"{"active":true,"exp":\#(world.clock.seconds + 7200)}"#)
        let url = try world.call(
            "connect", ["appId": "s", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])["url"]
        _ = try world.call(
            "complete", ["state": "\(query(url?.string, "state") ?? "")", "code": "c", "openedBy": ["userId": "u1"]])
        #expect(try world.fetch(app: "s")["accessTokenExpiry"]?.integer == world.clock.seconds + 7200)
        // A provider that does not answer costs nothing but the knowledge.
        world.provider.next(200, #"{"access_token":"at-2"}"#)
        world.provider.next(503, "")
        let token = try world.fetch(["options": ["forceRefresh": true]], app: "s")
        #expect(token["accessToken"]?.string == "at-2")
        #expect(token["accessTokenExpiry"] == nil)
        // A reply that tells needs no introspection.
        world.provider.next(200, tokens("at-3"))
        _ = try world.fetch(["options": ["forceRefresh": true]], app: "s")
        #expect(world.provider.requests.count == 5)
    }

    /// A provider does not say of a token that lives that it has ended: its clock, or its unit, is another.
    @Test(arguments: [-60, -5] as [Int64])
    func anExpiryThatIsOverSaysNothing(_ seconds: Int64) throws {
        _ = try app("apps.create", ["id": "s", "templateId": "salesforce", "clientId": "c", "clientSecret": "s3cret"])
        _ = try world.call("store_token", ["appId": "s", "userId": "u1", "refreshToken": "rt-1"])
        world.provider.next(200, #"{"access_token":"at-1","refresh_token":"rt-1"}"#)
        world.provider.next(200, #"{"active":true,"exp":\#(world.clock.seconds + seconds)}"#)
        let token = try world.fetch(app: "s")
        #expect(token["accessToken"]?.string == "at-1")
        #expect(token["accessTokenExpiry"] == nil)
    }

    @Test func anExpiryInMillisecondsIsRead() throws {
        _ = try app("apps.create", ["id": "s", "templateId": "salesforce", "clientId": "c", "clientSecret": "s3cret"])
        _ = try world.call("store_token", ["appId": "s", "userId": "u1", "refreshToken": "rt-1"])
        let expiry = world.clock.seconds + 600
        world.provider.next(200, #"{"access_token":"at-1","refresh_token":"rt-1"}"#)
        world.provider.next(200, #"{"active":true,"exp":\#(expiry * 1000)}"#)
        #expect(try world.fetch(app: "s")["accessTokenExpiry"]?.integer == expiry)
    }

    /// Each has ended by the time that it is in the store: one call does not ask again and again.
    @Test func aTokenThatIsDeadWhenItComesIsAskedForTwiceAtMost() throws {
        let store = MeddlingStore(try makeStore())
        let world = try World(store: store)
        try world.makeApp()
        _ = try world.call("store_token", ["appId": "google", "userId": "u1", "refreshToken": "rt-1"])
        @Sendable func takeTwoSeconds() {
            store.at(.afterCommit) {
                world.clock.advance(seconds: 2)
                takeTwoSeconds()
            }
        }
        takeTwoSeconds()
        for _ in 0..<5 { world.provider.next(200, tokens("at-1", refresh: "rt-1", expiresIn: 1)) }
        #expect(world.fetchError()?.code == .providerError)
        #expect(world.provider.refreshes.count == 2)
    }
}
