internal import Connections
internal import Crypto
internal import JSON
internal import Memory
internal import OAuth

/// What a connect URL is to ask for.
struct ConnectOrder: Sendable {
    var appID: String
    var subject: Subject
    var scopes: [String]
    var externalIdentifier: String?
    var redirectURL: String?
    var prompt: [String]?
    var loginHint: String?
    var resources: [String]
    /// For the audit.
    var actor: String?

    /// - Parameter options: the fields of a connect's options; nil when the request has none.
    init(appID: String, subject: Subject, options: JSON?, actor: String?) {
        self.actor = actor
        self.appID = appID
        self.subject = subject
        scopes = options?["scopes"]?.strings ?? []
        externalIdentifier = options?["externalIdentifier"]?.string
        redirectURL = options?["redirectUrl"]?.string
        prompt = options?["prompt"]?.strings
        loginHint = options?["loginHint"]?.string
        resources = options?["resources"]?.strings ?? []
    }
}

extension VaultBackend {
    func connect(_ request: Request) throws(ConnError) -> Step<JSON> {
        let order = ConnectOrder(
            appID: try request.required("appId"), subject: try request.requiredSubject(), options: request["options"],
            actor: request.actor)
        return try connectURL(order).then { (made) throws(ConnError) in
            .done(.object(["url": .string(made.url), "expiresIn": .integer(made.lifetimeSeconds)]))
        }
    }

    /// Makes the provider's authorization URL, and keeps what its callback will need.
    func connectURL(_ order: ConnectOrder) throws(ConnError) -> Step<(url: String, lifetimeSeconds: Int64)> {
        let app = try app(order.appID, .oauth)
        guard let redirectURI = app.defaultRedirectURL ?? config.redirectURL ?? order.redirectURL else {
            throw .invalid("options.redirectUrl", "is missing")
        }
        let scopes = order.scopes.isEmpty ? app.defaultScopes : Scopes.unique(order.scopes)
        let lifetime = config.connectTTLSeconds
        return try provider(of: app, registeringFor: [redirectURI]).then { [self] (provider) throws(ConnError) in
            let state = FlowState.random(expiresAt: clock.seconds + lifetime)
            return try AuthorizationRequest.build(
                provider, redirectURI: redirectURI, state: state.text, scopes: scopes, prompt: order.prompt,
                loginHint: order.loginHint, resources: order.resources, clock: clock
            ).then { [self] (authorization) throws(ConnError) in
                let flow = FlowRecord(
                    appID: app.id, subject: order.subject, externalIdentifier: order.externalIdentifier,
                    scopes: scopes, resources: order.resources, redirectURI: redirectURI,
                    redirectURL: order.redirectURL ?? redirectURI, verifier: authorization.verifier)
                let key = rows.keys.flow(state)
                try rows.commit(
                    try expired(RowKeys.flows) + [rows.seal(flow, at: key, expecting: .absent)],
                    recording: [AuditEvent("connect", actor: order.actor, appID: app.id, subject: order.subject)])
                return .done((authorization.url, min(authorization.lifetimeSeconds ?? lifetime, lifetime)))
            }
        }
    }

    func complete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let unknown = ConnError(.notFound, "this connect URL is not known, was used, or has expired", field: "state")
        guard let state = FlowState(try request.required("state")), state.expiresAt > clock.seconds,
            let flow: Row<FlowRecord> = try rows.get(rows.keys.flow(state))
        else { throw unknown }
        if let opener = request["openedBy"] {
            guard opener.subject == flow.value.subject else {
                throw ConnError(.forbidden, "the connect URL was made for somebody else", field: "openedBy")
            }
        }
        let app = try app(flow.value.appID, .oauth)
        let callback = try self.callback(request, of: app)
        return try provider(of: app, hosts: callback.hosts).then { [self] (provider) throws(ConnError) in
            try OAuth.checkIssuer(request.string("iss"), provider: provider)
            do throws(ConnError) {
                try rows.commit([.remove(flow.key, expecting: .version(flow.version))])
            } catch {
                throw error.code == .conflict ? unknown : error  // the same callback came twice at a time
            }
            if let refusal = request.string("error") {
                var error = ConnError(.providerError, "\(app.id) did not grant access")
                error.errorCode = refusal
                error.errorDescription = request.string("errorDescription")
                error.appID = app.id
                throw error
            }
            guard let code = request["code"]?.stringSecret else { throw .invalid("code", "is missing") }
            return try OAuth.exchange(
                code: code, verifier: flow.value.verifier, redirectURI: flow.value.redirectURI,
                resources: flow.value.resources, provider: provider, clock: clock
            ).then { [self] (result) throws(ConnError) in
                switch result {
                case .success(let reply): try keep(reply, of: flow.value, callback, provider, for: request)
                case .failure(let failure): throw failure.asConnError
                }
            }
        }
    }

    /// What a callback says besides the code.
    private struct Callback: Sendable {
        var hosts: [String: String]
        var metadata: JSON?
    }

    /// Reads what the callback brings besides the code, and checks the provider's signature where there is one.
    private func callback(_ request: Request, of app: AppRecord) throws(ConnError) -> Callback {
        let provider = try app.provider(config)
        var parameters = request["parameters"]?.texts ?? [:]
        if provider.callback.signature != nil {
            for (field, name) in Self.callbackFields {
                if let value = request.string(field) { parameters[name] = value }
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
        _ reply: TokenReply, of flow: FlowRecord, _ callback: Callback, _ provider: Provider, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        var record = flow.token(reply, now: clock.milliseconds())
        record.hosts = callback.hosts
        if let metadata = callback.metadata { record.add(metadata: metadata) }
        let location = try keepGrant(record, for: request)
        return try learnExpiry(at: location.key, provider).then { [record] () throws(ConnError) in
            let answer = record.grantAnswer(at: location)
            answer.set("redirectUrl", .string(flow.redirectURL))
            return .done(answer)
        }
    }
}
