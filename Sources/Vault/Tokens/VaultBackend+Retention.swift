internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// How long tokens are kept: a connection's `maxIdleSeconds` and `deleteAfterFirstFetch`.
extension VaultBackend {
    /// The last step of a fetch: answers the token, and keeps that it was fetched where its connection wants to know.
    func handOut(_ row: Row<TokenRecord>, of app: AppRecord, _ demand: TokenDemand) throws(ConnError) -> Step<JSON> {
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
                Log.write(.warning, "that a token was fetched is not kept: \(error.message)")
            }
            // Before it is handed out, since a token whose record cannot be kept is not; and last, since what is recorded
            // is handed out.
            return try rows.commit([], recording: served).then { () throws(ConnError) in .done(answer) }
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

    func sweep(_ request: Request) throws(ConnError) -> Step<JSON> {
        try rows.pages(RowKeys.apps, into: OpenedRows<AppRecord>()) { (apps, page, reader) throws(ConnError) in
            var apps = apps
            for stored in page { try apps.add(stored, reader) }
            return .done(apps)
        }.then { [self] (apps) throws(ConnError) in
            let idle = apps.whole.map(\.value).filter { $0.idle != nil }
            return try expireAll().then { [self] () throws(ConnError) in
                try sweep(idle[...], Sweep(unreadable: apps.damaged.count))
            }
        }
    }

    private struct Sweep: Sendable {
        var deleted = 0
        var unreadable: Int
    }

    private func sweep(_ apps: ArraySlice<AppRecord>, _ sweep: Sweep) throws(ConnError) -> Step<JSON> {
        guard let app = apps.first else {
            let answer = JSON.object(["deleted": .integer(sweep.deleted)])
            answer.setUnreadable(sweep.unreadable)
            return .done(answer)
        }
        return try rows.pages(rows.keys.tokens(at: app.id), into: sweep) {
            [self] (sweep, page, reader) throws(ConnError) in
            let locations = page.compactMap { TokenLocation(appKey: $0.key) }
            var tokens = OpenedRows<TokenRecord>()
            for found in try reader.read(locations.map { .get($0.key) }) {
                if let stored = found.first { try tokens.add(stored, reader) }
            }
            var sweep = sweep
            sweep.unreadable += tokens.damaged.count
            let idle = idle(tokens.whole, of: app)
            return try dropIdle(idle, of: app).then { [sweep] (kept) throws(ConnError) in
                var sweep = sweep
                sweep.deleted += idle.count - kept.count
                return .done(sweep)
            }
        }.then { [self] (done) throws(ConnError) in try self.sweep(apps.dropFirst(), done) }
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
