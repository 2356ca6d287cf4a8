internal import Connections
internal import Crypto
internal import HTTP
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

/// What is to be done after a refresh was tried.
enum Refreshed: Sendable {
    /// Whatever came of it, of this process's work or another's, is in the row: look again.
    case inTheRow
    /// The same, and the provider was asked by this call.
    case exchanged
    /// The provider's endpoints cannot be found out.
    case noProvider(ConnError)
}

/// Refreshes tokens: docs/architecture.md, Refresh.
final class Refresher: Sendable {
    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let jitter: Jitter
    let providers: Providers
    let outbox: Outbox
    private let flights = Flights()
    private let leases: LeaseWatch
    let outcomes = Outcomes()
    /// Names this process's work in leases.
    private let owner = Crypto.base64URL(Crypto.random(16))

    /// - Parameter isOfOneMachine: whether the store's processes are.
    init(
        rows: Rows, config: VaultConfig, clock: Clock, jitter: Jitter, providers: Providers, outbox: Outbox,
        isOfOneMachine: Bool
    ) {
        self.rows = rows
        self.config = config
        self.clock = clock
        self.jitter = jitter
        self.providers = providers
        self.outbox = outbox
        leases = LeaseWatch(isOfOneMachine: isOfOneMachine)
        rows.committer.inPassing { [weak self] in self?.settlingInPassing }
    }

    /// The refresh of a row that this process has in flight.
    func flight(at key: [UInt8]) -> Flight? { flights[key] }

    /// Whether somebody holds the lease that a row names.
    func isLeaseHeld(_ row: Row<TokenRecord>) -> Bool {
        leases.isHeld(row.value.refresh.lease, at: row.key, clock: clock)
    }

    /// A lease outlives its request's own time by this. Milliseconds.
    private static let leaseMargin: Int64 = 10_000

    /// Refreshes a row's token: one caller of this process at a time, and, by a lease on the row, one process.
    ///
    /// Nothing is open while the provider is asked. Everybody, who refreshed as well as who waited, then looks at the row
    /// again.
    /// - Parameter isRejected: a service refused the access token that there is now.
    func refresh(_ row: Row<TokenRecord>, of app: AppRecord, isRejected: Bool) throws(ConnError) -> Step<Refreshed> {
        switch flights.enter(row.key) {
        case .follower(let flight):
            rows.statistics.refreshesJoined.add()
            return .join(flight) { () throws(ConnError) in .done(.inTheRow) }
        case .leader(let leader):
            return try Step.attempt({ [self] () throws(ConnError) in
                try providers.provider(of: app, hosts: row.value.hosts, client: .grant(of: row.value.clientID))
            }) {
                [self] (result) throws(ConnError) in
                // The flight lasts as long as this closure and those below.
                try withExtendedLifetime(leader) { () throws(ConnError) in
                    switch result {
                    case .success(let provider): try lead(row, app, provider, isRejected, leader)
                    case .failure(let error): .done(.noProvider(error))
                    }
                }
            }
        }
    }

    /// A place at the provider first, then the lease, and then the request at once: a lease lasts no longer than its
    /// request may take.
    private func lead(
        _ row: Row<TokenRecord>, _ app: AppRecord, _ provider: Provider, _ isRejected: Bool, _ leader: Flight.Leader
    ) throws(ConnError) -> Step<Refreshed> {
        guard let refreshToken = row.value.refreshToken else { return .done(.inTheRow) }
        let exchange = OAuth.refresh(
            refreshToken: refreshToken, scopes: nil, resources: row.value.resources, provider: provider, clock: clock)
        guard case .http(let request, _) = exchange else {
            return try claim(row, app, provider, isRejected, leader, exchange)
        }
        return .admission(request.url, timeoutMilliseconds: request.timeoutMilliseconds) {
            [self] () throws(ConnError) in try claim(row, app, provider, isRejected, leader, exchange)
        }
    }

