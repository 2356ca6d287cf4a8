internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// The operations on tokens.
final class TokenOperations: Sendable {
    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let grants: Grants
    let outbox: Outbox
    let supplier: Supplier
    let pending: PendingGrants
    let expiry: Expiry
    let remover: TokenRemover
    let connecting: ConnectOperations

    init(
        rows: Rows, config: VaultConfig, clock: Clock, grants: Grants, outbox: Outbox, supplier: Supplier,
        pending: PendingGrants, expiry: Expiry, remover: TokenRemover, connecting: ConnectOperations
    ) {
        self.rows = rows
        self.config = config
        self.clock = clock
        self.grants = grants
        self.outbox = outbox
        self.supplier = supplier
        self.pending = pending
        self.expiry = expiry
        self.remover = remover
        self.connecting = connecting
    }

    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let event = AuditEvent(request, appID: request.id("appId"), subject: request.subject)
        let revokes = request["revoke"]?.boolean ?? true
        if let id = request.id("tokenId") {
            let locations = TokenLocation(id: id).map { [$0] } ?? []
            return try remover.remove(
                locations, from: Removal(tally: revokes ? RevocationTally() : nil), recording: event
            )
            .then { [self] (removal) throws(ConnError) in try remover.finish(removal) }
        }
        let set = TokenSet(request)
        return try pending.drop(set, revoking: revokes).then { [self] () throws(ConnError) in
            try remover.remove(set, revoking: revokes, recording: event)
        }.then { [self] (removal) throws(ConnError) in try remover.finish(removal) }
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
            guard let location = TokenLocation(id: id) else {
                throw .invalid("after", "is not the next of an earlier answer")
            }
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
        min(TokenRemover.batch, Self.maxSeen - seen, status == nil ? limit - tokens.count : .max)
    }

    var answer: JSON {
        let answer = JSON.object(["tokens": .array(tokens), "next": next.map { .string($0.id) }])
        answer.setUnreadable(unreadable)
        return answer
    }
}

extension TokenOperations {
    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        let range = try TokenRange(request)
        let page = TokenPage(
            limit: range.limit, status: request.string("status").flatMap(TokenStatus.Name.init(rawValue:)))
        let counts = request["count"]?.boolean ?? false
        guard page.status == nil || !counts else { throw .invalid("count", "cannot be combined with status") }
        let set = TokenSet(request)
        return rows.read { [self] (reader) throws(ConnError) in
            // Of one that is being deleted nothing is shown, however much is left of it.
            var apps = KnownApps(reader)
            if let id = set.appID, try apps.app(id)?.isBeingDeleted ?? !apps.damaged.contains(id) {
                return .done(.object(["tokens": .array([]), "total": counts ? .integer(0) : nil]))
            }
            return try extend(page, of: set, after: range.after).then { [self] (page) throws(ConnError) in
                guard counts else { return .done(page.answer) }
                return try rows.pages(reader.prefix(of: set), into: 0) { (count, found, _) throws(ConnError) in
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
            let locations = try reader.locations(of: set, after: after, limit: page.wanted + 1)
            let batch = locations.prefix(page.wanted)
            return try tokens(at: batch, reader).then { [self] (tokens, apps, unreadable) throws(ConnError) in
                var (page, last) = (page, after)
                page.unreadable += unreadable
                let now = clock.instant
                for location in batch where !page.isFull {
                    last = location
                    page.seen += 1
                    guard let token = tokens[location] else { continue }
                    let status = token.status(now: now)
                    guard page.status == nil || page.status == status.name else { continue }
                    let missing = apps[token.appID].map { $0.defaultScopes(missingFrom: token) } ?? []
                    page.tokens.append(token.answer(id: location.id, status: status, missing: missing))
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
    ) throws(ConnError) -> Step<(tokens: [TokenLocation: TokenRecord], apps: [ID: AppRecord], unreadable: Int)> {
        var apps = KnownApps(reader)
        var theirs: [ID: AppRecord] = [:]
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
            theirs[app.id] = app
            if supplier.idle([row], of: app).isEmpty {
                tokens[location] = row.value
            } else {
                idle[app.id, default: (app, [])].tokens.append(row)
            }
        }
        return try dropIdle(Array(idle.values)[...]).then { [tokens, theirs, unreadable] (kept) throws(ConnError) in
            var tokens = tokens
            for row in kept {
                if let location = TokenLocation(key: row.key) { tokens[location] = row.value }
            }
            return .done((tokens, theirs, unreadable))
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
