internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// The operations on copies of the vault.
final class BackupOperations: Sendable {
    private let rows: Rows
    private let config: VaultConfig
    private let clock: Clock

    init(rows: Rows, config: VaultConfig, clock: Clock) {
        self.rows = rows
        self.config = config
        self.clock = clock
    }

    /// The audit tells of each, also of one that failed or whose caller is gone. There is no copy that it does not tell of.
    func backUp(_ request: Request) -> Step<JSON> {
        .blocking { [self] (context) throws(ConnError) in
            do throws(ConnError) {
                let path = try request.required("path")
                let copy = try backupStore.backUp(to: path, context) { [self] (_) throws(ConnError) in
                    try record(AuditEvent(request))
                }
                return .done(
                    .object([
                        "path": .string(path), "bytes": .integer(Int64(copy.bytes)), "rows": .integer(Int64(copy.rows)),
                    ]))
            } catch {
                do throws(ConnError) {
                    try record(AuditEvent(request, outcome: error.code.rawValue))
                } catch let problem {
                    Log.write(.warning, "a failed backup is not recorded in the audit: \(problem.message)")
                }
                throw error
            }
        }
    }

    /// In time of its own.
    private func record(_ event: AuditEvent) throws(ConnError) {
        let context = CallContext(deadline: .after(milliseconds: Self.recordMilliseconds), cancellation: Cancellation())
        try rows.commit([], recording: [event]).performed(context)
    }

    private static let recordMilliseconds = 1000

    func check(_ request: Request) throws(ConnError) -> Step<JSON> {
        let store = try backupStore
        let path = try request.required("path")
        return .blocking { [self] (context) throws(ConnError) in
            let copy = try store.openCopy(path)
            defer { copy.close() }
            let verdict = try check(copy, context)
            verdict.set("path", .string(path))
            return .done(verdict)
        }
    }

    private func check(_ copy: any Store, _ context: CallContext) throws(ConnError) -> JSON {
        let copied: Rows
        do throws(ConnError) {
            copied = try Rows(copy: copy, config: config, clock: clock, context)
        } catch {
            guard error.code == .invalidConfig else { throw error }
            throw ConnError(.misconfigured, error.message)
        }
        let reader = copied.reader(context)
        var (count, unreadable): (Int64, Int64) = (0, 0)
        try reader.each([]) { (row) throws(ConnError) in
            count += 1
            // The first one is open.
            if row.key != RowKeys.vault, (try? reader.plain(of: row)) == nil { unreadable += 1 }
            return true
        }
        let audit = try AuditOperations(rows: copied, config: config).verify().performed(context)
        return .object([
            "ok": .boolean(unreadable == 0 && audit["ok"]?.boolean == true), "rows": .integer(count),
            "unreadable": .integer(unreadable), "audit": audit,
        ])
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
