internal import CSQLite
internal import Connections

/// A copy of a database that is being made, a few pages at a time. All of it is from one moment: its connection keeps to one
/// state of the file, while others write on.
final class BackupRun: @unchecked Sendable {  // whoever is inside the fork guard and made it has it alone
    private static let pagesAtOnce: Int32 = 256
    private static let keysAtOnce: Int64 = 4096

    let source: SQLiteConnection
    private let target: SQLiteConnection
    private var pages: SQLiteBackup?
    private var last: [UInt8] = []
    private(set) var rows = 0

    /// - Parameters:
    ///   - source: used for nothing else from now on.
    ///   - target: the path of a file that nobody else uses.
    init(of source: SQLiteConnection, to target: String) throws(ConnError) {
        self.source = source
        self.target = try SQLiteConnection(path: target)
        try self.target.run("PRAGMA journal_mode = MEMORY")
        try source.run("BEGIN")
        _ = try SQLiteFormat.mark(source)  // the moment
        pages = try SQLiteBackup(from: source, to: self.target)
    }

    /// Goes on for a moment.
    /// - Returns: whether all is done.
    func step() throws(ConnError) -> Bool {
        if let pages {
            if try pages.step(Self.pagesAtOnce) {
                self.pages = nil
                try finish()
            }
            return false
        }
        var found: Int64 = 0
        let after = last
        try target.rows(
            "SELECT key FROM vault WHERE key > ? ORDER BY key LIMIT ?", [.blob(after), .integer(Self.keysAtOnce)]
        ) { (row) throws(ConnError) in
            found += 1
            last = row.blob(0)
            return true
        }
        rows += Int(found)
        return found < Self.keysAtOnce
    }

    /// A file of its own, which needs no other beside it.
    private func finish() throws(ConnError) {
        guard try target.text("PRAGMA journal_mode = DELETE") == "delete" else {
            throw ConnError(.internal, "the backup cannot be made to stand alone")
        }
        var mark = try SQLiteFormat.mark(target)
        mark.renew()  // so that no log of the vault's own is taken for the copy's
        try target.run("UPDATE state SET mark = ?", .blob(mark.bytes))
    }
}
