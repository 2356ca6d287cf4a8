import Connections
import HTTP
import JSON
import Runtime
import Store
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// Whose a token is: it goes to the authorization server alone that it came from, however its connection changes.
@Suite struct OwnerTests {
    /// What becomes of the connection that had the token: both end at the server of `b`.
    enum Turn: CaseIterable, Sendable {
        /// Deleted, and another one made of its id.
        case remade
        /// Moved to another authorization server.
        case moved
    }

    private let world: World
    private let store: MeddlingStore

    init() throws {
        store = MeddlingStore(try makeStore())
        world = try World(
            store: store,
            config: ["redirectUrl": "https://h.example/callback", "allowExport": true, "requireOpener": false])
        _ = try world.call("apps.create", Self.settings("a"))
    }

    /// A connection at the server of this name. The client has the same id everywhere.
    private static func settings(_ server: String, secret: String? = nil, _ more: JSON = [:]) -> JSON {
        let base: JSON = ["id": "corp", "clientId": "mcp", "clientSecret": "\(secret ?? "secret-\(server)")"]
        return base.with(World.urls(server)).with(more)
    }

    private func turn(_ turn: Turn, in other: World? = nil) throws(ConnError) {
        let world = other ?? world
        switch turn {
        case .remade:
            _ = try world.call("apps.delete", ["id": "corp"])
            _ = try world.call("apps.create", Self.settings("b"))
        case .moved:
            _ = try world.call("apps.update", Self.settings("b"))
        }
    }

    private func grant(_ user: String = "u1", _ tokens: String = tokens("at-a", refresh: "rt-a")) throws {
        try world.connect(["userId": "\(user)"], app: "corp", reply: tokens)
    }

