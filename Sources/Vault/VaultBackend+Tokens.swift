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
    /// Tokens that are looked at, or go with one commit.
    private static let batch = 64

    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        let now = clock.milliseconds()
        return try eachBatch(of: TokenSet(request), into: JSON.array([])) {
            [self] (tokens, locations, reader) throws(ConnError) in
            var apps = KnownApps(reader)
            var idle: [ID: (app: AppRecord, tokens: [Row<TokenRecord>])] = [:]
            var listed: [Row<TokenRecord>] = []
            for found in try reader.read(locations.map { .get($0.key) }) {
                guard let stored = found.first else { continue }
                let opened: Row<TokenRecord> = try reader.open(stored)
                guard let row = try apps.seen(opened), let app = try apps.app(row.value.appID) else { continue }
                if self.idle([row], of: app).isEmpty {
                    listed.append(row)
                } else {
                    idle[app.id, default: (app, [])].tokens.append(row)
                }
            }
            return try dropIdle(Array(idle.values)[...]).then { [listed] (kept) throws(ConnError) in
                for row in listed + kept {
                    guard let location = TokenLocation(key: row.key) else { continue }
                    tokens.append(row.value.answer(id: location.id, status: row.value.status(now: now)))
                }
                return .done(tokens)
            }
        }.then { (tokens) throws(ConnError) in .done(.object(["tokens": tokens])) }
    }

    private func dropIdle(
        _ tokens: ArraySlice<(app: AppRecord, tokens: [Row<TokenRecord>])>
    ) throws(ConnError) -> Step<[Row<TokenRecord>]> {
        guard let first = tokens.first else { return .done([]) }
        return try dropIdle(first.tokens, of: first.app).then { [self] (kept) throws(ConnError) in
            try dropIdle(tokens.dropFirst()).then { (others) throws(ConnError) in .done(kept + others) }
        }
    }

    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let event = event(request, appID: request.id("appId"), subject: request.subject)
        let revokes = request["revoke"]?.boolean ?? true
        if let id = request.id("tokenId") {
            let locations = TokenLocation(id: id).map { [$0] } ?? []
            return try remove(locations, from: Removal(tally: revokes ? RevocationTally() : nil), recording: event)
                .then { [self] (removal) throws(ConnError) in try finish(removal) }
        }
        let set = TokenSet(request)
        return try dropPending(set, revoking: revokes).then { [self] () throws(ConnError) in
            try remove(set, revoking: revokes, recording: event)
        }.then { [self] (removal) throws(ConnError) in try finish(removal) }
    }

    /// Tries to have removed tokens taken back, and answers.
    func finish(_ removal: Removal) throws(ConnError) -> Step<JSON> {
        guard let tally = removal.tally else { return .done(.object(["deleted": .integer(removal.count)])) }
        return try revoke(removal.claimed, tally).then { (tally) throws(ConnError) in
            .done(.object(["deleted": .integer(removal.count), "revokedAtProvider": tally.json]))
        }
    }

    /// Removes all tokens of a set, and puts them into the outbox in the same commits.
    /// - Parameters:
    ///   - event: recorded with each token's id.
    ///   - app: the connection that is being deleted; nil: the tokens alone are.
    func remove(
        _ set: TokenSet, revoking: Bool, recording event: AuditEvent, deleting app: AppRecord? = nil
    ) throws(ConnError) -> Step<Removal> {
        try eachBatch(of: set, into: Removal(tally: revoking ? RevocationTally() : nil)) {
            [self] (removal, locations, _) throws(ConnError) in
            try remove(locations, from: removal, recording: event, deleting: app)
        }
    }

    /// Removes tokens, and puts them into the outbox in the same commit.
    /// - Parameter removal: what was removed before.
    private func remove(
        _ locations: [TokenLocation], from removal: Removal, recording event: AuditEvent, deleting app: AppRecord? = nil
    ) throws(ConnError) -> Step<Removal> {
        rows.change { [self] (change) throws(ConnError) in
            guard !locations.isEmpty, try isDeleting(app, &change) else { return removal }
            var next = removal
            try remove(locations, &next, recording: event, &change)
            return next
        }
    }

    private func remove(
        _ locations: [TokenLocation], _ removal: inout Removal, recording event: AuditEvent, _ change: inout Change
    ) throws(ConnError) {
        var apps = KnownApps(change.reader)
        let now = clock.milliseconds()
        for (location, found) in zip(locations, try change.reader.read(locations.map { .get($0.key) })) {
            guard let stored = found.first else { continue }
            change.writes += self.removal(of: location, version: stored.version)
            // What does not open can still be removed, and that is all.
            let row: Row<TokenRecord>? = try? change.reader.open(stored)
            change.events.append(event.about(location, row?.value))
            removal.count += 1
            guard removal.tally != nil else { continue }
            guard let row, let owner = try apps.owner(of: row.value),
                let record = try revocation(of: row.value, id: location.id, at: owner, change.reader)
            else {
                removal.tally?.unsupported += 1
                continue
            }
            if removal.claimed.count < Removal.maxClaimed {
                let (claimed, write) = put(record)
                removal.claimed.append(claimed)
                change.writes.append(write)
            } else {
                removal.tally?.pending += 1
                change.writes.append(put(record, due: now).write)
            }
        }
    }

    /// Goes through the places of a set's tokens, some at a time, and lets other calls go on in between.
    /// - Parameters:
    ///   - value: what the first of them are to be added to.
    ///   - body: adds some.
    private func eachBatch<Value: Sendable>(
        of set: TokenSet, after: TokenLocation? = nil, into value: Value,
        _ body: @escaping @Sendable (Value, [TokenLocation], RowReader) throws(ConnError) -> Step<Value>
    ) throws(ConnError) -> Step<Value> {
        rows.read { [self] (reader) throws(ConnError) in
            let batch = try locations(of: set, after: after, limit: Self.batch, reader)
            return try body(value, batch, reader).then { [self] (value) throws(ConnError) in
                guard batch.count == Self.batch, let last = batch.last else { return .done(value) }
                return try eachBatch(of: set, after: last, into: value, body)
            }
        }
    }

    /// Places of a set's tokens, in order.
    /// - Parameters:
    ///   - set: nil is all there are.
    ///   - after: the location before the first.
    func locations(
        of set: TokenSet?, after: TokenLocation?, limit: Int, _ reader: RowReader
    ) throws(ConnError) -> [TokenLocation] {
        var locations: [TokenLocation] = []
        if set?.subject != nil || set == nil {
            let prefix = set?.subject.map(rows.keys.tokens(ofAll:)) ?? TokenLocation.family
            try reader.each(prefix, after: after?.key) { (row) throws(ConnError) in
                guard let location = TokenLocation(key: row.key) else { return true }
                if let app = set?.appID, !rows.keys.isToken(location, at: app) { return true }
                locations.append(location)
                return locations.count < limit
            }
        } else if let app = set?.appID {
            try reader.each(rows.keys.tokens(at: app), after: after?.appKey) { (row) throws(ConnError) in
                if let location = TokenLocation(appKey: row.key) { locations.append(location) }
                return locations.count < limit
            }
        }
        return locations
    }
}
