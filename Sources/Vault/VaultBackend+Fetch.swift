internal import Connections
internal import Crypto
internal import JSON
internal import Memory
internal import OAuth

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

extension VaultBackend {
    func fetch(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let subject = try request.requiredSubject()
        var selection = TokenSelection(
            scopes: Scopes.unique(request["scopes"]?.strings ?? []), account: request.id("externalIdentifier"),
            resources: request["resources"]?.strings ?? [])
        selection.acceptsNarrower = request["options"]?["acceptNarrower"]?.boolean ?? false
        selection.askedAt = request.look?.askedAt
        var demand = TokenDemand(target: .best(selection, of: subject, appID: appID))
        if let seconds = request["minTtlSeconds"]?.integer { demand.minTTL = seconds }
        demand.isForced = request["options"]?["forceRefresh"]?.boolean ?? false
        demand.withRefreshToken = request["options"]?["withRefreshToken"]?.boolean ?? false
        demand.recipient = request.look == nil ? request : nil
        guard let options = request["connect"] else { return supply(demand) }
        return try supply(demand).result { [self, selection] (result) throws(ConnError) in
            switch result {
            case .success(let answer):
                return .done(answer)
            case .failure(let error):
                let order = ConnectOrder(appID: appID, subject: subject, options: options)
                let again = options["askDeclined"]?.boolean ?? false
                return try connectionRequired(error, order, selection, again: again, actor: request.actor)
            }
        }
    }

    /// Adaptive Connect: the error with a URL that asks for what is missing and what was granted before. The user is not
    /// asked for what he has granted already, since the same fetch would have him asked for ever, nor again for what he
    /// did not grant when he was: a provider that goes by other names would do the same.
    /// - Parameter again: he is asked for what he did not grant.
    private func connectionRequired(
        _ error: ConnError, _ order: ConnectOrder, _ selection: TokenSelection, again: Bool, actor: String?
    ) throws(ConnError) -> Step<JSON> {
        guard error.code == .notFound, error.reason != nil, error.reason != .app else { throw error }
        return rows.read { [self] (reader) throws(ConnError) in
            let (app, tokens) = try reader.tokens(of: order.subject, at: order.appID)
            guard app.kind == .oauth else { throw error }
            var order = order
            if order.scopes.isEmpty { order.scopes = selection.scopes }
            if order.resources.isEmpty { order.resources = selection.resources }
            let account = TokenSelection(
                scopes: selection.scopes, account: order.externalIdentifier ?? selection.account,
                resources: order.resources)
            order.externalIdentifier = account.account
            let rules = app.scopeRules
            let now = clock.milliseconds()
            if error.reason != .reauthorize {
                let asked = TokenSelection(scopes: order.scopes, account: account.account, resources: order.resources)
                switch asked.choose(tokens, rules, now: now) {
                case .found(let row)
                where row.value.isUsable(now: now) && row.value.refresh.refusal == nil
                    && app.has(row.value.incarnation):
                    throw error
                case .lacking(let lack, _) where lack.isDeclined && !again: throw error
                default: break
                }
            }
            switch account.choose(tokens, rules, now: now) {
            case .found(let row), .lacking(_, let row): order.add(row, of: app, rules)
            case .missing: break
            }
            return try connectURL(order, actor: actor).then { [order] (made) throws(ConnError) in
                throw error.connectionRequired(at: made.url, appID: order.appID)
            }
        }
    }

    func reportRejected(_ request: Request) throws(ConnError) -> Step<JSON> {
        let location = TokenLocation(id: try request.requiredID("tokenId"))
        let subject = try request.requiredSubject()
        let tokenHash = try request.required("tokenHash")
        return rows.read { [self] (reader) throws(ConnError) in
            var apps = KnownApps(reader)
            guard let location, let found: Row<TokenRecord> = try reader.get(location.key),
                let row = try apps.seen(found), row.value.subject == subject  // an id is no secret
            else { throw ConnError(.notFound, "there is no token of this id", field: "tokenId", reason: .missing) }
            guard let hash = Crypto.fromHex(tokenHash), hash.count == 32 else {
                throw .invalid("tokenHash", "must be 64 hexadecimal digits")
            }
            var demand = TokenDemand(target: .token(location))
            demand.recipient = request
            let current = row.value.accessToken?.withStringBytes { Crypto.sha256($0) }
            if let current, Secret(current).equals(Secret(hash)) {
                demand.unfit = (row.key, row.value.refresh.generation)
                demand.isRejected = true
            }
            return supply(demand)
        }
    }

    // MARK: - Supplying

    /// Answers the token, refreshed where needed.
    func supply(_ demand: TokenDemand) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            let (row, app): (Row<TokenRecord>, AppRecord)
            switch try find(demand, reader) {
            case .found(let found, let its): (row, app) = (found, its)
            case .idle(let idle, let its):
                return try dropIdle(idle, of: its).then { [self] (_) throws(ConnError) in supply(demand) }
            }
            guard outcomes[row.key] != nil else { return try supply(row, of: app, demand) }
            return try settle(row.key).result { [self] (result) throws(ConnError) in
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
        let isLeaseHeld = leases.isHeld(row.value.refresh.lease, at: row.key, clock: clock)
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
            if let flight = flights[row.key] { return .join(flight, then: again) }
            return .pause(milliseconds: Self.pollMilliseconds, then: again)
        case .refresh:
            guard demand.exchanges < TokenDemand.maxExchanges else {
                var error = ConnError(.providerError, "\(app.id) answers access tokens that have expired")
                error.appID = app.id
                throw error
            }
            return try refresh(row, of: app, later)
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
                let message =
                    lack.isDeclined
                    ? "the user was asked for scopes that the provider did not grant" : "no token has all of the scopes"
                var error = ConnError.noToken(.scopes, message, appID: appID)
                error.missingScopes = lack.missing
                if !lack.declined.isEmpty { error.declined = lack.declined }
                throw error
            }
        }
    }

    func answer(_ row: Row<TokenRecord>, of app: AppRecord, _ demand: TokenDemand) throws(ConnError) -> JSON {
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

    private func reauthorize(_ record: TokenRecord) -> ConnError {
        var error = ConnError.noToken(.reauthorize, "the grant is not valid any more", appID: record.appID)
        error.errorCode = record.refresh.lastFailure?.code
        return error
    }

    /// Keeps that a service refused a row's access token.
    func reject(_ row: Row<TokenRecord>, now: Int64) throws(ConnError) -> Step<Void> {
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
}

extension ConnectOrder {
    /// Asks for what was granted before too. Another server's scopes mean nothing at this one.
    fileprivate mutating func add(_ row: Row<TokenRecord>, of app: AppRecord, _ rules: ScopeRules) {
        guard app.has(row.value.incarnation) else { return }
        let requested = row.value.requested ?? []
        let declined = Set(rules.missing(requested, from: row.value.grant).map { ID($0) })
        scopes = rules.union(scopes, requested.filter { !declined.contains(ID($0)) })
        // What a reply names that is not to be relied on may be no scope at all.
        if rules.repliesAreComplete { scopes = rules.union(scopes, row.value.scopes) }
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
