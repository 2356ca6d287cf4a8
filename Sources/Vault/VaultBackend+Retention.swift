internal import Connections
internal import JSON

/// How long tokens are kept: a connection's `maxIdleSeconds` and `deleteAfterFirstFetch`.
extension VaultBackend {
    /// The last step of a fetch: answers the token, and keeps that it was fetched where its connection wants to know.
    func handOut(_ row: Row<TokenRecord>, of app: AppRecord, _ demand: TokenDemand) throws(ConnError) -> Step<JSON> {
        let answer = try answer(row, withRefreshToken: demand.withRefreshToken)
        guard let request = demand.recipient else { return .done(answer) }
        // Before it is handed out: a token whose record cannot be kept is not.
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
            guard try remove(row, of: app, recording: "fetch", revoking: false, and: served) else {
                return try supply(demand)
            }
        } else {
            try rows.commit([], recording: served)
            if let idle = app.idle { noteFetch(row, idle) }
        }
        return .done(answer)
    }

    /// A write every now and then is enough. Without it the token still does.
    private func noteFetch(_ row: Row<TokenRecord>, _ idle: Idle) {
        let now = clock.seconds
        guard idle.isNews(now, since: row.value.lastUse) else { return }
        var used = row.value
        used.lastFetchTime = now
        do throws(ConnError) {
            try commit(used, over: row)
        } catch {
            Log.write(.warning, "that a token was fetched is not kept: \(error.message)")
        }
    }

    /// Those of a connection's tokens that are not idle. Those that are go.
    func withoutIdle(_ tokens: [Row<TokenRecord>], of app: AppRecord) throws(ConnError) -> [Row<TokenRecord>] {
        guard let idle = app.idle else { return tokens }
        var kept: [Row<TokenRecord>] = []
        for row in tokens {
            var row: Row<TokenRecord>? = row
            while let present = row {
                guard idle.isOver(clock.seconds, since: present.value.lastUse) else {
                    kept.append(present)
                    break
                }
                // One that changes just then was fetched, or stored anew.
                row =
                    try remove(present, of: app, recording: "retention", revoking: true)
                    ? nil : try rows.get(present.key)
            }
        }
        return kept
    }

    func sweep(_ request: Request) throws(ConnError) -> Step<JSON> {
        let apps: [Row<AppRecord>] = try rows.all(RowKeys.apps)
        return try sweep(apps.map(\.value).filter { $0.idle != nil }[...], deleted: 0)
    }

    private func sweep(_ apps: ArraySlice<AppRecord>, deleted: Int) throws(ConnError) -> Step<JSON> {
        guard let app = apps.first else { return .done(.object(["deleted": .integer(deleted)])) }
        return try rows.pages(rows.keys.tokens(at: app.id), into: deleted) { [self] (deleted, page) throws(ConnError) in
            for pointer in page {
                guard let location = TokenLocation(appKey: pointer.key),
                    let row: Row<TokenRecord> = try rows.get(location.key)
                else { continue }
                deleted += 1 - (try withoutIdle([row], of: app)).count
            }
        }.then { [self] (deleted) throws(ConnError) in try sweep(apps.dropFirst(), deleted: deleted) }
    }

    /// - Parameters:
    ///   - revoking: whether nobody has a use for the token any more: the outbox takes it back.
    ///   - others: recorded after it.
    /// - Returns: false when the row has changed, and stays.
    private func remove(
        _ row: Row<TokenRecord>, of app: AppRecord, recording operation: String, revoking: Bool,
        and others: [AuditEvent] = []
    ) throws(ConnError) -> Bool {
        guard let location = TokenLocation(key: row.key) else { return false }
        let event = AuditEvent(
            operation, appID: row.value.appID, subject: row.value.subject, tokenID: location.id, outcome: "deleted")
        var writes = removal(of: location, version: row.version)
        if revoking, let record = try revocation(of: row.value, id: location.id, at: app) {
            writes.append(put(record, due: clock.milliseconds()).write)
        }
        do throws(ConnError) {
            try rows.commit(writes, recording: [event] + others)
            return true
        } catch {
            guard error.code == .conflict else { throw error }
            return false
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
