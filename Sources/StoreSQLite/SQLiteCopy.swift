package import Connections
internal import Runtime
package import Store

/// A copy of a vault's file that nobody uses. It is read as it lies there, also from where nothing can be written.
package final class SQLiteCopy: Store {
    private let path: String
    private let connection = Monitor<SQLiteConnection?>(nil)

    /// - Throws: `invalid_request` for the field `path`.
    package init(path: String) throws(ConnError) {
        guard path.hasPrefix("/") else { throw .invalid("path", "must be the absolute path of a file") }
        guard Inode(path) != nil, !RegularFile.isNone(path) else { throw .invalid("path", "is not a regular file") }
        guard Inode(path + "-wal") == nil else {
            throw .invalid("path", "has a -wal file beside it: it is a vault, and not a backup of one")
        }
        self.path = path
        ForkGuard.add(self) { [self] in closeConnection() }
        do throws(ConnError) {
            try use { (connection) throws(ConnError) in try SQLiteFormat.check(connection) }
        } catch {
            close()
            throw .invalid("path", "is not a vault: \(error.message)")
        }
    }

    package func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        try context.check()
        return try use { (connection) throws(ConnError) in
            var found: [[StoredRow]] = []
            for read in reads { found.append(try SQLiteStore.rows(read, on: connection, context)) }
            return found
        }
    }

    /// Of a copy that is being made.
    static func countRows(_ path: String, _ context: CallContext) throws(ConnError) -> Int {
        let copy = try SQLiteCopy(path: path)
        defer { copy.close() }
        var (count, last): (Int, [UInt8]) = (0, [])
        while true {
            try context.check()
            var found = 0
            // Some at a time, so that a fork does not wait for all of them.
            try copy.use { (connection) throws(ConnError) in
                try connection.rows(
                    "SELECT key FROM vault WHERE key > ? ORDER BY key LIMIT ?", [.blob(last), .integer(countedAtOnce)]
                ) { (row) throws(ConnError) in
                    found += 1
                    last = row.blob(0)
                    return true
                }
            }
            count += found
            if found < countedAtOnce { return count }
        }
    }

    private static let countedAtOnce: Int64 = 4096

    package func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        throw ConnError(.unsupported, "a copy of a vault is not written to")
    }

    package func close() {
        ForkGuard.remove(self)
        ForkGuard.use { closeConnection() }
    }

    private func closeConnection() {
        let last = connection.withLock { connection in
            defer { connection = nil }
            return connection
        }
        _ = consume last
    }

    private func use<Value>(
        _ body: (SQLiteConnection) throws(ConnError) -> Value
    ) throws(ConnError) -> Value {
        try ForkGuard.use { () throws(ConnError) in
            let result = connection.withLock { connection in
                Result { () throws(ConnError) in
                    let opened: SQLiteConnection
                    if let connection { opened = connection } else { opened = try SQLiteConnection(readingAlone: path) }
                    connection = opened
                    return try body(opened)
                }
            }
            return try result.get()
        }
    }
}
