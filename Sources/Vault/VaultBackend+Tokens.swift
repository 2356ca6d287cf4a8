internal import Connections
internal import JSON
internal import Memory

/// Tokens that are listed or deleted together: of an app, of a subject, or both.
///
/// A user stands for all of his tokens, in tenants and outside; a user in a tenant for those in that tenant; a tenant for
/// its own, and not for those of its users.
struct TokenSet: Sendable {
    let appID: ID?
    let subject: Subject?

    init(appID: ID?, subject: Subject?) {
        self.appID = appID
        self.subject = subject
    }

    init(_ request: Request) { self.init(appID: request.id("appId"), subject: request.subject) }
}

/// Tokens that were removed.
struct Removal: Sendable {
    /// So many are tried at their providers by the call that removes them.
    static let maxClaimed = 16

    var count = 0
    /// Nil: they are forgotten here, and nothing else.
    var tally: RevocationTally?
    /// Of the outbox, those that the call tries itself.
    var claimed: [Row<RevocationRecord>] = []

    init(tally: RevocationTally?) { self.tally = tally }
}

extension VaultBackend {
    /// Rows that go with one commit.
    private static let removalBatch = 64

    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        let now = clock.milliseconds()
        var tokens: [JSON] = []
        var apps = KnownApps(rows)
        for location in try locations(of: TokenSet(request)) {
            guard let row: Row<TokenRecord> = try rows.get(location.key) else { continue }
            guard let app = try apps.app(row.value.appID), !app.isBeingDeleted,
                try !withoutIdle([row], of: app).isEmpty
            else { continue }
            tokens.append(row.value.answer(id: location.id, status: row.value.status(now: now)))
        }
        return .done(.object(["tokens": .array(tokens)]))
    }

    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let event = event(request, appID: request.id("appId"), subject: request.subject)
        let revokes = request["revoke"]?.boolean ?? true
        let locations: [TokenLocation]
        if let id = request.id("tokenId") {
            locations = TokenLocation(id: id).map { [$0] } ?? []
        } else {
            let set = TokenSet(request)
            try dropPending(set, revoking: revokes)
            locations = try self.locations(of: set)
        }
        return try finish(try remove(locations, revoking: revokes, recording: event))
    }

    /// Tries to have removed tokens taken back, and answers.
    func finish(_ removal: Removal) throws(ConnError) -> Step<JSON> {
        guard let tally = removal.tally else { return .done(.object(["deleted": .integer(removal.count)])) }
        return try revoke(removal.claimed, tally).then { (tally) throws(ConnError) in
            .done(.object(["deleted": .integer(removal.count), "revokedAtProvider": tally.json]))
        }
    }

    /// Removes tokens, and puts them into the outbox in the same commit.
    /// - Parameter event: recorded with each token's id.
    func remove(
        _ locations: [TokenLocation], revoking: Bool, recording event: AuditEvent
    ) throws(ConnError) -> Removal {
        var removal = Removal(tally: revoking ? RevocationTally() : nil)
        var rest = locations[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.removalBatch)
            removal = try retrying { () throws(ConnError) in
                var next = removal
                var events: [AuditEvent] = []
                let writes = try removeWrites(batch, &next) { (location, token) in
                    events.append(event.about(location, token))
                }
                try rows.commit(writes, recording: events)
                return next
            }
            rest = rest.dropFirst(Self.removalBatch)
        }
        return removal
    }

    private func removeWrites(
        _ locations: some Sequence<TokenLocation>, _ removal: inout Removal,
        _ told: (TokenLocation, TokenRecord?) -> Void
    ) throws(ConnError) -> [StoreWrite] {
        var writes: [StoreWrite] = []
        var apps = KnownApps(rows)
        let now = clock.milliseconds()
        for location in locations {
            guard let stored = try rows.store.get(location.key) else { continue }
            writes += self.removal(of: location, version: stored.version)
            // What does not open can still be removed, and that is all.
            let row: Row<TokenRecord>? = try? rows.open(
                StoredRow(key: location.key, value: stored.value, version: stored.version))
            told(location, row?.value)
            removal.count += 1
            guard removal.tally != nil else { continue }
            guard let row, let app = try apps.app(row.value.appID),
                let record = try revocation(of: row.value, id: location.id, at: app)
            else {
                removal.tally?.unsupported += 1
                continue
            }
            if removal.claimed.count < Removal.maxClaimed {
                let (claimed, write) = put(record)
                removal.claimed.append(claimed)
                writes.append(write)
            } else {
                removal.tally?.pending += 1
                writes.append(put(record, due: now).write)
            }
        }
        return writes
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
