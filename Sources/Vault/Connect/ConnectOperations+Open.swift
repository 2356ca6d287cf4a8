internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

extension ConnectOperations {
    /// How long the provider has to call back, from the click on the host's page. Seconds.
    private static let openedLifetime: Int64 = 600

    /// A URL where the subject grants what the order asks for: the provider's, or that of the host's page, which opens
    /// it when it knows who is there.
    /// - Parameter actor: for the audit.
    func connectURL(
        _ order: ConnectOrder, actor: String?
    ) throws(ConnError) -> Step<ConnectURL> {
        let event = AuditEvent("connect", actor: actor, appID: order.appID, subject: order.subject)
        guard let page = config.connectPageURL else {
            return try authorizationURL(order, lifetime: config.connectTTLSeconds, recording: event)
        }
        return rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(order.appID)
            if app.kind == .oauth { _ = try redirectURI(of: app, order) }  // what is wrong is told now
            var order = order
            order.epoch = app.epoch
            let ticket = FlowState.random(expiresAt: clock.seconds + config.connectTTLSeconds)
            return try rows.change { [self, order] (change) throws(ConnError) in
                change.writes = pending.writes(order, at: rows.keys.ticket(ticket))
                try expiry.expire(&change)
                change.events = [event]
            }.then { [self, order] () throws(ConnError) in
                .done(
                    ConnectURL(
                        url: URL.appending([("ticket", ticket.text)], to: page), scopes: order.scopes,
                        lifetimeSeconds: config.connectTTLSeconds))
            }
        }
    }

    /// Each time makes another URL of the provider, for those who have closed the window; earlier ones go on working.
    func open(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard let ticket = FlowState(try request.required("ticket")), ticket.expiresAt > clock.seconds else {
            throw .unknownTicket
        }
        return rows.read { [self] (reader) throws(ConnError) in
            guard let row: Row<ConnectOrder> = try reader.get(rows.keys.ticket(ticket)) else { throw .unknownTicket }
            let order = row.value
            guard let opener = request["openedBy"], Opener(opener).mayActFor(order.subject) else { throw .otherOpener }
            let event = AuditEvent(request, appID: order.appID, subject: order.subject)
            let answer = JSON.object([
                "appId": .string(order.appID), "externalIdentifier": order.externalIdentifier.map(JSON.string),
            ])
            answer.setSubject(order.subject)
            let app = try reader.app(order.appID)
            guard app.kind == .oauth else {
                guard order.isAwaited(by: app) else { throw .unknownTicket }
                answer.set("scopes", .strings([]))
                answer.set("expiresIn", .integer(ticket.expiresAt - clock.seconds))
                return try rows.commit([], recording: [event]).then { () throws(ConnError) in .done(answer) }
            }
            return try authorizationURL(order, lifetime: Self.openedLifetime, ticket: row.key, recording: event)
                .then { (made) throws(ConnError) in
                    answer.set("url", .string(made.url))
                    answer.set("scopes", .strings(made.scopes))
                    answer.set("expiresIn", .integer(made.lifetimeSeconds))
                    return .done(answer)
                }
        }
    }

    /// Refuses what did not arrive with whoever it is for.
    func checkOpener(_ opener: JSON?, of subject: Subject, needsConfirmation: Bool) throws(ConnError) {
        guard let opener else {
            if needsConfirmation || !config.requiresOpener { return }
            throw .invalid("openedBy", "is missing: who is signed in where this arrived?")
        }
        guard Opener(opener).mayActFor(subject) else { throw .otherOpener }
    }
}

extension ConnError {
    static let unknownTicket = ConnError(
        .notFound, "this connect URL is not known, was used, or has expired", field: "ticket")

    fileprivate static let otherOpener = ConnError(
        .forbidden, "the connect URL was made for somebody else", field: "openedBy")
}

/// What a ticket stands for.
extension ConnectOrder: Record {
    init?(json: JSON) {
        guard let appID = json["appId"]?.id, let subject = json.subject else { return nil }
        self.init(appID: appID, subject: subject, options: json)
        epoch = json["epoch"]?.id
    }

    var json: JSON {
        let json = JSON.object([
            "appId": .string(appID),
            "scopes": .strings(scopes),
            "externalIdentifier": externalIdentifier.map(JSON.string),
            "redirectUrl": redirectURL.map(JSON.string),
            "prompt": prompt.map(JSON.strings),
            "loginHint": loginHint.map(JSON.string),
            "resources": .strings(resources),
            "confirmation": .boolean(needsConfirmation),
            "epoch": epoch.map(JSON.string),
        ])
        json.setSubject(subject)
        return json
    }
}
