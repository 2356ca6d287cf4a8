internal import Connections
internal import JSON

/// Tokens that are listed or deleted together: of an app, of a subject, or both.
///
/// A user stands for all of his tokens, in tenants and outside; a user in a tenant for those in that tenant; a tenant for
/// its own, and not for those of its users.
struct TokenSet: Sendable {
    let appID: String?
    let subject: Subject?

    init(appID: String?, subject: Subject?) {
        self.appID = appID
        self.subject = subject
    }

    init(_ request: Request) { self.init(appID: request.string("appId"), subject: request.subject) }
}

extension VaultBackend {
    /// Rows that go with one commit.
    private static let removalBatch = 64

    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        let now = clock.milliseconds()
        var tokens: [JSON] = []
        var apps: [String: AppRecord] = [:]
        for location in try locations(of: TokenSet(request)) {
            guard let row: Row<TokenRecord> = try rows.get(location.key) else { continue }
            let appID = row.value.appID
            if apps[appID] == nil {
                let found: Row<AppRecord>? = try rows.get(rows.keys.app(appID))
                apps[appID] = found?.value
            }
            if let app = apps[appID], try withoutIdle([row], of: app).isEmpty { continue }
            tokens.append(row.value.answer(id: location.id, status: row.value.status(now: now)))
        }
        return .done(.object(["tokens": .array(tokens)]))
    }

    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let event = event(request, appID: request.string("appId"), subject: request.subject)
        let deleted: Int
        if let id = request.string("tokenId") {
            deleted =
                try TokenLocation(id: id).map { (location) throws(ConnError) in
                    try remove([location], recording: event)
                } ?? 0
        } else {
            deleted = try removeTokens(TokenSet(request), recording: event)
        }
        return .done(.object(["deleted": .integer(deleted)]))
    }

    /// - Parameter event: recorded with each token's id.
    /// - Returns: how many there were.
    func removeTokens(_ set: TokenSet, recording event: AuditEvent) throws(ConnError) -> Int {
        var rest = try locations(of: set)[...]
        var removed = 0
        while !rest.isEmpty {
            removed += try remove(rest.prefix(Self.removalBatch), recording: event)
            rest = rest.dropFirst(Self.removalBatch)
        }
        return removed
    }

    private func remove(
        _ locations: some Sequence<TokenLocation>, recording event: AuditEvent
    ) throws(ConnError) -> Int {
        try retrying { () throws(ConnError) in
            var writes: [StoreWrite] = []
            var events: [AuditEvent] = []
            for location in locations {
                guard let stored = try rows.store.get(location.key) else { continue }
                writes += removal(of: location, version: stored.version)
                events.append(event.about(location))
            }
            try rows.commit(writes, recording: events)
            return events.count
        }
    }

    /// - Parameters:
    ///   - set: nil is all there are.
    ///   - after: the location before the first.
    func locations(
        of set: TokenSet?, after: TokenLocation? = nil, limit: Int = .max
    ) throws(ConnError) -> [TokenLocation] {
        var locations: [TokenLocation] = []
        if set?.subject != nil || set == nil {
            let prefix = set?.subject.map(rows.keys.tokens(ofAll:)) ?? TokenLocation.family
            try rows.each(prefix, after: after?.key) { (row) throws(ConnError) in
                guard let location = TokenLocation(key: row.key) else { return true }
                if let app = set?.appID, !rows.keys.isToken(location, at: app) { return true }
                locations.append(location)
                return locations.count < limit
            }
        } else if let app = set?.appID {
            try rows.each(rows.keys.tokens(at: app), after: after?.appKey) { (row) throws(ConnError) in
                if let location = TokenLocation(appKey: row.key) { locations.append(location) }
                return locations.count < limit
            }
        }
        return locations
    }
}
