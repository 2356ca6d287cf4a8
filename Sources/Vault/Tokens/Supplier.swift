internal import Connections
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

/// A token that is asked for: which one, and how fresh.
struct TokenDemand: Sendable {
    enum Target: Sendable {
        case best(TokenSelection, of: Subject, appID: ID)
        case token(TokenLocation)
    }

    /// What a fetch wants that does not say. Seconds.
    static let usualTTL: Int64 = 60

    var target: Target
    /// Seconds.
    var minTTL = usualTTL
    /// Another access token than there is now, however long that one lives.
    var isForced = false
    /// A service refused the access token that there is now.
    var isRejected = false
    var withRefreshToken = false
    /// Who gets the token; nil: nobody does, so that it counts as no fetch.
    var recipient: Request?
    /// The first token that would not do, and its generation: a later one is taken as it is, so that a token which
    /// lives shorter than was asked for is refreshed once and not forever.
    var unfit: (key: [UInt8], generation: Int64)?
    /// How often the provider was asked for it. A token that is dead when it comes is not asked for again and again.
    var exchanges = 0
    static let maxExchanges = 2

    /// How fresh this row must be.
    func freshness(of row: Row<TokenRecord>) -> Freshness {
        Freshness(
            minTTL: minTTL, unfit: unfit?.key == row.key ? unfit?.generation : nil, isForced: isForced || isRejected,
            isRejected: isRejected)
    }
}

/// Answers tokens, refreshed where needed: the way of a fetch from the rows to the answer.
final class Supplier: Sendable {
    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let grants: Grants
    let outbox: Outbox
    let refresher: Refresher

    init(rows: Rows, config: VaultConfig, clock: Clock, grants: Grants, outbox: Outbox, refresher: Refresher) {
        self.rows = rows
        self.config = config
        self.clock = clock
        self.grants = grants
        self.outbox = outbox
        self.refresher = refresher
    }

