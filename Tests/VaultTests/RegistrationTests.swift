import Connections
import Crypto
import HTTP
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// Clients that a provider made for a connection (RFC 7591), without a server.
@Suite struct RegistrationTests {
    private let world: World
    private let store: MeddlingStore

    init() throws {
        store = MeddlingStore(try makeStore())
        world = try World(store: store, config: ["requireOpener": false])
        _ = try world.call("apps.create", Self.settings("a"))
    }

    private static func settings(_ server: String, _ more: JSON = [:]) -> JSON {
        let base: JSON = ["id": "crm", "useDcr": true, "dcrUrl": "https://\(server).example/register"]
        return base.with(World.urls(server)).with(more)
    }

    private func client(_ id: String) -> JSON { ["client_id": "\(id)", "client_secret": "secret of \(id)"] }

    /// A connect URL, by a redirect URL of its own.
    /// - Parameter made: the client that the provider answers if it is asked for one.
    private func begin(_ user: String, redirect: String, made: String?, in other: World? = nil) throws -> String {
        let world = other ?? world
        if let made { world.provider.next(201, client(made)) }
        let url = try world.call(
            "connect",
            ["appId": "crm", "userId": "\(user)", "options": ["redirectUrl": "https://h.example/cb?\(redirect)"]])[
                "url"]
        return url?.string ?? ""
    }

    private func finish(_ url: String, _ user: String) throws {
        world.provider.next(200, tokens("at-\(user)", refresh: "rt-\(user)", expiresIn: 60))
        _ = try world.call("complete", ["state": "\(query(url, "state") ?? "")", "code": "c"])
    }

    private func grant(_ user: String, redirect: String, made: String?) throws {
        try finish(try begin(user, redirect: redirect, made: made), user)
    }

    private func refresh(_ user: String) throws {
        world.provider.next(200, tokens("at-\(user)-again", refresh: "rt-\(user)-again", expiresIn: 60))
        _ = try world.fetch(["options": ["forceRefresh": true]], subject: ["userId": "\(user)"], app: "crm")
    }

