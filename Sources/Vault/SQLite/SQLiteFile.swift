internal import CPlatform
internal import Connections
internal import Glibc
internal import HTTP
internal import Memory

/// The vault's file on disk: makes it, proves that it is one, and opens connections to it.
struct SQLiteFile: Sendable {
    /// Marks the file as ours in SQLite's header: "dcvt".
    private static let applicationID: Int64 = 0x6463_7674
    private static let formatVersion: Int64 = 1

    /// Closing any descriptor of a file drops all of this process's locks on it (fcntl), so a file is never opened here
    /// while SQLite may have it open: it is only ever made, by one thread at a time.
    private static let making = Monitor(())

    /// Absolute, so that a later chdir does not lead elsewhere, and so that no name means something special to SQLite.
    private let path: String

    /// Errors are `invalid_config` for the field `path`.
    init(path: String) throws(ConnError) {
        self.path = try Self.absolute(path)
        do throws(ConnError) {
            try make()
            let connection = try connect()
            guard !connection.isReadOnly else { throw ConnError(.internal, "the vault's database cannot be written") }
            try Self.prepare(connection)
        } catch {
            throw error.code == .unavailable
                ? error : ConnError(.invalidConfig, "path: \(error.message)", field: "path")
        }
    }

    func connect() throws(ConnError) -> SQLiteConnection {
        let connection = try SQLiteConnection(path: path)
        try connection.run("PRAGMA synchronous = FULL")
        try connection.run("PRAGMA secure_delete = ON")
        try connection.run("PRAGMA trusted_schema = OFF")
        try connection.run("PRAGMA cell_size_check = ON")
        return connection
    }

    private static func absolute(_ path: String) throws(ConnError) -> String {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        guard !name.isEmpty, name != ".", name != ".." else {
            throw .invalidConfig("path", "names no file")
        }
        guard let resolved = realpath(folder, nil) else {
            throw ConnError(
                .invalidConfig,
                "path: the folder \(folder) cannot be reached: \(String(cString: strerror(dc_errno())))",
                field: "path")
        }
        defer { free(resolved) }
        let base = String(cString: resolved)
        return base == "/" ? "/\(name)" : "\(base)/\(name)"
    }

    /// Makes an empty file if there is none. SQLite gives its mode to the files it puts beside it.
    private func make() throws(ConnError) {
        let problem: Int32 = Self.making.withLock { _ in
            let descriptor = dc_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor < 0 else {
                Glibc.close(descriptor)
                return 0
            }
            return dc_errno() == EEXIST ? 0 : dc_errno()
        }
        guard problem == 0 else {
            throw ConnError(.internal, "the file cannot be made: \(String(cString: strerror(problem)))")
        }
    }

    /// Makes the tables in an empty file; refuses a file that is something else, and leaves it as it is.
    private static func prepare(_ connection: SQLiteConnection) throws(ConnError) {
        if try isEmpty(connection) {
            try connection.transaction("BEGIN EXCLUSIVE") { (connection) throws(ConnError) in
                guard try isEmpty(connection) else { return }  // another process was faster
                try connection.run(
                    """
                    CREATE TABLE vault (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL)
                    STRICT, WITHOUT ROWID
                    """)
                try connection.run("CREATE TABLE version (last INTEGER NOT NULL) STRICT")
                try connection.run("INSERT INTO version (last) VALUES (0)")
                try connection.run("PRAGMA application_id = 1684239988")
                try connection.run("PRAGMA user_version = 1")
            }
        }
        guard try connection.integer("PRAGMA application_id") == applicationID else {
            throw ConnError(.internal, "the file is a database of something else")
        }
        guard try connection.integer("PRAGMA user_version") == formatVersion else {
            throw ConnError(.internal, "the vault's database is of a newer version of this library")
        }
        try switchToWAL(connection)
    }

    /// Persistent: only the first opening changes anything. SQLite does not wait for others here, so this does.
    private static func switchToWAL(_ connection: SQLiteConnection) throws(ConnError) {
        let deadline = Deadline.after(milliseconds: Int(SQLiteConnection.busyTimeoutMilliseconds))
        while true {
            do throws(ConnError) {
                guard try connection.text("PRAGMA journal_mode = WAL") == "wal" else {
                    throw ConnError(.internal, "the file system of the vault's database cannot share memory (WAL)")
                }
                return
            } catch {
                guard error.code == .unavailable, !deadline.hasPassed else { throw error }
                usleep(10_000)
            }
        }
    }

    private static func isEmpty(_ connection: SQLiteConnection) throws(ConnError) -> Bool {
        try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
    }
}
