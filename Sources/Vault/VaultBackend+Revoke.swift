internal import Connections
internal import JSON
internal import Memory
internal import OAuth

// The outbox: tokens that are to be taken back at their providers (RFC 7009).
//
// A row's key begins with the moment that it is due. Whoever tries it first moves it to a later moment, in one commit:
// nobody else tries it meanwhile, and should the process end, it falls due again. It goes when the provider has confirmed.

/// What came of one try.
enum RevocationOutcome: Sendable {
    case revoked(clearsGrant: Bool?)
    case unsupported
    case pending
    /// It was tried for long enough.
    case givenUp
}

extension VaultBackend {
    /// A call that has done its own work spends at most so long on an exchange with a provider, and begins none after
    /// it has spent that. Milliseconds.
    private static let asideMilliseconds = 5000

    /// Operations that help: those that write, but for those that somebody is waiting for a token or a URL from.
    static let helpers: Set = [
        "complete", "confirm", "store_api_key", "store_token", "store_tokens", "delete", "apps.create", "apps.update",
        "apps.delete",
    ]

    /// How long a row is taken for. Milliseconds.
    private var claimMilliseconds: Int64 { Int64(2 * config.timeoutMilliseconds + 3 * Self.asideMilliseconds) }

    // MARK: - Into the outbox

    /// A new row of the outbox.
    /// - Parameter due: milliseconds since 1970; nil: the caller takes the row for itself at once.
    func put(_ record: RevocationRecord, due: Int64? = nil) -> (row: Row<RevocationRecord>, write: StoreWrite) {
        let key = RowKeys.revocation(due: due ?? clock.milliseconds() + claimMilliseconds)
        // Nobody changes a row of the outbox without moving it, so that the version does not matter.
        return (Row(key: key, value: record, version: 0), rows.seal(record, at: key, expecting: .absent))
    }

    /// What takes a token back, whatever becomes of its connection; nil when its provider takes none.
    /// - Parameter id: the token's, for the audit; nil when it never had one.
    func revocation(
        of token: TokenRecord, id: ID? = nil, at app: AppRecord
    ) throws(ConnError) -> RevocationRecord? {
        RevocationRecord(token, id: id, of: try withClient(app, of: token), config: config, now: clock.milliseconds())
    }

    /// A connection's registered client goes with it, so that it is kept beside its token.
    private func withClient(_ app: AppRecord, of token: TokenRecord) throws(ConnError) -> AppRecord {
        guard app.registers else { return app }
        let registered: [Row<RegistrationRecord>] = try rows.all(rows.keys.registrations(of: app.id))
        let client = registered.lazy.compactMap { $0.value.client(token.clientID) }.first
        return client?.client(of: app) ?? app
    }

    /// Has a token taken back that came too late to be kept.
    func discard(_ token: TokenRecord, of app: AppRecord) throws(ConnError) {
        guard let record = try revocation(of: token, at: app) else { return }
        try rows.commit([put(record, due: clock.milliseconds()).write])
    }

    // MARK: - Trying

    /// Tries what a call has taken for itself, each once: no more of a connection's once one of them failed, and none
    /// when the call has spent its time.
    func revoke(_ claimed: [Row<RevocationRecord>], _ tally: RevocationTally) throws(ConnError) -> Step<RevocationTally>
    {
        let until = clock.milliseconds() + Int64(Self.asideMilliseconds)
        return try revoke(claimed[...], tally, failed: [], until: until)
    }

    private func revoke(
        _ claimed: ArraySlice<Row<RevocationRecord>>, _ tally: RevocationTally, failed: Set<ID>, until: Int64
    ) throws(ConnError) -> Step<RevocationTally> {
        guard let row = claimed.first else { return .done(tally) }
        let isTried = clock.milliseconds() < until && !failed.contains(row.value.app.id)
        let step = isTried ? try attempt(row).aside(timeoutMilliseconds: Self.asideMilliseconds) : .done(.pending)
        return try step.then { [self] (outcome) throws(ConnError) in
            var (tally, failed) = (tally, failed)
            switch outcome {
            case .revoked(let clearsGrant):
                tally.yes += 1
                if clearsGrant == true { tally.grantCleared += 1 }
            case .unsupported:
                tally.unsupported += 1
            case .pending, .givenUp:
                tally.pending += 1
                failed.insert(row.value.app.id)
            }
            return try revoke(claimed.dropFirst(), tally, failed: failed, until: until)
        }
    }

    /// Tries one that is due, aside. It never fails: the caller has its answer.
    func helpRevoking() throws(ConnError) -> Step<Void> {
        try Step<RevocationOutcome?>.attempt({ [self] () throws(ConnError) in
            guard let row = try claimDue() else { return .done(nil) }
            return try attempt(row).aside(timeoutMilliseconds: Self.asideMilliseconds)
                .then { (outcome) throws(ConnError) in .done(outcome) }
        }) { (result) throws(ConnError) in
            if case .failure(let error) = result { Log.write(.warning, "no token is taken back: \(error.message)") }
            return .done(())
        }
    }

