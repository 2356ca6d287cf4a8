import Connections
import JSON
import Runtime
import Store
import StoreSQLite
import Synchronization
import TestSupport
import Testing

@testable import Vault

@Suite struct RetentionTests {
    /// Writes to the store since the last look.
    private func version(_ world: World) throws -> [UInt64] {
        try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 100).map(\.version)
    }

    private func makeIdle(_ seconds: Int) throws -> World {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("google", ["maxIdleSeconds": .integer(seconds)])
        return world
    }

    private func store(_ world: World, _ user: String, app: String = "google") throws {
        _ = try world.call("store_token", ["appId": "\(app)", "userId": "\(user)", "accessToken": "at-\(user)"])
    }

    private func count(_ world: World, app: String = "google") throws -> Int {
        try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 100).count
    }

    @Test func aTokenThatNobodyFetchesGoes() throws {
        let world = try makeIdle(1600)
        try store(world, "u1")
        world.clock.advance(seconds: 1600)
        #expect(try world.fetch()["accessToken"]?.string == "at-u1")
        world.clock.advance(seconds: 1600)
        #expect(try world.fetch()["accessToken"]?.string == "at-u1")
        world.clock.advance(seconds: 1701)
        #expect(world.fetchError()?.reason == .missing)
        #expect(try count(world) == 0)
        let told = try world.call("audit.list", [:])["records"]?.elements.last
        #expect(told?["op"]?.string == "retention" && told?["userId"]?.string == "u1")
    }

    /// Nobody has a use for it any more, so its provider revokes it; one that was handed out lives on.
    @Test func whatIsIdleIsRevokedAtTheProviderAndWhatIsHandedOutIsNot() throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("google", ["maxIdleSeconds": 1600, "revocationUrl": "https://p.example/revoke"])
        try world.makeApp("once", ["deleteAfterFirstFetch": true, "revocationUrl": "https://p.example/revoke"])
        try world.connect()
        try world.connect(app: "once", reply: tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch(app: "once")["accessToken"]?.string == "at-2")
        world.clock.advance(seconds: 1701)
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":1}"#)
        world.provider.next(200, "")
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 1)
        #expect(world.provider.forms.last == "token=rt-1&token_type_hint=refresh_token")
        #expect(try world.call("revocations.run", [:])["pending"]?.integer == 0)
    }

    @Test func aFetchIsWrittenDownNowAndThen() throws {
        let world = try makeIdle(1600)
        try store(world, "u1")
        let first = try version(world)
        for _ in 0..<9 {
            world.clock.advance(seconds: 10)
            _ = try world.fetch()
        }
        #expect(try version(world) == first)
        world.clock.advance(seconds: 10)
        _ = try world.fetch()
        let second = try version(world)
        #expect(second != first)
        _ = try world.fetch()
        #expect(try version(world) == second)
        let listed = try world.call("list", ["userId": "u1"])["tokens"]?.elements.first
        #expect(listed?["lastFetchTime"]?.integer == world.clock.seconds)
        // Never too early: what is written may be a sixteenth old.
        world.clock.advance(seconds: 99)
        _ = try world.fetch()
        world.clock.advance(seconds: 1600)
        #expect(try world.fetch()["accessToken"]?.string == "at-u1")
    }

    @Test func nothingIsWrittenWhereNobodyAsks() throws {
        let world = try World()
        try world.makeApp()
        try store(world, "u1")
        let first = try version(world)
        world.clock.advance(seconds: 1_000_000)
        _ = try world.fetch()
        #expect(try version(world) == first)
    }

    @Test func aFetchThatCannotBeWrittenDownStillAnswers() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        try world.makeApp("google", ["maxIdleSeconds": 1600])
        try self.store(world, "u1")
        world.clock.advance(seconds: 1000)
        store.at(.commit) { () throws(ConnError) in throw ConnError(.internal, "the disk is full") }
        #expect(try world.fetch()["accessToken"]?.string == "at-u1")
    }

    @Test func aSweepDeletesWhatIsIdleAndNothingElse() throws {
        let world = try makeIdle(1600)
        try world.makeApp("lasting")
        for user in 0..<150 { try store(world, "u\(user)") }
        try store(world, "u0", app: "lasting")
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":0}"#)
        world.clock.advance(seconds: 1000)
        _ = try world.fetch(subject: ["userId": "u7"])
        world.clock.advance(seconds: 1000)
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":149}"#)
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":0}"#)
        #expect(try world.fetch(subject: ["userId": "u7"])["accessToken"]?.string == "at-u7")
        #expect(try world.fetch(subject: ["userId": "u0"], app: "lasting")["accessToken"]?.string == "at-u0")
    }

    @Test func aListShowsNoIdleToken() throws {
        let world = try makeIdle(1600)
        try store(world, "u1")
        world.clock.advance(seconds: 2000)
        #expect(try world.answer("list", ["userId": "u1"]) == #"{"tokens":[]}"#)
        #expect(try count(world) == 0)
    }

    @Test func aTokenThatIsFetchedWhileItIsSweptStays() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        let other = try world.another()
        try world.makeApp("google", ["maxIdleSeconds": 1600])
        try self.store(world, "u1")
        world.clock.advance(seconds: 2000)
        // Another process stores the grant anew just before the sweep's commit.
        store.at(.commit) { () throws(ConnError) in
            _ = try other.call("store_token", ["appId": "google", "userId": "u1", "accessToken": "newer"])
        }
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":0}"#)
        #expect(try world.fetch()["accessToken"]?.string == "newer")
    }

    @Test func aTokenIsHandedOutOnce() throws {
        let world = try World()
        try world.makeApp("google", ["deleteAfterFirstFetch": true])
        try store(world, "u1")
        #expect(try world.fetch()["accessToken"]?.string == "at-u1")
        #expect(world.fetchError()?.reason == .missing)
        #expect(try count(world) == 0)
        #expect(world.provider.requests.isEmpty)  // it is not revoked: somebody uses it
        let told = try world.call("audit.list", [:])["records"]?.elements.last
        #expect(told?["op"]?.string == "fetch" && told?["outcome"]?.string == "deleted")
    }

    @Test func aTokenIsHandedOutOnceAmongMany() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        let worlds = try (0..<2).map { _ in try World(store: try SQLiteStore(path: path)) }
        try worlds[0].makeApp("google", ["deleteAfterFirstFetch": true])
        for user in 0..<10 { try store(worlds[0], "u\(user)") }
        let handedOut = Mutex<[String]>([])
        let wait = onThreads(6) { thread in
            for user in 0..<10 {
                if let token = try? worlds[thread % 2].fetch(subject: ["userId": "u\(user)"])["accessToken"]?.string {
                    handedOut.withLock { $0.append(token) }
                }
            }
        }
        wait()
        #expect(handedOut.withLock { $0.sorted() } == (0..<10).map { "at-u\($0)" }.sorted())
    }

    @Test func aTokenThatCannotBeDeletedIsNotHandedOut() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        try world.makeApp("google", ["deleteAfterFirstFetch": true])
        try self.store(world, "u1")
        store.at(.commit) { () throws(ConnError) in throw ConnError(.internal, "the disk is full") }
        #expect(world.fetchError()?.code == .internal)
        #expect(try world.fetch()["accessToken"]?.string == "at-u1")
    }

    /// Wherever the store fails, the token was handed out or is there yet.
    @Test(arguments: 1...3) func aTokenThatIsHandedOutOnceIsNotLostWithItsRecord(_ commit: Int) throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store, config: ["audit": "all"])
        try world.makeApp("google", ["deleteAfterFirstFetch": true])
        try self.store(world, "u1")
        store.at(.commit, number: commit) { () throws(ConnError) in
            throw ConnError(.unavailable, "the disk is full")
        }
        let fetch: JSON = ["appId": "google", "userId": "u1", "actor": "tool:mail"]
        let first = try? world.call("fetch", fetch)
        let second = first == nil ? try? world.call("fetch", fetch) : nil
        #expect((first ?? second)?["token"]?["accessToken"]?.string == "at-u1")
        let told = try world.call("audit.list", [:])["records"]?.elements.suffix(2) ?? []
        #expect(told.map { $0["op"]?.string } == ["fetch", "fetch"])
        #expect(told.map { $0["outcome"]?.string } == ["deleted", "ok"])
        #expect(told.last?["actor"]?.string == "tool:mail")
    }
}