    /// Takes the lease, and makes the exchange then. With the lease in the store the request leaves, whoever waits for it:
    /// nobody takes the lease for one of a process that ended while the provider was asked.
    private func claim(
        _ row: Row<TokenRecord>, _ app: AppRecord, _ provider: Provider, _ isRejected: Bool,
        _ leader: Flight.Leader, _ exchange: Step<Result<TokenReply, TokenFailure>>
    ) throws(ConnError) -> Step<Refreshed> {
        var claimed = row.value
        let now = clock.instant
        let duration = Int64(provider.timeoutMilliseconds) + Self.leaseMargin
        let habits = RefreshHabits(provider)
        let lease = claimed.begin(owner: owner, now: now, duration: duration, habits: habits)
        if isRejected { claimed.accessTokenExpiry = now.time / 1000 }
        return try rows.change(once: true, binds: true) { [claimed] (change) throws(ConnError) in
            try change.stand(app)
            change.put(claimed, at: row.key, expecting: .version(row.version))
        }.result { [self] (result) throws(ConnError) in
            if case .failure(let error) = result {
                guard error.code == .conflict || error.reason == .app else { throw error }
                return .done(.inTheRow)
            }
            return try exchange.then { [self] (result) throws(ConnError) in
                try withExtendedLifetime(leader) { () throws(ConnError) in
                    rows.statistics.refreshes.add(at: result.auditOutcome)
                    let outcome = Outcomes.Outcome(
                        result: result, lease: lease, habits: habits, token: row.value,
                        app: app.asClient(of: provider))
                    outcomes.add(outcome, at: row.key)
                    return try settle(row.key, app, provider, leader)
                }
            }
        }
    }

    /// Keeps what came of a refresh, before anybody gets a token of it.
    private func settle(
        _ key: [UInt8], _ app: AppRecord, _ provider: Provider, _ leader: Flight.Leader
    ) throws(ConnError) -> Step<Refreshed> {
        try rows.retrying { [self] (_) throws(ConnError) in try settle(key) }.result {
            [self] (result) throws(ConnError) in
            try withExtendedLifetime(leader) { () throws(ConnError) in
                if case .failure(let error) = result {
                    outcomes.leave(at: key)
                    throw error
                }
                return try providers.learnExpiry(at: key, of: app, provider).then { () throws(ConnError) in
                    withExtendedLifetime(leader) { .settled { () throws(ConnError) in .done(.exchanged) } }
                }
            }
        }
    }

    /// Puts into the store what came of a row's last refresh, if it is not there yet.
    func settle(_ key: [UInt8]) throws(ConnError) -> Step<Void> {
        guard let outcome = outcomes[key] else { return .done(()) }
        return try rows.change { [self] (change) throws(ConnError) in
            change.allowsAuditGap = true
            change.whenWritten = { [outcomes] in outcomes.remove(outcome, at: key) }
            guard let row: Row<TokenRecord> = try change.reader.get(key) else { return try discard(outcome, &change) }
            let isOfTheServer = row.value.incarnation == outcome.token.incarnation
            guard isOfTheServer, row.value.refresh.isOfThisRow(outcome.lease.generation) else {
                // Deleted, and granted anew. Where all that a user granted goes with any token, the new grant would too.
                return isOfTheServer && revokesGrant(outcome) ? () : try discard(outcome, &change)
            }
            var record = row.value
            let now = clock.instant
            let isNews =
                switch outcome.result {
                case .success(let reply):
                    record.succeed(reply, outcome.lease, now: now.time, habits: outcome.habits)
                case .failure(let failure):
                    record.fail(failure, outcome.lease, now: now, habits: outcome.habits, jitter: jitter)
                }
            guard isNews else { return }
            change.put(record, at: key, expecting: .version(row.version))
            change.events = [.refresh(row, outcome: outcome.result.auditOutcome)]
        }.then { [outcomes] () throws(ConnError) in
            outcomes.remove(outcome, at: key)
            return .done(())
        }
    }

    /// Has the tokens revoked that a refresh brought after its row was deleted. What the deletion revoked is the
    /// token before, which may have been spent by then.
    private func discard(_ outcome: Outcomes.Outcome, _ change: inout Change) throws(ConnError) {
        // Without a new refresh token there is nothing that the deletion did not revoke, or left alone by intention.
        guard case .success(let reply) = outcome.result, reply.refreshToken != nil else { return }
        var late = outcome.token
        late.take(reply)
        try outbox.discard(late, of: outcome.app, &change)
    }

    /// Whether all that the user granted goes with any token that is revoked.
    private func revokesGrant(_ outcome: Outcomes.Outcome) -> Bool {
        (try? outcome.app.provider(config, hosts: outcome.token.hosts))?.revocation?.revokesGrant == true
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
