internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

extension ConnectOperations {
    /// Stores a grant where nobody can fetch it, and answers the code that releases it. If the code does not arrive in
    /// time, the outbox revokes the grant.
    /// - Parameters:
    ///   - earlier: what it was answered before, where it may have been held already.
    ///   - finishing: adds to the commit what the answer is written to.
    func hold(
        _ token: TokenRecord, of app: AppRecord, redirectURL: String?, for request: Request,
        earlier: @escaping @Sendable (RowReader) throws(ConnError) -> JSON? = { (_) throws(ConnError) in nil },
        finishing: @escaping @Sendable (inout Change, JSON) throws(ConnError) -> Void
    ) -> Step<JSON> {
        let expiry = clock.seconds + HeldGrant.lifetime
        let key = rows.keys.heldGrant(of: token.subject, at: token.appID, expiry: expiry)
        return rows.change { [self] (change) throws(ConnError) in
            if let answer = try earlier(change.reader) { return answer }
            let due = (expiry + Expiry.clockMargin) * 1000
            let revocation = try outbox.revocation(of: token, at: app, change.reader).map { outbox.put($0, due: due) }
            let held = HeldGrant(token, of: app, redirectURL: redirectURL, revocation: revocation?.row.key)
            let answer = JSON.object([
                "confirmationRequired": .boolean(true),
                "code": .string(held.shownCode),
                "appId": .string(token.appID),
                "expiresIn": .integer(HeldGrant.lifetime),
            ])
            try change.stand(app)
            change.put(held, at: key, expecting: .absent)
            change.put(PointerRecord(), at: RowKeys.expiry(of: key, at: expiry), expecting: .absent)
            try self.expiry.expire(&change)
            if let revocation { change.writes.append(revocation.write) }
            try finishing(&change, answer)
            change.events = [AuditEvent(request, appID: token.appID, subject: token.subject, outcome: "held")]
            return answer
        }
    }

    func confirm(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let subject = try request.requiredSubject()
        guard let code = request["code"], code.string != "" else { throw .invalid("code", "is missing") }
        let typed = TypedCode(code)
        return rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(appID)
            return try countTry(of: subject, at: app).then { [self] (tried) throws(ConnError) in
                guard !tried.isEmpty else { throw noneWaits }
                guard let row = tried.first(where: { $0.value.isConfirmed(by: typed) }) else {
                    return try dropWornOut(tried).then { () throws(ConnError) in
                        throw ConnError(.forbidden, "this is not the code that the browser shows", field: "code")
                    }
                }
                return try release(row, of: app, for: request)
            }
        }
    }

    private func release(
        _ row: Row<HeldGrant>, of app: AppRecord, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        let held = row.value
        return try rows.retrying { [self] (isAgain) throws(ConnError) in
            try grants.keep(held.token, of: app, for: request, isAgain: isAgain) { [self] (change) throws(ConnError) in
                // A grant that is released is not revoked, and one that is being revoked is not released.
                for key in [row.key] + [held.revocation].compactMap({ $0 }) {
                    guard let stored = try change.reader.stored(key) else { throw noneWaits }
                    change.remove(key, expecting: .version(stored.version))
                }
                change.remove(RowKeys.expiry(of: row.key, at: RowKeys.heldGrantExpiry(row.key)), expecting: .any)
            }
        }.then { [self] (location) throws(ConnError) in
            try Step<Void>.attempt({ [self] () throws(ConnError) in
                guard app.kind == .oauth else { return .done(()) }
                return try providers.provider(of: app, hosts: held.token.hosts, client: .grant(of: held.token.clientID))
                    .then {
                        [self] (provider) throws(ConnError) in
                        providers.learnExpiry(at: location.key, of: app, provider)
                    }
            }) { (_) throws(ConnError) in  // the grant is there, whatever becomes known of its expiry
                .done(held.token.grantAnswer(at: location, app.scopeRules, redirectURL: held.redirectURL))
            }
        }
    }

    private var noneWaits: ConnError {
        ConnError(.notFound, "no grant waits for a code, or its code has expired", reason: .missing)
    }

    /// Counts a try against each of the grants that it may be meant for, before anybody looks whether it is right: of
    /// many at a time no more are looked at than are allowed.
    private func countTry(of subject: Subject, at app: AppRecord) throws(ConnError) -> Step<[Row<HeldGrant>]> {
        rows.change { [self] (change) throws(ConnError) in
            let all: OpenedRows<HeldGrant> = try change.reader.all(rows.keys.heldGrants(of: subject, at: app.id))
            var tried: [Row<HeldGrant>] = []
            for row in all.whole
            where RowKeys.heldGrantExpiry(row.key) > clock.seconds && row.value.tries < HeldGrant.maxTries
                && row.value.incarnation == app.incarnation && row.value.token.subject == subject
                && row.value.token.appID == app.id
            {
                if try hasClient(of: row.value, app, change.reader) { tried.append(row) }
            }
            for index in tried.indices {
                tried[index].value.tries += 1
                change.put(tried[index].value, at: tried[index].key, expecting: .version(tried[index].version))
            }
            return tried
        }
    }

    /// Whether the client that got a grant is the connection's yet.
    private func hasClient(of held: HeldGrant, _ app: AppRecord, _ reader: RowReader) throws(ConnError) -> Bool {
        guard app.registers else { return held.clientID == app.clientID }
        return try reader.client(held.token.clientID, of: app) != nil
    }

    /// Throws away what was guessed at too often, and has it revoked without waiting any longer.
    private func dropWornOut(_ tried: [Row<HeldGrant>]) throws(ConnError) -> Step<Void> {
        try pending.drop(tried.filter { $0.value.tries >= HeldGrant.maxTries }.map(\.key)[...], revoking: true)
    }
}
