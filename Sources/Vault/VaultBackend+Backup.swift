internal import Connections
internal import JSON

extension VaultBackend {
    /// The record comes first, so that the copy has it too, and nothing is copied that the audit does not tell of.
    func backUp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let store = try backupStore
        let path = try request.required("path")
        return .blocking { [self] (context) throws(ConnError) in
            try rows.commit([], recording: [event(request)])
            let copy = try store.backUp(to: path, context)
            return .done(
                .object([
                    "path": .string(path), "bytes": .integer(Int64(copy.bytes)), "rows": .integer(Int64(copy.rows)),
                ]))
        }
    }

    func checkBackup(_ request: Request) throws(ConnError) -> Step<JSON> {
        let store = try backupStore
        let path = try request.required("path")
        return .blocking { [self] (context) throws(ConnError) in
            let copy = try store.openCopy(path)
            return try Step.attempt({ () throws(ConnError) in try check(copy, context) }) {
                (verdict) throws(ConnError) in
                copy.close()
                let verdict = try verdict.get()
                verdict.set("path", .string(path))
                return .done(verdict)
            }
        }
    }

    private func check(_ copy: any Store, _ context: CallContext) throws(ConnError) -> Step<JSON> {
        let vault: VaultBackend
        do throws(ConnError) {
            vault = try VaultBackend(copy: copy, of: self)
        } catch {
            guard error.code == .invalidConfig else { throw error }
            throw ConnError(.misconfigured, error.message)
        }
        var (rows, unreadable): (Int64, Int64) = (0, 0)
        var after: [UInt8]?
        while true {
            let page = try copy.read([.scan(prefix: [], after: after, limit: Rows.pageSize)], context)[0]
            for row in page where row.key != RowKeys.vault {  // that one is open
                if (try? vault.rows.plain(of: row)) == nil { unreadable += 1 }
            }
            rows += Int64(page.count)
            guard page.count == Rows.pageSize, let last = page.last else { break }
            after = last.key
        }
        return try vault.verifyAudit(Request(operation: "audit.verify", fields: .object()))
            .then { [rows, unreadable] (audit) throws(ConnError) in
                .done(
                    .object([
                        "ok": .boolean(unreadable == 0 && audit["ok"]?.boolean == true), "rows": .integer(rows),
                        "unreadable": .integer(unreadable), "audit": audit,
                    ]))
            }
    }

    private var backupStore: any BackupStore {
        get throws(ConnError) {
            guard let store = rows.store as? any BackupStore else {
                throw ConnError(.unsupported, "only a vault in an SQLite file is copied by the library")
            }
            return store
        }
    }
}
