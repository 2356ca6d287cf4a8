package import Connections
internal import Runtime
package import Store

extension SQLiteStore: BackupStore {
    package func backUp(
        to path: String, _ context: CallContext, recording record: (StoreCopy) throws(ConnError) -> Void
    ) throws(ConnError) -> StoreCopy {
        let target = try BackupFile(path)
        try copyPages(to: target.partialPath, context)
        let rows = try SQLiteCopy.countRows(target.partialPath, context)
        let copy = StoreCopy(bytes: try target.flush(context), rows: rows)
        try target.finish()
        do throws(ConnError) {
            try record(copy)
        } catch {
            target.remove()
            throw error
        }
        return copy
    }

    /// A fork closes all connections and so ends what was begun, and it waits for one step at most. As the steps get larger
    /// each time, the pages of a vault that is no larger than the largest of them are copied however often the host forks.
    private func copyPages(to path: String, _ context: CallContext) throws(ConnError) {
        defer { ForkGuard.use { endBackup(path) } }
        var attempts = 0
        while attempts <= BackupSteps.maxAttempts {
            let isDone = try patience.whileLocked(context) { () throws(ConnError) in
                var run = connections.withLock { $0.backups[ID(path)] }
                if run == nil {
                    let begun = try BackupRun(of: try file.connect(), to: path)
                    connections.withLock { $0.backups[ID(path)] = begun }
                    attempts += 1
                    run = begun
                }
                guard let run else { return false }
                try file.check(run.source)
                return try run.step(BackupSteps.pages(attempts))
            }
            if isDone { return }
        }
        throw ConnError(
            .unavailable,
            """
            this process forks too often for a vault of this size to be copied in between; \
            have one make the backup that forks less
            """)
    }

    private func endBackup(_ path: String) {
        let run = connections.withLock { $0.backups.removeValue(forKey: ID(path)) }
        _ = consume run
    }

    package func openCopy(_ path: String) throws(ConnError) -> any Store { try SQLiteCopy(path: path) }
}

/// How many pages are copied at once.
enum BackupSteps {
    /// After so many that a fork ended there is no other.
    static let maxAttempts = 20
    private static let least: Int32 = 256
    /// 64 MB of the usual pages: they have been read before by then, so that this takes no disk's time.
    private static let most: Int32 = 16_384

    /// - Parameter attempt: from 1 on.
    static func pages(_ attempt: Int) -> Int32 { min(most, least << Int32(min(attempt - 1, 16))) }
}
