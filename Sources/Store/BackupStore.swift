package import Connections

/// A store that makes copies of itself.
package protocol BackupStore: Store {
    /// Copies what is in the store at one moment to a new file, readable for its owner alone, and on disk when this returns.
    /// Commits go on meanwhile.
    /// - Parameters:
    ///   - path: absolute, in a folder that is there. Nothing may be there yet.
    ///   - record: called once it is there; it goes again if this throws.
    /// - Throws: `invalid_request` for the field `path`; `timeout` and `cancelled` as the context says; `internal` for what
    ///   the disk does not do; `unavailable` when the process forks too often. Nothing is at the path then.
    func backUp(
        to path: String, _ context: CallContext, recording record: (StoreCopy) throws(ConnError) -> Void
    ) throws(ConnError) -> StoreCopy

    /// Opens a copy for reading alone: commits throw `unsupported`, and no file is changed or made.
    /// - Throws: `invalid_request` for the field `path` when it is none.
    func openCopy(_ path: String) throws(ConnError) -> any Store
}

/// A copy that was made.
package struct StoreCopy: Sendable {
    /// The file's size.
    package var bytes: Int
    package var rows: Int

    package init(bytes: Int, rows: Int) {
        self.bytes = bytes
        self.rows = rows
    }
}