    private func text(of request: HTTPRequest) -> String {
        let secrets = request.headers.map(\.value) + (request.body.map { [$0] } ?? [])
        let words = secrets.map { $0.withBytes { String(decoding: $0, as: UTF8.self) } }
        // PKCE's secret is random text, in which anything may stand.
        return "\(request.url) \(words.joined(separator: " "))".replacing(#/code_verifier=[^&]*/#, with: "")
    }

    /// That neither server was shown anything of the other: tokens and secrets say in their names where they belong.
    private func expectEachItsOwn(_ comment: Comment? = nil) {
        for request in world.provider.requests {
            let sent = text(of: request)
            let isA = request.url.hasPrefix("https://a.example/")
            let foreign =
                isA ? ["t-b", "secret-b", basic("mcp:secret-b")] : ["t-a", "secret-a", basic("mcp:secret-a")]
            for word in foreign { #expect(!sent.contains(word), comment ?? "\(sent)") }
        }
    }

    /// Lets the outbox work until it is empty.
    private func emptyOutbox() throws {
        world.clock.advance(seconds: 4000)
        for _ in 0..<4 { world.provider.next(200, "") }
        _ = try world.call("revocations.run", [:])
        #expect(try world.store.scan(prefix: RowKeys.revocations, after: nil, limit: 1).isEmpty)
        world.provider.forget()
    }

    private func wasRevoked(_ token: String, at server: String) -> Bool {
        world.provider.requests.contains {
            $0.url == "https://\(server).example/revoke" && text(of: $0).contains("token=\(token)&")
                && text(of: $0).contains(basic("mcp:secret-\(server)"))
        }
    }

    private func complete(_ url: String?) -> JSON {
        ["state": "\(query(url, "state") ?? "")", "code": "code-of-t-a"]
    }

    private func connectURL(_ more: JSON = [:]) throws -> String? {
        let options = (["redirectUrl": "https://h.example/done", "scopes": ["read"]] as JSON).with(more)
        return try world.call("connect", ["appId": "corp", "userId": "u1", "options": options])["url"]?.string
    }

    // MARK: - Where tokens go

    /// Each operation that may send a token somewhere, after the connection has become another one.
    private static let senders: [(operation: String, request: JSON)] =
        [
            ("fetch", ["appId": "corp", "userId": "u1"]),
            ("fetch", ["appId": "corp", "userId": "u1", "options": ["forceRefresh": true]]),
            ("fetch", ["appId": "corp", "userId": "u1", "connect": ["redirectUrl": "https://h.example/done"]]),
            ("report_rejected", ["tokenId": "ID", "tokenHash": "HASH", "userId": "u1"]),
            ("revocations.run", [:]),
            ("store_token", ["appId": "corp", "userId": "u2", "accessToken": "at-b"]),
            ("store_token", ["appId": "corp", "userId": "u1", "scopes": ["read"], "accessToken": "at-b"]),
            ("list", ["userId": "u1"]), ("export", ["userId": "u1"]), ("retention.sweep", [:]),
            ("delete", ["userId": "u1"]), ("delete", ["appId": "corp"]), ("delete", ["tokenId": "ID"]),
            ("apps.delete", ["id": "corp"]),
        ]

    @Test(arguments: Turn.allCases, senders)
    func nothingOfAnEarlierServerGoesToTheNextOne(_ turn: Turn, _ row: (operation: String, request: JSON)) throws {
        try grant()
        try grant("u9", tokens("at-a9", refresh: "rt-a9"))
        let id = try world.fetch(app: "corp")["id"]?.string ?? ""
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u9"])  // waits in the outbox
        try self.turn(turn)
        world.clock.advance(seconds: 4000)
        let request = try row.request.replacing("ID", with: id).replacing("HASH", with: sha256("at-a"))
        for _ in 0..<4 { world.provider.next(200, tokens("at-x", refresh: "rt-x")) }
        _ = world.error(row.operation, request)
        world.provider.forget()
        expectEachItsOwn()
        _ = world.error("apps.delete", ["id": "corp"])
        try emptyOutbox()
        expectEachItsOwn()
        #expect(wasRevoked("rt-a9", at: "a"))
        #expect(wasRevoked("rt-a", at: "a"))
    }

    /// A refresh whose reply comes when the connection has become another one.
    @Test(arguments: Turn.allCases, [false, true])
    func aLateReplyStaysWithItsServer(_ turn: Turn, _ isConnectedAgain: Bool) throws {
        try grant()
        world.clock.advance(seconds: 4000)
        let refreshing = world.begin("fetch", ["appId": "corp", "userId": "u1"])
        #expect(refreshing.isAtProvider)
        try self.turn(turn)
        if isConnectedAgain { try grant("u1", tokens("at-b", refresh: "rt-b")) }
        world.provider.forget()
        world.provider.next(200, tokens("at-a-late", refresh: "rt-a-late", expiresIn: nil))
        while !refreshing.isDone { refreshing.step() }
        if isConnectedAgain {
            #expect(try refreshing.result.get()["token"]?["accessToken"]?.string == "at-b")
        } else {
            #expect(throws: ConnError.self) { try refreshing.result.get() }
        }
        _ = try world.call("apps.delete", ["id": "corp"])
        try emptyOutbox()
        expectEachItsOwn()
        #expect(wasRevoked("rt-a-late", at: "a"))
        #expect(wasRevoked("rt-b", at: "b") == isConnectedAgain)
    }

    /// Between the look at the row and the lease.
    @Test(arguments: Turn.allCases) func noRefreshBeginsForAConnectionThatIsAnotherByThen(_ turn: Turn) throws {
        try grant()
        world.clock.advance(seconds: 4000)
        let other = try world.another()
        store.at(.commit) { () throws(ConnError) in try self.turn(turn, in: other) }
        let error = world.fetchError(app: "corp")
        #expect(error?.reason == (turn == .moved ? .reauthorize : .missing))
        #expect(world.provider.refreshes.isEmpty)
    }

    /// The server that is asked when a token expires is the one that it came from, at whatever moment the connection becomes
    /// another one.
    @Test(arguments: Turn.allCases, 1...20) func noTokenIsIntrospectedElsewhere(_ turn: Turn, _ number: Int) throws {
        let completing = world.begin("complete", complete(try connectURL()))
        #expect(completing.isAtProvider)
        let other = try world.another(config: ["redirectUrl": "https://h.example/callback"])
        world.provider.next(200, tokens("at-a", refresh: "rt-a", expiresIn: nil))
        store.at(.read, number: number) { () throws(ConnError) in
            try self.turn(turn, in: other)
            _ = try? other.connect(app: "corp", reply: tokens("at-b", refresh: "rt-b", expiresIn: nil))
        }
        while !completing.isDone { completing.step() }
        #expect(world.provider.requests.contains { $0.url == "https://a.example/introspect" } || number < 20)
        expectEachItsOwn()
    }

    /// What was begun before is not finished after, also where all of the connection's tokens were deleted once.
    @Test(arguments: Turn.allCases, [false, true])
    func whatWasBegunAtAnEarlierServerEndsThere(_ turn: Turn, _ wasCleared: Bool) throws {
        if wasCleared { _ = try world.call("delete", ["appId": "corp"]) }
        let url = try connectURL()
        let held = try connectURL(["confirmation": true])
        world.provider.next(200, tokens("at-a", refresh: "rt-a"))
        let code = try world.call("complete", complete(held))["code"]?.string ?? ""
        world.provider.next(
            200,
            #"{"device_code":"d-t-a","user_code":"U","expires_in":900,"interval":5,"verification_uri":"https://a.example/d"}"#
        )
        let flow = try world.call("device.start", ["appId": "corp", "userId": "u1"])["flow"]?.string ?? ""
        world.clock.advance(seconds: 5)
        try self.turn(turn)
        let sent = world.provider.requests.count
        #expect(world.error("complete", complete(url))?.code == .notFound)
        #expect(world.error("device.poll", ["flow": "\(flow)"])?.code == .notFound)
        #expect(world.error("confirm", ["appId": "corp", "userId": "u1", "code": "\(code)"])?.code == .notFound)
        #expect(world.provider.requests.dropFirst(sent).allSatisfy { $0.url == "https://a.example/revoke" })
        try emptyOutbox()
        expectEachItsOwn()
        #expect(wasRevoked("rt-a", at: "a"))
    }

    /// Neither a delete nor a move is undone by going back to where the connection was.
    @Test(arguments: [false, true]) func whatWasBegunBeforeAMoveStaysUnknownAfterGoingBack(_ wasCleared: Bool) throws {
        let url = try connectURL()
        if wasCleared { _ = try world.call("delete", ["appId": "corp"]) }
        try turn(.moved)
        _ = try world.call("apps.update", Self.settings("a"))
        #expect(world.error("complete", complete(url))?.code == .notFound)
        #expect(world.provider.requests.isEmpty)
    }

    /// A code that is being exchanged meanwhile.
    @Test(arguments: Turn.allCases) func aGrantThatComesAfterTheTurnIsRevoked(_ turn: Turn) throws {
        let completing = world.begin("complete", complete(try connectURL()))
        #expect(completing.isAtProvider)
        try self.turn(turn)
        world.provider.next(200, tokens("at-a", refresh: "rt-a"))
        while !completing.isDone { completing.step() }
        #expect(throws: ConnError.self) { try completing.result.get() }
        #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.isEmpty == true)
        try emptyOutbox()
        expectEachItsOwn()
        #expect(wasRevoked("rt-a", at: "a"))
    }

    /// A token that was being verified at the connection before.
    @Test(arguments: Turn.allCases) func aTokenThatWasBeingVerifiedIsNotVerifiedElsewhere(_ turn: Turn) throws {
        let request: JSON = ["appId": "corp", "userId": "u1", "refreshToken": "rt-a", "verifyRefresh": true]
        let verifying = world.begin("store_token", request)
        #expect(verifying.isAtProvider)
        verifying.leave()
        try self.turn(turn)
        world.clock.advance(seconds: 4000)
        // Who brings it again says that it belongs here now.
        let again = request.with(["refreshToken": "rt-b"])
        world.provider.next(200, tokens("at-b", refresh: "rt-b2"))
        #expect(try world.call("store_token", again)["tokenId"] != nil)
        expectEachItsOwn()
    }

    /// Its row at the connection before has expired by then, and nobody has removed it.
    @Test func aTokenThatIsBroughtAgainAfterAMoveIsVerifiedThere() throws {
        let request: JSON = ["appId": "corp", "userId": "u1", "refreshToken": "rt", "verifyRefresh": true]
        try world.another().begin("store_token", request).leave()
        try turn(.moved)
        world.clock.advance(seconds: 2 * 86_400)
        world.provider.next(200, tokens("at-b", refresh: "rt-b"))
        _ = try world.call("store_token", request)
        #expect(world.provider.requests.last?.url == "https://b.example/token")
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-b")
        world.clock.advance(seconds: 2 * 86_400)
        _ = try world.call("retention.sweep", [:])
        for family in [RowFamily.unverified, .expiries, .revocations] {
            #expect(try world.store.scan(prefix: family.prefix, after: nil, limit: 1).isEmpty)
        }
    }

    // MARK: - Moving

    @Test func aMovedConnectionsGrantsNeedReauthorization() throws {
        try grant()
        try turn(.moved)
        let error = world.fetchError(app: "corp")
        #expect(error?.code == .notFound)
        #expect(error?.reason == .reauthorize)
        let listed = try world.call("list", ["userId": "u1"])["tokens"]?.elements.first
        #expect(listed?["status"]?.string == "needs_reauthorization")
        #expect(listed?["reason"]?.string == "moved")
        #expect(listed?["since"]?.integer == world.clock.seconds)
        #expect(try world.call("export", ["userId": "u1"])["tokens"]?.elements.isEmpty == true)
        let connection = world.error(
            "fetch", ["appId": "corp", "userId": "u1", "connect": ["redirectUrl": "https://h.example/done"]])
        #expect(connection?.connectionURL?.hasPrefix("https://b.example/authorize") == true)
        #expect(query(connection?.connectionURL, "scope") == nil, "the scopes of another server mean nothing here")
        try grant("u1", tokens("at-b", refresh: "rt-b"))
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-b")
        #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.count == 1)
        try emptyOutbox()
        #expect(wasRevoked("rt-a", at: "a"), "the grant that the new one replaced")
        expectEachItsOwn()
    }

    /// A grant of the new server goes before one of the server before, whatever scopes they have.
    @Test func aGrantOfTheServerBeforeIsNotChosenWhereThereIsOneOfThisServer() throws {
        try world.connect(app: "corp", scopes: ["read", "write"], reply: tokens("at-a", refresh: "rt-a"))
        try turn(.moved)
        try grant("u1", tokens("at-b", refresh: "rt-b"))
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-b")
        let error = world.fetchError(["scopes": ["write"]], app: "corp")
        #expect(error?.reason == .scopes)
        #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.count == 2)
    }

    /// Nobody waits for a refresh of another process whose tokens are of no use here.
    @Test func aMovedGrantWaitsForNoLease() throws {
        try grant()
        world.clock.advance(seconds: 4000)
        let refreshing = world.begin("fetch", ["appId": "corp", "userId": "u1"])
        #expect(refreshing.isAtProvider)
        try turn(.moved)
        let other = try world.another().begin("fetch", ["appId": "corp", "userId": "u1"])
        #expect(other.isDone)
        refreshing.leave()
    }

    @Test(arguments: ["retention.sweep", "fetch", "list"])
    func aMovedGrantThatIsIdleIsRevokedWhereItIsFrom(_ operation: String) throws {
        try grant()
        _ = try world.call("apps.update", Self.settings("b", ["maxIdleSeconds": 600]))
        world.clock.advance(seconds: 4000)
        let requests: JSON = ["fetch": ["appId": "corp", "userId": "u1"], "list": ["userId": "u1"]]
        _ = world.error(operation, requests[operation] ?? [:])
        #expect(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 1).isEmpty)
        try emptyOutbox()
        #expect(wasRevoked("rt-a", at: "a"))
        expectEachItsOwn()
    }

    @Test func whoeverGoesBackHasTheGrantsAgain() throws {
        try grant()
        try turn(.moved)
        try grant("u2", tokens("at-b", refresh: "rt-b"))
        _ = try world.call("apps.update", Self.settings("a"))
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-a")
        #expect(world.fetchError(subject: ["userId": "u2"], app: "corp")?.reason == .reauthorize)
        try turn(.moved)
        #expect(try world.fetch(subject: ["userId": "u2"], app: "corp")["accessToken"]?.string == "at-b")
        world.clock.advance(seconds: 4000)
        world.provider.next(200, tokens("at-b2", refresh: "rt-b2"))
        #expect(try world.fetch(subject: ["userId": "u2"], app: "corp")["accessToken"]?.string == "at-b2")
        world.provider.next(503, "")
        _ = try world.call("apps.delete", ["id": "corp"])
        try emptyOutbox()
        #expect(wasRevoked("rt-a", at: "a"))
        #expect(wasRevoked("rt-b2", at: "b"))
        expectEachItsOwn()
    }

    /// What is and what is not another authorization server.
    private static let moves: [(before: JSON, after: JSON, isAnother: Bool)] =
        [
            // The same URLs.
            ([:], ["name": "n"], false),
            ([:], ["defaultScopes": ["x"]], false),
            ([:], ["authorizationUrl": "https://elsewhere.example/authorize"], false),
            ([:], ["tokenUrl": "HTTPS://A.example:443/token"], false),
            // Without an issuer the token endpoint says which server it is.
            ([:], ["tokenUrl": "https://a.example/other/token"], true),
            ([:], ["tokenUrl": "https://a.example/token?tenant=2"], true),
            ([:], ["tokenUrl": "https://a.example:8443/token"], true),
            ([:], ["tokenUrl": "https://new.example/token"], true),
            ([:], ["tokenUrl": "https://new.example/token", "sameProvider": true], false),
            ([:], ["tokenUrl": "https://new.example/token", "sameProvider": false], true),
            // Wherever else tokens are sent.
            ([:], ["refreshUrl": "https://a.example/refresh"], false),
            ([:], ["refreshUrl": "https://new.example/refresh"], true),
            ([:], ["revocationUrl": "https://new.example/revoke"], true),
            ([:], ["revocationUrl": "https://a.example/v2/revoke"], false),
            ([:], ["introspectionUrl": "https://new.example/introspect"], true),
            ([:], ["introspectionUrl": "https://new.example/introspect", "sameProvider": true], false),
            // An issuer vouches for what is on its hosts.
            ([:], ["issuer": "https://a.example"], false),
            (["issuer": "https://a.example"], [:], false),
            (["issuer": "https://a.example"], ["issuer": "https://a.example/"], false),
            (["issuer": "https://a.example"], ["issuer": "https://a.example/other"], true),
            (
                ["issuer": "https://a.example/one"],
                ["issuer": "https://a.example/one", "tokenUrl": "https://a.example/v2/token"], false
            ),
            (
                ["issuer": "https://a.example/one"],
                ["issuer": "https://a.example/one", "tokenUrl": "https://new.example/v2/token"], true
            ),
            (
                ["discoveryUrl": "https://a.example/.well-known/openid-configuration"],
                ["discoveryUrl": "https://a.example/.well-known/oauth-authorization-server"], false
            ),
            (
                ["discoveryUrl": "https://a.example/.well-known/openid-configuration"],
                ["discoveryUrl": "https://new.example/.well-known/openid-configuration"], true
            ),
        ]

    @Test(arguments: moves)
    func anotherServerIsToldByWhereTokensGo(_ before: JSON, _ after: JSON, _ isAnother: Bool) throws {
        _ = try world.call("apps.update", Self.settings("a", before))
        _ = try world.call("store_token", ["appId": "corp", "userId": "u1", "accessToken": "at-a"])
        _ = try world.call("apps.update", Self.settings("a", after))
        #expect((world.fetchError(app: "corp")?.reason == .reauthorize) == isAnother)
        #expect(try world.answer("apps.load", ["id": "corp"]).contains("sameProvider") == false)
    }

    @Test func aConnectionThatNamesItsServerForTheFirstTimeKeepsItsTokens() throws {
        _ = try world.call("apps.create", ["id": "new"])
        _ = try world.call("store_token", ["appId": "new", "userId": "u1", "accessToken": "at-1"])
        _ = try world.call("apps.update", Self.settings("a", ["id": "new"]))
        #expect(try world.fetch(app: "new")["accessToken"]?.string == "at-1")
    }

    /// An update that forgot the endpoints is mended by the next one.
    @Test(
        arguments: [
            [:], ["issuer": "https://a.example"],
            ["discoveryUrl": "https://a.example/.well-known/openid-configuration"],
        ] as [JSON])
    func aConnectionThatLostItsServerFindsItAgainAndNoOther(_ more: JSON) throws {
        let a = Self.settings("a", more)
        _ = try world.call("apps.update", a)
        _ = try world.call(
            "store_token", ["appId": "corp", "userId": "u1", "accessToken": "at-a", "refreshToken": "rt-a"])
        for server in ["a", "b"] {
            _ = try world.call("apps.update", ["id": "corp", "name": "n"])
            #expect(world.fetchError(app: "corp")?.reason == .reauthorize)
            _ = try world.call("apps.update", server == "a" ? a : Self.settings("b"))
            #expect((world.fetchError(app: "corp")?.reason == .reauthorize) == (server == "b"))
        }
        _ = try world.call("apps.update", a)
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-a")
    }

    /// A template's host is where its tokens go.
    @Test func anotherHostOfATemplateIsAnotherServer() throws {
        _ = try world.call(
            "apps.create",
            ["id": "shop", "templateId": "shopify", "clientId": "c", "clientSecret": "s", "hosts": ["shop": "one"]])
        _ = try world.call("store_token", ["appId": "shop", "userId": "u1", "accessToken": "at-1"])
        _ = try world.call("apps.update", ["id": "shop", "clientId": "c2"])
        #expect(world.fetchError(app: "shop") == nil)
        _ = try world.call("apps.update", ["id": "shop", "clientId": "c", "hosts": ["shop": "two"]])
        #expect(world.fetchError(app: "shop")?.reason == .reauthorize)
    }

    /// The secret is the earlier server's as well: an update that names none does not take it along.
    @Test(arguments: [false, true]) func aSecretStaysWithItsServer(_ isSame: Bool) throws {
        let settings = Self.settings("b", ["sameProvider": .boolean(isSame)])
        settings.remove("clientSecret")
        let warnings = try world.call("apps.update", settings)["warnings"]?.elements.map { $0["field"]?.string }
        #expect(warnings == (isSame ? nil : ["clientSecret"]))
        try grant("u1", tokens("at-b", refresh: "rt-b"))
        #expect(text(of: world.provider.requests[0]).contains(basic("mcp:secret-a")) == isSame)
    }

    @Test func aRotatedSecretIsUsedByGrantsAndByTheOutbox() throws {
        try grant()
        try grant("u2", tokens("at-a2", refresh: "rt-a2"))
        world.provider.next(401, #"{"error":"invalid_client"}"#)
        _ = try world.call("delete", ["userId": "u2"])
        _ = try world.call("apps.update", Self.settings("a", secret: "mended"))
        world.clock.advance(seconds: 4000)
        world.provider.next(200, tokens("at-a3", refresh: "rt-a3"))
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-a3")
        world.provider.next(200, "")
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 1)
        for request in world.provider.requests.suffix(2) {
            #expect(text(of: request).contains(basic("mcp:mended")))
        }
    }

    // MARK: - Rows of earlier versions

    private func rewrite(_ key: [UInt8], _ change: (JSON) -> Void) throws {
        let row: Row<RawRecord> = try #require(try world.read(key))
        let json = row.value.json
        change(json)
        try world.store.commit([world.vault.rows.seal(RawRecord(json: json), at: key, expecting: .any)])
    }

    /// They belong to the connection that stood when incarnations came.
    @Test(arguments: [false, true]) func aTokenWithoutAnIncarnationKeepsItsConnection(_ hasNeither: Bool) throws {
        try grant()
        for stored in try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 10) {
            try rewrite(stored.key) { $0.remove("incarnation") }
        }
        try rewrite(world.vault.rows.keys.app("corp")) { json in
            if hasNeither { json.remove("incarnation") }
            json.remove("firstIncarnation")
        }
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-a")
        try turn(.moved)
        #expect(world.fetchError(app: "corp")?.reason == .reauthorize)
        _ = try world.call("apps.update", Self.settings("a"))
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-a")
        try turn(.moved)
        world.provider.next(503, "")
        _ = try world.call("apps.delete", ["id": "corp"])
        try emptyOutbox()
        #expect(wasRevoked("rt-a", at: "a"))
        expectEachItsOwn()
    }

    /// The connection of such a row of the outbox is told by its server.
    @Test(arguments: ["mended", "moved", "remade"]) func aRowOfTheOutboxWithoutAnIncarnationGoesToItsServer(
        _ what: String
    ) throws {
        try grant()
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        let row = try #require(try world.store.scan(prefix: RowKeys.revocations, after: nil, limit: 1).first)
        try rewrite(row.key) { json in
            for name in ["incarnation", "firstIncarnation"] { json["app"]?.remove(name) }
        }
        try rewrite(world.vault.rows.keys.app("corp")) { $0.remove("firstIncarnation") }
        switch what {
        case "mended": _ = try world.call("apps.update", Self.settings("a", secret: "mended"))
        case "moved": try turn(.moved)
        default: try turn(.remade)
        }
        world.clock.advance(seconds: 4000)
        world.provider.next(200, "")
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 1)
        let sent = text(of: try #require(world.provider.requests.last))
        #expect(sent.hasPrefix("https://a.example/revoke"))
        #expect(sent.contains(basic(what == "mended" ? "mcp:mended" : "mcp:secret-a")))
    }

    /// One that a deletion of an earlier version missed belongs to nobody.
    @Test func aTokenWithoutAnIncarnationIsNotOneOfAConnectionThatCameLater() throws {
        try grant()
        let row = try #require(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 1).first)
        try rewrite(row.key) { $0.remove("incarnation") }
        let missed = try #require(try world.store.get(row.key))
        try turn(.remade)
        try world.store.commit([.put(missed.key, missed.value, expecting: .any)])
        world.clock.advance(seconds: 4000)
        #expect(world.fetchError(app: "corp")?.reason == .missing)
        #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.isEmpty == true)
        #expect(try world.call("export", ["userId": "u1"])["tokens"]?.elements.isEmpty == true)
        let id = TokenLocation(key: row.key)?.id.text ?? ""
        let report: JSON = ["tokenId": "\(id)", "tokenHash": "\(sha256("at-a"))", "userId": "u1"]
        #expect(world.error("report_rejected", report)?.reason == .missing)
        try grant("u1", tokens("at-b", refresh: "rt-b"))
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-b")
        expectEachItsOwn()
    }

    // MARK: - Deleting and making

    /// Another process makes the connection in between, and somebody stores a key there.
    @Test(arguments: [MeddlingStore.Moment.scan, .commit], 1...3)
    func aCreateThatEndsInAConflictTouchesNothing(_ moment: MeddlingStore.Moment, _ number: Int) throws {
        let other = try world.another()
        let isDone = Flag()
        store.at(moment, number: number) { () throws(ConnError) in
            guard other.error("apps.create", ["id": "k", "appType": "apikey"]) == nil else { return }
            _ = try other.call("store_api_key", ["appId": "k", "userId": "u1", "apiKey": "key"])
            isDone.set()
        }
        let error = world.error("apps.create", ["id": "k", "appType": "apikey"])
        guard isDone.isSet else { return }
        #expect(error?.code == .conflict)
        #expect(try world.fetch(app: "k")["accessToken"]?.string == "key")
    }

    @Test func aCreateOfAnIDThatExistsTouchesNothing() throws {
        try grant()
        let held = try connectURL(["confirmation": true])
        world.provider.next(200, tokens("at-a2", refresh: "rt-a2"))
        let code = try world.call("complete", complete(held))["code"]?.string ?? ""
        let before = try world.store.scan(prefix: [], after: nil, limit: 1000)
        #expect(world.error("apps.create", Self.settings("b"))?.code == .conflict)
        let changed = try world.store.scan(prefix: [], after: nil, limit: 1000).filter { row in
            !before.contains { $0.key == row.key && $0.version == row.version }
        }
        #expect(changed.allSatisfy { $0.key.starts(with: RowKeys.audit) || $0.key == RowKeys.auditHead })
        #expect(try world.fetch(app: "corp")["accessToken"]?.string == "at-a")
        #expect(world.error("confirm", ["appId": "corp", "userId": "u1", "code": "\(code)"]) == nil)
    }

    /// A deletion is carried on by another process at whatever moment after it was decided, which makes the connection anew:
    /// what is stored there then is nothing of the deletion's.
    @Test(
        arguments: (2...40).map { (MeddlingStore.Moment.read, $0) } + (1...12).map { (.commit, $0) })
    func aDeletionTouchesNothingOfTheConnectionThatCameAfterIt(_ moment: MeddlingStore.Moment, _ number: Int) throws {
        try grant()
        try grant("u2", tokens("at-a2", refresh: "rt-a2"))
        let held = try connectURL(["confirmation": true])
        world.provider.next(200, tokens("at-a3", refresh: "rt-a3"))
        _ = try world.call("complete", complete(held))
        let other = try world.another()
        let isDone = Flag()
        store.at(moment, number: number) { () throws(ConnError) in
            isDone.set()
            _ = other.error("apps.delete", ["id": "corp"])
            _ = try other.call("apps.create", Self.settings("b"))
            for user in ["u1", "u3"] {
                _ = try other.call(
                    "store_token",
                    [
                        "appId": "corp", "userId": "\(user)", "scopes": ["read"], "refreshToken": "rt-b",
                        "accessToken": "at-b",
                    ]
                )
            }
        }
        _ = world.error("apps.delete", ["id": "corp"])
        store.at(.commit, number: .max) {}
        guard isDone.isSet else { return }
        for user in ["u1", "u3"] {
            #expect(try world.fetch(subject: ["userId": "\(user)"], app: "corp")["accessToken"]?.string == "at-b")
        }
        #expect(try world.call("list", ["userId": "u2"])["tokens"]?.elements.isEmpty == true)
        try emptyOutbox()
        expectEachItsOwn()
        for token in ["rt-a", "rt-a2", "rt-a3"] { #expect(wasRevoked(token, at: "a"), "\(token)") }
        #expect(!wasRevoked("rt-b", at: "b"))
    }

    /// What begins at a connection that is gone by then is not kept.
    @Test(arguments: ["connect", "device.start"]) func nothingBeginsAtAConnectionThatIsGone(_ operation: String) throws
    {
        let other = try world.another()
        world.provider.next(
            200,
            #"{"device_code":"d","user_code":"U","expires_in":900,"interval":5,"verification_uri":"https://a.example/d"}"#
        )
        store.at(.commit) { () throws(ConnError) in try self.turn(.remade, in: other) }
        #expect(world.error(operation, ["appId": "corp", "userId": "u1"])?.reason == .app)
        for family in [RowKeys.flows, RowKeys.deviceFlows] {
            #expect(try world.store.scan(prefix: family, after: nil, limit: 1).isEmpty)
        }
    }

    // MARK: - Places

    /// Rows are sealed for their place. Even one that was sealed for another's place, by a mistake of the vault's own, is
    /// answered to nobody.
    @Test func aTokenIsAnsweredAtItsOwnPlaceAlone() throws {
        try grant("victim", tokens("at-a", refresh: "rt-a"))
        try grant("thief", tokens("at-a2", refresh: "rt-a2"))
        let keys = world.vault.rows.keys
        func key(_ user: String) throws -> [UInt8] {
            let prefix = keys.tokens(of: .user(ID(user)), at: "corp")
            return try #require(try world.store.scan(prefix: prefix, after: nil, limit: 1).first).key
        }
        let row: Row<TokenRecord> = try #require(try world.read(try key("victim")))
        try world.store.commit([world.vault.rows.seal(row.value, at: try key("thief"), expecting: .any)])
        let id = TokenLocation(key: try key("thief"))?.id.text ?? ""
        for user in ["thief", "victim"] {
            let report: JSON = ["tokenId": "\(id)", "tokenHash": "\(sha256("at-a"))", "userId": "\(user)"]
            #expect(world.error("report_rejected", report)?.reason == .missing)
        }
        #expect(world.fetchError(subject: ["userId": "thief"], app: "corp")?.reason == .missing)
        #expect(try world.call("list", ["userId": "thief"])["tokens"]?.elements.isEmpty == true)
        #expect(try world.call("export", ["userId": "thief"])["tokens"]?.elements.isEmpty == true)
        #expect(try world.fetch(subject: ["userId": "victim"], app: "corp")["accessToken"]?.string == "at-a")
    }
}

/// A row as it is.
private struct RawRecord: Record {
    let json: JSON
    init(json: JSON) { self.json = json }
}

private final class Flag: Sendable {
    private let value = Mutex(false)
    func set() { value.withLock { $0 = true } }
    var isSet: Bool { value.withLock { $0 } }
}
