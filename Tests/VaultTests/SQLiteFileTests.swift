import Connections
import Foundation
import Glibc
import Store
import StoreSQLite
import TestSupport
import Testing

/// What becomes of a vault when its host, or somebody else, gets at its files.
@Suite struct SQLiteFileTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("vault.db")
    }

    /// What a host does with its vault's files, in its own process.
    enum Host: String, CaseIterable {
        case nothing, readsTheFile, copiesAllFiles, opensItByAnotherSQLite

        func act(_ path: String) throws {
            switch self {
            case .nothing:
                break
            case .readsTheFile:
                _ = try Data(contentsOf: URL(fileURLWithPath: path))
            case .copiesAllFiles:
                for name in [path, path + "-wal", path + "-shm"] {
                    _ = try Data(contentsOf: URL(fileURLWithPath: name))
                }
            case .opensItByAnotherSQLite:
                try SecondSQLite().read(path)
            }
        }
    }

    /// Closing a descriptor of a file drops all locks of the process on it; another process then takes itself for the last
    /// one, and removes the log.
    @Test(arguments: Host.allCases) func commitsStayWhateverTheHostDoes(_ host: Host) throws {
        let store = try SQLiteStore(path: path)
        try store.commit([.put([1], [1], expecting: .absent)])
        #expect(try store.get([1]) != nil)
        try host.act(path)
        let other = try OtherProcess(path)
        let key = "x'6f'"
        #expect(
            other.run("db.execute(\"INSERT INTO vault (key, version, value) VALUES (\(key), 999, \(key))\")") == "done")
        other.end()  // as the last one, if it thinks so
        try store.commit([.put([2], [2], expecting: .absent)])
        #expect(try store.scan(prefix: [], after: nil, limit: 9).map(\.key) == [[1], [2], [0x6F]])
        let third = try OtherProcess(path)
        #expect(third.run("raise Exception(db.execute('SELECT count(*) FROM vault').fetchone()[0])") == "3")
        third.end()
        store.close()
        let again = try SQLiteStore(path: path)
        defer { again.close() }
        #expect(try again.scan(prefix: [], after: nil, limit: 9).map(\.key) == [[1], [2], [0x6F]])
    }

    @Test(arguments: Host.allCases) func nobodyElseWritesDuringACommitWhateverTheHostDoes(_ host: Host) throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        let other = try OtherProcess(path)
        defer { other.end() }
        try store.commit(.unbounded) {
            #expect(throws: Never.self) { try host.act(path) }
            #expect(other.run("db.execute('BEGIN IMMEDIATE')") == "database is locked")
            return StoreCommit([.put([1], [1], expecting: .absent)], .unbounded)
        }
        #expect(other.run("db.execute('BEGIN IMMEDIATE')") == "done")
    }

    /// What happens to a file, and how it is undone.
    enum Mishap: String, CaseIterable {
        case moved, replaced, removed

        func happen(to file: String) throws {
            let files = FileManager.default
            switch self {
            case .moved: try files.moveItem(atPath: file, toPath: file + ".away")
            case .replaced:
                try files.copyItem(atPath: file, toPath: file + ".new")
                #expect(rename(file + ".new", file) == 0)
            case .removed: try files.removeItem(atPath: file)
            }
        }
    }

    /// A folder in which nothing has happened for long is looked at less closely: until something happens, whatever is
    /// done to the folder's times afterwards, as by tar, which puts them back.
    @Test(arguments: Mishap.allCases, ["", "-wal", "-shm"])
    func aFileThatIsGoneFromAQuietFolderIsSaid(_ mishap: Mishap, _ suffix: String) throws {
        try withoutForks {
            let store = try SQLiteStore(path: path, now: { .max })  // all that has happened was long ago
            defer { store.close() }
            try store.commit([.put([1], [1], expecting: .absent)])
            #expect(try store.get([1]) != nil)
            #expect(try store.get([1]) != nil)
            var before = stat()
            #expect(stat(folder.path, &before) == 0)
            // What happens now gets another time than what happened before.
            var now = timespec()
            repeat {
                clock_gettime(CLOCK_REALTIME_COARSE, &now)
            } while (now.tv_sec, now.tv_nsec) <= (before.st_ctim.tv_sec, before.st_ctim.tv_nsec)
            try mishap.happen(to: path + suffix)
            #expect(utimensat(AT_FDCWD, folder.path, [before.st_atim, before.st_mtim], 0) == 0)
            #expect(message { () throws(ConnError) in _ = try store.get([1]) }?.contains("moved, replaced") == true)
        }
    }

    /// A change that has the time of the one before is not told by the folder.
    @Test func aFileThatIsGoneRightAfterAnotherChangeIsSaid() throws {
        try withoutForks {
            var status = stat()
            #expect(stat(folder.path, &status) == 0)
            let store = try SQLiteStore(path: path, now: { [status] in status.st_ctim.tv_sec })
            defer { store.close() }
            for key: UInt8 in 0..<20 {
                let other = path + ".other"
                try store.commit([.put([key], [1], expecting: .absent)])
                try Data().write(to: URL(fileURLWithPath: other))
                #expect(try store.get([key]) != nil)
                #expect(rename(path, other) == 0)
                #expect(message { () throws(ConnError) in _ = try store.get([key]) }?.contains("moved") == true)
                #expect(rename(other, path) == 0)
            }
        }
    }

    @Test(arguments: Mishap.allCases, ["", "-wal", "-shm"])
    func aFileThatIsGoneIsSaidAndNotAnsweredFrom(_ mishap: Mishap, _ suffix: String) throws {
        try withoutForks {
            let store = try SQLiteStore(path: path)
            defer { store.close() }
            try store.commit([.put([1], [1], expecting: .absent)])
            #expect(try store.get([1]) != nil)
            try mishap.happen(to: path + suffix)
            let messages = [
                message { () throws(ConnError) in _ = try store.get([1]) },
                message { () throws(ConnError) in try store.commit([.put([1], [2], expecting: .any)]) },
            ]
            #expect(messages.allSatisfy { $0?.contains("moved, replaced or removed") == true }, "\(messages)")
            // Nor does a second handle begin on half of what the first has.
            if !suffix.isEmpty {
                #expect(message { () throws(ConnError) in _ = try SQLiteStore(path: path) }?.contains("moved") == true)
            }
            guard mishap == .moved else { return }
            #expect(rename(path + suffix + ".away", path + suffix) == 0)
            #expect(try store.get([1])?.value == [1])
            try store.commit([.put([1], [3], expecting: .any)])
        }
    }

    /// With the last connection of the process SQLite removes the log: that is no mishap.
    @Test func aHandleGoesOnWhenAnotherOneWasTheOnlyOneAtWork() throws {
        let first = try SQLiteStore(path: path)
        let second = try SQLiteStore(path: path)
        defer { second.close() }
        try first.commit([.put([1], [1], expecting: .absent)])
        first.close()
        #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
        #expect(try second.get([1])?.value == [1])
    }

    @Test func aVaultThatIsClosedIsOneFile() throws {
        let store = try SQLiteStore(path: path)
        try store.commit([.put([1], [1], expecting: .absent)])
        let child = forkProcess()
        if child == 0 { _exit(0) }
        waitpid(child, nil, 0)
        store.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["vault.db"])
    }

    /// A vault with one row in its file and one in its log, as a process that died leaves it.
    private func die(at path: String, with key: UInt8, size: Int = 1) throws {
        let child = forkProcess()
        if child == 0 {
            guard let made = try? SQLiteStore(path: path) else { _exit(1) }
            guard (try? made.commit([.put([1], [1], expecting: .any)])) != nil else { _exit(2) }
            made.close()
            guard let store = try? SQLiteStore(path: path),
                (try? store.commit([.put([key], [UInt8](repeating: 1, count: size), expecting: .any)])) != nil
            else { _exit(3) }
            _exit(0)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        #expect(FileManager.default.fileExists(atPath: path + "-wal"))
    }

    @Test func aLogThatIsTheFilesIsTaken() throws {
        try die(at: path, with: 2)
        try die(at: path, with: 3)
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.scan(prefix: [], after: nil, limit: 9).map(\.key) == [[1], [2], [3]])
    }

    /// SQLite copies the log's pages into the file in their order; the first one says how many there are. On a full disk it
    /// gets no further, and until somebody has copied the rest the file alone is none that SQLite reads.
    @Test func aLogOfWhichOnlyThePagesThatFitWereCopiedIsTaken() throws {
        try die(at: path, with: 2, size: 100_000)
        let whole = folder.file("whole.db")
        for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + suffix, toPath: whole + suffix) }
        try SQLiteStore(path: whole).close()
        let first = try #require(FileManager.default.contents(atPath: whole)).prefix(4096)
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.write(contentsOf: first)
        try file.close()
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.scan(prefix: [], after: nil, limit: 9).map(\.value.count) == [1, 100_000])
    }

    /// Whose file is put in a database's place while the log stays.
    enum Copy: String, CaseIterable {
        case ofAnotherVault, ofAnEarlierState, ofALaterState
    }

    @Test(arguments: Copy.allCases) func aLogOfAnotherFileIsSaidAndNeitherIsChanged(_ copy: Copy) throws {
        let files = FileManager.default
        let saved = folder.file("saved.db")
        switch copy {
        case .ofAnotherVault:
            try SQLiteStore(path: saved).close()
            try die(at: path, with: 2)
        case .ofAnEarlierState:
            try SQLiteStore(path: path).close()
            try files.copyItem(atPath: path, toPath: saved)
            try die(at: path, with: 2)
        case .ofALaterState:
            try die(at: path, with: 2)
            let log = files.contents(atPath: path + "-wal")
            let later = try SQLiteStore(path: path)
            try later.commit([.put([3], [1], expecting: .any)])
            later.close()
            try files.copyItem(atPath: path, toPath: saved)
            #expect(files.createFile(atPath: path + "-wal", contents: log))
        }
        try files.removeItem(atPath: path)
        try files.copyItem(atPath: saved, toPath: path)
        let before = [path, path + "-wal"].map { files.contents(atPath: $0) }
        let refused = message { () throws(ConnError) in _ = try SQLiteStore(path: path) }
        #expect(refused?.contains("belongs to another") == true, "\(refused ?? "opened")")
        #expect([path, path + "-wal"].map { files.contents(atPath: $0) } == before)
        for suffix in ["-wal", "-shm"] { try? files.removeItem(atPath: path + suffix) }
        try SQLiteStore(path: path).close()
    }

    private func message(_ body: () throws(ConnError) -> Void) -> String? {
        do throws(ConnError) {
            try body()
            return nil
        } catch {
            return error.code == .internal || error.code == .invalidConfig ? error.message : "\(error.code)"
        }
    }
}

