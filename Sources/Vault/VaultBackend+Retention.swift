internal import Connections
internal import JSON

/// How long tokens are kept: a connection's `maxIdleSeconds` and `deleteAfterFirstFetch`.
extension VaultBackend {
    /// The last step of a fetch: answers the token, and keeps that it was fetched where its connection wants to know.
    func handOut(_ row: Row<TokenRecord>, of app: AppRecord, _ demand: TokenDemand) throws(ConnError) -> Step<JSON> {
        let answer = try answer(row, withRefreshToken: demand.withRefreshToken)
        guard let request = demand.recipient else { return .done(answer) }
        var served: [AuditEvent] = []
        if config.audit == .all {
            served = [
                event(
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
        // Before it is handed out: a token whose record cannot be kept is not.
        return try rows.commit([], recording: served).then { [self, used] () throws(ConnError) in
            guard isNews else { return .done(answer) }
            return try keep(used, over: row).result { (result) throws(ConnError) in
                if case .failure(let error) = result {
                    Log.write(.warning, "that a token was fetched is not kept: \(error.message)")
                }
                return .done(answer)
            }
        }
    }

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
                let changed: Row<TokenRecord>? = isRemoved ? nil : try reader.get(first.key)
                let kept = [changed].compactMap { $0 }
                let isIdle = !idle(kept, of: app).isEmpty
                let rest = Array(tokens.dropFirst())
                return try dropIdle(isIdle ? kept + rest : rest, of: app).then { (others) throws(ConnError) in
                    .done(isIdle ? others : kept + others)
                }
            }
        }
    }

    func sweep(_ request: Request) throws(ConnError) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            let apps: [Row<AppRecord>] = try reader.all(RowKeys.apps)
            return try sweep(apps.map(\.value).filter { $0.idle != nil }[...], deleted: 0)
        }
    }

    private func sweep(_ apps: ArraySlice<AppRecord>, deleted: Int) throws(ConnError) -> Step<JSON> {
        guard let app = apps.first else { return .done(.object(["deleted": .integer(deleted)])) }
        return try rows.pages(rows.keys.tokens(at: app.id), into: deleted) {
            [self] (deleted, page, reader) throws(ConnError) in
            let locations = page.compactMap { TokenLocation(appKey: $0.key) }
            var tokens: [Row<TokenRecord>] = []
            for found in try reader.read(locations.map { .get($0.key) }) {
                if let stored = found.first { tokens.append(try reader.open(stored)) }
            }
            let idle = idle(tokens, of: app)
            return try dropIdle(idle, of: app).then { (kept) throws(ConnError) in
                .done(deleted + idle.count - kept.count)
            }
        }.then { [self] (deleted) throws(ConnError) in try sweep(apps.dropFirst(), deleted: deleted) }
    }

    /// - Parameters:
    ///   - revoking: whether nobody has a use for the token any more: the outbox takes it back.
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
            change.writes = removal(of: location, version: row.version)
            change.events = [event] + others
            var apps = KnownApps(change.reader)
            if revoking, let owner = try apps.owner(of: row.value),
                let record = try revocation(of: row.value, id: location.id, at: owner, change.reader)
            {
                change.writes.append(put(record, due: clock.milliseconds()).write)
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

/// How long a connection's tokens may be idle. Moments are seconds since 1970.
struct Idle: Sendable {
    /// Seconds.
    let limit: Int64

    /// Seconds that the moment a token's row says it was fetched may be behind.
    private var grain: Int64 { min(limit / 16, 3600) }

    /// Whether a fetch is to be written down.
    func isNews(_ now: Int64, since lastUse: Int64) -> Bool { now - lastUse >= max(grain, 1) }

    /// Whether a token has certainly been idle for too long.
    func isOver(_ now: Int64, since lastUse: Int64) -> Bool { now - lastUse > limit + grain }
}

extension AppRecord {
    var idle: Idle? { settings["maxIdleSeconds"]?.integer.map(Idle.init) }

    /// A token is handed out once.
    var deletesAfterFirstFetch: Bool { settings["deleteAfterFirstFetch"]?.boolean ?? false }
}

extension TokenRecord {
    /// When it was last fetched, or stored. Seconds since 1970.
    var lastUse: Int64 { max(lastFetchTime ?? 0, grantedAt / 1000) }
}
