package import Connections
internal import Crypto
package import JSON
internal import OAuth
package import Runtime
package import Store

/// Answers the operations from an encrypted vault of one's own.
package final class VaultBackend: Backend {
    package let kind = BackendKind.vault

    /// So long after its expiry a row goes that another process may be at work with: clocks of processes differ. Seconds.
    static let clockMargin: Int64 = 900

    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let jitter: Jitter
    let providers: Providers
    let outbox: Outbox
    let refresher: Refresher
    let grants: Grants
    let supplier: Supplier
    private let audit: AuditOperations
    private let keys: KeyOperations
    private let backups: BackupOperations
    private let store: any Store

    /// What opening a vault may take. Milliseconds.
    private static let openMilliseconds = 5000

    /// Opens the vault in the store, or makes one there if the store is empty.
    /// - Parameter chains: chooses the audit's chain that this process writes.
    /// - Throws: `invalid_config` for the field `key` when the vault was made with another one.
    package init(
        store: any Store, config: VaultConfig, clock: Clock = .system, jitter: Jitter = .random,
        chains: Jitter = .random
    ) throws(ConnError) {
        rows = try Rows(
            store: store, config: config, clock: clock, chains: chains,
            CallContext(deadline: .after(milliseconds: Self.openMilliseconds), cancellation: Cancellation()))
        providers = Providers(rows: rows, config: config, clock: clock)
        outbox = Outbox(rows: rows, config: config, clock: clock, jitter: jitter, providers: providers)
        audit = AuditOperations(rows: rows, config: config)
        keys = KeyOperations(rows: rows, clock: clock)
        backups = BackupOperations(rows: rows, config: config, clock: clock)
        refresher = Refresher(
            rows: rows, config: config, clock: clock, jitter: jitter, providers: providers, outbox: outbox,
            isOfOneMachine: store.isOfOneMachine)
        grants = Grants(rows: rows, clock: clock, outbox: outbox)
        supplier = Supplier(
            rows: rows, config: config, clock: clock, grants: grants, outbox: outbox, refresher: refresher)
        self.store = store
        self.config = config
        self.clock = clock
        self.jitter = jitter
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        if request.operation == "backup" { return backups.backUp(request) }
        let step = try tellingRefusal(of: request) { () throws(ConnError) in try perform(request) }
        guard Self.helpers.contains(request.operation) else { return try refresher.settlingAfter(step) }
        return try step.then { [self] (answer) throws(ConnError) in
            .aside(timeoutMilliseconds: Outbox.asideMilliseconds) { [self] () throws(ConnError) in
                try helpExpiring().then { [self] () throws(ConnError) in try outbox.help() }
                    .then { () throws(ConnError) in .done(answer) }
            }
        }
    }

    /// Operations that help: those that write, but for those that somebody is waiting for a token or a URL from.
    private static let helpers: Set = [
        "complete", "confirm", "store_api_key", "store_token", "store_tokens", "delete", "apps.create", "apps.update",
        "apps.delete",
    ]

    private func perform(_ request: Request) throws(ConnError) -> Step<JSON> {
        switch request.operation {
        case "connect": try connect(request)
        case "open": try open(request)
        case "complete": try complete(request)
        case "confirm": try confirm(request)
        case "fetch": try fetch(request)
        case "store_api_key": try storeAPIKey(request)
        case "store_token": try storeToken(request)
        case "store_tokens": try storeTokens(request)
        case "delete": try delete(request)
        case "revocations.run": try outbox.run(request)
        case "list": try list(request)
        case "report_rejected": try reportRejected(request)
        case "apps.create": try createApp(request)
        case "apps.update": try updateApp(request)
        case "apps.delete": try deleteApp(request)
        case "apps.load": try loadApp(request)
        case "apps.list": try listApps()
        case "templates.list": TemplateOperations.list()
        case "templates.load": try TemplateOperations.load(request)
        case "device.start": try startDevice(request)
        case "device.poll": try pollDevice(request)
        case "export": try export(request)
        case "retention.sweep": try sweep(request)
        case "keys.list": try keys.list()
        case "keys.add": try keys.add(request)
        case "keys.activate": try keys.activate(request)
        case "keys.reseal": try keys.reseal(request)
        case "keys.drop": try keys.drop(request)
        case "audit.list": try audit.list(request)
        case "audit.verify": try audit.verify(anchor: request.string("anchor"))
        case "backup.check": try backups.check(request)
        default: throw ConnError(.unsupported, "the vault has no operation \(request.operation)")
        }
    }

    package func refused(_ request: Request, _ error: ConnError) -> Step<Void>? { audit.refused(request, error) }

    /// The same for all processes on the store, also while the master key changes.
    package var sharedSecret: Secret? { Crypto.derive(1, "vaultshr", from: rows.keys.hashKey) }

    package func spend(_ id: [UInt8], expiresAt: Int64) throws(ConnError) -> Step<Bool?> {
        let key = rows.keys.spent(id, expiresAt: expiresAt)
        return rows.change { [self] (change) throws(ConnError) in
            guard try change.reader.stored(key) == nil else { return false }
            change.put(PointerRecord(), at: key, expecting: .absent)
            try expire(&change)
            return true
        }
    }

    package func close() {
        refresher.settleAll(until: .after(milliseconds: TimeLimit.closing))  // the last chance
        let lost = refresher.outcomes.keys.count
        if lost > 0 {
            Log.write(.error, "the store has not taken what came of \(lost) refreshes: their grants may be lost")
        }
        store.close()
    }
}

