package import Connections
internal import Crypto
package import JSON
package import Memory
internal import OAuth

/// Answers the operations from an encrypted vault of one's own.
package final class VaultBackend: Backend {
    package let kind = BackendKind.vault

    /// So long after its expiry a row goes that another process may be at work with: clocks of processes differ. Seconds.
    static let clockMargin: Int64 = 900

    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let jitter: Jitter
    let flights = Flights()
    let leases = LeaseWatch()
    let outcomes = Outcomes()
    let discoveries = Discoveries()
    /// Names this backend in leases.
    let owner = Crypto.base64URL(Crypto.random(16))
    private let store: any Store

    /// Opens the vault in the store, or makes one there if the store is empty.
    /// - Throws: `invalid_config` for the field `key` when the vault was made with another one.
    package init(
        store: any Store, config: VaultConfig, clock: Clock = .system, jitter: Jitter = .random
    ) throws(ConnError) {
        rows = try Rows(store: store, config: config, clock: clock)
        self.store = store
        self.config = config
        self.clock = clock
        self.jitter = jitter
    }

    /// Reads a copy of another one's vault.
    /// - Throws: `invalid_config` for the field `key` when neither of its keys opens it.
    init(copy store: any Store, of vault: VaultBackend) throws(ConnError) {
        rows = try Rows(copy: store, config: vault.config, clock: vault.clock)
        self.store = store
        config = vault.config
        clock = vault.clock
        jitter = vault.jitter
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        let step = try audited(request) { () throws(ConnError) in try perform(request) }
        guard Self.helpers.contains(request.operation) else { return step }
        return try step.then { [self] (answer) throws(ConnError) in
            try helpRevoking().then { () throws(ConnError) in .done(answer) }
        }
    }

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
        case "revocations.run": try runRevocations(request)
        case "list": try list(request)
        case "report_rejected": try reportRejected(request)
        case "apps.create": try createApp(request)
        case "apps.update": try updateApp(request)
        case "apps.delete": try deleteApp(request)
        case "apps.load": try loadApp(request)
        case "apps.list": try listApps()
        case "templates.list": listTemplates()
        case "templates.load": try loadTemplate(request)
        case "device.start": try startDevice(request)
        case "device.poll": try pollDevice(request)
        case "export": try export(request)
        case "retention.sweep": try sweep(request)
        case "keys.list": try listKeys()
        case "keys.add": try addKey(request)
        case "keys.activate": try activateKey(request)
        case "keys.reseal": try resealRows(request)
        case "keys.drop": try dropKey(request)
        case "audit.list": try listAudit(request)
        case "audit.verify": try verifyAudit(request)
        case "backup": try backUp(request)
        case "backup.check": try checkBackup(request)
        default: throw ConnError(.unsupported, "the vault has no operation \(request.operation)")
        }
    }

    /// The same for all processes on the store, also while the master key changes.
    package var sharedSecret: Secret? { Crypto.derive(1, "vaultshr", from: rows.keys.hashKey) }

    package func spend(_ id: [UInt8], expiresAt: Int64) throws(ConnError) -> Bool? {
        let key = rows.keys.spent(id, expiresAt: expiresAt)
        let garbage = try expired(RowKeys.spent)
        do throws(ConnError) {
            try rows.commit(garbage + [rows.seal(PointerRecord(), at: key, expecting: .absent)])
            return true
        } catch {
            guard error.code == .conflict else { throw error }
            return false
        }
    }

    package func close() {
        for key in outcomes.keys { try? settle(key) }  // the last chance
        store.close()
    }
}

extension VaultBackend {
    /// Runs `body`, which reads rows and commits, again while others change the same rows in between.
    func retrying<Value>(_ body: () throws(ConnError) -> Value) throws(ConnError) -> Value {
        for _ in 0..<32 {
            do throws(ConnError) {
                return try body()
            } catch {
                guard error.code == .conflict else { throw error }
            }
        }
        throw ConnError(.unavailable, "the vault's row keeps changing")
    }

    func app(_ id: String) throws(ConnError) -> AppRecord {
        guard let row: Row<AppRecord> = try rows.get(rows.keys.app(id)), !row.value.isBeingDeleted else {
            var error = ConnError(.notFound, "there is no connection of this id", reason: .app)
            error.appID = id
            throw error
        }
        return row.value
    }

    /// The connection, which must be of this kind.
    func app(_ id: String, _ kind: AppRecord.Kind) throws(ConnError) -> AppRecord {
        let app = try app(id)
        guard app.kind == kind else { throw .invalid("appId", "is a connection of type \(app.kind.rawValue)") }
        return app
    }

    /// A subject's tokens at a connection.
    func tokens(of subject: Subject, at appID: String) throws(ConnError) -> [Row<TokenRecord>] {
        try rows.all(rows.keys.tokens(of: subject, at: appID))
    }

    /// What puts a token in its place. A new one comes with the row by which its app's tokens are found.
    /// - Parameter version: of the row that is there; nil when none is.
    func writes(_ record: TokenRecord, at location: TokenLocation, over version: UInt64?) -> [StoreWrite] {
        if let version { return [rows.seal(record, at: location.key, expecting: .version(version))] }
        return [
            rows.seal(record, at: location.key, expecting: .absent),
            rows.seal(PointerRecord(), at: location.appKey, expecting: .any),
        ]
    }

    /// Removes a few rows that have expired; each new one does so.
    /// - Parameter family: `RowKeys.flows`, `RowKeys.deviceFlows` or `RowKeys.spent`.
    func expired(_ family: [UInt8]) throws(ConnError) -> [StoreWrite] {
        let oldest = try rows.store.scan(prefix: family, after: nil, limit: 8)
        // Another process, whose clock is behind, may be exchanging its code.
        return oldest.filter { RowKeys.expiry($0.key) + Self.clockMargin <= clock.seconds }.map {
            .remove($0.key, expecting: .any)
        }
    }

    func removal(of location: TokenLocation, version: UInt64) -> [StoreWrite] {
        [.remove(location.key, expecting: .version(version)), .remove(location.appKey, expecting: .any)]
    }
}

/// A row whose key says everything.
struct PointerRecord: Record {
    init() {}
    init?(json: JSON) {}
    var json: JSON { .object() }
}