/// A copy of the system's SQLite that shares nothing with the one that is loaded, as a host's own is to the library's.
private struct SecondSQLite {
    private typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<OpaquePointer?>) -> Int32
    private typealias Execute =
        @convention(c) (
            OpaquePointer?, UnsafePointer<CChar>, UnsafeRawPointer?, UnsafeRawPointer?, UnsafeRawPointer?
        ) -> Int32
    private typealias Close = @convention(c) (OpaquePointer?) -> Int32

    private let library: UnsafeMutableRawPointer

    init() throws {
        let file = try #require(FileHandle(forReadingAtPath: "/proc/self/maps"))
        let maps = String(decoding: file.readDataToEndOfFile(), as: UTF8.self)
        let line = try #require(maps.split(separator: "\n").first { $0.contains("/libsqlite3.so") })
        let folder = try TemporaryFolder()
        let copy = folder.file("sqlite.so")
        try FileManager.default.copyItem(atPath: String(try #require(line.split(separator: " ").last)), toPath: copy)
        library = try #require(dlopen(copy, RTLD_NOW | RTLD_LOCAL | 0x8))  // RTLD_DEEPBIND
    }

    func read(_ path: String) throws {
        func function<Function>(_ name: String, _: Function.Type) throws -> Function {
            let symbol = try #require(dlsym(library, name))
            #expect(symbol != dlsym(nil, name))
            return unsafeBitCast(symbol, to: Function.self)
        }
        var database: OpaquePointer?
        #expect(try function("sqlite3_open", Open.self)(path, &database) == 0)
        #expect(
            try function("sqlite3_exec", Execute.self)(database, "SELECT count(*) FROM vault", nil, nil, nil) == 0)
        #expect(try function("sqlite3_close", Close.self)(database) == 0)
    }
}
