internal import Connections
internal import Crypto
internal import JSON

extension VaultBackend {
    /// Keeps a grant where nobody can fetch it, and answers the code that lets it out. If the code does not come in
    /// time, the outbox takes the grant back.
    /// - Parameter flow: the flow's row, to which the answer is added.
    func hold(
        _ token: TokenRecord, of app: AppRecord, _ flow: FlowRecord, at flowKey: [UInt8],
        for request: Request
    ) throws(ConnError) -> JSON {
        let expiry = clock.seconds + HeldGrant.lifetime
        let due = (expiry + Self.clockMargin) * 1000
        let revocation = try revocation(of: token, at: app).map { put($0, due: due) }
        let held = HeldGrant(
            token, of: app, redirectURL: flow.redirectURL, revocation: revocation?.row.key)
        let answer = JSON.object([
            "confirmationRequired": .boolean(true),
            "code": .string(held.shownCode),
            "appId": .string(flow.appID),
            "expiresIn": .integer(HeldGrant.lifetime),
        ])
        let key = rows.keys.heldGrant(of: token.subject, at: token.appID, expiry: expiry)
        let garbage = try expiredHeldGrants()
        try retrying { () throws(ConnError) in
            var writes = try [standing(app), rows.seal(held, at: key, expecting: .absent)] + garbage
            if let revocation { writes.append(revocation.write) }
            try rows.commit(
                writes + flow.answered(answer).writes(rows, at: flowKey),
                recording: [event(request, appID: token.appID, subject: token.subject, outcome: "held")])
        }
        return answer
    }

    func confirm(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let subject = try request.requiredSubject()
        let typed = try request.required("code")
        let app = try app(appID, .oauth)
        let tried = try countTry(of: subject, at: app)
        guard !tried.isEmpty else { throw noneWaits }
        guard let row = tried.first(where: { $0.value.isConfirmed(by: typed) }) else {
            try dropWornOut(tried)
            throw ConnError(.forbidden, "this is not the code that the browser shows", field: "code")
        }
        let held = row.value
        let location = try keepGrant(held.token, of: app, for: request) { () throws(ConnError) in
            // A grant that is let out is not taken back, and one that is being taken back is not let out.
            var removals: [StoreWrite] = []
            for key in [row.key] + [held.revocation].compactMap({ $0 }) {
                guard let stored = try rows.store.get(key) else { throw noneWaits }
                removals.append(.remove(key, expecting: .version(stored.version)))
            }
            return removals
        }
        return try Step<Void>.attempt({ [self] () throws(ConnError) in
            try provider(of: app, hosts: held.token.hosts, client: .grant(of: held.token.clientID)).then {
                [self] (provider) throws(ConnError) in
                try learnExpiry(at: location.key, provider)
            }
        }) { (_) throws(ConnError) in  // the grant is there, whatever becomes known of its expiry
            .done(held.token.grantAnswer(at: location, redirectURL: held.redirectURL))
        }
    }

    private var noneWaits: ConnError {
        ConnError(.notFound, "no grant waits for a code, or its code has expired", reason: .missing)
    }

    /// Counts a try against each of the grants that it may be meant for, before anybody looks whether it is right: of
    /// many at a time no more are looked at than are allowed.
    private func countTry(of subject: Subject, at app: AppRecord) throws(ConnError) -> [Row<HeldGrant>] {
        try retrying { () throws(ConnError) in
            let all: [Row<HeldGrant>] = try rows.all(rows.keys.heldGrants(of: subject, at: app.id))
            var tried = all.filter { row in
                RowKeys.heldGrantExpiry(row.key) > clock.seconds && row.value.tries < HeldGrant.maxTries
                    && row.value.clientID == app.clientID && row.value.incarnation == app.incarnation
            }
            for index in tried.indices { tried[index].value.tries += 1 }
            try rows.commit(tried.map { rows.seal($0.value, at: $0.key, expecting: .version($0.version)) })
            return tried
        }
    }

    /// Throws away what was guessed at too often, and has it taken back without waiting any longer.
    private func dropWornOut(_ tried: [Row<HeldGrant>]) throws(ConnError) {
        for row in tried where row.value.tries >= HeldGrant.maxTries {
            try drop(row.key, revocation: row.value.revocation, revoking: true)
        }
    }

    /// A few grants that nobody confirmed: each new one removes some.
    private func expiredHeldGrants() throws(ConnError) -> [StoreWrite] {
        let some = try rows.store.scan(prefix: RowKeys.heldGrants, after: nil, limit: 32)
        return some.filter { RowKeys.heldGrantExpiry($0.key) + Self.clockMargin <= clock.seconds }.map {
            .remove($0.key, expecting: .any)
        }
    }
}
