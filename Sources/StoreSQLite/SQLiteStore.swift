package import Connections
internal import Runtime
package import Store
internal import Synchronization

/// The vault's rows in one SQLite file, which many threads and processes share.
///
/// Reads run on connections of their own, each used by one thread at a time, and do not wait for a writer (WAL). Commits
/// of one process take turns on one connection, so that only other processes are waited for by polling. A commit is on
/// disk when it returns (synchronous FULL). The file is made readable for its owner alone; an existing file's mode is
/// left as it is.
///
/// A file that is moved, replaced or removed while it is open is `internal` from then on, until it is back in its place.
package final class SQLiteStore: Store {
    /// Its processes share memory (WAL).
    package let isOfOneMachine = true

    struct Connections {
        /// Those that no thread uses right now.
        fileprivate var readers: [SQLiteConnection] = []
        fileprivate var writer: SQLiteConnection?
        /// By the path of what they make.
        var backups: [ID: BackupRun] = [:]
    }

    let file: SQLiteFile
    let patience: Patience
    let connections = Monitor(Connections())
    private let turn = Turn()

    /// Whether the disk refused a commit of this process.
    private static let hasFailed = Atomic(false)

    /// More idle connections than this are closed.
    private static let maxIdle = 8

    /// A log of more pages than this is copied to the file.
    private static let longLog = 1000
    private let isLogLong = Atomic(false)

    /// Opens the file, or makes it in an existing folder. Errors are `invalid_config` for the field `path`.
    /// - Parameters:
    ///   - creates: whether the file is made where there is none.
    ///   - whenWaiting: called on its thread whenever a call begins to wait for another process.
    ///   - now: seconds since 1970, instead of the clock that files' times are of.
    package init(
        path: String, creates: Bool = true, whenWaiting: @escaping @Sendable () -> Void = {},
        now: (@Sendable () -> Int)? = nil
    ) throws(ConnError) {
        patience = Patience(whenWaiting: whenWaiting)
        file = try SQLiteFile(path: path, creates: creates, now: now ?? { FolderState.now }, patience: patience)
        ForkGuard.add(self) { [self] in
            // A fork is no time to write all of the log to the file. Unless there may be in it what failed and was only not
            // counted: whoever reads the log next would take it for a commit.
            let leavesLog = !Self.hasFailed.load(ordering: .relaxed)
            closeConnections { $0.leavesLog = leavesLog }
        }
    }

    package func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        try patience.whileLocked(context) { () throws(ConnError) in
            var found: [[StoredRow]] = []
            // One read is one state of the file by itself.
            try reading(reads.count > 1 ? "BEGIN" : nil) { (connection) throws(ConnError) in
                for read in reads { found.append(try SQLiteStore.rows(read, on: connection, context)) }
            }
            return found
        }
    }

    /// Runs `body` with a connection that nobody else uses meanwhile.
    /// - Parameter begin: the statement that begins its transaction; nil: there is none.
    private func reading(
        _ begin: StaticString?, _ body: (SQLiteConnection) throws(ConnError) -> Void
    ) throws(ConnError) {
        let kept = connections.withLock { $0.readers.popLast() }
        let connection: SQLiteConnection
        if let kept { connection = kept } else { connection = try file.connect() }
        defer {
            connections.withLock { if $0.readers.count < SQLiteStore.maxIdle { $0.readers.append(connection) } }
        }
        try file.check(connection)
        try connection.transaction(begin, body)
    }

    static func rows(
        _ read: StoreRead, on connection: SQLiteConnection, _ context: CallContext
    ) throws(ConnError) -> [StoredRow] {
        var found: [StoredRow] = []
        switch read {
        case .get(let key):
            try connection.rows("SELECT value, version FROM vault WHERE key = ?", [.blob(key)]) { (row) in
                found = [StoredRow(key: key, value: row.blob(0), version: UInt64(bitPattern: row.integer(1)))]
                return false
            }
        case .scan(let prefix, let after, let limit):
            // The least key that is greater than `after` is `after` with a zero byte.
            let first = max(after.map { SortedBytes($0 + [0]) } ?? SortedBytes(prefix), SortedBytes(prefix)).bytes
            try connection.rows(
                "SELECT key, value, version FROM vault WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
                [.blob(first), .blob(end(ofPrefix: prefix)), .integer(Int64(limit))]
            ) { (row) throws(ConnError) in
                try context.check()
                found.append(
                    StoredRow(key: row.blob(0), value: row.blob(1), version: UInt64(bitPattern: row.integer(2))))
                return true
            }
        }
        return found
    }

    package func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        try turn.take(context)
        defer { turn.give() }
        try patience.whileLocked(context) { () throws(ConnError) in
            let kept = connections.withLock { $0.writer }
            let connection: SQLiteConnection
            if let kept { connection = kept } else { connection = try file.connect() }
            connections.withLock { $0.writer = connection }
            var isTaken = false
            do throws(ConnError) {
                try connection.transaction("BEGIN IMMEDIATE") { (connection) throws(ConnError) in
                    try file.check(connection)
                    isTaken = true
                    if let commit = take() { try SQLiteStore.write(commit.writes, on: connection) }
                }
            } catch {
                if isTaken, error.code != .conflict { Self.hasFailed.store(true, ordering: .relaxed) }
                // From here on it is not to be tried again.
                guard isTaken, error.code == .unavailable else { throw error }
                throw ConnError(.internal, error.message)
            }
            if connection.logPages > Self.longLog { isLogLong.store(true, ordering: .relaxed) }
        }
    }

    /// Copies a long log to the file. What the disk does not take, or another process is about, is left to the next time.
    package func tidy() {
        guard isLogLong.load(ordering: .relaxed),
            (try? turn.take(CallContext(deadline: .now, cancellation: Cancellation()))) != nil
        else { return }
        defer { turn.give() }
        isLogLong.store(false, ordering: .relaxed)
        try? ForkGuard.use { () throws(ConnError) in
            guard let writer = connections.withLock({ $0.writer }) else { return }
            try file.check(writer)
            // SQLite's walCheckpoint up to 3.51.2 believes what it knows of the log's length also after another process
            // has begun the log anew, takes the new one for copied, and loses commits. A reader that was there before keeps the
            // log as it is (walRestartLog wants the locks of all readers), or, if it reads nothing of the log, keeps the
            // checkpoint from copying (which wants that reader's lock).
            try reading("BEGIN") { (reader) throws(ConnError) in
                _ = try SQLiteFormat.mark(reader)  // from here on it reads
                try writer.copyLog()
            }
        }
    }

    package func close() {
        ForkGuard.remove(self)
        ForkGuard.use {
            // The last connection puts the log away, also where a fork has closed all of them and left it.
            let last = try? file.connect()
            closeConnections { _ in }
            _ = consume last
        }
    }

    /// - Parameter last: what to do with each before.
    private func closeConnections(_ last: (SQLiteConnection) -> Void) {
        let all = connections.withLock { connections in
            defer { connections = Connections() }
            return connections
        }
        all.readers.forEach(last)
        if let writer = all.writer { last(writer) }
        for run in all.backups.values { last(run.source) }
    }

    private static func write(_ writes: [StoreWrite], on connection: SQLiteConnection) throws(ConnError) {
        var mark = try SQLiteFormat.mark(connection)
        // Counts on over removed rows, so that no version comes back, and with each commit.
        mark.before = mark.last
        var hasChanged = false
        for write in writes {
            var current: (id: Int64, version: Int64)?
            try connection.rows("SELECT id, version FROM vault WHERE key = ?", [.blob(write.key)]) { (row) in
                current = (row.integer(0), row.integer(1))
                return false
            }
            guard write.expected.isMet(by: current.map { UInt64(bitPattern: $0.version) }) else {
                throw ConnError(.conflict, "the row has changed")
            }
            if write.keepsRow { continue }
            mark.last += 1
            hasChanged = true
            switch (write.value, current?.id) {
            case (let value?, let id?):
                try connection.run(
                    "UPDATE vault SET version = ?, value = ? WHERE id = ?", .integer(mark.last), .blob(value),
                    .integer(id))
            case (let value?, nil):
                try connection.run(
                    "INSERT INTO vault (key, version, value) VALUES (?, ?, ?)", .blob(write.key), .integer(mark.last),
                    .blob(value))
            case (nil, let id?):
                try connection.run("DELETE FROM vault WHERE id = ?", .integer(id))
            case (nil, nil):
                break
            }
        }
        if hasChanged { try connection.run("UPDATE state SET mark = ?", .blob(mark.bytes)) }
    }

    /// The least blob greater than every key with the prefix.
    private static func end(ofPrefix prefix: [UInt8]) -> [UInt8] {
        guard let last = prefix.lastIndex(where: { $0 != 0xFF }) else { return Array(repeating: 0xFF, count: 257) }
        return prefix[..<last] + [prefix[last] + 1]
    }
}

/// Bytes in the order of a store's keys.
private struct SortedBytes: Comparable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func < (a: SortedBytes, b: SortedBytes) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}
