internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// How long tokens are kept: a connection's `maxIdleSeconds` and `deleteAfterFirstFetch`.
extension TokenOperations {
    func sweep(_ request: Request) throws(ConnError) -> Step<JSON> {
        try rows.pages(RowKeys.apps, into: OpenedRows<AppRecord>()) { (apps, page, reader) throws(ConnError) in
            var apps = apps
            for stored in page { try apps.add(stored, reader) }
            return .done(apps)
        }.then { [self] (apps) throws(ConnError) in
            let idle = apps.whole.map(\.value).filter { $0.idle != nil }
            return try expiry.expireAll().then { [self] () throws(ConnError) in
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
            let idle = supplier.idle(tokens.whole, of: app)
            return try supplier.dropIdle(idle, of: app).then { [sweep] (kept) throws(ConnError) in
                var sweep = sweep
                sweep.deleted += idle.count - kept.count
                return .done(sweep)
            }
        }.then { [self] (done) throws(ConnError) in try self.sweep(apps.dropFirst(), done) }
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
