import Connections
import Crypto
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// How many rows an operation touches: no more in one step than a few pages, and none that are not its business.
@Suite struct BoundedWorkTests {
    private let store = WatchedStore()
    private let world: World

    init() throws {
        world = try World(store: store, config: ["redirectUrl": "https://h.example/callback", "allowExport": true])
        try world.makeApp("a", ["revocationUrl": "https://p.example/revoke", "maxIdleSeconds": 3600])
    }

    private func storeTokens(_ count: Int, _ more: JSON = ["userId": "many$"], app: String = "a") throws {
        let all = try (0..<count).map { number in
            let token: JSON = ["appId": "\(app)", "refreshToken": "rt"]
            return token.with(try more.replacing("$", with: "\(number)"))
        }
        _ = try world.call("store_tokens", ["tokens": .array(all)])
    }

    /// The most rows that one step of a call touches.
    private func mostRows(_ operation: String, _ request: JSON) throws -> Int {
        _ = store.takeRows()
        var most = 0
        let call = StepDriver(operation, request, of: world.vault, world.provider, world.clock) { [store] in
            most = max(most, store.takeRows())
        }
        try call.finish()
        return most
    }

    private static let operations: [(operation: String, request: JSON)] = [
        ("list", ["appId": "a"]), ("list", ["appId": "a", "limit": 1000, "count": true]),
        ("list", ["appId": "a", "status": "expiring"]), ("delete", ["appId": "a"]),
        ("delete", ["tenantId": "nobody"]), ("apps.delete", ["id": "a"]), ("apps.create", ["id": "b"]),
        ("apps.list", [:]), ("apps.list", ["limit": 1000]), ("flows.list", ["limit": 1000]), ("retention.sweep", [:]),
        ("keys.list", [:]), ("keys.reseal", [:]),
        ("audit.list", ["limit": 1000]), ("audit.verify", [:]), ("revocations.run", ["limit": 1]),
        ("audit.list", ["limit": 1000, "newestFirst": true]), ("revocations.list", ["limit": 1000]),
    ]

    @Test(arguments: operations)
    func aStepTouchesAFewPagesHoweverMuchThereIs(_ row: (operation: String, request: JSON)) throws {
        try storeTokens(600)
        let app: Row<AppRecord> = try #require(try world.read(world.vault.rows.keys.app("a")))
        let apps = try (0..<600).map { number in
            let json = app.value.json.shallowCopy()
            json.set("id", .string("a\(number)"))
            let copy = try #require(AppRecord(json: json))
            return world.vault.rows.seal(copy, at: world.vault.rows.keys.app(copy.id), expecting: .absent)
        }
        try world.store.commit(apps)
        _ = try world.call("keys.activate", ["id": "\(try world.call("keys.add")["id"]?.string ?? "")"])
        if row.operation == "retention.sweep" { world.clock.advance(seconds: 7200) }
        #expect(try mostRows(row.operation, row.request) <= 3 * RowReader.pageSize)
    }

    /// However many there are.
    @Test func aPageOfConnectionsReadsNoOthers() throws {
        let app: Row<AppRecord> = try #require(try world.read(world.vault.rows.keys.app("a")))
        try world.store.commit(
            (0..<1000).map { number in
                let json = app.value.json.shallowCopy()
                json.set("id", .string("a\(number)"))
                let copy = try #require(AppRecord(json: json))
                return world.vault.rows.seal(copy, at: world.vault.rows.keys.app(copy.id), expecting: .absent)
            })
        var after: JSON?
        for _ in 0..<3 {
            _ = store.takeRows()
            let request: JSON = ["limit": 50]
            if let after { request.set("after", after) }
            after = try world.call("apps.list", request)["next"]
            #expect(store.takeRows() <= 51)
            #expect(after != nil)
        }
    }

    /// A subject's tokens at one connection are found among those that it has at others.
    @Test(arguments: ["list", "delete"]) func aSubjectsOtherTokensAreLeftAlone(_ operation: String) throws {
        for number in 0..<300 {
            let key = world.vault.rows.keys.token(
                of: .userInTenant(user: "u1", tenant: ID("t\(number)")), at: "other", account: nil, scopes: [],
                resources: [])
            try world.store.commit([.put(key.key, [0], expecting: .absent), .put(key.appKey, [0], expecting: .absent)])
        }
        try storeTokens(3, ["userId": "u1", "tenantId": "t$"])
        _ = store.takeRows()
        _ = try world.call(operation, ["appId": "a", "userId": "u1"])
        #expect(store.takeRows() < 60)
    }

    /// Connect URLs and devices of others that wait for their users.
    private func addOthersWaiting(_ count: Int) throws {
        let writes = (0..<count).flatMap { number -> [StoreWrite] in
            let keys = world.vault.rows.keys
            let state = FlowState.random(expiresAt: world.clock.seconds + 3600)
            let key = number % 2 == 0 ? keys.flow(state) : keys.deviceFlow(state)
            let waiting = Somebody(subject: .user(ID("other\(number)")))
            return [.put(key, [0], expecting: .absent), .put(keys.waiting(key, waiting), [0], expecting: .absent)]
        }
        try world.store.commit(writes)
    }

    private struct Somebody: Waiting {
        let appID: ID = "a"
        let subject: Subject
        let epoch: ID? = nil
    }

    private static let inOthersPresence: [(operation: String, request: JSON)] = [
        ("apps.create", ["id": "b"]), ("apps.delete", ["id": "a"]), ("delete", ["userId": "u1"]),
        ("delete", ["userId": "u1", "tenantId": "t"]), ("delete", ["tenantId": "t"]),
        ("delete", ["appId": "a"]), ("delete", ["appId": "a", "userId": "u1"]),
    ]

    @Test(arguments: inOthersPresence)
    func whatWaitsForOthersIsLeftAlone(_ row: (operation: String, request: JSON)) throws {
        try addOthersWaiting(5000)
        _ = store.takeRows()
        _ = try world.call(row.operation, row.request)
        #expect(store.takeRows() < 100)
    }
}
