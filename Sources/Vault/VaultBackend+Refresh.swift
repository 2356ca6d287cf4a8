internal import Connections
internal import HTTP
internal import JSON
internal import Memory
internal import OAuth

extension VaultBackend {
    /// How often a refresh of another process is looked after. Milliseconds.
    static let pollMilliseconds = 50
    /// A lease outlives its request's own time by this. Milliseconds.
    private static let leaseMargin: Int64 = 10_000

    /// Refreshes a row's token: one caller of this process at a time, and, by a lease on the row, one process.
    ///
    /// Nothing is open while the provider is asked. Everybody, who refreshed as well as who waited, then looks at the row
    /// again through `demand`.
    func refresh(_ row: Row<TokenRecord>, _ demand: TokenDemand) throws(ConnError) -> Step<JSON> {
        let app = try app(row.value.appID)
        let unused = UnusedLease(self, row.key)
        switch flights.enter(row.key, onLanding: { unused.release() }) {
        case .follower(let flight):
            return .join(flight) { [self] () throws(ConnError) in try supply(demand) }
        case .leader(let leader):
            return try Step.attempt({ [self] () throws(ConnError) in
                try provider(of: app, hosts: row.value.hosts, client: .grant(of: row.value.clientID))
            }) {
                [self] (result) throws(ConnError) in
                // The flight lasts as long as this closure and those below.
                try withExtendedLifetime(leader) { () throws(ConnError) in
                    switch result {
                    case .success(let provider): return try lead(row, app, provider, demand, leader, unused)
                    case .failure(let error): return try serveAnyway(row, demand, error)
                    }
                }
            }
        }
    }

    private func lead(
        _ row: Row<TokenRecord>, _ app: AppRecord, _ provider: Provider, _ demand: TokenDemand,
        _ leader: Flight.Leader, _ unused: UnusedLease
    ) throws(ConnError) -> Step<JSON> {
        guard let refreshToken = row.value.refreshToken else { return try supply(demand) }
        var claimed = row.value
        let now = clock.milliseconds()
        let duration = Int64(provider.timeoutMilliseconds) + Self.leaseMargin
        let habits = RefreshHabits(provider)
        let lease = claimed.begin(owner: owner, now: now, duration: duration, habits: habits)
        if demand.isRejected { claimed.accessTokenExpiry = now / 1000 }
        do throws(ConnError) {
            try rows.commit([rows.seal(claimed, at: row.key, expecting: .version(row.version))])
        } catch {
            guard error.code == .conflict else { throw error }
            return try supply(demand)
        }
        unused.hold(lease)
        return try OAuth.refresh(
            refreshToken: refreshToken, scopes: nil, resources: row.value.resources, provider: provider, clock: clock
        ).then { [self] (result) throws(ConnError) in
            try withExtendedLifetime(leader) { () throws(ConnError) in
                unused.use()
                let outcome = Outcomes.Outcome(
                    result: result, lease: lease, habits: habits, token: row.value, app: app)
                outcomes.add(outcome, at: row.key)
                let end = clock.monotonic().adding(milliseconds: Int(Self.leaseMargin))
                return try settle(row.key, provider, demand, leader, until: end)
            }
        }
    }

    /// Keeps what came of a refresh, before anybody gets a token of it. A store that fails is tried again for a while.
    private func settle(
        _ key: [UInt8], _ provider: Provider, _ demand: TokenDemand, _ leader: Flight.Leader, until end: Deadline
    ) throws(ConnError) -> Step<JSON> {
        do throws(ConnError) {
            try settle(key)
        } catch {
            guard clock.monotonic() < end else { throw error }
            return .pause(milliseconds: Self.pollMilliseconds) { [self] () throws(ConnError) in
                try withExtendedLifetime(leader) { () throws(ConnError) in
                    try settle(key, provider, demand, leader, until: end)
                }
            }
        }
        return try learnExpiry(at: key, provider).then { [self] () throws(ConnError) in
            try withExtendedLifetime(leader) { () throws(ConnError) in try supply(demand) }
        }
    }