    /// Takes the first row that is due, if there is one.
    private func claimDue() throws(ConnError) -> Row<RevocationRecord>? {
        let now = clock.milliseconds()
        for stored in try rows.store.scan(prefix: RowKeys.revocations, after: nil, limit: 16) {
            guard RowKeys.revocationDue(stored.key) <= now else { return nil }
            do throws(ConnError) {
                let row: Row<RevocationRecord> = try rows.open(stored)
                let (claimed, write) = put(row.value)
                try rows.commit([.remove(row.key, expecting: .version(row.version)), write])
                return claimed
            } catch {
                // Somebody else has it. What does not open is told, and does not keep the others from being tried.
                guard error.code == .conflict || error.code == .internal else { throw error }
                if error.code == .internal { Log.write(.warning, "a token cannot be taken back: \(error.message)") }
            }
        }
        return nil
    }

    /// Tries a row that this call has taken for itself.
    private func attempt(_ row: Row<RevocationRecord>) throws(ConnError) -> Step<RevocationOutcome> {
        try Step<RevocationResult>.attempt({ [self] () throws(ConnError) in
            try provider(of: try client(for: row.value), hosts: row.value.hosts).then {
                [self] (provider) throws(ConnError) in
                OAuth.revoke(
                    token: row.value.token, isRefreshToken: row.value.isRefreshToken, provider: provider, clock: clock)
            }
        }) { [self] (result) throws(ConnError) in
            do throws(ConnError) {
                return .done(try settle(result, row))
            } catch {
                // The row falls due again.
                Log.write(.warning, "what became of a token of \(row.value.app.id) is not kept: \(error.message)")
                return .done(.pending)
            }
        }
    }

    /// The connection as it is today, if it is the same client yet: its secret may have been mended since.
    private func client(for record: RevocationRecord) throws(ConnError) -> AppRecord {
        let row: Row<AppRecord>? = try rows.get(rows.keys.app(record.app.id))
        guard let app = row?.value, !app.isBeingDeleted, app.clientID == record.app.clientID else { return record.app }
        return app
    }

    private func settle(
        _ result: Result<RevocationResult, ConnError>, _ row: Row<RevocationRecord>
    ) throws(ConnError) -> RevocationOutcome {
        switch result {
        case .success(.revoked(let clearsGrant)):
            try rows.commit([.remove(row.key, expecting: .any)], recording: [row.value.event("ok")])
            return .revoked(clearsGrant: clearsGrant)
        case .success(.unsupported):
            try rows.commit([.remove(row.key, expecting: .any)], recording: [row.value.event("unsupported")])
            return .unsupported
        case .success(.failed(let failure)):
            return try postpone(row, failure.message, retryAfter: failure.retryAfterMilliseconds)
        case .failure(let error):
            return try postpone(row, error.message, retryAfter: error.retryAfterMilliseconds)
        }
    }

    private func postpone(
        _ row: Row<RevocationRecord>, _ problem: String, retryAfter: Int?
    ) throws(ConnError) -> RevocationOutcome {
        try retrying { () throws(ConnError) in
            guard let stored = try rows.store.get(row.key) else { return .pending }  // somebody else took it over
            var record = row.value
            let removal = StoreWrite.remove(row.key, expecting: .version(stored.version))
            guard let due = record.fail(now: clock.milliseconds(), retryAfter: retryAfter, jitter: jitter) else {
                try rows.commit([removal], recording: [record.event("given up")])
                Log.write(.warning, "a token of \(record.app.id) was not taken back, and is given up: \(problem)")
                return .givenUp
            }
            try rows.commit([removal, put(record, due: due).write])
            Log.write(.info, "a token of \(record.app.id) is not taken back yet: \(problem)")
            return .pending
        }
    }

    // MARK: - The operation

    private struct Run: Sendable {
        var left: Int64
        /// Milliseconds since 1970.
        let until: Int64
        var revoked = 0
        var failed = 0
        /// Connections whose provider failed: their other rows are left for later.
        var troubled: Set<ID> = []
    }

    /// The longest that a run looks away. Milliseconds.
    private static let maxNap: Int64 = 1000

    func runRevocations(_ request: Request) throws(ConnError) -> Step<JSON> {
        let until = clock.milliseconds() + (request["waitMs"]?.integer ?? 0)
        return try goOn(Run(left: request["limit"]?.integer ?? 100, until: until))
    }

    private func goOn(_ run: Run) throws(ConnError) -> Step<JSON> {
        guard run.left > 0 else { return try answer(run) }
        guard let row = try claimDue() else {
            let now = clock.milliseconds()
            guard now < run.until else { return try answer(run) }
            let first = try rows.store.scan(prefix: RowKeys.revocations, after: nil, limit: 1).first
            let due = first.map { RowKeys.revocationDue($0.key) } ?? run.until
            let nap = min(max(due - now, 50), run.until - now, Self.maxNap)
            return .pause(milliseconds: Int(nap)) { [self] () throws(ConnError) in try goOn(run) }
        }
        var next = run
        next.left -= 1
        if run.troubled.contains(row.value.app.id) { return try goOn(next) }
        return try attempt(row).then { [self, next] (outcome) throws(ConnError) in
            var next = next
            switch outcome {
            case .revoked: next.revoked += 1
            case .unsupported, .givenUp: next.failed += 1
            case .pending: next.troubled.insert(row.value.app.id)
            }
            return try goOn(next)
        }
    }

    private func answer(_ run: Run) throws(ConnError) -> Step<JSON> {
        var pending = 0
        try rows.each(RowKeys.revocations) { (_) throws(ConnError) in
            pending += 1
            return true
        }
        return .done(
            .object([
                "revoked": .integer(run.revoked), "pending": .integer(pending), "failed": .integer(run.failed),
            ]))
    }
}