extension RowReader {
    func app(_ id: ID) throws(ConnError) -> AppRecord { try app(id, try get(keys.app(id))) }

    /// The connection, which must be of this kind.
    func app(_ id: ID, _ kind: AppRecord.Kind) throws(ConnError) -> AppRecord {
        let app = try app(id)
        guard app.kind == kind else { throw .invalid("appId", "is a connection of type \(app.kind.rawValue)") }
        return app
    }

    private func app(_ id: ID, _ row: Row<AppRecord>?) throws(ConnError) -> AppRecord {
        guard let row, !row.value.isBeingDeleted else { throw .noSuchApp(id) }
        return row.value
    }

    /// A connection and a subject's tokens there, of one state of the store. Damaged ones are passed over.
    /// - Throws: `internal` when all of them are damaged: nobody is told then that there is no token.
    func tokens(of subject: Subject, at appID: ID) throws(ConnError) -> (app: AppRecord, tokens: [Row<TokenRecord>]) {
        let prefix = keys.tokens(of: subject, at: appID)
        let found = try read([.get(keys.app(appID)), .scan(prefix: prefix, limit: Self.pageSize)])
        var tokens = OpenedRows<TokenRecord>()
        for stored in found[1] { try tokens.add(stored, self) }
        if found[1].count == Self.pageSize, let last = found[1].last {
            try each(prefix, after: last.key) { (stored) throws(ConnError) in
                try tokens.add(stored, self)
                return true
            }
        }
        let row: Row<AppRecord>? = try found[0].first.map { (stored) throws(ConnError) in try open(stored) }
        let app = try app(appID, row)
        let whole = tokens.whole.filter { $0.value.subject == subject && $0.value.appID == appID }
        if tokens.whole.isEmpty, let damaged = tokens.damaged.first { _ = try open(damaged) as Row<TokenRecord> }
        return (app, try seen(whole, at: app))
    }

    /// A connection's own tokens; where it has none, those of before it moved.
    private func seen(_ tokens: [Row<TokenRecord>], at app: AppRecord) throws(ConnError) -> [Row<TokenRecord>] {
        let own = tokens.filter { app.has($0.value.incarnation) }
        guard own.isEmpty else { return own }
        var apps = KnownApps(self)
        var seen: [Row<TokenRecord>] = []
        for row in tokens {
            if let row = try apps.seen(row, at: app) { seen.append(row) }
        }
        return seen
    }
}

extension ConnError {
    static func noSuchApp(_ id: ID) -> ConnError {
        var error = ConnError(.notFound, "there is no connection of this id", reason: .app)
        error.appID = id
        return error
    }
}

/// A row whose key says everything.
struct PointerRecord: Record {
    init() {}
    init?(json: JSON) {}
    var json: JSON { .object() }
}