    /// Puts into the store what came of a row's last refresh, if it is not there yet.
    func settle(_ key: [UInt8]) throws(ConnError) {
        guard let outcome = outcomes[key] else { return }
        try retrying { () throws(ConnError) in
            guard let row: Row<TokenRecord> = try rows.get(key) else { return try discard(outcome) }
            guard row.value.refresh.isOfThisRow(outcome.lease.generation) else {
                // Deleted, and granted anew. Where all that a user granted goes with any token, the new grant would too.
                return clearsGrant(outcome) ? () : try discard(outcome)
            }
            var record = row.value
            let now = clock.milliseconds()
            let isNews =
                switch outcome.result {
                case .success(let reply): record.succeed(reply, outcome.lease, now: now)
                case .failure(let failure):
                    record.fail(failure, outcome.lease, now: now, habits: outcome.habits, jitter: jitter)
                }
            if isNews {
                try rows.commit(
                    [rows.seal(record, at: key, expecting: .version(row.version))],
                    recording: [.refresh(row, outcome: outcome.result.auditOutcome)], evenUntold: true)
            }
        }
        outcomes.remove(outcome, at: key)
    }

    /// Has the tokens taken back that a refresh brought after its row was deleted. What the deletion took back is the
    /// token before, which may have been spent by then.
    private func discard(_ outcome: Outcomes.Outcome) throws(ConnError) {
        // Without a new refresh token there is nothing that the deletion did not take back, or left alone by intention.
        guard case .success(let reply) = outcome.result, reply.refreshToken != nil else { return }
        var late = outcome.token
        late.take(reply)
        try discard(late, of: outcome.app)
    }

    /// Whether all that the user granted goes with any token that is taken back.
    private func clearsGrant(_ outcome: Outcomes.Outcome) -> Bool {
        (try? outcome.app.provider(config, hosts: outcome.token.hosts))?.revocation?.clearsGrant == true
    }

    /// The provider's endpoints cannot be found out: a token that lives still does, unless another one is wanted.
    private func serveAnyway(
        _ row: Row<TokenRecord>, _ demand: TokenDemand, _ error: ConnError
    ) throws(ConnError) -> Step<JSON> {
        let now = clock.milliseconds()
        if demand.isRejected, row.value.isAlive(now: now) { try reject(row, now: now) }
        guard !demand.isForced, !demand.isRejected, row.value.isAlive(now: now) else { throw error }
        return try handOut(row, of: try app(row.value.appID), demand)
    }

    fileprivate func release(_ lease: RefreshState.Lease, at key: [UInt8]) throws(ConnError) {
        try retrying { () throws(ConnError) in
            guard let row: Row<TokenRecord> = try rows.get(key), row.value.refresh.lease == lease else { return }
            var record = row.value
            record.refresh.lease = nil
            try rows.commit([rows.seal(record, at: key, expecting: .version(row.version))])
        }
    }
}

/// A lease whose request has not left yet: a call that is cancelled in between gives it back, so that nobody takes it for
/// one whose process ended while the provider was asked.
private final class UnusedLease: Sendable {
    private let backend: VaultBackend
    private let key: [UInt8]
    private let lease = Monitor<RefreshState.Lease?>(nil)

    init(_ backend: VaultBackend, _ key: [UInt8]) {
        self.backend = backend
        self.key = key
    }

    func hold(_ lease: RefreshState.Lease) { self.lease.withLock { $0 = lease } }

    func use() { lease.withLock { $0 = nil } }

    func release() {
        let held = lease.withLock { lease in
            defer { lease = nil }
            return lease
        }
        // If the store fails here, the lease runs out by itself.
        if let held { try? backend.release(held, at: key) }
    }
}

extension Result where Failure == TokenFailure {
    fileprivate var auditOutcome: String {
        switch self {
        case .success: "ok"
        case .failure(let failure): failure.kind.rawValue
        }
    }
}
