import Connections
import Foundation
import Store
import StoreSQLite
import TestSupport
import Testing

/// Files of earlier and later versions of the library.
@Suite struct SQLiteFormatTests {
    /// A file as the library's first version made them.
    private static let first = """
        CREATE TABLE vault (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE version (last INTEGER NOT NULL) STRICT;
        INSERT INTO version (last) VALUES (900);
        PRAGMA application_id = 1684239988;
        PRAGMA user_version = 1;
        PRAGMA journal_mode = WAL;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
        INSERT INTO vault (key, value, version)
        SELECT unhex(printf('%02x%02x', i * 37 % 251, i)), zeroblob(i * 40), i * 3 FROM n;
        """

    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("vault.db")
        let other = try OtherProcess(path)
        defer { other.end() }
        let sql = Self.first.split(separator: "\n").joined(separator: " ")
        #expect(
            other.run("db.create_function('unhex', 1, bytes.fromhex); db.executescript(\"\"\"\(sql)\"\"\")") == "done")
    }

    private static let rows: [StoredRow] = (1...200).map { number in
        StoredRow(
            key: [UInt8(number * 37 % 251), UInt8(number)], value: Array(repeating: 0, count: number * 40),
            version: UInt64(number * 3))
    }.sorted { $0.key.lexicographicallyPrecedes($1.key) }

    private var version: String {
        get throws {
            let other = try OtherProcess(path)
            defer { other.end() }
            return other.run("raise Exception(db.execute('PRAGMA user_version').fetchone()[0])")
        }
    }

    private static func open(_ path: String) -> Result<SQLiteStore, ConnError> {
        Result { () throws(ConnError) in try SQLiteStore(path: path) }
    }

    /// Opens the file in a child that may write so many bytes to any one file.
    /// - Parameters:
    ///   - atLimit: what SIGXFSZ does.
    ///   - body: gives the child's exit status.
    private func inChild(
        maxFileBytes: Int, atLimit: @escaping @convention(c) (Int32) -> Void,
        _ body: (Result<SQLiteStore, ConnError>) -> Int32
    ) -> Int32 {
        let child = forkProcess()
        if child == 0 {
            signal(SIGXFSZ, atLimit)
            var none = sigset_t()
            sigemptyset(&none)
            pthread_sigmask(SIG_SETMASK, &none, nil)  // the threads of tests are told of no signals
            var limit = rlimit(rlim_cur: rlim_t(maxFileBytes), rlim_max: rlim_t(maxFileBytes))
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            _exit(body(Self.open(path)))
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        return status
    }

    @Test func theFirstVersionsFileIsBroughtUpToDate() throws {
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.scan(prefix: [], after: nil, limit: 999) == Self.rows)
        try store.commit([.put([1], [1], expecting: .absent)])
        #expect(try store.get([1])?.version == 901)
        #expect(try version == "2")
    }

    @Test func manyProcessesMayBringItUpToDateAtOnce() throws {
        let children = (0..<4).map { _ in
            let child = forkProcess()
            if child == 0 {
                guard case .success(let store) = Self.open(path),
                    (try? store.scan(prefix: [], after: nil, limit: 999)) == Self.rows
                else { _exit(1) }
                store.close()
                _exit(0)
            }
            return child
        }
        for child in children {
            var status: Int32 = 0
            waitpid(child, &status, 0)
            #expect(status == 0)
        }
        #expect(try version == "2")
    }

    /// The file is larger than this, so that its log does not get all of it.
    private static let tooLittle = 400_000

    @Test func aProcessThatDiesOverItLeavesTheFileAsItWas() throws {
        let status = inChild(maxFileBytes: Self.tooLittle, atLimit: { _ in kill(getpid(), SIGKILL) }) { _ in 0 }
        #expect(status == SIGKILL)
        #expect(try version == "1")
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.scan(prefix: [], after: nil, limit: 999) == Self.rows)
    }

    @Test func aDiskWithoutRoomForItIsAnErrorAndLeavesTheFileAsItWas() throws {
        let status = inChild(maxFileBytes: Self.tooLittle, atLimit: { _ in }) { opened in
            guard case .failure(let error) = opened else { return 1 }
            return error.code == .invalidConfig && error.field == "path" ? 0 : 2
        }
        #expect(status == 0)
        #expect(try version == "1")
        let store = try SQLiteStore(path: path)
        defer { store.close() }
        #expect(try store.scan(prefix: [], after: nil, limit: 999) == Self.rows)
    }

    @Test func aFileThatMayNotBeWrittenIsSaidAndLeftAsItWas() throws {
        chmod(path, 0o444)
        chmod(folder.path, 0o755)
        let child = forkProcess()
        if child == 0 {
            if geteuid() == 0, setgid(65534) != 0 || setuid(65534) != 0 { _exit(1) }  // root may write everywhere
            guard case .failure(let error) = Self.open(path) else { _exit(2) }
            _exit(error.code == .invalidConfig && error.message.contains("cannot be written") ? 0 : 3)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(status == 0)
        #expect(try version == "1")
    }

    @Test(arguments: [0, 3]) func aFormatOfALaterVersionIsRefused(_ version: Int) throws {
        let other = try OtherProcess(path)
        defer { other.end() }
        other.run("db.execute('PRAGMA user_version = \(version)')")
        guard case .failure(let error) = Self.open(path) else {
            Issue.record("it was opened")
            return
        }
        #expect(error.code == .invalidConfig)
        #expect(error.message.contains("newer"))
        #expect(try self.version == String(version))
    }
}
