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

/// Removes tokens, and has them revoked.
final class TokenRemover: Sendable {
    let rows: Rows
    let clock: Clock
    let outbox: Outbox
    let grants: Grants

    init(rows: Rows, clock: Clock, outbox: Outbox, grants: Grants) {
        self.rows = rows
        self.clock = clock
        self.outbox = outbox
        self.grants = grants
    }

    /// Tokens that are looked at, or go with one commit.
    static let batch = 64

    /// Tries to have removed tokens revoked, and answers.
    func finish(_ removal: Removal) throws(ConnError) -> Step<JSON> {
        guard let tally = removal.tally else { return .done(.object(["deleted": .integer(removal.count)])) }
        return try outbox.revoke(removal.claimed, tally).then { (tally) throws(ConnError) in
            .done(.object(["deleted": .integer(removal.count), "revocations": tally.json]))
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
    func remove(
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
            let batch = try reader.locations(of: set, after: after, limit: Self.batch)
            return try body(value, batch, reader).then { [self] (value) throws(ConnError) in
                guard batch.count == Self.batch, let last = batch.last else { return .done(value) }
                return try eachBatch(of: set, after: last, into: value, body)
            }
        }
    }
}

extension RowReader {
    /// Places of a set's tokens, in order.
    /// - Parameters:
    ///   - set: nil is all there are.
    ///   - after: the location before the first.
    func locations(
        of set: TokenSet?, after: TokenLocation?, limit: Int
    ) throws(ConnError) -> [TokenLocation] {
        var locations: [TokenLocation] = []
        let isOfApp = set?.appID != nil
        try each(prefix(of: set), after: isOfApp ? after?.appKey : after?.key) { (row) throws(ConnError) in
            let location = isOfApp ? TokenLocation(appKey: row.key) : TokenLocation(key: row.key)
            if let location { locations.append(location) }
            return locations.count < limit
        }
        return locations
    }

    /// The prefix of the rows that a set's tokens are found by: an app's by its own, in their order, the others by those
    /// of the tokens themselves.
    func prefix(of set: TokenSet?) -> [UInt8] {
        if let app = set?.appID { return keys.tokens(at: app, ofAll: set?.subject) }
        return set?.subject.map(keys.tokens(ofAll:)) ?? TokenLocation.family
    }
}
