import Connections
import Foundation
import Glibc
import Store
import StoreSQLite
import TestSupport
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
        defer { store.close() }
        for name in ["vault.db", "vault.db-wal", "vault.db-shm"] {
            #expect(try mode(of: folder.file(name), store) == 0o600, "\(name)")
        }
    }

    /// A fork in another test closes all files for its time (``ForkGuard``), and SQLite then removes some of them: the
    /// next commit makes them again.
    private func mode(of file: String, _ store: SQLiteStore) throws -> Int? {
        for _ in 0..<100 {
            try store.commit([.put([1], [1], expecting: .any)])
            if let found = try? FileManager.default.attributesOfItem(atPath: file) {
                return found[.posixPermissions] as? Int
            }
        }
        return nil
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

    /// Without leave to make it, a mistyped path leads to an error, and to no file.
    @Test func aFileThatIsNotToBeMadeMustExist() throws {
        let folder = try TemporaryFolder()
        let missing = folder.file("mistyped.db")
        let empty = try folder.write("empty.db", [])
        for path in [missing, empty, folder.file("missing/vault.db")] {
            let error = #expect(throws: ConnError.self) { try SQLiteStore(path: path, creates: false) }
            #expect(error?.code == .invalidConfig, "\(path)")
            #expect(error?.field == "path", "\(path)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["empty.db"])
        #expect(FileManager.default.contents(atPath: empty) == Data())

        let path = folder.file("vault.db")
        try SQLiteStore(path: path).close()
        try SQLiteStore(path: path, creates: false).close()
    }

    @Test func whatCannotBeAVaultIsRefusedByName() throws {
        let folder = try TemporaryFolder()
        let noise = try folder.write("noise.db", Array(repeating: 0x5A, count: 8192))
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [folder.file("missing/vault.db"), folder.path, folder.path + "/", "", noise, pipe, "/dev/zero"] {
            let error = refusal(path)
            #expect(error?.code == .invalidConfig, "\(path): \(error?.message ?? "opened")")
            #expect(error?.field == "path")
        }
        #expect(FileManager.default.contents(atPath: noise) == Data(repeating: 0x5A, count: 8192))
    }

    @Test(arguments: ["-wal", "-shm", "-journal"]) func aPipeBesideTheFileIsNotWaitedFor(_ suffix: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        try SQLiteStore(path: path).close()
        #expect(mkfifo(path + suffix, 0o600) == 0)
        #expect(refusal(path)?.message == "path: the \(suffix) file beside it is no regular file")
        unlink(path + suffix)
        try SQLiteStore(path: path).close()
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

    /// A file that may not grow any further: what a full disk looks like.
    @Test func aFullDiskLosesNothingAndWritesNoHalf() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        try SQLiteStore(path: path).close()
        let child = forkProcess()
        if child == 0 {
            signal(SIGXFSZ, SIG_IGN)
            guard let store = try? SQLiteStore(path: path),
                (try? store.commit([.put([1], [1], expecting: .absent)])) != nil
            else { _exit(1) }
            var limit = rlimit(rlim_cur: 65536, rlim_max: 65536)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            do throws(ConnError) {
                try store.commit((0..<64).map { .put([2, $0], Array(repeating: 7, count: 4000), expecting: .absent) })
                _exit(2)
            } catch {
                guard error.code == .internal else { _exit(3) }
            }
            // Reading goes on.
            guard (try? store.get([1]))??.value == [1] else { _exit(4) }
            _exit(0)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.scan(prefix: [], after: nil, limit: 100).map(\.key) == [[1]])
        try store.commit([.put([3], [3], expecting: .absent)])
    }

    @Test func aProcessThatDiesInItsCommitLeavesNoHalf() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        for _ in 0..<5 {
            let toParent = Pipe()
            let child = forkProcess()
            if child == 0 {
                guard let own = try? SQLiteStore(path: path) else { _exit(1) }
                for round in 0... {
                    let writes = (0..<16).map { StoreWrite.put([UInt8($0)], [UInt8(round & 255)], expecting: .any) }
                    guard (try? own.commit(writes)) != nil else { _exit(2) }
                    var byte: UInt8 = 0
                    if round == 3 { write(toParent.fileHandleForWriting.fileDescriptor, &byte, 1) }
                }
            }
            #expect(toParent.fileHandleForReading.readData(ofLength: 1).count == 1)
            kill(child, SIGKILL)
            var status: Int32 = 0
            waitpid(child, &status, 0)
            let rows = try store.scan(prefix: [], after: nil, limit: 100)
            #expect(rows.count == 16)
            #expect(Set(rows.map(\.value)).count == 1)
        }
    }

    /// A child that opens the file by itself must take locks of its own: were it to live on what it remembers of its
    /// parent's, the parent's close would take the log away from under it.
    @Test func aChildOfAForkIsAProcessOfItsOwn() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        let store = try SQLiteStore(path: path)
        try store.commit([.put([1], [1], expecting: .absent)])
        #expect(try store.get([1]) != nil)
        let toChild = Pipe()
        let toParent = Pipe()
        let child = forkProcess()
        if child == 0 {
            var byte: UInt8 = 0
            guard let own = try? SQLiteStore(path: path),
                (try? own.commit([.put([2], [2], expecting: .absent)])) != nil,
                write(toParent.fileHandleForWriting.fileDescriptor, &byte, 1) == 1,
                Glibc.read(toChild.fileHandleForReading.fileDescriptor, &byte, 1) == 1,
                (try? own.commit([.put([3], [3], expecting: .absent)])) != nil
            else { _exit(1) }
            own.close()
            _exit(0)
        }
        #expect(toParent.fileHandleForReading.readData(ofLength: 1).count == 1)
        #expect(try store.get([2])?.value == [2])
        store.close()
        toChild.fileHandleForWriting.write(Data([0]))
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        let again = try SQLiteStore(path: path)
        #expect(try again.scan(prefix: [], after: nil, limit: 10).map(\.key) == [[1], [2], [3]])
        again.close()
    }
}
