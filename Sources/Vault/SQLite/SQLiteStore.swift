package import Connections
internal import Memory

/// The vault's rows in one SQLite file, which many threads and processes share.
///
/// Reads run on connections of their own, each used by one thread at a time, and do not wait for a writer (WAL). Commits
/// of one process queue up for one connection, so that only other processes are waited for by polling. A commit is on
/// disk when it returns (synchronous FULL). The file is made readable for its owner alone; an existing file's mode is
/// left as it is.
package final class SQLiteStore: Store {
    /// Its processes share memory (WAL).
    package let isOfOneMachine = true
    private let file: SQLiteFile
    /// Connections that no thread uses right now.
    private let idle = Monitor<[SQLiteConnection]>([])
    /// Opened when it is first needed. Both locks are ones that the thread sanitizer knows.
    private let writer = Monitor<SQLiteConnection?>(nil)

    /// More idle connections than this are closed.
    private static let maxIdle = 8

    /// Opens the file, or makes it in an existing folder. Errors are `invalid_config` for the field `path`.
    package init(path: String) throws(ConnError) {
        file = try ForkGuard.use { () throws(ConnError) in try SQLiteFile(path: path) }
        ForkGuard.add(self) { [self] in closeConnections() }
    }

    package func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        try read { (connection) throws(ConnError) in
            var found: [[StoredRow]] = []
            // One read is one state of the file by itself.
            try connection.transaction(reads.count > 1 ? "BEGIN" : nil) { (connection) throws(ConnError) in
                for read in reads { found.append(try SQLiteStore.rows(read, on: connection)) }
            }
            return found
        }
    }

    private static func rows(_ read: StoreRead, on connection: SQLiteConnection) throws(ConnError) -> [StoredRow] {
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
            ) { (row) in
                found.append(
                    StoredRow(key: row.blob(0), value: row.blob(1), version: UInt64(bitPattern: row.integer(2))))
                return true
            }
        }
        return found
    }

    package func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        try ForkGuard.use { () throws(ConnError) in
            let result = writer.withLock { writer in
                Result { () throws(ConnError) in
                    let connection: SQLiteConnection
                    if let writer { connection = writer } else { connection = try file.connect() }
                    writer = connection
                    try connection.transaction("BEGIN IMMEDIATE") { (connection) throws(ConnError) in
                        if let commit = take() { try SQLiteStore.write(commit.writes, on: connection) }
                    }
                }
            }
            try result.get()
        }
    }

    package func close() {
        ForkGuard.remove(self)
        ForkGuard.use { closeConnections() }
    }

    private func closeConnections() {
        writer.withLock { $0 = nil }
        idle.withLock { $0 = [] }
    }

    private func read<Value>(
        _ body: (SQLiteConnection) throws(ConnError) -> Value
    ) throws(ConnError) -> Value {
        try ForkGuard.use { () throws(ConnError) in
            let kept = idle.withLock { $0.popLast() }
            let connection: SQLiteConnection
            if let kept { connection = kept } else { connection = try file.connect() }
            defer {
                idle.withLock { if $0.count < SQLiteStore.maxIdle { $0.append(connection) } }
            }
            return try body(connection)
        }
    }

    private static func write(_ writes: [StoreWrite], on connection: SQLiteConnection) throws(ConnError) {
        // Counts on over removed rows, so that no version comes back.
        var version = try connection.integer("SELECT last FROM version") ?? 0
        for write in writes {
            let current = try connection.integer("SELECT version FROM vault WHERE key = ?", .blob(write.key))
            guard write.expected.isMet(by: current.map { UInt64(bitPattern: $0) }) else {
                throw ConnError(.conflict, "the row has changed")
            }
            if write.keepsRow { continue }
            if let value = write.value {
                version += 1
                try connection.run(
                    "INSERT OR REPLACE INTO vault (key, value, version) VALUES (?, ?, ?)",
                    .blob(write.key), .blob(value), .integer(version))
            } else {
                try connection.run("DELETE FROM vault WHERE key = ?", .blob(write.key))
            }
        }
        try connection.run("UPDATE version SET last = ?", .integer(version))
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