    private var authorization: String? {
        world.provider.requests.last?.headers.first { $0.name == "Authorization" }?.value.withBytes {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private func authorization(of id: String) -> String { basic("\(id):secret+of+\(id)") }

    private var registrations: [String] { world.provider.forms.filter { $0.contains("redirect_uris") } }

    private func clients() throws -> Int {
        try world.store.scan(prefix: RowKeys.clients, after: nil, limit: 1000).count
    }

    /// Each by a redirect URL of its own, many more than are kept without need: all of them keep their client.
    @Test func aClientThatAGrantHasIsNeverDropped() throws {
        for number in 0..<200 {
            try grant("u\(number)", redirect: "\(number)", made: "c\(number)")
            world.clock.advance(seconds: 86_400)
        }
        for number in [0, 1, 63, 64, 135, 199] {
            try refresh("u\(number)")
            #expect(authorization == authorization(of: "c\(number)"))
        }
        #expect(registrations.count == 200)
        #expect(registrations.allSatisfy { $0.utf8.count < 400 }, "each has its own redirect URI alone")
        let sizes = try world.store.scan(prefix: RowKeys.clients, after: nil, limit: 1000).map(\.value.count)
        #expect(sizes.count == 200)
        #expect((sizes.max() ?? 0) < 600)
    }

    @Test func clientsThatNobodyNeedsDoNotPileUp() throws {
        try grant("first", redirect: "first", made: "of-the-first")
        for number in 0..<500 {
            _ = try begin("u", redirect: "\(number)", made: "c\(number)")
            world.clock.advance(seconds: 7200)
        }
        // As many as may be left, and those of the last two days.
        #expect(try clients() <= Int(ClientChoice.spare) + 24 + 2)
        let choices = try world.store.scan(prefix: RowKeys.clientChoices, after: nil, limit: 1000).count
        let left = try clients()
        #expect(choices <= left + 1)
        try refresh("first")
        #expect(authorization == authorization(of: "of-the-first"))
    }

    /// What has begun by a client may become a grant yet.
    @Test func aClientThatAGrantIsOnItsWayToStays() throws {
        let urls = try (0..<70).map { try begin("u\($0)", redirect: "\($0)", made: "c\($0)") }
        try finish(urls[0], "u0")
        try refresh("u0")
        #expect(authorization == authorization(of: "c0"))
        #expect(try clients() == 70)
    }

    /// One that is used, however long ago it was made, is not dropped while somebody is about to use it.
    @Test func aClientThatIsUsedAgainStays() throws {
        _ = try begin("old", redirect: "old", made: "old")
        world.clock.advance(seconds: 30 * 86_400)
        let url = try begin("old", redirect: "old", made: nil)
        for number in 0..<70 { _ = try begin("u\(number)", redirect: "\(number)", made: "c\(number)") }
        try finish(url, "old")
        try refresh("old")
        #expect(authorization == authorization(of: "old"))
    }

    @Test func aClientIsFoundByItsRedirectURLAgain() throws {
        try grant("u1", redirect: "one", made: "one")
        try grant("u2", redirect: "two", made: "two")
        for (user, redirect) in [("u3", "one"), ("u4", "two"), ("u5", "one")] {
            try grant(user, redirect: redirect, made: nil)
            #expect(authorization == authorization(of: redirect))
        }
        #expect(registrations.count == 2)
    }

    /// A device has no redirect URI: any client will do, and the latest is taken.
    /// A client that was just made is not over: a moment in the past, or a lifetime in place of one, says nothing.
    @Test(arguments: ["0", "3600", "-1", "1000000000", "null", #""soon""#, #""2001-01-01T00:00:00Z""#])
    func aClientIsNotBornDead(_ expiry: String) throws {
        world.provider.next(
            201, #"{"client_id":"c1","client_secret":"secret of c1","client_secret_expires_at":\#(expiry)}"#)
        try finish(try begin("u1", redirect: "1", made: nil), "u1")
        try finish(try begin("u2", redirect: "1", made: nil), "u2")
        #expect(registrations.count == 1)
    }

    @Test func aDeviceTakesTheLatestClient() throws {
        try grant("u1", redirect: "one", made: "one")
        try grant("u2", redirect: "two", made: "two")
        world.provider.next(
            200,
            #"{"device_code":"d","user_code":"U","expires_in":900,"interval":5,"verification_uri":"https://a.example/d"}"#
        )
        _ = try world.call("device.start", ["appId": "crm", "userId": "u3"])
        #expect(authorization == authorization(of: "two"))
    }

    /// Servers leave out what they do not need, and write an id as a number.
    @Test(
        arguments: [
            (["client_id": 12345, "client_secret": "s"], "12345", true),
            (
                ["client_id": "one", "client_secret": "s", "token_endpoint_auth_method": "CLIENT_SECRET_POST"], "one",
                false
            ),
            (["client_id": "one"], "one", false),
            (["client_id": "one", "token_endpoint_auth_method": "none"], "one", false),
        ] as [(JSON, String, Bool)])
    func whatARegistrationMayLookLike(_ answer: JSON, _ id: String, _ isBasic: Bool) throws {
        world.provider.next(201, answer)
        let url = try begin("u1", redirect: "one", made: nil)
        #expect(query(url, "client_id") == id)
        try finish(url, "u1")
        #expect((authorization != nil) == isBasic)
    }

    /// RFC 9126 has it say how long; some do not.
    @Test(arguments: ["", #","expires_in":null"#, #","expires_in":0"#, #","expires_in":"600""#])
    func howLongAPushedRequestLives(_ more: String) throws {
        try world.call(
            "apps.create",
            ["id": "p", "clientId": "c", "discoveryUrl": "https://d.example/.well-known/openid-configuration"])
        world.provider.next(
            200,
            [
                "issuer": "https://d.example", "authorization_endpoint": "https://d.example/a",
                "token_endpoint": "https://d.example/t", "pushed_authorization_request_endpoint": "https://d.example/p",
            ])
        world.provider.next(201, #"{"request_uri":"urn:one"\#(more)}"#)
        let made = try world.call(
            "connect", ["appId": "p", "userId": "u1", "options": ["redirectUrl": "https://h.example/cb"]])
        #expect(query(made["url"]?.string, "request_uri") == "urn:one")
        #expect(made["expiresIn"]?.integer == (more.contains("600") ? 600 : 60))
    }

    @Test func ofTwoProcessesThatRegisterAtATimeBothUseOneClient() throws {
        let other = try world.another(config: ["requireOpener": false])
        let slow = world.begin(
            "connect", ["appId": "crm", "userId": "u1", "options": ["redirectUrl": "https://h.example/cb?x"]])
        #expect(slow.isAtProvider)
        _ = try begin("u2", redirect: "x", made: "fast", in: other)
        world.provider.next(201, client("slow"))
        while !slow.isDone { slow.step() }
        #expect(query(try slow.result.get()["url"]?.string, "client_id") == "fast")
        #expect(try clients() == 1)
    }

    @Test(arguments: [false, true]) func aClientGoesWithItsConnection(_ isRemade: Bool) throws {
        try grant("u1", redirect: "one", made: "one")
        let slow = world.begin(
            "connect", ["appId": "crm", "userId": "u1", "options": ["redirectUrl": "https://h.example/cb?x"]])
        world.provider.next(200, "")
        _ = try world.call("apps.delete", ["id": "crm"])
        if isRemade { _ = try world.call("apps.create", Self.settings("a")) }
        world.provider.next(201, client("late"))
        while !slow.isDone { slow.step() }
        #expect(throws: ConnError.self) { try slow.result.get() }
        for family in [RowKeys.clients, RowKeys.clientChoices] {
            #expect(try world.store.scan(prefix: family, after: nil, limit: 1).isEmpty)
        }
    }

    /// Another process carries the deletion on, and makes the connection anew: its client is nothing of the deletion's.
    @Test(arguments: 1...8) func aDeletionTouchesNoClientOfTheConnectionThatCameAfterIt(_ number: Int) throws {
        try grant("u1", redirect: "one", made: "one")
        let other = try world.another(config: ["requireOpener": false])
        let provider = world.provider
        store.at(.commit, number: number) { () throws(ConnError) in
            _ = other.error("apps.delete", ["id": "crm"])
            guard other.error("apps.create", Self.settings("a")) == nil else { return }
            provider.forget()
            provider.next(201, #"{"client_id":"two","client_secret":"two"}"#)
            _ = try other.call(
                "connect", ["appId": "crm", "userId": "u2", "options": ["redirectUrl": "https://h.example/cb?one"]])
        }
        _ = world.error("apps.delete", ["id": "crm"])
        store.at(.commit, number: .max) {}
        guard world.error("apps.load", ["id": "crm"]) == nil else { return }
        #expect(query(try begin("u3", redirect: "one", made: nil), "client_id") == "two")
    }

    /// A grant that comes when its connection, and with it its client, is gone.
    @Test func aLateGrantIsRevokedByTheClientThatGotIt() throws {
        let url = try begin("u1", redirect: "one", made: "one")
        let late = world.begin("complete", ["state": "\(query(url, "state") ?? "")", "code": "c"])
        #expect(late.isAtProvider)
        _ = try world.call("apps.delete", ["id": "crm"])
        world.provider.next(200, tokens("at", refresh: "rt"))
        while !late.isDone { late.step() }
        world.provider.next(200, "")
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 1)
        #expect(world.provider.requests.last?.url == "https://a.example/revoke")
        #expect(authorization == authorization(of: "one"))
    }

    /// It is confirmed by the connection, which has no client of its own.
    @Test func aGrantOfARegisteredClientIsConfirmed() throws {
        world.provider.next(201, client("one"))
        let url = try world.call(
            "connect",
            ["appId": "crm", "userId": "u1", "options": ["redirectUrl": "https://h.example/cb", "confirmation": true]])[
                "url"]
        world.provider.next(200, tokens("at", refresh: "rt"))
        let state = query(url?.string, "state") ?? ""
        let held = try world.call("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
        let code = held["code"]?.string ?? ""
        #expect(try world.call("confirm", ["appId": "crm", "userId": "u1", "code": "\(code)"])["tokenId"] != nil)
        try refresh("u1")
        #expect(authorization == authorization(of: "one"))
    }

    @Test func aDamagedClientHoldsUpNeitherAConnectNorADeletion() throws {
        try grant("u1", redirect: "one", made: "one")
        for family in [RowKeys.clients, RowKeys.clientChoices] {
            for row in try world.store.scan(prefix: family, after: nil, limit: 10) {
                try world.store.commit([.put(row.key, Array(repeating: 7, count: 64), expecting: .any)])
            }
        }
        #expect(query(try begin("u2", redirect: "one", made: "two"), "client_id") == "two")
        #expect(query(try begin("u3", redirect: "one", made: nil), "client_id") == "two")
        #expect(try world.call("apps.delete", ["id": "crm"])["deleted"]?.integer == 1)
        #expect(try clients() == 0)
    }

    /// Another server may give its clients the same ids.
    @Test func aMovedConnectionHasClientsOfItsOwn() throws {
        try grant("u1", redirect: "one", made: "1")
        _ = try world.call("apps.update", Self.settings("b"))
        world.provider.next(201, #"{"client_id":"1","client_secret":"of b"}"#)
        try grant("u2", redirect: "one", made: nil)
        #expect(authorization == basic("1:of+b"))
        try refresh("u2")
        #expect(authorization == basic("1:of+b"))
        _ = try world.call("apps.update", Self.settings("a"))
        try refresh("u1")
        #expect(authorization == authorization(of: "1"))
        _ = try world.call("apps.update", Self.settings("b"))
        for _ in 0..<2 { world.provider.next(200, "") }
        let deleted = try world.call("apps.delete", ["id": "crm"])
        #expect(deleted["revocations"]?["revoked"]?.integer == 2)
        let sent = world.provider.requests.suffix(2).map { request in
            let header = request.headers.first { $0.name == "Authorization" }?.value
            return "\(request.url) \(header?.withBytes { String(decoding: $0, as: UTF8.self) } ?? "")"
        }
        #expect(
            Set(sent) == [
                "https://a.example/revoke \(authorization(of: "1"))", "https://b.example/revoke \(basic("1:of+b"))",
            ])
    }

    /// All of a connection's clients were in one row before each had its own.
    @Test func clientsThatAnEarlierVersionKeptAreFound() throws {
        try grant("u1", redirect: "one", made: "one")
        let keys = world.vault.rows.keys
        let app: Row<AppRecord> = try #require(try world.read(keys.app("crm")))
        let clients = ["one", "two"].map { id in
            JSON.object([
                "redirectUris": .strings(["https://h.example/cb?one", "https://h.example/cb?two"]),
                "clientId": .string(id), "clientSecret": .string("secret of \(id)"),
                "authMethod": .string("client_secret_basic"),
            ])
        }
        let row = try #require(RegistrationRecord(json: .object(["clients": .array(clients)])))
        var writes = [
            world.vault.rows.seal(row, at: keys.registration(of: "crm", at: "https://a.example"), expecting: .any),
            world.vault.rows.seal(
                app.value.changed { $0.remove("firstIncarnation") }, at: app.key, expecting: .any),
        ]
        for family in [RowKeys.clients, RowKeys.clientChoices] {
            writes += try world.store.scan(prefix: family, after: nil, limit: 10).map {
                .remove($0.key, expecting: .any)
            }
        }
        try world.store.commit(writes)
        try refresh("u1")
        #expect(authorization == authorization(of: "one"))
        try grant("u2", redirect: "two", made: nil)
        #expect(authorization == authorization(of: "two"))
        #expect(registrations.count == 1)
        for _ in 0..<2 { world.provider.next(200, "") }
        #expect(try world.call("apps.delete", ["id": "crm"])["revocations"]?["revoked"]?.integer == 2)
        #expect(try world.store.scan(prefix: RowKeys.registrations, after: nil, limit: 1).isEmpty)
    }
}