    /// Answers the token, refreshed where needed.
    func supply(_ demand: TokenDemand) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            let (row, app): (Row<TokenRecord>, AppRecord)
            switch try find(demand, reader) {
            case .found(let found, let its): (row, app) = (found, its)
            case .idle(let idle, let its):
                return try dropIdle(idle, of: its).then { [self] (_) throws(ConnError) in supply(demand) }
            }
            guard refresher.outcomes[row.key] != nil else { return try supply(row, of: app, demand) }
            return try refresher.settle(row.key).result { [self] (result) throws(ConnError) in
                switch result {
                case .success: supply(demand)
                case .failure(let error): try supply(row, of: app, demand, unsettled: error)
                }
            }
        }
    }

    /// - Parameter unsettled: why what came of the row's last refresh is not in the store yet.
    private func supply(
        _ row: Row<TokenRecord>, of app: AppRecord, _ demand: TokenDemand, unsettled: ConnError? = nil
    ) throws(ConnError) -> Step<JSON> {
        let now = clock.instant
        let wanted = demand.freshness(of: row)
        let isLeaseHeld = refresher.isLeaseHeld(row)
        let action = row.value.next(wanted, isLeaseHeld: isLeaseHeld, now: now)
        if let unsettled {
            guard case .serve = action else { throw unsettled }
        }
        var later = demand
        if later.unfit?.key != row.key { later.unfit = (row.key, row.value.refresh.generation) }
        let again: @Sendable () throws(ConnError) -> Step<JSON> = { [self, later] () throws(ConnError) in supply(later)
        }
        switch action {
        case .serve:
            return try handOut(row, of: app, demand)
        case .wait:
            if let flight = refresher.flight(at: row.key) {
                rows.statistics.refreshesJoined.add()
                return .join(flight, then: again)
            }
            return .pause(milliseconds: Rows.pollMilliseconds, then: again)
        case .refresh:
            guard demand.exchanges < TokenDemand.maxExchanges else {
                var error = ConnError(.providerError, "\(app.id) answers access tokens that have expired")
                error.appID = app.id
                throw error
            }
            return try refresher.refresh(row, of: app, isRejected: later.isRejected).then {
                [self, later] (refreshed) throws(ConnError) in
                switch refreshed {
                case .inTheRow: return supply(later)
                case .exchanged:
                    var later = later
                    later.exchanges += 1
                    return supply(later)
                case .noProvider(let error): return try serveAnyway(row, app, later, error)
                }
            }
        case .giveUp:
            var given = row.value
            given.giveUp(now: now.time)
            return try keep(given, over: row, recording: [.refresh(row, outcome: "uncertain")]).then(again)
        case .reauthorize:
            throw reauthorize(row.value)
        case .reject:
            return try reject(row, now: now.time).then(again)
        case .failed(let failure, let milliseconds):
            throw failure.error(appID: row.value.appID, retryAfterMilliseconds: milliseconds)
        }
    }

    private enum Found {
        /// The token, and its connection.
        case found(Row<TokenRecord>, AppRecord)
        /// Tokens of the subject that were not used for too long.
        case idle([Row<TokenRecord>], AppRecord)
    }

    private func find(_ demand: TokenDemand, _ reader: RowReader) throws(ConnError) -> Found {
        switch demand.target {
        case .token(let location):
            var apps = KnownApps(reader)
            guard let found: Row<TokenRecord> = try reader.get(location.key),
                case let app = try reader.app(found.value.appID), let row = try apps.seen(found, at: app)
            else { throw ConnError(.notFound, "there is no token of this id", reason: .missing) }
            return .found(row, app)
        case .best(let selection, let subject, let appID):
            let (app, tokens) = try reader.tokens(of: subject, at: appID)
            let idle = idle(tokens, of: app)
            guard idle.isEmpty else { return .idle(idle, app) }
            switch selection.choose(tokens, app.scopeRules, now: clock.milliseconds()) {
            case .found(let row): return .found(row, app)
            case .missing:
                var error = ConnError.noToken(.missing, "the subject has not connected", appID: appID)
                if !selection.scopes.isEmpty { error.missingScopes = selection.scopes }
                throw error
            case .lacking(let lack, _):
                let scopes = lack.missing.joined(separator: " ")
                let message =
                    lack.isDeclined
                    ? "the user was asked for \(scopes) at \(appID), and did not grant it"
                    : "no token of \(appID) has \(scopes)"
                var error = ConnError.noToken(.scopes, message, appID: appID)
                error.missingScopes = lack.missing
                if !lack.declined.isEmpty { error.declined = lack.declined }
                throw error
            }
        }
    }

    private func reauthorize(_ record: TokenRecord) -> ConnError {
        var error = ConnError.noToken(.reauthorize, "the grant is no longer valid", appID: record.appID)
        error.errorCode = record.refresh.lastFailure?.code
        return error
    }

    /// Keeps that a service refused a row's access token.
    private func reject(_ row: Row<TokenRecord>, now: Int64) throws(ConnError) -> Step<Void> {
        var rejected = row.value
        rejected.reject(now: now)
        return try keep(rejected, over: row, recording: [.refresh(row, outcome: "rejected")])
    }

    /// Writes a row, unless somebody else has changed it since: what comes next looks at it anew. A damaged audit does not
    /// keep anybody from learning what became of a token.
    func keep(
        _ record: TokenRecord, over row: Row<TokenRecord>, recording events: [AuditEvent] = []
    ) throws(ConnError) -> Step<Void> {
        let write = rows.seal(record, at: row.key, expecting: .version(row.version))
        return try rows.commit([write], recording: events, allowsAuditGap: true).result { (result) throws(ConnError) in
            if case .failure(let error) = result, error.code != .conflict { throw error }
            return .done(())
        }
    }

    /// The provider's endpoints cannot be found out: a token that lives still does, unless another one is wanted.
    private func serveAnyway(
        _ row: Row<TokenRecord>, _ app: AppRecord, _ demand: TokenDemand, _ error: ConnError
    ) throws(ConnError) -> Step<JSON> {
        let now = clock.milliseconds()
        let isAlive = row.value.isAlive(now: now)
        if demand.isRejected, isAlive {
            return try reject(row, now: now).then { () throws(ConnError) in throw error }
        }
        guard !demand.isForced, !demand.isRejected, isAlive else { throw error }
        return try handOut(row, of: app, demand)
    }

    // MARK: - The answer

    /// The last step: answers the token, and keeps that it was fetched where its connection wants to know.
    private func handOut(_ row: Row<TokenRecord>, of app: AppRecord, _ demand: TokenDemand) throws(ConnError) -> Step<
        JSON
    > {
        let answer = try answer(row, of: app, demand)
        guard let request = demand.recipient else { return .done(answer) }
        var served: [AuditEvent] = []
        if config.audit == .all {
            served = [
                AuditEvent(
                    request, appID: row.value.appID, subject: row.value.subject,
                    tokenID: TokenLocation(key: row.key)?.id)
            ]
        }
        if app.deletesAfterFirstFetch {
            // In one commit with its record, so that nobody else gets it and that it is not lost.
            return try remove(row, recording: "fetch", revoking: false, and: served).then {
                [self] (isRemoved) throws(ConnError) in isRemoved ? .done(answer) : supply(demand)
            }
        }
        var used = row.value
        used.lastFetchTime = clock.seconds
        // A write every now and then is enough.
        let isNews = app.idle?.isNews(clock.seconds, since: row.value.lastUse) ?? false
        let noted = isNews ? try keep(used, over: row) : .done(())
        return try noted.result { [self, served] (result) throws(ConnError) in
            if case .failure(let error) = result {
                Log.write(.warning, "the time of a fetch was not recorded: \(error.message)")
            }
            // Before it is handed out, since a token whose record cannot be kept is not; and last, since what is recorded
            // is handed out.
            return try rows.commit([], recording: served).then { () throws(ConnError) in .done(answer) }
        }
    }

    private func answer(_ row: Row<TokenRecord>, of app: AppRecord, _ demand: TokenDemand) throws(ConnError) -> JSON {
        var missing: [String] = []
        if case .best(let selection, _, _) = demand.target, selection.acceptsNarrower {
            missing = app.scopeRules.missing(selection.scopes, from: row.value.grant)
        }
        guard let location = TokenLocation(key: row.key),
            let token = row.value.answer(
                id: location.id, withRefreshToken: demand.withRefreshToken, missing: missing)
        else { throw ConnError(.internal, "a row of the vault cannot be read") }
        return .object(["token": token])
    }

    // MARK: - Tokens that nobody has a use for

    /// Those of a connection's tokens that have not been used for too long.
    func idle(_ tokens: [Row<TokenRecord>], of app: AppRecord) -> [Row<TokenRecord>] {
        guard let idle = app.idle else { return [] }
        return tokens.filter { idle.isOver(clock.seconds, since: $0.value.lastUse) }
    }

    /// Removes tokens that have not been used for too long, unless they are used just then.
    /// - Returns: those that stay.
    func dropIdle(_ tokens: [Row<TokenRecord>], of app: AppRecord) throws(ConnError) -> Step<[Row<TokenRecord>]> {
        guard let first = tokens.first else { return .done([]) }
        return try remove(first, recording: "retention", revoking: true).then {
            [self] (isRemoved) throws(ConnError) in
            rows.read { [self] (reader) throws(ConnError) in
                // One that changes just then was fetched, or stored anew.
                let changed = isRemoved ? nil : try reader.stored(first.key)
                let whole: Row<TokenRecord>? = try changed.flatMap { (stored) throws(ConnError) in
                    try reader.readable(stored)
                }
                var apps = KnownApps(reader)
                let seen = try whole.flatMap { (row) throws(ConnError) in try apps.seen(row, at: app) }
                let kept = [seen].compactMap { $0 }
                let isIdle = !idle(kept, of: app).isEmpty
                let rest = Array(tokens.dropFirst())
                return try dropIdle(isIdle ? kept + rest : rest, of: app).then { (others) throws(ConnError) in
                    .done(isIdle ? others : kept + others)
                }
            }
        }
    }

    /// - Parameters:
    ///   - revoking: whether nobody has a use for the token any more: the outbox revokes it.
    ///   - others: recorded after it.
    /// - Returns: false when the row has changed, and stays.
    private func remove(
        _ row: Row<TokenRecord>, recording operation: String, revoking: Bool,
        and others: [AuditEvent] = []
    ) throws(ConnError) -> Step<Bool> {
        guard let location = TokenLocation(key: row.key) else { return .done(false) }
        let event = AuditEvent(
            operation, appID: row.value.appID, subject: row.value.subject, tokenID: location.id, outcome: "deleted")
        return try rows.change(once: true) { [self] (change) throws(ConnError) in
            change.writes = grants.removal(of: location, version: row.version)
            change.events = [event] + others
            var apps = KnownApps(change.reader)
            if revoking, let owner = try apps.owner(of: row.value),
                let record = try outbox.revocation(of: row.value, id: location.id, at: owner, change.reader)
            {
                change.writes.append(outbox.put(record, due: clock.milliseconds()).write)
            }
        }.result { (result) throws(ConnError) in
            if case .failure(let error) = result {
                guard error.code == .conflict else { throw error }
                return .done(false)
            }
            return .done(true)
        }
    }
}

extension ConnError {
    fileprivate static func noToken(_ reason: Reason, _ message: String, appID: ID) -> ConnError {
        var error = ConnError(.notFound, message, reason: reason)
        error.appID = appID
        return error
    }
}

extension RefreshState.Failure {
    fileprivate func error(appID: ID, retryAfterMilliseconds: Int64) -> ConnError {
        var failure = TokenFailure(kind, message)
        failure.code = code
        failure.httpStatus = httpStatus
        failure.retryAfterMilliseconds = Int(clamping: retryAfterMilliseconds)
        var error = failure.asConnError
        error.appID = appID
        return error
    }
}
