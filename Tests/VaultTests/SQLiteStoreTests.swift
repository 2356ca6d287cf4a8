import Connections
import Foundation
import Testing
import Vault

@Suite struct SQLiteStoreTests {
    private func open(_ path: String) -> Result<SQLiteStore, ConnError> {
        Result { () throws(ConnError) in try SQLiteStore(path: path) }
    }

    private func refusal(_ path: String) -> ConnError? {
        if case .failure(let error) = open(path) { error } else { nil }
    }

    @Test func anotherStoreOnTheFileSeesWhatWasCommitted() throws {
        let folder = try TemporaryFolder()
        let first = try SQLiteStore(path: folder.file("vault.db"))
        let second = try SQLiteStore(path: folder.file("vault.db"))
        try first.commit([.put([1], [1], expecting: .absent)])
        let seen = try #require(try second.get([1]))
        try second.commit([.put([1], [2], expecting: .version(seen.version))])
        #expect(try first.get([1])?.value == [2])
        first.close()
        second.close()
        let third = try SQLiteStore(path: folder.file("vault.db"))
        #expect(try third.get([1])?.value == [2])
        third.close()
    }

    @Test func onlyTheOwnerMayReadTheFile() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(path: folder.file("vault.db"))
        try store.commit([.put([1], [1], expecting: .absent)])
        defer { store.close() }
        for name in ["vault.db", "vault.db-wal", "vault.db-shm"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.file(name))
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }

    @Test func manyAtOnceMayMakeTheFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        DispatchQueue.concurrentPerform(iterations: 8) { number in
            do {
                let store = try SQLiteStore(path: path)
                try store.commit([.put([UInt8(number)], [1], expecting: .absent)])
                store.close()
            } catch {
                Issue.record(error)
            }
        }
        let store = try SQLiteStore(path: path)
        #expect(try store.scan(prefix: [], after: nil, limit: 100).count == 8)
        store.close()
    }

    @Test func aNameThatMeansSomethingToSQLiteIsAFile() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(path: folder.file(":memory:"))
        store.close()
        #expect(FileManager.default.fileExists(atPath: folder.file(":memory:")))
    }

    @Test func whatCannotBeAVaultIsRefusedByName() throws {
        let folder = try TemporaryFolder()
        let noise = try folder.write("noise.db", Array(repeating: 0x5A, count: 8192))
        for path in [folder.file("missing/vault.db"), folder.path, folder.path + "/", "", noise] {
            let error = refusal(path)
            #expect(error?.code == .invalidConfig, "\(path): \(error?.message ?? "opened")")
            #expect(error?.field == "path")
        }
        #expect(FileManager.default.contents(atPath: noise) == Data(repeating: 0x5A, count: 8192))
    }

    @Test func anotherProgramsDatabaseIsLeftAsItIs() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("other.db")
        let sqlite = Process()
        sqlite.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        sqlite.arguments = [
            "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript('CREATE TABLE t (a)')", path,
        ]
        try sqlite.run()
        sqlite.waitUntilExit()
        let before = FileManager.default.contents(atPath: path)
        let error = refusal(path)
        #expect(error?.code == .invalidConfig)
        #expect(error?.message.contains("something else") == true)
        #expect(FileManager.default.contents(atPath: path) == before)
    }

    @Test func aCorruptFileIsAnErrorAndNotACrash() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        let store = try SQLiteStore(path: path)
        try store.commit(
            (0..<200).map { .put([UInt8($0)], Array(repeating: 1, count: 500), expecting: .absent) })
        store.close()
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for offset in 4096..<bytes.count { bytes[offset] = 0xA5 }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        switch open(path) {
        case .failure(let error):
            #expect(error.code == .invalidConfig)
        case .success(let store):
            let error = #expect(throws: ConnError.self) { try store.scan(prefix: [], after: nil, limit: 500) }
            #expect(error?.code == .internal)
            #expect(error?.message.contains("corrupt") == true)
            store.close()
        }
    }
}
