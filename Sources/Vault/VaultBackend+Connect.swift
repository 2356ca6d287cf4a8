internal import Connections
internal import Crypto
internal import JSON
internal import Memory
internal import OAuth

/// What a connect URL is to ask for.
struct ConnectOrder: Sendable {
    var appID: ID
    var subject: Subject
    var scopes: [String]
    var externalIdentifier: ID?
    var redirectURL: String?
    var prompt: [String]?
    var loginHint: String?
    var resources: [String]
    /// Whoever comes back from the provider types a code where the connection was asked for.
    var needsConfirmation: Bool
    /// That of the connection which the order was written down for.
    var incarnation: ID?

    /// - Parameter options: the fields of a connect's options; nil when the request has none.
    init(appID: ID, subject: Subject, options: JSON?) {
        self.appID = appID
        self.subject = subject
        scopes = options?["scopes"]?.strings ?? []
        externalIdentifier = options?["externalIdentifier"]?.id
        redirectURL = options?["redirectUrl"]?.string
        prompt = options?["prompt"]?.strings
        loginHint = options?["loginHint"]?.string
        resources = options?["resources"]?.strings ?? []
        needsConfirmation = options?["confirmation"]?.boolean ?? false
    }
}

extension VaultBackend {
    func connect(_ request: Request) throws(ConnError) -> Step<JSON> {
        let order = ConnectOrder(
            appID: try request.requiredID("appId"), subject: try request.requiredSubject(), options: request["options"])
        return try connectURL(order, actor: request.actor).then { (made) throws(ConnError) in
            .done(.object(["url": .string(made.url), "expiresIn": .integer(made.lifetimeSeconds)]))
        }
    }

    /// The OAuth redirect URI.
    func redirectURI(of app: AppRecord, _ order: ConnectOrder) throws(ConnError) -> String {
        guard let uri = app.defaultRedirectURL ?? config.redirectURL ?? order.redirectURL else {
            throw .invalid("options.redirectUrl", "is missing")
        }
        return uri
    }

