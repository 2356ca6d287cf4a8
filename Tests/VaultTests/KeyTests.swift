import Connections
import Foundation
import Glibc
import JSON
import Runtime
import Store
import StoreSQLite
import Synchronization
import TestSupport
import Testing

@testable import Vault

@Suite struct KeyTests {
    private static let callback: JSON = ["redirectUrl": "https://h.example/callback"]

    /// How many rows each key has sealed, the active one marked by a star.
    private func counts(_ world: World) throws -> [String: Int64] {
        var counts: [String: Int64] = [:]
        for key in try world.call("keys.list", [:])["keys"]?.elements ?? [] {
            let star = key["active"]?.boolean == true ? "*" : ""
            counts[star + (key["id"]?.string ?? "")] = key["rows"]?.integer
        }
        return counts
    }

    private func activeKey(_ world: World) throws -> String {
        String(try #require(try counts(world).keys.first { $0.hasPrefix("*") }).dropFirst())
    }

    private func add(_ world: World) throws -> String {
        try #require(try world.call("keys.add", [:])["id"]?.string)
    }

    private func activate(_ world: World, _ id: String) throws {
        _ = try world.call("keys.activate", ["id": "\(id)"])
    }

    private func store(_ world: World, users: Range<Int>) throws {
        let tokens: [JSON] = users.map {
            ["appId": "google", "userId": "u\($0)", "accessToken": "at-\($0)", "refreshToken": "rt"]
        }
        _ = try world.call("store_tokens", ["tokens": .array(tokens)])
    }

    private func fetchAll(_ world: World, users: Range<Int>) throws {
        for user in users {
            #expect(try world.fetch(subject: ["userId": "u\(user)"])["accessToken"]?.string == "at-\(user)")
        }
    }

    @Test func aKeyIsAddedActivatedAndTheOldOneDropped() throws {
        let world = try World(config: ["audit": "off"])
        try world.makeApp()
        try store(world, users: 0..<300)
        let old = try activeKey(world)
        #expect(try counts(world) == ["*\(old)": 602])  // with the app and the audit's head
        let new = try add(world)
        try store(world, users: 300..<301)
        #expect(try counts(world) == ["*\(old)": 604, new: 0])
        try activate(world, new)
        try store(world, users: 301..<302)
        #expect(try counts(world) == [old: 604, "*\(new)": 2])
        try fetchAll(world, users: 0..<302)
        #expect(world.error("keys.drop", ["id": "\(old)"])?.code == .conflict)
        #expect(world.error("keys.drop", ["id": "\(new)"])?.code == .invalidRequest)
        #expect(world.error("keys.drop", ["id": "00000000"])?.code == .notFound)
        #expect(world.error("keys.activate", ["id": "nonsense"])?.code == .notFound)
        #expect(try world.answer("keys.reseal", [:]) == #"{"resealed":604,"unreadable":0}"#)
        #expect(try world.answer("keys.reseal", [:]) == #"{"resealed":0,"unreadable":0}"#)
        #expect(try counts(world) == [old: 0, "*\(new)": 606])
        _ = try world.call("keys.drop", ["id": "\(old)"])
        #expect(try counts(world) == ["*\(new)": 606])
        try fetchAll(world, users: 0..<302)
        try fetchAll(try world.another(), users: 0..<302)
    }

    @Test func aVaultHasAtMostSixteenKeys() throws {
        let world = try World()
        for _ in 1..<16 { _ = try add(world) }
        #expect(world.error("keys.add", [:])?.code == .limit)
    }

    @Test func otherProcessesLearnOfAKeyAsTheyGo() throws {
        let world = try World(config: ["audit": "off"])
        try world.makeApp()
        try store(world, users: 0..<5)
        let other = try world.another(config: ["audit": "off"])
        let old = try activeKey(world)
        let new = try add(world)
        try activate(world, new)
        // The other one has not seen the change: what it writes is sealed by the new key all the same.
        try store(other, users: 5..<6)
        #expect(try counts(world)["*\(new)"] == 2)
        let third = try add(world)
        try activate(world, third)
        _ = try world.call("keys.reseal", [:])
        _ = try world.call("keys.drop", ["id": "\(old)"])
        _ = try world.call("keys.drop", ["id": "\(new)"])
        try fetchAll(other, users: 0..<6)
    }

    /// A process that stood still between sealing and writing, while keys came and went.
    @Test func nothingIsWrittenUnderAKeyThatCeasedToBeActive() throws {
        let world = try World()
        try world.makeApp()
        let slow = try world.another().vault.rows
        let location = slow.keys.token(of: .user("slow"), at: "google", account: nil, scopes: [], resources: [])
        let sealed = slow.seal(PointerRecord(), at: location.appKey, expecting: .absent)
        let old = try activeKey(world)
        try activate(world, try add(world))
        _ = try world.call("keys.reseal", [:])
        try slow.commit([sealed]).performed(.unbounded)
        #expect(try counts(world)[old] == 0)
        let row: Row<PointerRecord>? = try world.read(location.appKey)
        #expect(row != nil)
        let again = slow.seal(PointerRecord(), at: location.key, expecting: .absent)
        let second = try activeKey(world)
        try activate(world, try add(world))
        _ = try world.call("keys.reseal", [:])
        _ = try world.call("keys.drop", ["id": "\(second)"])
        // What it sealed cannot be opened any more, so it is told to begin anew.
        let error = #expect(throws: ConnError.self) { try slow.commit([again]).performed(.unbounded) }
        #expect(error?.code == .conflict)
        #expect(try world.store.get(location.key) == nil)
    }

    @Test func aKeyThatComesToBeUsedMeanwhileIsNotDropped() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        let other = try world.another()
        let old = try activeKey(world)
        let new = try add(world)
        try activate(world, new)
        _ = try world.call("keys.reseal", [:])
        store.at(.commit) { () throws(ConnError) in
            // No row of the old key was found, and it is about to be dropped.
            _ = try other.call("keys.activate", ["id": "\(old)"])
            _ = try other.call("apps.create", ["id": "late", "appType": "apikey"])
        }
        #expect(world.error("keys.drop", ["id": "\(old)"])?.code == .conflict)
        #expect(try activeKey(world) == old)
        #expect(try world.call("apps.load", ["id": "late"])["app"]?["id"]?.string == "late")
    }

