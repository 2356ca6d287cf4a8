internal import Connections
internal import Crypto
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

extension TokenOperations {
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
        guard let options = request["connect"] else { return supplier.supply(demand) }
        return try supplier.supply(demand).result { [self, selection] (result) throws(ConnError) in
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
            guard app.kind == .oauth else {
                // A key is asked for at a page, where there is one, and not for a scope that no key has.
                guard config.connectPageURL != nil, error.reason != .scopes else { throw error }
                return try connecting.connectURL(order, actor: actor).then { (made) throws(ConnError) in
                    throw error.connectionRequired(at: made.url, appID: order.appID)
                }
            }
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
            return try connecting.connectURL(order, actor: actor).then { [order] (made) throws(ConnError) in
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
            return supplier.supply(demand)
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
