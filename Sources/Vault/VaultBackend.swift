package import Connections
internal import Crypto
package import JSON
internal import OAuth
package import Runtime
package import Store

/// Answers the operations from an encrypted vault of one's own.
package final class VaultBackend: Backend {
    package let kind = BackendKind.vault

    let rows: Rows
    let refresher: Refresher
    private let tokens: TokenOperations
    private let connecting: ConnectOperations
    private let apps: AppOperations
    private let flows: FlowOperations
    private let outbox: Outbox
    private let keys: KeyOperations
    private let managementKeys: ManagementKeyOperations
    private let audit: AuditOperations
    private let backups: BackupOperations
    private let expiry: Expiry

    /// What opening a vault may take. Milliseconds.
    private static let openMilliseconds = 5000

    /// Opens the vault in the store, or makes one there if the store is empty.
    /// - Parameters:
    ///   - chains: chooses the audit's chain that this process writes.
    ///   - statistics: what it counts in.
    /// - Throws: `invalid_config` for the field `key` when the vault was made with another one.
    package init(
        store: any Store, config: VaultConfig, clock: Clock = .system, jitter: Jitter = .random,
        chains: Jitter = .random, statistics: Statistics = Statistics()
    ) throws(ConnError) {
        rows = try Rows(
            store: store, config: config, clock: clock, chains: chains, statistics: statistics,
            CallContext(deadline: .after(milliseconds: Self.openMilliseconds), cancellation: Cancellation()))
        let providers = Providers(rows: rows, config: config, clock: clock)
        outbox = Outbox(rows: rows, config: config, clock: clock, jitter: jitter, providers: providers)
        refresher = Refresher(
            rows: rows, config: config, clock: clock, jitter: jitter, providers: providers, outbox: outbox,
            isOfOneMachine: store.isOfOneMachine)
        let grants = Grants(rows: rows, clock: clock, outbox: outbox)
        let supplier = Supplier(
            rows: rows, config: config, clock: clock, grants: grants, outbox: outbox, refresher: refresher)
        let pending = PendingGrants(rows: rows, clock: clock, outbox: outbox)
        expiry = Expiry(rows: rows, clock: clock, pending: pending)
        let remover = TokenRemover(rows: rows, clock: clock, outbox: outbox, grants: grants)
        connecting = ConnectOperations(
            rows: rows, config: config, clock: clock, providers: providers, grants: grants, outbox: outbox,
            pending: pending, expiry: expiry)
        tokens = TokenOperations(
            rows: rows, config: config, clock: clock, grants: grants, outbox: outbox, supplier: supplier,
            pending: pending, expiry: expiry, remover: remover, connecting: connecting)
        apps = AppOperations(rows: rows, config: config, clock: clock, pending: pending, remover: remover)
        flows = FlowOperations(rows: rows)
        keys = KeyOperations(rows: rows, clock: clock)
        managementKeys = ManagementKeyOperations(rows: rows, clock: clock)
        audit = AuditOperations(rows: rows, config: config)
        backups = BackupOperations(rows: rows, config: config, clock: clock)
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        if request.operation == "backup" { return backups.backUp(request) }
        let step = try tellingRefusal(of: request) { () throws(ConnError) in try perform(request) }
        guard Self.helpers.contains(request.operation) else { return try refresher.settlingAfter(step) }
        return try step.then { [self] (answer) throws(ConnError) in
            .aside(timeoutMilliseconds: Outbox.asideMilliseconds) { [self] () throws(ConnError) in
                try expiry.help().then { [self] () throws(ConnError) in try outbox.help() }
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
        case "connect": try connecting.connect(request)
        case "open": try connecting.open(request)
        case "complete": try connecting.complete(request)
        case "confirm": try connecting.confirm(request)
        case "fetch": try rows.statistics.fetch(request) { () throws(ConnError) in try tokens.fetch(request) }
        case "store_api_key": try tokens.storeAPIKey(request)
        case "store_token": try tokens.storeToken(request)
        case "store_tokens": try tokens.storeTokens(request)
        case "delete": try tokens.delete(request)
        case "revocations.run": try outbox.run(request)
        case "revocations.list": try outbox.list(request)
        case "list": try tokens.list(request)
        case "report_rejected": try tokens.reportRejected(request)
        case "apps.create": try apps.create(request)
        case "apps.update": try apps.update(request)
        case "apps.delete": try apps.delete(request)
        case "apps.load": try apps.load(request)
        case "apps.list": try apps.list(request)
        case "templates.list": TemplateOperations.list()
        case "templates.load": try TemplateOperations.load(request)
        case "flows.create": try flows.create(request)
        case "flows.update": try flows.update(request)
        case "flows.load": try flows.load(request)
        case "flows.list": try flows.list(request)
        case "flows.delete": try flows.delete(request)
        case "device.start": try connecting.startDevice(request)
        case "device.poll": try connecting.pollDevice(request)
        case "export": try tokens.export(request)
        case "retention.sweep": try tokens.sweep(request)
        case "keys.list": try keys.list()
        case "keys.add": try keys.add(request)
        case "keys.activate": try keys.activate(request)
        case "keys.reseal": try keys.reseal(request)
        case "keys.drop": try keys.drop(request)
        case "management_keys.create": try managementKeys.create(request)
        case "management_keys.list": try managementKeys.list()
        case "management_keys.delete": try managementKeys.delete(request)
        case "management_keys.verify": try managementKeys.verify(request)
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
            try expiry.expire(&change)
            return true
        }
    }

    package func close() {
        refresher.settleAll(until: .after(milliseconds: TimeLimit.closing))  // the last chance
        let lost = refresher.outcomes.keys.count
        if lost > 0 {
            Log.write(.error, "the store has not taken what came of \(lost) refreshes: their grants may be lost")
        }
        rows.store.close()
    }
}