    @Test func aResealThatIsCutOffIsCarriedOn() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store, config: ["audit": "off"])
        try world.makeApp()
        try self.store(world, users: 0..<500)
        let old = try activeKey(world)
        try activate(world, try add(world))
        store.at(.commit, number: 4) { () throws(ConnError) in throw ConnError(.internal, "the process was killed")
        }
        #expect(world.error("keys.reseal", [:])?.code == .internal)
        let left = try #require(try counts(world)[old])
        #expect(left > 0 && left < 1002)
        try fetchAll(world, users: 0..<500)
        #expect(try world.call("keys.reseal", [:])["resealed"]?.integer == left)
        #expect(try counts(world)[old] == 0)
    }

    @Test func aRowThatDoesNotOpenIsLeftAndCounted() throws {
        let world = try World(config: ["audit": "off"])
        try world.makeApp()
        try store(world, users: 0..<2)
        let old = try activeKey(world)
        var row = try #require(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 1).first)
        row.value[row.value.count - 1] ^= 1
        try world.store.commit([.put(row.key, row.value, expecting: .any)])
        try activate(world, try add(world))
        #expect(try world.call("keys.reseal", [:])["unreadable"]?.integer == 1)
        #expect(world.error("keys.drop", ["id": "\(old)"])?.code == .conflict)
        #expect(try world.store.get(row.key)?.value == row.value)
    }

    // MARK: - The master key

    private func refusal(_ world: World, key: String, others: [String] = []) -> ConnError? {
        do {
            _ = try world.another(key: key, config: Self.others(others))
            return nil
        } catch {
            return error as? ConnError
        }
    }

    private static func others(_ keys: [String]) -> JSON {
        ["otherKeys": .array(keys.map(World.key))]
    }

    @Test func theMasterKeyChangesWithoutARowBeingSealedAnew() throws {
        let world = try World(key: "0a", config: Self.others(["0b"]))
        try world.makeApp()
        try store(world, users: 0..<3)
        let tokens = try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 9)
        let master = try world.call("keys.list", [:])["masterKey"]?.string
        #expect(refusal(world, key: "0b")?.code == .invalidConfig)
        let changed = try world.another(key: "0b", config: Self.others(["0a"]))
        try fetchAll(changed, users: 0..<3)
        #expect(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 9) == tokens)
        #expect(try changed.call("keys.list", [:])["masterKey"]?.string != master)
        let refused = try #require(refusal(world, key: "0a"))
        #expect(refused.code == .invalidConfig && refused.field == "key")
        #expect(refused.message.contains(master ?? "none"), "\(refused.message)")
        #expect(!refused.message.contains(String(repeating: "0a", count: 8)))
        try fetchAll(try world.another(key: "0b"), users: 0..<3)
    }

    /// Some processes have the new config while others still run, or are started anew, with the one before.
    @Test func anOldConfigDoesNotUndoTheChange() throws {
        let old = try World(key: "0a", config: Self.others(["0b"]))
        try old.makeApp()
        let new = try old.another(key: "0b", config: Self.others(["0a"]))
        let restarted = try old.another(key: "0a", config: Self.others(["0b"]))
        #expect(refusal(old, key: "0a")?.code == .invalidConfig)
        // All of them go on, whoever changes the keys.
        for world in [old, new, restarted] {
            try activate(world, try add(world))
            try store(world, users: 0..<2)
            for reader in [old, new, restarted] { try fetchAll(reader, users: 0..<2) }
            #expect(refusal(world, key: "0a")?.code == .invalidConfig)
            #expect(refusal(world, key: "0b") == nil)
        }
    }

    @Test func whoIsWithoutTheNewMasterKeySaysSo() throws {
        let unprepared = try World(key: "0a")
        try unprepared.makeApp()
        try store(unprepared, users: 0..<1)
        let new = try unprepared.another(key: "0b", config: Self.others(["0a"]))
        try fetchAll(unprepared, users: 0..<1)
        try activate(new, try add(new))
        try store(new, users: 0..<1)
        let error = unprepared.fetchError(subject: ["userId": "u0"])
        #expect(error?.code == .invalidConfig)
        #expect(error?.message.contains("otherKeys") == true)
    }

    // MARK: - While others work

    /// A process that fetches and stores until it is told to stop.
    private final class Turns: Sendable {
        private let world: World
        private let isOver = Atomic(false)
        private let taken = Atomic(0)
        private let failed = Mutex<[String]>([])

        init(_ path: String) throws {
            world = try World(store: try SQLiteStore(path: path), key: "01", config: KeyTests.others(["02"]))
        }

        var count: Int { taken.load(ordering: .relaxed) }
        var failures: [String] { failed.withLock { $0 } }
        func stop() { isOver.store(true, ordering: .relaxed) }

        func run(_ number: Int) {
            var user = number
            while !isOver.load(ordering: .relaxed) {
                user = (user + 7) % 200
                do throws(ConnError) {
                    if number < 7 {
                        let token = try world.fetch(subject: ["userId": "u\(user)"])
                        if token["accessToken"]?.string != "at-\(user)" { throw ConnError(.internal, "another token") }
                    } else {
                        let token: JSON = ["accessToken": "at-\(user)", "refreshToken": "rt"]
                        _ = try world.call(
                            "store_token", (["appId": "google", "userId": "u\(user)"] as JSON).with(token))
                    }
                } catch {
                    failed.withLock { $0.append(error.message) }
                }
                taken.add(1, ordering: .relaxed)
                usleep(2000)  // there are more threads than processors
            }
        }
    }

    /// Whoever reads rows, and is slow to open them, finds that others have sealed them anew and dropped the key meanwhile.
    @Test(arguments: ["fetch", "list", "delete", "store_token"])
    func aRowThatIsSealedAnewWhileItIsReadIsReadAgain(_ operation: String) throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store, config: ["audit": "off"])
        try world.makeApp()
        try self.store(world, users: 1..<2)
        let other = try world.another()
        let old = try activeKey(other)
        store.at(.afterRead) {
            #expect(throws: Never.self) {
                try activate(other, try add(other))
                _ = try other.call("keys.reseal", [:])
                _ = try other.call("keys.drop", ["id": "\(old)"])
            }
        }
        let more: JSON = operation == "store_token" ? ["accessToken": "new"] : [:]
        let answer = try world.call(operation, (["appId": "google", "userId": "u1"] as JSON).with(more))
        #expect(answer["unreadable"] == nil)
        #expect(try activeKey(world) != old)
        switch operation {
        case "fetch": #expect(answer["token"]?["accessToken"]?.string == "at-1")
        case "list": #expect(answer["tokens"]?.elements.count == 1)
        case "delete": #expect(answer["deleted"]?.integer == 1)
        default: #expect(try world.fetch()["accessToken"]?.string == "new")
        }
    }

    /// Threads of two processes fetch and store while the master key and the sealing key change and all rows are sealed
    /// anew, several times over.
    @Test func nobodyNoticesThatKeysChange() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        let maker = try World(store: try SQLiteStore(path: path), key: "01", config: Self.others(["02"]))
        try maker.makeApp()
        try store(maker, users: 0..<200)
        let toParent = Pipe()
        let parent = getpid()
        let child = forkProcess()
        if child == 0 {
            guard let turns = try? Turns(path) else { _exit(2) }
            _ = onThreads(8) { turns.run($0) }
            while turns.failures.isEmpty, getppid() == parent {
                var byte: UInt8 = 0
                if turns.count > 100 { write(toParent.fileHandleForWriting.fileDescriptor, &byte, 1) }
                usleep(10_000)
            }
            FileHandle.standardError.write(Data("the other process: \(turns.failures)\n".utf8))
            _exit(1)
        }
        toParent.fileHandleForWriting.closeFile()
        #expect(toParent.fileHandleForReading.readData(ofLength: 1).count == 1)
        let turns = try Turns(path)
        let wait = onThreads(8) { turns.run($0) }

        var master = try World(store: try SQLiteStore(path: path), key: "02", config: Self.others(["01"]))
        for round in 0..<4 {
            let old = try activeKey(master)
            try activate(master, try add(master))
            _ = try master.call("keys.reseal", [:])
            _ = try master.call("keys.drop", ["id": "\(old)"])
            if round == 1 { master = try World(store: try SQLiteStore(path: path), key: "02") }
        }
        turns.stop()
        wait()
        #expect(turns.failures == [])
        #expect(turns.count > 100)
        kill(child, SIGKILL)
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status & 0x7F == SIGKILL, "the other process met an error")
        #expect(try counts(master).count == 1)
        try fetchAll(master, users: 0..<200)
        #expect(try master.call("audit.verify", [:])["ok"]?.boolean == true)
    }
}
