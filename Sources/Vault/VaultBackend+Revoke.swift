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
    static let asideMilliseconds = 5000

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
        of token: TokenRecord, id: ID? = nil, at app: AppRecord, _ reader: RowReader
    ) throws(ConnError) -> RevocationRecord? {
        RevocationRecord(
            token, id: id, of: try withClient(app, of: token, reader), config: config, now: clock.milliseconds())
    }

    /// A connection's registered client goes with it, so that it is kept beside its token.
    private func withClient(
        _ app: AppRecord, of token: TokenRecord, _ reader: RowReader
    ) throws(ConnError) -> AppRecord {
        guard app.registers else { return app }
        return try reader.client(token.clientID, of: app)?.client(of: app) ?? app
    }

    /// Has a token taken back that came too late to be kept.
    func discard(_ token: TokenRecord, of app: AppRecord, _ change: inout Change) throws(ConnError) {
        guard let record = try revocation(of: token, at: app, change.reader) else { return }
        change.writes.append(put(record, due: clock.milliseconds()).write)
    }

    /// Has a token taken back that its connection or its subject was deleted for, and fails with `error`.
    func discard<Value>(
        _ token: TokenRecord, of app: AppRecord, because error: ConnError
    ) throws(ConnError) -> Step<Value> {
        try rows.change { [self] (change) throws(ConnError) in try discard(token, of: app, &change) }
            .then { () throws(ConnError) in throw error }
    }

    // MARK: - Trying

    /// Tries what a call has taken for itself, each once: no more of a connection's once one of them failed, and none
    /// when the call has spent its time.
    func revoke(_ claimed: [Row<RevocationRecord>], _ tally: RevocationTally) throws(ConnError) -> Step<RevocationTally>
    {
        let until = clock.milliseconds() + Int64(Self.asideMilliseconds)
        return .aside(timeoutMilliseconds: Self.asideMilliseconds) { [self] () throws(ConnError) in
            try revoke(claimed[...], tally, failed: [], until: until)
        }
    }

    private func revoke(
        _ claimed: ArraySlice<Row<RevocationRecord>>, _ tally: RevocationTally, failed: Set<ID>, until: Int64
    ) throws(ConnError) -> Step<RevocationTally> {
        guard let row = claimed.first else { return .done(tally) }
        let isTried = clock.milliseconds() < until && !failed.contains(row.value.app.id)
        let step = isTried ? try attempt(row) : .done(.pending)
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
        try claimDue().then { [self] (row) throws(ConnError) in
            guard let row else { return .done(()) }
            return try attempt(row).then { (_) throws(ConnError) in .done(()) }
        }.result { (result) throws(ConnError) in
            if case .failure(let error) = result { Log.write(.warning, "no token is taken back: \(error.message)") }
            return .done(())
        }
    }

    /// Takes the first row that is due, if there is one.
    private func claimDue() throws(ConnError) -> Step<Row<RevocationRecord>?> {
        rows.read { [self] (reader) throws(ConnError) in
            let now = clock.milliseconds()
            let due = try reader.page(RowKeys.revocations, limit: 16)
                .prefix { RowKeys.revocationDue($0.key) <= now }
            var readable: [Row<RevocationRecord>] = []
            for stored in due {
                do throws(ConnError) {
                    readable.append(try reader.open(stored))
                } catch {
                    // What does not open is told, and does not keep the others from being tried.
                    guard error.code == .internal else { throw error }
                    Log.write(.warning, "a token cannot be taken back: \(error.message)")
                }
            }
            return try claim(readable[...])
        }
    }

    /// Takes the first of these that nobody else has.
    private func claim(_ due: ArraySlice<Row<RevocationRecord>>) throws(ConnError) -> Step<Row<RevocationRecord>?> {
        guard let row = due.first else { return .done(nil) }
        let (claimed, write) = put(row.value)
        return try rows.commit([.remove(row.key, expecting: .version(row.version)), write]).result {
            [self] (result) throws(ConnError) in
            if case .failure(let error) = result {
                guard error.code == .conflict else { throw error }
                return try claim(due.dropFirst())
            }
            return .done(claimed)
        }
    }

    /// Tries a row that this call has taken for itself.
    private func attempt(_ row: Row<RevocationRecord>) throws(ConnError) -> Step<RevocationOutcome> {
        try client(for: row.value).then { [self] (app) throws(ConnError) in
            try provider(of: app, hosts: row.value.hosts).then { [self] (provider) throws(ConnError) in
                OAuth.revoke(
                    token: row.value.token, isRefreshToken: row.value.isRefreshToken, provider: provider, clock: clock)
            }
        }.result { [self] (result) throws(ConnError) in
            try settle(result, row).result { (settled) throws(ConnError) in
                switch settled {
                case .success(let outcome):
                    return .done(outcome)
                case .failure(let error):
                    // The row falls due again.
                    Log.write(
                        .warning, "what became of a token of \(row.value.app.id) is not kept: \(error.message)")
                    return .done(.pending)
                }
            }
        }
    }

    /// The connection as it is today, if it is the same one, at the same server, and the same client: its secret may have
    /// been mended since.
    private func client(for record: RevocationRecord) -> Step<AppRecord> {
        rows.read { [self] (reader) throws(ConnError) in
            let row: Row<AppRecord>? = try reader.get(reader.keys.app(record.app.id))
            guard let app = row?.value, !app.isBeingDeleted, app.clientID == record.app.clientID,
                try isStanding(record.app, app)
            else { return .done(record.app) }
            return .done(app)
        }
    }

    /// Rows that were kept before they said of which incarnation they are are told by their server.
    private func isStanding(_ kept: AppRecord, _ app: AppRecord) throws(ConnError) -> Bool {
        if kept.incarnation != nil { return app.isSame(as: kept) }
        guard app.has(nil) else { return false }
        return try app.server(config).isSame(as: try kept.server(config))
    }

    private func settle(
        _ result: Result<RevocationResult, ConnError>, _ row: Row<RevocationRecord>
    ) throws(ConnError) -> Step<RevocationOutcome> {
        switch result {
        case .success(.revoked(let clearsGrant)):
            return try finish(row, "ok", .revoked(clearsGrant: clearsGrant))
        case .success(.unsupported):
            return try finish(row, "unsupported", .unsupported)
        case .success(.failed(let failure)):
            return try postpone(row, failure.message, retryAfter: failure.retryAfterMilliseconds)
        case .failure(let error):
            return try postpone(row, error.message, retryAfter: error.retryAfterMilliseconds)
        }
    }

    private func finish(
        _ row: Row<RevocationRecord>, _ event: String, _ outcome: RevocationOutcome
    ) throws(ConnError) -> Step<RevocationOutcome> {
        try rows.commit([.remove(row.key, expecting: .any)], recording: [row.value.event(event)])
            .then { () throws(ConnError) in .done(outcome) }
    }

    private func postpone(
        _ row: Row<RevocationRecord>, _ problem: String, retryAfter: Int?
    ) throws(ConnError) -> Step<RevocationOutcome> {
        try rows.change { [self] (change) throws(ConnError) -> RevocationOutcome in
            guard let stored = try change.reader.stored(row.key) else { return .pending }  // somebody else took it over
            var record = row.value
            change.remove(row.key, expecting: .version(stored.version))
            guard let due = record.fail(now: clock.milliseconds(), retryAfter: retryAfter, jitter: jitter) else {
                change.events = [record.event("given up")]
                return .givenUp
            }
            change.writes.append(put(record, due: due).write)
            return .pending
        }.then { (outcome) throws(ConnError) in
            let app = row.value.app.id
            if case .givenUp = outcome {
                Log.write(.warning, "a token of \(app) was not taken back, and is given up: \(problem)")
            } else {
                Log.write(.info, "a token of \(app) is not taken back yet: \(problem)")
            }
            return .done(outcome)
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
        return try claimDue().then { [self] (row) throws(ConnError) in
            guard let row else { return try wait(run) }
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
    }

    private func wait(_ run: Run) throws(ConnError) -> Step<JSON> {
        let now = clock.milliseconds()
        guard now < run.until else { return try answer(run) }
        return rows.read { [self] (reader) throws(ConnError) in
            let first = try reader.page(RowKeys.revocations, limit: 1).first
            let due = first.map { RowKeys.revocationDue($0.key) } ?? run.until
            let nap = min(max(due - now, 50), run.until - now, Self.maxNap)
            return .pause(milliseconds: Int(nap)) { [self] () throws(ConnError) in try goOn(run) }
        }
    }

    private func answer(_ run: Run) throws(ConnError) -> Step<JSON> {
        try rows.pages(RowKeys.revocations, into: 0) { (count, page, _) throws(ConnError) in .done(count + page.count) }
            .then { (pending) throws(ConnError) in
                .done(
                    .object([
                        "revoked": .integer(run.revoked), "pending": .integer(pending), "failed": .integer(run.failed),
                    ]))
            }
    }
}
