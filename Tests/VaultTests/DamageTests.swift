import Connections
import JSON
import Runtime
import Store
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// One damaged row denies itself alone.
@Suite struct DamageTests {
    private let world: World
    private static let settings: JSON =
        ["redirectUrl": "https://h.example/callback", "allowExport": true, "requireOpener": false]

    init() throws {
        world = try World(store: MemoryStore(), config: Self.settings)
        try world.makeApp("google", ["maxIdleSeconds": 3600])
    }

    private func token(_ id: String) -> [UInt8] { TokenLocation(id: ID(id))?.key ?? [] }

    private func damage(_ key: [UInt8]) throws {
        #expect(try world.store.get(key) != nil)
        try world.store.commit([.put(key, [UInt8](repeating: 0, count: 80), expecting: .any)])
    }

    private func store(_ scopes: String, app: String = "google") throws -> String {
        let answer = try world.call(
            "store_token", ["appId": "\(app)", "userId": "u1", "accessToken": "of \(scopes)", "scopes": ["\(scopes)"]])
        return answer["tokenId"]?.string ?? ""
    }

    private func scopes(_ request: JSON = ["userId": "u1"]) throws -> [String] {
        let listed = try world.call("list", request)["tokens"]?.elements ?? []
        return listed.compactMap { $0["scopes"]?.strings?.first }.sorted()
    }

    @Test func theOthersOfItsUserAreServedAndListed() throws {
        _ = try store("a")
        try damage(token(try store("b")))
        #expect(try world.fetch(["scopes": ["a"]])["accessToken"]?.string == "of a")
        #expect(try world.fetch()["accessToken"]?.string == "of a")
        #expect(world.fetchError(["scopes": ["b"]])?.reason == .scopes)
        for set in [["userId": "u1"], ["appId": "google"]] as [JSON] {
            #expect(try scopes(set) == ["a"])
            #expect(try world.call("list", set)["unreadable"]?.integer == 1)
        }
        #expect(try world.call("list", ["userId": "u2"])["unreadable"] == nil)
    }

    /// Adaptive Connect goes by what is there.
    @Test func itsUserConnectsForMore() throws {
        _ = try store("a")
        try damage(token(try store("b")))
        let error = world.fetchError(["scopes": ["c"], "connect": ["redirectUrl": "https://h.example/done"]])
        #expect(error?.code == .connectionRequired)
        try world.connect(scopes: ["c"], reply: tokens("at-c"))
        #expect(try world.fetch(["scopes": ["c"]])["accessToken"]?.string == "at-c")
    }

    /// Where none opens, as with a key that was lost, nobody sends all users to connect again.
    @Test func aUserWhoseTokensAreAllDamagedIsNotOneWithoutTokens() throws {
        try damage(token(try store("a")))
        #expect(world.fetchError()?.code == .internal)
        #expect(world.fetchError(subject: ["userId": "u2"])?.reason == .missing)
    }

    @Test func storingBesideItAndInItsPlaceWorks() throws {
        let damaged = try store("a")
        try damage(token(damaged))
        _ = try store("b")
        #expect(try scopes() == ["b"])
        #expect(try store("a") == damaged)
        #expect(try scopes() == ["a", "b"])
        #expect(try world.call("list", ["userId": "u1"])["unreadable"] == nil)
        try damage(token(damaged))
        try world.connect(scopes: ["a"], reply: tokens("at-a"))
        #expect(try world.fetch(["scopes": ["a"]])["accessToken"]?.string == "at-a")
        try damage(token(damaged))
        let batch: JSON = ["tokens": [["appId": "google", "userId": "u1", "accessToken": "of a", "scopes": ["a"]]]]
        #expect(try world.call("store_tokens", batch)["failures"]?.elements.isEmpty == true)
        #expect(try world.fetch(["scopes": ["a"]])["accessToken"]?.string == "of a")
    }

    @Test func itIsDeletedWithTheOthers() throws {
        _ = try store("a")
        try damage(token(try store("b")))
        #expect(try world.call("delete", ["userId": "u1"])["deleted"]?.integer == 2)
        #expect(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 10).isEmpty)
    }

    @Test func theOthersAreSweptAndExported() throws {
        _ = try store("a")
        try damage(token(try store("b")))
        #expect(try world.call("export", ["userId": "u1"])["tokens"]?.elements.count == 1)
        world.clock.advance(seconds: 2 * 3600)
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":1,"unreadable":1}"#)
    }

