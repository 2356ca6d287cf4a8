internal import Connections
internal import JSON
internal import Runtime
internal import Store

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
    fileprivate static let batch = 64

    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let event = AuditEvent(request, appID: request.id("appId"), subject: request.subject)
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
        return try outbox.revoke(removal.claimed, tally).then { (tally) throws(ConnError) in
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
            guard !locations.isEmpty, try change.isDeleting(app) else { return removal }
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
            change.writes += grants.removal(of: location, version: stored.version)
            // What does not open can still be removed, and that is all.
            let row: Row<TokenRecord>? = try change.reader.readable(stored)
            change.events.append(event.about(location, row?.value))
            removal.count += 1
            guard removal.tally != nil else { continue }
            guard let row, let owner = try apps.owner(of: row.value),
                let record = try outbox.revocation(of: row.value, id: location.id, at: owner, change.reader)
            else {
                removal.tally?.unsupported += 1
                continue
            }
            if removal.claimed.count < Removal.maxClaimed {
                let (claimed, write) = outbox.put(record)
                removal.claimed.append(claimed)
                change.writes.append(write)
            } else {
                removal.tally?.pending += 1
                change.writes.append(outbox.put(record, due: now).write)
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
        let isOfApp = set?.appID != nil
        try reader.each(prefix(of: set), after: isOfApp ? after?.appKey : after?.key) { (row) throws(ConnError) in
            let location = isOfApp ? TokenLocation(appKey: row.key) : TokenLocation(key: row.key)
            if let location { locations.append(location) }
            return locations.count < limit
        }
        return locations
    }

    /// The prefix of the rows that a set's tokens are found by: an app's by its own, in their order, the others by those
    /// of the tokens themselves.
    private func prefix(of set: TokenSet?) -> [UInt8] {
        if let app = set?.appID { return rows.keys.tokens(at: app, ofAll: set?.subject) }
        return set?.subject.map(rows.keys.tokens(ofAll:)) ?? TokenLocation.family
    }
}

// MARK: - Listing

/// Which part of a set's tokens a request is for.
struct TokenRange: Sendable {
    /// The most that one answer holds.
    let limit: Int
    /// The location before the first. Nobody else's coming or going moves it.
    let after: TokenLocation?

    init(_ request: Request) throws(ConnError) {
        limit = request["limit"]?.integer.flatMap(Int.init(exactly:)) ?? 100
        after = try request.id("after").map { (id) throws(ConnError) in
            guard let location = TokenLocation(id: id) else { throw .invalid("after", "is no answer's next") }
            return location
        }
    }
}

/// A page of a list as it is made.
private struct TokenPage: Sendable {
    /// A page that few tokens are for is answered when it has gone through so many.
    static let maxSeen = 1000

    let limit: Int
    /// Nil: any.
    let status: TokenStatus.Name?
    var tokens: [JSON] = []
    /// The tokens that it has gone through.
    var seen = 0
    /// Damaged rows, and tokens of damaged connections.
    var unreadable = 0
    /// How far it goes; nil when nothing follows.
    var next: TokenLocation?

    var isFull: Bool { tokens.count == limit || seen == Self.maxSeen }

    /// How many to look at next.
    var wanted: Int {
        min(VaultBackend.batch, Self.maxSeen - seen, status == nil ? limit - tokens.count : .max)
    }

    var answer: JSON {
        let answer = JSON.object(["tokens": .array(tokens), "next": next.map { .string($0.id) }])
        answer.setUnreadable(unreadable)
        return answer
    }
}

extension VaultBackend {
    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        let range = try TokenRange(request)
        let page = TokenPage(
            limit: range.limit, status: request.string("status").flatMap(TokenStatus.Name.init(rawValue:)))
        let counts = request["count"]?.boolean ?? false
        guard page.status == nil || !counts else { throw .invalid("count", "may not stand beside status") }
        let set = TokenSet(request)
        return rows.read { [self] (reader) throws(ConnError) in
            // Of one that is being deleted nothing is shown, however much is left of it.
            var apps = KnownApps(reader)
            if let id = set.appID, try apps.app(id)?.isBeingDeleted ?? !apps.damaged.contains(id) {
                return .done(.object(["tokens": .array([]), "total": counts ? .integer(0) : nil]))
            }
            return try extend(page, of: set, after: range.after).then { [self] (page) throws(ConnError) in
                guard counts else { return .done(page.answer) }
                return try rows.pages(prefix(of: set), into: 0) { (count, found, _) throws(ConnError) in
                    .done(count + found.count)
                }.then { (count) throws(ConnError) in
                    let answer = page.answer
                    answer.set("total", .integer(count))
                    return .done(answer)
                }
            }
        }
    }

    /// Goes on with a page until it is full, or nothing follows.
    private func extend(_ page: TokenPage, of set: TokenSet, after: TokenLocation?) -> Step<TokenPage> {
        rows.read { [self] (reader) throws(ConnError) in
            // One more, which says whether anything follows.
            let locations = try locations(of: set, after: after, limit: page.wanted + 1, reader)
            let batch = locations.prefix(page.wanted)
            return try tokens(at: batch, reader).then { [self] (tokens, unreadable) throws(ConnError) in
                var (page, last) = (page, after)
                page.unreadable += unreadable
                let now = clock.instant
                for location in batch where !page.isFull {
                    last = location
                    page.seen += 1
                    guard let token = tokens[location] else { continue }
                    let status = token.status(now: now)
                    guard page.status == nil || page.status == status.name else { continue }
                    page.tokens.append(token.answer(id: location.id, status: status))
                }
                guard let last, let end = locations.last, last != end else { return .done(page) }
                guard page.isFull else { return extend(page, of: set, after: last) }
                page.next = last
                return .done(page)
            }
        }
    }

    /// The tokens that a list shows of these. Those that have been idle for too long are removed.
    private func tokens(
        at locations: ArraySlice<TokenLocation>, _ reader: RowReader
    ) throws(ConnError) -> Step<(tokens: [TokenLocation: TokenRecord], unreadable: Int)> {
        var apps = KnownApps(reader)
        var idle: [ID: (app: AppRecord, tokens: [Row<TokenRecord>])] = [:]
        var tokens: [TokenLocation: TokenRecord] = [:]
        var unreadable = 0
        for (location, found) in zip(locations, try reader.read(locations.map { .get($0.key) })) {
            guard let stored = found.first else { continue }
            guard let whole: Row<TokenRecord> = try reader.readable(stored) else {
                unreadable += 1
                continue
            }
            guard let row = try apps.seen(whole), let app = try apps.app(row.value.appID) else {
                if apps.damaged.contains(whole.value.appID) { unreadable += 1 }
                continue
            }
            if supplier.idle([row], of: app).isEmpty {
                tokens[location] = row.value
            } else {
                idle[app.id, default: (app, [])].tokens.append(row)
            }
        }
        return try dropIdle(Array(idle.values)[...]).then { [tokens, unreadable] (kept) throws(ConnError) in
            var tokens = tokens
            for row in kept {
                if let location = TokenLocation(key: row.key) { tokens[location] = row.value }
            }
            return .done((tokens, unreadable))
        }
    }

    private func dropIdle(
        _ tokens: ArraySlice<(app: AppRecord, tokens: [Row<TokenRecord>])>
    ) throws(ConnError) -> Step<[Row<TokenRecord>]> {
        guard let first = tokens.first else { return .done([]) }
        return try supplier.dropIdle(first.tokens, of: first.app).then { [self] (kept) throws(ConnError) in
            try dropIdle(tokens.dropFirst()).then { (others) throws(ConnError) in .done(kept + others) }
        }
    }
}
