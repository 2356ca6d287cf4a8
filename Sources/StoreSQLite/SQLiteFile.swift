internal import CPlatform
internal import CSQLiteLocks
internal import Connections
internal import Glibc
internal import Runtime

/// The vault's file on disk: makes it, proves that it is one, and opens connections to it.
struct SQLiteFile: Sendable {
    /// How long opening waits for another process, in milliseconds.
    private static let openTimeoutMilliseconds = 5000

    /// Closing any descriptor of a file drops all of this process's locks on it (fcntl), a host's own too, so a file is
    /// never opened here while somebody may have it open: it is only ever made, by one thread at a time. Held inside of the
    /// fork guard alone, so that no child finds it held.
    private static let making = Monitor(())

    /// Absolute, so that a later chdir does not lead elsewhere, and so that no name means something special to SQLite.
    private let path: String
    private let inode: Inode
    /// Of its ``Mark``.
    private let id: [UInt8]
    /// Seconds since 1970.
    private let now: @Sendable () -> Int

    /// Errors are `invalid_config` for the field `path`; `unavailable` when the file stays locked.
    init(
        path: String, creates: Bool, now: @escaping @Sendable () -> Int, patience: Patience
    ) throws(ConnError) {
        self.now = now
        let path = try Self.absolute(path)
        let context = CallContext(
            deadline: .after(milliseconds: Self.openTimeoutMilliseconds), cancellation: Cancellation())
        do throws(ConnError) {
            if creates { try Self.make(path) } else { try Self.findVault(path) }
            (inode, id) = try patience.whileLocked(context) { () throws(ConnError) in try Self.prepare(path) }
        } catch {
            if error.code == .timeout { throw SQLiteConnection.locked }
            throw ConnError(.invalidConfig, "path: \(error.message)", field: "path")
        }
        self.path = path
        if dc_sqlite_locks_are_missing() {
            Log.write(
                .warning,
                "this system has no locks by file description: the vault's file must not be read by this process")
        }
    }

    /// Makes an empty file if there is none. SQLite gives its mode to the files it puts beside it.
    private static func make(_ path: String) throws(ConnError) {
        let problem: Int32 = ForkGuard.use {
            making.withLock { _ in
                let descriptor = dc_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
                guard descriptor < 0 else {
                    Glibc.close(descriptor)
                    return 0
                }
                return dc_errno() == EEXIST ? 0 : dc_errno()
            }
        }
        guard problem == 0 else {
            throw ConnError(.internal, "the file cannot be made: \(String(cString: strerror(problem)))")
        }
    }

    private static func findVault(_ path: String) throws(ConnError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw ConnError(
                .internal, "there is no vault, and create is false: \(String(cString: strerror(dc_errno())))")
        }
        guard status.st_size > 0 else { throw ConnError(.internal, "the file is empty, and create is false") }
    }

    private static func prepare(_ path: String) throws(ConnError) -> (Inode, [UInt8]) {
        if let inode = Inode(path) { try checkOthers(inode) }
        let connection = try open(path)
        guard !connection.isReadOnly else { throw ConnError(.internal, "the vault's database cannot be written") }
        connection.leavesLog = true
        try LogFile.check(beside: connection)
        connection.leavesLog = false
        try SQLiteFormat.prepare(connection)
        guard let inode = Inode(path), !connection.hasMoved else { throw moved }
        return (inode, try SQLiteFormat.mark(connection).id)
    }

    private static func open(_ path: String) throws(ConnError) -> SQLiteConnection {
        for suffix in ["", "-wal", "-shm", "-journal"] where RegularFile.isNone(path + suffix) {
            throw ConnError(
                .internal, "\(suffix.isEmpty ? "it" : "the \(suffix) file beside it") is no regular file")
        }
        let connection = try SQLiteConnection(path: path)
        try connection.run("PRAGMA synchronous = FULL")
        try connection.run("PRAGMA secure_delete = ON")
        try connection.run("PRAGMA trusted_schema = OFF")
        try connection.run("PRAGMA cell_size_check = ON")
        return connection
    }

    // MARK: - Connections

    func connect() throws(ConnError) -> SQLiteConnection {
        guard Inode(path) == inode else { throw Self.moved }
        try Self.checkOthers(inode)
        let connection = try Self.open(path)
        guard try SQLiteFormat.mark(connection).id == id,
            let files = OpenFiles(path, resolved: connection.path), files.areInPlace, !connection.hasMoved,
            files.join()
        else { throw Self.moved }
        connection.files = files
        return connection
    }

    /// Before a connection is made: beside another log, SQLite would take what it knows of the old one for it.
    private static func checkOthers(_ inode: Inode) throws(ConnError) {
        guard OpenFiles.known(inode)?.areInPlace ?? true else { throw moved }
    }

    /// Before a connection is used: what was moved away, nobody else reads any more, and what is there now is not known
    /// to SQLite.
    func check(_ connection: SQLiteConnection) throws(ConnError) {
        guard let files = connection.files, files.areInPlace(&connection.folder, now: now()) else { throw Self.moved }
    }

    private static var moved: ConnError {
        ConnError(
            .internal,
            """
            the vault's file, or its -wal or -shm file, was moved, replaced or removed while it was open: \
            nothing was read or written
            """)
    }

    // MARK: - Names

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
}
