internal import CSQLite
internal import CSQLiteLocks
internal import Connections

/// One connection to the vault's file, with its statements prepared. Used by one thread at a time.
///
/// It waits for nobody: what another process keeps locked is `unavailable`.
final class SQLiteConnection: @unchecked Sendable {  // whoever took it out of the store's keeping has it alone
    private static let locksByDescription = dc_sqlite_locks_install()

    fileprivate let database: OpaquePointer
    /// What it has open, and is counted for. Set once it is connected.
    var files: OpenFiles?
    /// Their folder, when they were last found in place.
    var folder: FolderState?
    /// How many pages the log had after the latest commit of this connection.
    private(set) var logPages = 0
    private var statements: [StaticStringKey: OpaquePointer] = [:]

    /// Opens an existing file for reading and writing.
    convenience init(path: String) throws(ConnError) {
        try self.init(path, SQLITE_OPEN_READWRITE)
    }

    /// Opens an existing file for reading what is in it, as if there were no log beside it, and nobody who writes.
    convenience init(readingAlone path: String) throws(ConnError) {
        let escaped = path.utf8.reduce(into: "") { escaped, byte in
            let isPlain = byte == 0x2F || byte == 0x2E || (byte < 0x80 && Character(Unicode.Scalar(byte)).isLetter)
            escaped += isPlain ? String(Unicode.Scalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        try self.init("file:\(escaped)?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI)
    }

    private init(_ name: String, _ flags: Int32) throws(ConnError) {
        guard Self.locksByDescription else {
            throw ConnError(.internal, "this SQLite cannot be told how to lock files")
        }
        var database: OpaquePointer?
        let flags = flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(name, &database, flags, "unix")
        guard let database, code == SQLITE_OK else {
            sqlite3_close_v2(database)
            throw SQLiteConnection.error(code)
        }
        self.database = database
        // Stands in the place of SQLite's own, which would copy the log after a commit (`wal_autocheckpoint`).
        let count: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32 = {
            (connection, _, _, pages) in
            guard let connection else { return SQLITE_MISUSE }
            Unmanaged<SQLiteConnection>.fromOpaque(connection).takeUnretainedValue().logPages = Int(pages)
            return SQLITE_OK
        }
        sqlite3_wal_hook(database, count, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        files?.leave()
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(database)
    }

    /// SQLite falls back to reading alone without saying so.
    var isReadOnly: Bool { sqlite3_db_readonly(database, "main") == 1 }

    /// Closing it, also as the last one, leaves the log to whoever opens the file next.
    var leavesLog = false {
        didSet { _ = dc_sqlite_leave_log(database, leavesLog ? 1 : 0) }
    }

    /// The file as SQLite knows it: absolute, without symbolic links.
    var path: String { sqlite3_db_filename(database, "main").map { String(cString: $0) } ?? "" }

    /// Whether this connection's file is not the one at its path any more.
    var hasMoved: Bool {
        var hasMoved: Int32 = 0
        return sqlite3_file_control(database, "main", SQLITE_FCNTL_HAS_MOVED, &hasMoved) != SQLITE_OK || hasMoved != 0
    }

    /// Copies what is in the log to the file (a checkpoint), as far as nobody reads what is there. Keeps nobody from
    /// writing, and waits for nobody.
    ///
    /// SQLite before 3.51.3 must do so only while another connection reads (``SQLiteStore/settle()``).
    func copyLog() throws(ConnError) {
        logPages = 0
        try check(sqlite3_wal_checkpoint_v2(database, "main", SQLITE_CHECKPOINT_PASSIVE, nil, nil))
    }

    /// Runs a statement to its end.
    func run(_ sql: StaticString, _ bindings: SQLiteValue...) throws(ConnError) {
        try rows(sql, bindings) { (_) throws(ConnError) in false }
    }

    /// The first column of the first row.
    func integer(_ sql: StaticString, _ bindings: SQLiteValue...) throws(ConnError) -> Int64? {
        var value: Int64?
        try rows(sql, bindings) { (row) throws(ConnError) in
            value = row.integer(0)
            return false
        }
        return value
    }

    /// The first column of the first row.
    func blob(_ sql: StaticString) throws(ConnError) -> [UInt8]? {
        var value: [UInt8]?
        try rows(sql, []) { (row) throws(ConnError) in
            value = row.blob(0)
            return false
        }
        return value
    }

    /// The first column of the first row.
    func text(_ sql: StaticString) throws(ConnError) -> String? {
        var value: String?
        try rows(sql, []) { (row) throws(ConnError) in
            value = String(decoding: row.blob(0), as: UTF8.self)
            return false
        }
        return value
    }

    /// Runs `body` in a transaction, which is rolled back when it throws.
    /// - Parameter begin: the statement that begins it; nil: there is none.
    func transaction(
        _ begin: StaticString?, _ body: (SQLiteConnection) throws(ConnError) -> Void
    ) throws(ConnError) {
        guard let begin else { return try body(self) }
        try run(begin)
        do throws(ConnError) {
            try body(self)
            try run("COMMIT")
        } catch {
            // After a full disk or an I/O error SQLite may have rolled back by itself.
            if sqlite3_get_autocommit(database) == 0 { try? run("ROLLBACK") }
            throw error
        }
    }

    /// Calls `each` for the statement's rows until it answers false. The statement is reset afterwards, so that no
    /// read snapshot stays open.
    func rows(
        _ sql: StaticString, _ bindings: [SQLiteValue], _ each: (SQLiteRow) throws(ConnError) -> Bool
    ) throws(ConnError) {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in bindings.enumerated() {
            try check(value.bind(to: statement, at: Int32(index + 1)))
        }
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw Self.error(code) }
            if try !each(SQLiteRow(statement: statement)) { return }
        }
    }

    private func prepared(_ sql: StaticString) throws(ConnError) -> OpaquePointer {
        let key = StaticStringKey(text: sql)
        if let statement = statements[key] { return statement }
        var statement: OpaquePointer?
        let code = sql.utf8Start.withMemoryRebound(to: CChar.self, capacity: sql.utf8CodeUnitCount) {
            sqlite3_prepare_v3(
                database, $0, Int32(sql.utf8CodeUnitCount), UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        }
        guard code == SQLITE_OK, let statement else { throw Self.error(code) }
        statements[key] = statement
        return statement
    }

    private func check(_ code: Int32) throws(ConnError) {
        guard code == SQLITE_OK else { throw Self.error(code) }
    }

    static let locked = ConnError(.unavailable, "the vault's database is locked by another process")

    /// What a result code means to an operator. SQLite's own text for the code comes along; it holds no data.
    static func error(_ code: Int32) -> ConnError {
        let detail = String(cString: sqlite3_errstr(code))
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
            return locked
        case SQLITE_FULL:
            return ConnError(.internal, "the vault's disk is full; nothing was written")
        case SQLITE_READONLY:
            return ConnError(.internal, "the vault's database cannot be written")
        case SQLITE_CORRUPT:
            return ConnError(.internal, "the vault's database is corrupt")
        case SQLITE_NOTADB:
            return ConnError(.internal, "the file is no SQLite database")
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
            return ConnError(.internal, "the vault's database cannot be opened: \(detail)")
        default:
            return ConnError(.internal, "the vault's database failed: \(detail) (SQLite \(code))")
        }
    }
}

/// SQLite's own way of copying all pages of a database.
final class SQLiteBackup {
    private var backup: OpaquePointer?
    private let target: SQLiteConnection

    init(from source: SQLiteConnection, to target: SQLiteConnection) throws(ConnError) {
        guard let backup = sqlite3_backup_init(target.database, "main", source.database, "main") else {
            throw SQLiteConnection.error(sqlite3_extended_errcode(target.database))
        }
        self.backup = backup
        self.target = target
    }

    deinit { finish() }

    /// Lets go of both connections.
    func finish() {
        sqlite3_backup_finish(backup)
        backup = nil
    }

    /// - Returns: whether that was all.
    func step(_ pages: Int32) throws(ConnError) -> Bool {
        switch sqlite3_backup_step(backup, pages) {
        case SQLITE_OK: return false
        case SQLITE_DONE: return true
        case let code: throw SQLiteConnection.error(code)
        }
    }
}

/// A value for a statement's parameter.
enum SQLiteValue {
    case blob([UInt8])
    case integer(Int64)

    fileprivate func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        switch self {
        case .blob(let bytes):
            bytes.withUnsafeBytes {
                sqlite3_bind_blob64(
                    statement, index, $0.baseAddress, sqlite3_uint64($0.count), dc_sqlite_transient())
            }
        case .integer(let integer):
            sqlite3_bind_int64(statement, index, integer)
        }
    }
}

/// The row a statement stands on.
struct SQLiteRow {
    fileprivate let statement: OpaquePointer

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

    func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(statement, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(statement, column))))
    }
}

/// A statement's text by its address: each is written once in the program.
private struct StaticStringKey: Hashable {
    let text: StaticString

    static func == (a: StaticStringKey, b: StaticStringKey) -> Bool { a.text.utf8Start == b.text.utf8Start }

    func hash(into hasher: inout Hasher) { hasher.combine(UInt(bitPattern: text.utf8Start)) }
}