    // MARK: - A connection

    /// A connection that is damaged, with a token, beside one that is not.
    private func damageApp() throws {
        try world.makeApp("other")
        _ = try store("a")
        _ = try store("b", app: "other")
        try damage(world.vault.rows.keys.app("other"))
    }

    @Test func aDamagedConnectionDeniesItselfAlone() throws {
        try damageApp()
        #expect(try world.fetch()["accessToken"]?.string == "of a")
        #expect(world.fetchError(app: "other")?.code == .internal)
        let listed = try world.call("apps.list", [:])
        #expect(listed["apps"]?.elements.compactMap { $0["id"]?.string } == ["google"])
        #expect(listed["unreadable"]?.integer == 1)
        #expect(try scopes() == ["a"])
        #expect(try world.call("list", ["userId": "u1"])["unreadable"]?.integer == 1)
        let exported = try world.call("export", [:])
        #expect(exported["tokens"]?.elements.count == 1)
        #expect(exported["unreadable"]?.integer == 1)
        world.clock.advance(seconds: 2 * 3600)
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":1,"unreadable":1}"#)
        #expect(try world.call("delete", ["userId": "u1"])["deleted"]?.integer == 1)
    }

    @Test func aDamagedConnectionIsDeletedAndMadeAnew() throws {
        try damageApp()
        #expect(try world.call("apps.delete", ["id": "other"])["deleted"]?.integer == 1)
        try world.makeApp("other")
        #expect(world.fetchError(app: "other")?.reason == .missing)
        #expect(try world.fetch()["accessToken"]?.string == "of a")
    }

    // MARK: - What waits

    @Test func aGrantThatWaitsForItsCodeDoesNotWaitForADamagedOne() throws {
        func hold() throws -> String {
            let url = try world.call(
                "connect",
                [
                    "appId": "google", "userId": "u1",
                    "options": ["confirmation": true, "redirectUrl": "https://h.example/d"],
                ]
            )
            world.provider.next(200, tokens("at-1"))
            let state = query(url["url"]?.string, "state") ?? ""
            return try world.call("complete", ["state": "\(state)", "code": "c"])["code"]?.string ?? ""
        }
        _ = try hold()
        try damage(try #require(try world.store.scan(prefix: RowKeys.heldGrants, after: nil, limit: 1).first?.key))
        let code = try hold()
        let confirmed = try world.call("confirm", ["appId": "google", "userId": "u1", "code": "\(code)"])
        #expect(confirmed["tokenId"] != nil)
    }

    // MARK: - No damage

    /// A store that fails is no damaged row: nothing is passed over, and nothing deleted without being revoked.
    @Test func aStoreThatFailsIsAnError() throws {
        let store = StoreWithoutFirstRow()
        let world = try World(store: store, config: Self.settings)
        try world.makeApp("google")
        try world.connect()
        let other = try world.another(config: Self.settings)
        // Under a key that the first process does not know, so that it reads the vault's first row to open a token.
        let key = try other.call("keys.add", [:])["id"]?.string ?? ""
        _ = try other.call("keys.activate", ["id": "\(key)"])
        _ = try other.call("keys.reseal", [:])
        store.isFailing.store(true, ordering: .relaxed)
        let calls: [(String, JSON)] = [
            ("fetch", ["appId": "google", "userId": "u1"]), ("list", ["userId": "u1"]), ("apps.list", [:]),
            ("delete", ["userId": "u1"]), ("retention.sweep", [:]), ("export", [:]),
            ("store_token", ["appId": "google", "userId": "u1", "accessToken": "t", "scopes": ["read"]]),
        ]
        for (operation, request) in calls {
            #expect(world.error(operation, request)?.code == .unavailable, "\(operation)")
        }
        store.isFailing.store(false, ordering: .relaxed)
        #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.count == 1)
    }
}

/// A store that cannot read the vault's first row any more when it is told so.
private final class StoreWithoutFirstRow: Store {
    let isFailing = Atomic(false)
    private let store = MemoryStore()

    func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        if isFailing.load(ordering: .relaxed), reads.contains(.get(RowKeys.vault)) {
            throw ConnError(.unavailable, "the store is away")
        }
        return store.read(reads, context)
    }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        try store.commit(context, taking: take)
    }

    func close() {}
}
