internal import Connections
internal import JSON
internal import Memory

// What may become a grant yet, and goes with a delete: tickets, flows, devices, and grants that wait for their code.

extension TokenSet {
    /// Whether a grant of this subject at this app will be one of the set.
    func contains(_ appID: ID, _ subject: Subject) -> Bool {
        if let wanted = self.appID, wanted != appID { return false }
        switch self.subject {
        case .user(let user): return subject.userID == user
        case .userInTenant, .tenant: return subject == self.subject
        case nil: return true
        }
    }
}

extension VaultBackend {
    /// Drops what may become a grant of the set, in the order in which one thing becomes another: what comes out of it
    /// meanwhile is found by the next step, or finds its own row gone. Tokens are looked for after it.
    func dropPending(_ set: TokenSet, revoking: Bool) throws(ConnError) -> Step<Void> {
        // A ticket may be opened, which makes a flow, while the first round goes on.
        try dropWaiting(set, in: [RowKeys.flows, RowKeys.flows, RowKeys.deviceFlows]).then {
            [self] () throws(ConnError) in try dropHeld(set, revoking: revoking)
        }
    }

    private func dropWaiting(_ set: TokenSet, in families: ArraySlice<[UInt8]>) throws(ConnError) -> Step<Void> {
        guard let family = families.first else { return .done(()) }
        return try rows.pages(family, into: ()) { [self] (_, page, reader) throws(ConnError) in
            var writes: [StoreWrite] = []
            for stored in page {
                let row: Row<PendingSubject>? = try? reader.open(stored)  // what does not open becomes no grant
                if let row, set.contains(row.value.appID, row.value.subject) {
                    writes.append(.remove(row.key, expecting: .any))
                }
            }
            return rows.commit(writes)
        }.then { [self] () throws(ConnError) in try dropWaiting(set, in: families.dropFirst()) }
    }

    /// Drops the grants of a set that wait for their code.
    /// - Parameter app: the connection that is being deleted; nil: the grants alone are.
    func dropHeld(_ set: TokenSet, revoking: Bool, deleting app: AppRecord? = nil) throws(ConnError) -> Step<Void> {
        rows.pages(rows.keys.heldGrants(of: set), into: ()) { [self] (_, page, _) throws(ConnError) in
            let keys = page.map(\.key).filter { key in set.appID.map { rows.keys.isHeldGrant(key, at: $0) } ?? true }
            return try drop(keys[...], revoking: revoking, deleting: app)
        }
    }

    /// Throws grants away that wait for their code.
    /// - Parameter revoking: whether they are taken back at once, or not at all.
    func drop(
        _ keys: ArraySlice<[UInt8]>, revoking: Bool, deleting app: AppRecord? = nil
    ) throws(ConnError) -> Step<Void> {
        guard let key = keys.first else { return .done(()) }
        return try rows.change { [self] (change) throws(ConnError) in
            guard let stored = try change.reader.stored(key), try isDeleting(app, &change) else { return }
            change.remove(key, expecting: .version(stored.version))
            let held: Row<HeldGrant>? = try? change.reader.open(stored)
            if let revocation = held?.value.revocation,
                let waiting: Row<RevocationRecord> = try change.reader.get(revocation)
            {
                change.remove(revocation, expecting: .version(waiting.version))
                if revoking { change.writes.append(put(waiting.value, due: clock.milliseconds()).write) }
            }
        }.then { [self] () throws(ConnError) in try drop(keys.dropFirst(), revoking: revoking, deleting: app) }
    }
}

/// What rows of flows, tickets and devices have in common.
private struct PendingSubject: Record {
    let appID: ID
    let subject: Subject

    init?(json: JSON) {
        guard let appID = json["appId"]?.id, let subject = json.subject else { return nil }
        self.appID = appID
        self.subject = subject
    }

    var json: JSON {
        let json = JSON.object(["appId": .string(appID)])
        json.setSubject(subject)
        return json
    }
}
