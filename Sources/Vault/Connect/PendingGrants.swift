internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// What may become a grant yet, and goes with a delete: tickets, flows, devices, and grants that nobody can fetch yet.
final class PendingGrants: Sendable {
    let rows: Rows
    let clock: Clock
    let outbox: Outbox

    init(rows: Rows, clock: Clock, outbox: Outbox) {
        self.rows = rows
        self.clock = clock
        self.outbox = outbox
    }

    /// Drops what may become a grant of the set, in the order in which one thing becomes another: what comes out of it
    /// meanwhile is found by the next step, or finds its own row gone or its epoch over. Tokens are looked for after it.
    func drop(_ set: TokenSet, revoking: Bool) throws(ConnError) -> Step<Void> {
        try dropWaiting(set).then { [self] () throws(ConnError) in try dropHeld(set, revoking: revoking) }
    }

    private func dropWaiting(_ set: TokenSet) throws(ConnError) -> Step<Void> {
        guard let subject = set.subject else { return set.appID.map(beginEpoch) ?? .done(()) }
        // A ticket may be opened, which makes a flow, while the first round goes on.
        return try dropWaiting(of: subject, at: set.appID).then { [self] () throws(ConnError) in
            dropWaiting(of: subject, at: set.appID)
        }
    }

    private func dropWaiting(of subject: Subject, at appID: ID?) -> Step<Void> {
        rows.pages(rows.keys.waiting(ofAll: subject), into: ()) { [self] (_, page, _) throws(ConnError) in
            let keys = page.map(\.key).filter { key in appID.map { rows.keys.findsWaiting(key, at: $0) } ?? true }
            return rows.commit(
                keys.flatMap { key -> [StoreWrite] in
                    [.remove(RowKeys.foundWaiting(key), expecting: .any), .remove(key, expecting: .any)]
                })
        }
    }

    /// Nothing that waits for its user at the connection becomes a grant any more. It goes when it expires.
    private func beginEpoch(at appID: ID) -> Step<Void> {
        rows.change { (change) throws(ConnError) in
            let key = change.keys.app(appID)
            guard let row: Row<AppRecord> = try change.reader.get(key), !row.value.isBeingDeleted else { return }
            change.put(row.value.inNewEpoch(), at: key, expecting: .version(row.version))
        }
    }

    /// What puts something that waits for its user in its place, with the row by which its subject's are found.
    func writes(_ waiting: some Record & Waiting, at key: [UInt8]) -> [StoreWrite] {
        [
            rows.seal(waiting, at: key, expecting: .absent),
            rows.seal(PointerRecord(), at: rows.keys.waiting(key, waiting), expecting: .any),
        ]
    }

    /// What removes something that waits for its user as its row has it.
    func removal(ofWaiting stored: StoredRow, _ reader: RowReader) throws(ConnError) -> [StoreWrite] {
        // What finds one that does not open stays until its subject is deleted.
        let row: Row<WaitingRecord>? = try reader.readable(stored)
        return row.map { rows.keys.removal(ofWaiting: $0.key, $0.value) } ?? [.remove(stored.key, expecting: .any)]
    }

    /// Drops the grants of a set that wait for their code, and the tokens that are being verified.
    /// - Parameter app: the connection that is being deleted; nil: the grants alone are.
    func dropHeld(
        _ set: TokenSet, revoking: Bool, deleting app: AppRecord? = nil,
        in families: ArraySlice<RowFamily> = RowFamily.pendingGrants[...]
    ) throws(ConnError) -> Step<Void> {
        guard let family = families.first else { return .done(()) }
        return try rows.pages(rows.keys.pendingGrants(of: set, in: family), into: ()) {
            [self] (_, page, _) throws(ConnError) in
            let keys = page.map(\.key).filter { key in
                set.appID.map { rows.keys.isPendingGrant(key, at: $0) } ?? true
            }
            return try drop(keys[...], revoking: revoking, deleting: app)
        }.then { [self] () throws(ConnError) in
            try dropHeld(set, revoking: revoking, deleting: app, in: families.dropFirst())
        }
    }

    /// Throws grants away that nobody can fetch yet.
    /// - Parameter revoking: whether they are revoked at once, or not at all.
    func drop(
        _ keys: ArraySlice<[UInt8]>, revoking: Bool, deleting app: AppRecord? = nil
    ) throws(ConnError) -> Step<Void> {
        guard let key = keys.first else { return .done(()) }
        return try rows.change { [self] (change) throws(ConnError) in
            guard let stored = try change.reader.stored(key), try change.isDeleting(app) else { return }
            change.remove(key, expecting: .version(stored.version))
            if RowFamily(of: key) == .heldGrants {
                change.remove(RowKeys.expiry(of: key, at: RowKeys.heldGrantExpiry(key)), expecting: .any)
                let held: Row<HeldGrant>? = try change.reader.readable(stored)
                if let held { try takeOut(held.value, revoking: revoking, &change) }
            } else if let row: Row<TokenRecord> = try change.reader.readable(stored) {
                change.remove(RowKeys.expiry(of: key, at: row.value.unverifiedUntil), expecting: .any)
                if revoking { try revoke(row.value, &change) }
            }
        }.then { [self] () throws(ConnError) in try drop(keys.dropFirst(), revoking: revoking, deleting: app) }
    }

    /// What revokes a held grant waits in the outbox for the grant's time to be over.
    private func takeOut(_ held: HeldGrant, revoking: Bool, _ change: inout Change) throws(ConnError) {
        guard let key = held.revocation, let stored = try change.reader.stored(key),
            let waiting: Row<RevocationRecord> = try change.reader.readable(stored)
        else { return }
        change.remove(key, expecting: .version(waiting.version))
        if revoking { change.writes.append(outbox.put(waiting.value, due: clock.milliseconds()).write) }
    }

    /// Has a token revoked that nobody can fetch.
    func revoke(_ token: TokenRecord, _ change: inout Change) throws(ConnError) {
        var apps = KnownApps(change.reader)
        guard let owner = try apps.owner(of: token) else { return }
        try outbox.discard(token, of: owner, &change)
    }
}

/// What waits for its user: a flow, a ticket or a device.
protocol Waiting: Sendable {
    var appID: ID { get }
    var subject: Subject { get }
    /// The connection's, when it was made.
    var epoch: ID? { get }
}

extension Waiting {
    /// Whether it may still become a grant.
    func isAwaited(by app: AppRecord) -> Bool { epoch == app.epoch }

    /// Asked for the commit that keeps the grant, which goes through only while the connection's row stays as it is.
    func isAwaited(_ change: Change) throws(ConnError) -> Bool { isAwaited(by: try change.reader.app(appID)) }
}

/// What the rows of all that waits have in common.
private struct WaitingRecord: Record, Waiting {
    let appID: ID
    let subject: Subject
    let epoch: ID?

    init?(json: JSON) {
        guard let appID = json["appId"]?.id, let subject = json.subject else { return nil }
        self.appID = appID
        self.subject = subject
        epoch = json["epoch"]?.id
    }

    var json: JSON {
        let json = JSON.object(["appId": .string(appID), "epoch": epoch.map(JSON.string)])
        json.setSubject(subject)
        return json
    }
}
