internal import CSQLite
internal import Connections

/// A copy of a database's pages that is being made, some at a time. All of it is from one moment: its connection keeps to one
/// state of the file, while others write on.
final class BackupRun: @unchecked Sendable {  // whoever is inside the fork guard and made it has it alone
    let source: SQLiteConnection
    private let target: SQLiteConnection
    private let pages: SQLiteBackup

    /// - Parameters:
    ///   - source: used for nothing else from now on.
    ///   - target: the path of a file that nobody else uses. It is the caller's to have it on disk.
    init(of source: SQLiteConnection, to target: String) throws(ConnError) {
        self.source = source
        self.target = try SQLiteConnection(path: target)
        try self.target.run("PRAGMA journal_mode = MEMORY")
        try self.target.run("PRAGMA synchronous = OFF")
        try source.run("BEGIN")
        _ = try SQLiteFormat.mark(source)  // the moment
        pages = try SQLiteBackup(from: source, to: self.target)
    }

    /// Copies so many pages.
    /// - Returns: whether all is done. The copy is a file of its own then, which needs no other beside it.
    func step(_ count: Int32) throws(ConnError) -> Bool {
        guard try pages.step(count) else { return false }
        pages.finish()
        guard try target.text("PRAGMA journal_mode = DELETE") == "delete" else {
            throw ConnError(.internal, "the backup cannot be made to stand alone")
        }
        var mark = try SQLiteFormat.mark(target)
        mark.renew()  // so that no log of the vault's own is taken for the copy's
        try target.run("UPDATE state SET mark = ?", .blob(mark.bytes))
        return true
    }
}
