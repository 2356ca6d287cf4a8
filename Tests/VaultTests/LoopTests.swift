import Connections
import Crypto
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// One thread serves all calls that were submitted: none of them keeps it from the others.
@Suite struct LoopTests {
    private let store = WatchedStore()
    private let world: World
    private let loop: LoopVault

    private static let config: JSON = [
        "redirectUrl": "https://h.example/callback", "connectPageUrl": "https://h.example/connect", "audit": "all",
        "allowExport": true,
    ]

    init() throws {
        world = try World(store: store, config: Self.config)
        loop = LoopVault(world)
    }

    /// Those that ask nothing of the store.
    private static let pure: Set<ID> = ["templates.list", "templates.load", "stats", "describe"]

    @Test func noOperationAsksTheStoreOnTheLoopsThread() throws {
        defer { loop.close() }
        var called: Set<ID> = []
        @discardableResult
        func call(_ operation: String, _ request: JSON = [:]) throws -> JSON {
            _ = store.takeThreads()
            let answer = try loop.call(operation, request)
            let threads = store.takeThreads()
            #expect(threads.isEmpty == Self.pure.contains(ID(operation)), "\(operation)")
            #expect(threads.isDisjoint(with: loop.threads), "\(operation)")
            called.insert(ID(operation))
            return answer
        }
        let settings = World.providerURLs.with([
            "clientId": "c", "clientSecret": "s3cret", "revocationUrl": "https://p.example/revoke",
            "deviceAuthorizationUrl": "https://p.example/device", "maxIdleSeconds": 3600,
        ])
        func grant(_ options: JSON = [:]) throws -> JSON {
            let url = try call("connect", (["appId": "a", "userId": "u1"] as JSON).with(options))["url"]?.string
            let ticket = query(url, "ticket") ?? ""
            let opened = try call("open", ["ticket": "\(ticket)", "openedBy": ["userId": "u1"]])["url"]?.string
            let state = query(opened, "state") ?? ""
            world.provider.next(200, tokens("at-1", refresh: "rt-1"))
            return try call("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
        }

        try call("apps.create", (["id": "a"] as JSON).with(settings))
        try call("apps.create", ["id": "k", "appType": "apikey"])
        try call("apps.update", (["id": "a"] as JSON).with(settings))
        try call("apps.load", ["id": "a"])
        try call("apps.list", [:])
        let code =
            try grant(["options": ["redirectUrl": "https://h.example/done", "confirmation": true]])["code"]?.string
            ?? ""
        try call("confirm", ["appId": "a", "userId": "u1", "code": "\(code)"])
        let id = try grant()["tokenId"]?.string ?? ""
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        try call("fetch", ["appId": "a", "userId": "u1", "options": ["forceRefresh": true]])
        world.provider.next(200, tokens("at-3", refresh: "rt-3"))
        try call("report_rejected", ["tokenId": "\(id)", "userId": "u1", "tokenHash": "\(sha256("at-2"))"])
        let device: JSON =
            [
                "device_code": "d", "user_code": "U", "expires_in": 900, "interval": 5,
                "verification_uri": "https://p.example/d",
            ]
        world.provider.next(200, device)
        let flow = try call("device.start", ["appId": "a", "userId": "u2"])["flow"]?.string ?? ""
        world.clock.advance(seconds: 5)
        world.provider.next(200, tokens("at-4"))
        try call("device.poll", ["flow": "\(flow)"])
        try call("store_api_key", ["appId": "k", "userId": "u1", "apiKey": "key"])
        world.provider.next(200, tokens("at-5", refresh: "rt-5"))
        try call("store_token", ["appId": "a", "userId": "u3", "refreshToken": "rt", "verifyRefresh": true])
        try call("store_tokens", ["tokens": [["appId": "a", "userId": "u4", "refreshToken": "rt"]]])
        try call("list", ["appId": "a", "count": true])
        try call("export", [:])
        let key = try call("keys.add", [:])["id"]?.string ?? ""
        try call("keys.activate", ["id": "\(key)"])
        try call("keys.reseal", [:])
        let keys = try call("keys.list", [:])["keys"]?.elements ?? []
        let old = keys.compactMap { $0["id"]?.string }.first { $0 != key } ?? ""
        try call("keys.drop", ["id": "\(old)"])
        try call("audit.list", [:])
        try call("audit.verify", [:])
        try call("backup", ["path": "/copy.db"])
        try call("backup.check", ["path": "/copy.db"])
        world.clock.advance(seconds: 10)
        try call("delete", ["userId": "u4"])
        world.clock.advance(seconds: 7200)
        try call("list", ["userId": "u3"])
        try call("retention.sweep", [:])
        try call("revocations.list", [:])
        try call("revocations.run", [:])
        let action: JSON = ["type": "connect", "appId": "a"]
        try call("flows.create", ["id": "f", "actions": [action]])
        try call("flows.update", ["id": "f", "actions": [action, action]])
        try call("flows.load", ["id": "f"])
        try call("flows.list", [:])
        try call("flows.delete", ["id": "f"])
        let managementKey = try call("management_keys.create", ["name": "k"])
        try call("management_keys.list", [:])
        try call("management_keys.verify", ["key": managementKey["key"] ?? ""])
        try call("management_keys.delete", ["id": managementKey["id"] ?? ""])
        try call("apps.delete", ["id": "a"])
        try call("templates.list", [:])
        try call("templates.load", ["id": "github"])
        try call("stats", [:])
        try call("describe", [:])

        // Those of MCP, of the pages and of the API are made of the others, and JWTs are no business of the vault's.
        let all = Operation.all.filter { operation in
            operation.backends.contains(.vault)
                && !["mcp.", "pages.", "api.", "jwt."].contains { operation.name.hasPrefix($0) }
        }
        #expect(called == Set(all.map { ID($0.name) }))
    }

    /// Operations that go through many rows, where a read of theirs is held.
    private static let longOperations: [(operation: String, request: JSON)] = [
        ("list", ["appId": "a", "limit": 1000]), ("list", ["appId": "a", "status": "expiring"]),
        ("list", ["appId": "a", "limit": 1, "count": true]), ("delete", ["appId": "a", "revoke": false]),
        ("apps.delete", ["id": "a", "revoke": false]), ("retention.sweep", [:]), ("keys.list", [:]),
        ("keys.reseal", [:]), ("keys.drop", ["id": "$unused"]), ("audit.list", ["limit": 1000]),
        ("audit.verify", [:]), ("export", ["appId": "a", "limit": 1000]),
    ]

    @Test(arguments: longOperations)
    func aFetchIsAnsweredWhileAnotherCallIsInTheMiddle(_ row: (operation: String, request: JSON)) throws {
        defer { loop.close() }
        try world.makeApp("a", ["maxIdleSeconds": 3600])
        _ = try world.call("apps.create", ["id": "k", "appType": "apikey"])
        _ = try world.call("store_api_key", ["appId": "k", "userId": "u1", "apiKey": "key"])
        let users: [JSON] = (0..<200).map { ["appId": "a", "userId": "many\($0)", "refreshToken": "rt"] }
        _ = try world.call("store_tokens", ["tokens": .array(users)])
        let key = try world.call("keys.add", [:])["id"]?.string ?? ""

        // The second page of whatever it goes through.
        let gate = store.hold { if case .scan(_, after: .some, _) = $0 { true } else { false } }
        defer { gate.open() }
        let request = try row.request.replacing("$unused", with: key)
        let long = loop.submit(row.operation, request)
        #expect(gate.wait())
        let fetched = try loop.call("fetch", ["appId": "k", "userId": "u1"])
        #expect(fetched["token"]?["accessToken"]?.string == "key")
        #expect(!long.isAnswered)
        gate.open()
        _ = try long.get()
    }
}
