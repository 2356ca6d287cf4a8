internal import Connections
internal import JSON
internal import Runtime
internal import Store

extension ConnectOperations {
    /// Stores the API key that a ticket asks for. The ticket stays valid until it expires, so that a key with a typing mistake
    /// can be replaced.
    func completeKey(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard let ticket = FlowState(try request.required("ticket")), ticket.expiresAt > clock.seconds else {
            throw .unknownTicket
        }
        let row = rows.keys.ticket(ticket)
        return rows.read { [self] (reader) throws(ConnError) in
            guard let found: Row<ConnectOrder> = try reader.get(row) else { throw .unknownTicket }
            let order = found.value
            try checkOpener(request["openedBy"], of: order.subject, needsConfirmation: order.needsConfirmation)
            let app = try reader.app(order.appID, .apikey)
            guard order.isAwaited(by: app) else { throw .unknownTicket }
            let credential = try app.credential(request)
            return try app.check(credential, config).then { [self] () throws(ConnError) in
                try keep(credential, of: order, at: row, app, request)
            }
        }
    }

    private func keep(
        _ credential: Credential, of order: ConnectOrder, at row: [UInt8], _ app: AppRecord, _ request: Request
    ) throws(ConnError) -> Step<JSON> {
        var record = TokenRecord(
            appID: app.id, subject: order.subject, externalIdentifier: order.externalIdentifier, scopes: [],
            grantedAt: clock.milliseconds())
        record.take(credential)
        record.grantedBy = order.subject.userID
        let answer = record.grantAnswer(
            at: grants.place(of: record), app.scopeRules, redirectURL: order.redirectURL)
        /// A deletion meanwhile has taken the ticket along.
        let stands: @Sendable (inout Change) throws(ConnError) -> Void = { (change) throws(ConnError) in
            guard let stored = try change.reader.stored(row) else { throw .unknownTicket }
            change.writes.append(.keep(row, expecting: .version(stored.version)))
        }
        return try rows.retrying { [self, record] (isAgain) throws(ConnError) in
            if order.needsConfirmation {
                return try dropHeldKeys(of: order.subject, at: app.id).then { [self] () throws(ConnError) in
                    hold(record, of: app, redirectURL: order.redirectURL, for: request) {
                        (change, _) throws(ConnError) in try stands(&change)
                    }
                }
            }
            return try grants.keep(record, of: app, for: request, isAgain: isAgain, with: stands)
                .then { (_) throws(ConnError) in .done(answer) }
        }
    }

    /// One key at a time waits for its code: who enters another one has mistyped the first.
    private func dropHeldKeys(of subject: Subject, at appID: ID) -> Step<Void> {
        rows.pages(rows.keys.heldGrants(of: subject, at: appID), into: ()) {
            [self] (_, page, _) throws(ConnError) in
            try pending.drop(page.map(\.key)[...], revoking: false)
        }
    }
}
