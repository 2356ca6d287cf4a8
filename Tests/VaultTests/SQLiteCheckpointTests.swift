import CSQLite
import Connections
import Foundation
import Glibc
import Store
import StoreSQLite
import Synchronization
import TestSupport
import Testing

/// When the log's pages come into the file.
@Suite struct SQLiteCheckpointTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("vault.db")
    }

    private static func size(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    }

    /// Its first bytes are others with each log.
    private func logHeader() throws -> Data {
        let file = try #require(FileHandle(forReadingAtPath: path + "-wal"))
        return file.readData(ofLength: 32)
    }

    /// More than SQLite, and the store, leave in the log.
    private static func fill(_ store: SQLiteStore, _ part: UInt8) throws(ConnError) {
        try store.commit(
            (0..<250).map { .put([part, $0], Array(repeating: part, count: 20_000), expecting: .absent) })
    }
    private static let filled = 250 * 20_000

    /// The committer's caller has its answer before.
    @Test func aCommitLeavesTheLogAsItIsUntilTheStoreTidies() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        try withoutForks {
            try Self.fill(store, 1)
            try Self.fill(store, 2)
            #expect(try Self.size(path) < Self.filled)
            store.tidy()
            #expect(try Self.size(path) > 2 * Self.filled)
            let (log, bytes) = (try logHeader(), try Self.size(path + "-wal"))
            try store.commit([.put([3], [3], expecting: .absent)])
            #expect(try logHeader() != log, "the log is begun anew")
            #expect(try Self.size(path + "-wal") == bytes)
        }
    }

    @Test func aShortLogIsLeftAlone() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        try withoutForks {
            let before = try Self.size(path)
            for number: UInt8 in 0..<100 { try store.commit([.put([number], [1], expecting: .absent)]) }
            store.tidy()
            #expect(try Self.size(path) == before)
        }
    }

    /// A checkpoint must not find the log begun anew by another process: SQLite up to 3.51.2 does not notice, and loses
    /// what is committed afterwards. What begins a log wants the locks of all who read from it.
    @Test func whileTheLogIsCopiedNobodyCanBeginItAnew() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        let other = try OtherProcess(path)
        defer { other.end() }
        other.run("import fcntl, struct")
        /// Whether it could have the locks of all marks, WAL_READ_LOCK(1) to (4), for itself alone.
        @Sendable func canBegin() -> String {
            other.run("lock = struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 124, 4, 0)")
            other.run("lock = struct.unpack('hhqqi4x', fcntl.fcntl(log, fcntl.F_GETLK, lock))")
            return other.run("raise Exception(lock[0] == fcntl.F_UNLCK)")
        }
        let seen = Mutex<[String]>([])
        try withoutForks {
            try Self.fill(store, 1)
            #expect(other.run("log = os.open(path + '-shm', os.O_RDWR)") == "done")
            Truncation.during({ seen.withLock { $0.append(canBegin()) } }) { store.tidy() }
            #expect(canBegin() == "True")
        }
        #expect(seen.withLock { $0 } == ["False"])
    }

    /// It is tried again after the next commit.
    @Test func aCheckpointThatTheDiskDoesNotTakeLosesNothing() throws {
        let path = path
        _ = try Self.size(folder.path)  // so that the child is not the first to ask
        let child = forkProcess()
        if child == 0 {
            signal(SIGXFSZ, SIG_IGN)
            guard let store = try? SQLiteStore(path: path), (try? Self.fill(store, 1)) != nil else { _exit(1) }
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            limit.rlim_cur = 1_000_000
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            store.tidy()
            guard (try? store.scan(prefix: [1], after: nil, limit: 999))?.count == 250 else { _exit(2) }
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            guard (try? Self.size(path)).map({ $0 <= 1_000_000 }) == true else { _exit(3) }
            guard (try? store.commit([.put([2], [2], expecting: .absent)])) != nil else { _exit(4) }
            store.tidy()
            guard (try? Self.size(path)).map({ $0 > Self.filled }) == true else { _exit(5) }
            _exit(0)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.scan(prefix: [], after: nil, limit: 999).count == 251)
    }
}

/// The moment in which SQLite gives a database its length: in a checkpoint, once all of the log is copied and before that
/// counts.
private enum Truncation {
    private typealias Call = @convention(c) (Int32, off_t) -> Int32

    /// By the thread that wants to know.
    private static let actions = Mutex<[pthread_t: @Sendable () -> Void]>([:])

    private static let original: Call? = {
        guard let system = sqlite3_vfs_find("unix"), let found = system.pointee.xGetSystemCall(system, "ftruncate")
        else { return nil }
        let replacement: Call = { (file, length) in
            Truncation.actions.withLock { $0[pthread_self()] }?()
            return Truncation.original?(file, length) ?? -1
        }
        let set = system.pointee.xSetSystemCall(
            system, "ftruncate", unsafeBitCast(replacement, to: sqlite3_syscall_ptr.self))
        return set == SQLITE_OK ? unsafeBitCast(found, to: Call.self) : nil
    }()

    /// - Parameter action: called whenever `body` comes to that moment.
    static func during(_ action: @escaping @Sendable () -> Void, _ body: () -> Void) {
        #expect(original != nil)
        actions.withLock { $0[pthread_self()] = action }
        body()
        actions.withLock { $0[pthread_self()] = nil }
    }
}
