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
    func dropPending(_ set: TokenSet, revoking: Bool) throws(ConnError) {
        // A ticket may be opened, which makes a flow, while the first round goes on.
        for family in [RowKeys.flows, RowKeys.flows, RowKeys.deviceFlows] { try dropWaiting(set, in: family) }
        try dropHeld(set, revoking: revoking)
    }

    /// These rows are few, and live for hours at most.
    private func dropWaiting(_ set: TokenSet, in family: [UInt8]) throws(ConnError) {
        try rows.each(family) { (stored) throws(ConnError) in
            let row: Row<PendingSubject>? = try? rows.open(stored)  // what does not open becomes no grant
            if let row, set.contains(row.value.appID, row.value.subject) {
                try rows.commit([.remove(row.key, expecting: .any)])
            }
            return true
        }
    }

    private func dropHeld(_ set: TokenSet, revoking: Bool) throws(ConnError) {
        try rows.each(rows.keys.heldGrants(of: set)) { (stored) throws(ConnError) in
            if let app = set.appID, !rows.keys.isHeldGrant(stored.key, at: app) { return true }
            let row: Row<HeldGrant>? = try? rows.open(stored)
            try drop(stored.key, revocation: row?.value.revocation, revoking: revoking)
            return true
        }
    }

    /// Throws a grant away that waits for its code.
    /// - Parameters:
    ///   - revocation: its row of the outbox.
    ///   - revoking: whether it is taken back at once, or not at all.
    func drop(_ key: [UInt8], revocation: [UInt8]?, revoking: Bool) throws(ConnError) {
        try retrying { () throws(ConnError) in
            guard let stored = try rows.store.get(key) else { return }
            var writes = [StoreWrite.remove(key, expecting: .version(stored.version))]
            if let revocation, let waiting: Row<RevocationRecord> = try rows.get(revocation) {
                writes.append(.remove(revocation, expecting: .version(waiting.version)))
                if revoking { writes.append(put(waiting.value, due: clock.milliseconds()).write) }
            }
            try rows.commit(writes)
        }
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