    /// Makes the provider's authorization URL, and keeps what its callback will need.
    /// - Parameters:
    ///   - lifetime: how long it waits for its callback. Seconds.
    ///   - ticket: the row of the ticket that opens it.
    ///   - event: recorded with it.
    func authorizationURL(
        _ order: ConnectOrder, lifetime: Int64, ticket: [UInt8]? = nil, recording event: AuditEvent
    ) throws(ConnError) -> Step<(url: String, lifetimeSeconds: Int64)> {
        rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(order.appID, .oauth)
            guard ticket == nil || order.incarnation == app.incarnation else { throw .unknownTicket }
            let redirectURI = try redirectURI(of: app, order)
            let scopes = order.scopes.isEmpty ? app.defaultScopes : Scopes.unique(order.scopes)
            return try provider(of: app, client: .connecting([redirectURI])).then {
                [self] (provider) throws(ConnError) in
                let state = FlowState.random(expiresAt: clock.seconds + lifetime)
                return try AuthorizationRequest.build(
                    provider, redirectURI: redirectURI, state: state.text, scopes: scopes, prompt: order.prompt,
                    loginHint: order.loginHint, resources: order.resources, clock: clock
                ).then { [self] (authorization) throws(ConnError) in
                    let flow = FlowRecord(
                        appID: app.id, subject: order.subject, externalIdentifier: order.externalIdentifier,
                        scopes: scopes, resources: order.resources, redirectURI: redirectURI,
                        redirectURL: order.redirectURL ?? redirectURI, verifier: authorization.verifier,
                        ticket: ticket, needsConfirmation: order.needsConfirmation, clientID: ID(provider.clientID),
                        incarnation: app.incarnation)
                    return rows.change { [self] (change) throws(ConnError) in
                        try stand(app, &change)
                        change.put(flow, at: rows.keys.flow(state), expecting: .absent)
                        change.writes += try expired(RowKeys.flows, change.reader)
                        if let ticket {
                            guard let stored = try change.reader.stored(ticket) else { throw .unknownTicket }
                            change.writes.append(.keep(ticket, expecting: .version(stored.version)))
                        }
                        change.events = [event]
                        return (authorization.url, min(authorization.lifetimeSeconds ?? lifetime, lifetime))
                    }
                }
            }
        }
    }

    func complete(_ request: Request) throws(ConnError) -> Step<JSON> {
        try complete(request, until: clock.milliseconds() + Int64(config.timeoutMilliseconds))
    }

    /// - Parameter until: how long to wait for the same callback that came before and is at work. Milliseconds since 1970.
    private func complete(_ request: Request, until: Int64) throws(ConnError) -> Step<JSON> {
        guard let state = FlowState(try request.required("state")), state.expiresAt > clock.seconds else {
            throw .unknownFlow
        }
        let codeHash = request["code"]?.withStringBytes { ID(Crypto.hex(Crypto.sha256($0))) }
        return rows.read { [self] (reader) throws(ConnError) in
            guard let flow: Row<FlowRecord> = try reader.get(rows.keys.flow(state)) else { throw .unknownFlow }
            try checkOpener(request["openedBy"], of: flow.value)
            if let use = flow.value.use {
                guard use.codeHash == codeHash else { throw .unknownFlow }
                if let answer = use.answer { return .done(answer) }
                guard clock.milliseconds() < until else { throw .unknownFlow }
                return .pause(milliseconds: Self.pollMilliseconds) { [self] () throws(ConnError) in
                    try complete(request, until: until)
                }
            }
            let app = try reader.app(flow.value.appID, .oauth)
            guard flow.value.incarnation == app.incarnation else { throw .unknownFlow }
            let callback = try self.callback(request, of: app)
            return try provider(of: app, hosts: callback.hosts, client: .grant(of: flow.value.clientID)).then {
                [self] (provider) throws(ConnError) in
                try OAuth.checkIssuer(request.string("iss"), provider: provider)
                let use = codeHash.map { flow.value.used(codeHash: $0) }
                let isFirst = StoreWrite.Expectation.version(flow.version)
                let write =
                    use.map { rows.seal($0, at: flow.key, expecting: isFirst) } ?? .remove(flow.key, expecting: isFirst)
                return try rows.commit([write]).result { [self] (result) throws(ConnError) in
                    if case .failure(let error) = result {
                        guard error.code == .conflict else { throw error }
                        return try complete(request, until: until)  // the same callback came twice at a time
                    }
                    return try exchange(request, use, at: flow, app.asClient(of: provider), callback, provider)
                }
            }
        }
    }

    /// Exchanges the code of a flow that is this call's alone.
    /// - Parameter use: nil when the callback has no code.
    private func exchange(
        _ request: Request, _ use: FlowRecord?, at flow: Row<FlowRecord>, _ app: AppRecord, _ callback: Callback,
        _ provider: Provider
    ) throws(ConnError) -> Step<JSON> {
        if let refusal = request.string("error") {
            var error = ConnError(.providerError, "\(app.id) did not grant access")
            error.errorCode = refusal
            error.errorDescription = request.string("errorDescription")
            error.appID = app.id
            throw error
        }
        guard let use, let code = request["code"]?.stringSecret else { throw .invalid("code", "is missing") }
        return try OAuth.exchange(
            code: code, verifier: flow.value.verifier, redirectURI: flow.value.redirectURI,
            resources: flow.value.resources, provider: provider, clock: clock
        ).then { [self] (result) throws(ConnError) in
            switch result {
            case .success(let reply):
                return try keep(reply, of: use, at: flow.key, app, callback, provider, for: request)
            case .failure(let failure):
                return try rows.commit([.remove(flow.key, expecting: .any)])
                    .then { () throws(ConnError) in throw failure.asConnError }
            }
        }
    }

    /// What a callback says besides the code.
    private struct Callback: Sendable {
        var hosts: [ID: String]
        var metadata: JSON?
    }

    /// Reads what the callback brings besides the code, and checks the provider's signature where there is one.
    private func callback(_ request: Request, of app: AppRecord) throws(ConnError) -> Callback {
        let provider = try app.provider(config)
        var parameters = request["parameters"]?.texts ?? [:]
        if provider.callback.signature != nil {
            for (field, name) in Self.callbackFields {
                if let value = request.string(field) { parameters[ID(name)] = value }
            }
        }
        try provider.callback.checkSignature(parameters, clientSecret: provider.clientSecret)
        guard request["code"] != nil else { return Callback(hosts: [:]) }
        return Callback(
            hosts: try provider.callback.hosts(in: parameters),
            metadata: try provider.callback.metadata(in: parameters))
    }

    /// The fields of `complete` that are parameters of the query too, and their names there.
    private static let callbackFields = [
        ("state", "state"), ("code", "code"), ("iss", "iss"), ("error", "error"),
        ("errorDescription", "error_description"),
    ]

    private func keep(
        _ reply: TokenReply, of flow: FlowRecord, at key: [UInt8], _ app: AppRecord, _ callback: Callback,
        _ provider: Provider, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        var record = flow.token(reply, now: clock.milliseconds())
        record.hosts = callback.hosts
        if let metadata = callback.metadata { record.add(metadata: metadata) }
        let location = place(of: record)
        let answer = record.grantAnswer(at: location, redirectURL: flow.redirectURL)
        let kept: Step<JSON> =
            if flow.needsConfirmation {
                try hold(record, of: app, flow, at: key, for: request)
            } else {
                try keepGrant(record, of: app, for: request) { (change) throws(ConnError) in
                    try flow.answered(answer).keep(at: key, &change)
                }.then { [self] (_) throws(ConnError) in
                    try learnExpiry(at: location.key, of: app, provider).then { () throws(ConnError) in .done(answer) }
                }
            }
        return try kept.result { [self, record] (result) throws(ConnError) in
            switch result {
            case .success(let answer): return .done(answer)
            case .failure(let error):
                // The connection or the subject was deleted.
                if error.code == .notFound { return try discard(record, of: app, because: error) }
                throw error
            }
        }
    }
}
