package import Connections
internal import HTTP
internal import Memory

extension SQLiteStore: BackupStore {
    package func backUp(to path: String, _ context: CallContext) throws(ConnError) -> StoreCopy {
        let target = try BackupFile(path)
        defer { ForkGuard.use { endBackup(target.partialPath) } }
        while true {
            // A fork in between ends it, as it ends all connections; then it begins anew.
            let rows: Int? = try patience.whileLocked(context) { () throws(ConnError) in
                let run = try backup(to: target.partialPath)
                try file.check(run.source)
                return try run.step() ? run.rows : nil
            }
            if let rows {
                ForkGuard.use { endBackup(target.partialPath) }
                return StoreCopy(bytes: try target.finish(), rows: rows)
            }
            // Not all at the end, inside of the fork guard.
            try target.flush()
        }
    }

    private func backup(to path: String) throws(ConnError) -> BackupRun {
        if let run = connections.withLock({ $0.backups[ID(path)] }) { return run }
        let run = try BackupRun(of: try file.connect(), to: path)
        connections.withLock { $0.backups[ID(path)] = run }
        return run
    }

    private func endBackup(_ path: String) {
        let run = connections.withLock { $0.backups.removeValue(forKey: ID(path)) }
        _ = consume run
    }

    package func openCopy(_ path: String) throws(ConnError) -> any Store { try SQLiteCopy(path: path) }
}
