internal import Connections
internal import Crypto
internal import HTTP
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

/// What a connect URL is to ask for.
struct ConnectOrder: Waiting {
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
    /// Nil as long as the order is not written down.
    var epoch: ID?

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

/// Where a user grants access.
struct ConnectURL: Sendable {
    let url: String
    /// Those that the user will be asked for.
    let scopes: [String]
    let lifetimeSeconds: Int64

    var json: JSON { .object(["url": .string(url), "expiresIn": .integer(lifetimeSeconds)]) }
}

/// The operations by which a user grants access: docs/connect.md.
final class ConnectOperations: Sendable {
    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let providers: Providers
    let grants: Grants
    let outbox: Outbox
    let pending: PendingGrants
    let expiry: Expiry

    init(
        rows: Rows, config: VaultConfig, clock: Clock, providers: Providers, grants: Grants, outbox: Outbox,
        pending: PendingGrants, expiry: Expiry
    ) {
        self.rows = rows
        self.config = config
        self.clock = clock
        self.providers = providers
        self.grants = grants
        self.outbox = outbox
        self.pending = pending
        self.expiry = expiry
    }

    func connect(_ request: Request) throws(ConnError) -> Step<JSON> {
        let order = ConnectOrder(
            appID: try request.requiredID("appId"), subject: try request.requiredSubject(), options: request["options"])
        return try connectURL(order, actor: request.actor).then { (made) throws(ConnError) in .done(made.json) }
    }

    /// The OAuth redirect URI.
    /// - Throws: `misconfigured` when there is none, or when the connection lacks what else must be there before a browser
    ///   goes to the provider.
    func redirectURI(of app: AppRecord, _ order: ConnectOrder) throws(ConnError) -> String {
        let uri = app.defaultRedirectURL ?? config.redirectURL ?? order.redirectURL
        let provider = try app.provider(config)
        let lacksScopes = provider.needsScopes && order.scopes.isEmpty && app.defaultScopes.isEmpty
        try app.checkIsComplete(
            provider, for: .browser, isFilled: false,
            lacking: (uri == nil ? ["defaultRedirectUrl"] : []) + (lacksScopes ? ["defaultScopes"] : []))
        return uri ?? ""
    }

    /// Makes the provider's authorization URL, and keeps what its callback will need.
    /// - Parameters:
    ///   - lifetime: how long it waits for its callback. Seconds.
    ///   - ticket: the row of the ticket that opens it.
    ///   - event: recorded with it.
    func authorizationURL(
        _ order: ConnectOrder, lifetime: Int64, ticket: [UInt8]? = nil, recording event: AuditEvent
    ) throws(ConnError) -> Step<ConnectURL> {
        rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(order.appID, .oauth)
            guard ticket == nil || order.isAwaited(by: app) else { throw .unknownTicket }
            let redirectURI = try redirectURI(of: app, order)
            let scopes = order.scopes.isEmpty ? app.defaultScopes : Scopes.unique(order.scopes)
            return try providers.provider(of: app, for: .browser, [redirectURI]).then {
                [self] (provider) throws(ConnError) in
                let state = FlowState.random(expiresAt: clock.seconds + lifetime)
                return try AuthorizationRequest.build(
                    provider, redirectURI: redirectURI, state: state.text, scopes: scopes, prompt: order.prompt,
                    loginHint: order.loginHint, resources: order.resources, clock: clock
                ).then { [self] (authorization) throws(ConnError) in
                    let flow = FlowRecord(
                        appID: app.id, subject: order.subject, externalIdentifier: order.externalIdentifier,
                        scopes: scopes, resources: order.resources, redirectURI: redirectURI,
                        redirectURL: order.redirectURL, verifier: authorization.verifier,
                        ticket: ticket, needsConfirmation: order.needsConfirmation, clientID: ID(provider.clientID),
                        epoch: app.epoch)
                    return rows.change { [self] (change) throws(ConnError) in
                        change.writes = pending.writes(flow, at: rows.keys.flow(state))
                        try change.stand(app)
                        try expiry.expire(&change)
                        if let ticket {
                            guard let stored = try change.reader.stored(ticket) else { throw .unknownTicket }
                            change.writes.append(.keep(ticket, expecting: .version(stored.version)))
                        }
                        change.events = [event]
                        return ConnectURL(
                            url: authorization.url, scopes: scopes,
                            lifetimeSeconds: min(authorization.lifetimeSeconds ?? lifetime, lifetime))
                    }
                }
            }
        }
    }

    func complete(_ request: Request) throws(ConnError) -> Step<JSON> {
        if request["apiKey"] != nil { return try completeKey(request) }
        return try complete(request, until: clock.monotonic().adding(milliseconds: config.timeoutMilliseconds))
    }

    /// - Parameter until: how long to wait for the same callback that came before and is at work.
    private func complete(_ request: Request, until: Deadline) throws(ConnError) -> Step<JSON> {
        let query = try CallbackQuery(request)
        let unknownFlow = ConnError.unknownFlow.telling(query.refusal)
        guard let state = FlowState(query.state), state.expiresAt > clock.seconds else { throw unknownFlow }
        let codeHash = query.code?.withStringBytes { ID(Crypto.hex(Crypto.sha256($0))) }
        return rows.read { [self] (reader) throws(ConnError) in
            guard let flow: Row<FlowRecord> = try reader.get(rows.keys.flow(state)) else { throw unknownFlow }
            try checkOpener(
                request["openedBy"], of: flow.value.subject, needsConfirmation: flow.value.needsConfirmation)
            let app = try reader.app(flow.value.appID, .oauth)
            guard flow.value.isAwaited(by: app) else { throw unknownFlow }
            if let use = flow.value.use {
                guard use.codeHash == codeHash else { throw unknownFlow }
                if let answer = use.answer { return .done(answer) }
                guard clock.monotonic() < until else { throw unknownFlow }
                return .pause(milliseconds: Rows.pollMilliseconds) { [self] () throws(ConnError) in
                    try complete(request, until: until)
                }
            }
            let callback = try self.callback(query, request, of: app)
            return try providers.provider(of: app, hosts: callback.hosts, client: .grant(of: flow.value.clientID)).then
            {
                [self] (provider) throws(ConnError) in
                do throws(ConnError) {
                    try OAuth.checkIssuer(query.iss, provider: provider)
                } catch {
                    throw error.telling(query.refusal)
                }
                let use = codeHash.map { flow.value.used(codeHash: $0) }
                let isFirst = StoreWrite.Expectation.version(flow.version)
                let writes =
                    use.map { [rows.seal($0, at: flow.key, expecting: isFirst)] }
                    ?? rows.keys.removal(ofWaiting: flow.key, flow.value, expecting: isFirst)
                return try rows.commit(writes, binds: true).result { [self] (result) throws(ConnError) in
                    if case .failure(let error) = result {
                        guard error.code == .conflict else { throw error }
                        return try complete(request, until: until)  // the same callback came twice at a time
                    }
                    return try Step.attempt({ [self] () throws(ConnError) in
                        try exchange(query, use, at: flow, app.asClient(of: provider), callback, provider, request)
                    }) { [self] (result) throws(ConnError) in
                        switch result {
                        case .success(let answer): return .done(answer)
                        case .failure(var error):
                            error.redirectURL = flow.value.redirectURL
                            return try end(flow.key, because: error)
                        }
                    }
                }
            }
        }
    }

    /// Exchanges the code of a flow that is this call's alone.
    /// - Parameter use: nil when the callback has no code.
    private func exchange(
        _ query: CallbackQuery, _ use: FlowRecord?, at flow: Row<FlowRecord>, _ app: AppRecord, _ callback: Callback,
        _ provider: Provider, _ request: Request
    ) throws(ConnError) -> Step<JSON> {
        guard let use, let code = query.code?.stringSecret else {
            var error = ConnError(.providerError, "\(app.id) did not grant access")
            error.appID = app.id
            throw error.telling(query.refusal)
        }
        return try OAuth.exchange(
            code: code, verifier: flow.value.verifier, redirectURI: flow.value.redirectURI,
            resources: flow.value.resources, provider: provider, clock: clock
        ).then { [self] (result) throws(ConnError) in
            switch result {
            case .success(let reply):
                return try keep(reply, of: use, at: flow.key, app, callback, provider, for: request)
            case .failure(let failure): throw failure.asConnError
            }
        }
    }

    /// Removes a flow that came to nothing, so that nobody waits for what becomes of it, and fails with `error`.
    private func end(_ key: [UInt8], because error: ConnError) throws(ConnError) -> Step<JSON> {
        try rows.change { (change) throws(ConnError) in
            guard let flow: Row<FlowRecord> = try change.reader.get(key), flow.value.use?.answer == nil else { return }
            change.writes = change.keys.removal(ofWaiting: key, flow.value, expecting: .version(flow.version))
        }.result { (_) throws(ConnError) in throw error }
    }

    /// What a callback says besides the code.
    private struct Callback: Sendable {
        var hosts: [ID: String]
        var metadata: JSON?
        /// Nil when it does not say.
        var scopes: [String]?
    }

    /// Reads what the callback brings besides the code, and checks the provider's signature where there is one.
    private func callback(
        _ query: CallbackQuery, _ request: Request, of app: AppRecord
    ) throws(ConnError) -> Callback {
        let provider = try app.provider(config)
        var parameters = query.parameters
        if provider.callback.signature != nil {
            parameters.merge(CallbackQuery.namedApart(request)) { $1 }
        }
        do throws(ConnError) {
            try provider.callback.checkSignature(parameters, clientSecret: provider.clientSecret)
        } catch {
            throw error.telling(query.refusal)
        }
        guard query.refusal == nil else { return Callback(hosts: [:]) }
        return Callback(
            hosts: try provider.callback.hosts(in: parameters) { (try? app.provider(config, hosts: $0)) != nil },
            metadata: try provider.callback.metadata(in: parameters),
            scopes: provider.callback.scopes(
                in: parameters, repeated: query.repeated, separators: provider.replyScopeSeparators))
    }

    private func keep(
        _ reply: TokenReply, of flow: FlowRecord, at key: [UInt8], _ app: AppRecord, _ callback: Callback,
        _ provider: Provider, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        var record = flow.token(reply, told: callback.scopes, now: clock.milliseconds())
        record.hosts = callback.hosts
        if let metadata = callback.metadata { record.add(metadata: metadata) }
        let location = grants.place(of: record)
        let answer = record.grantAnswer(at: location, provider.scopeRules, redirectURL: flow.redirectURL)
        return try rows.retrying { [self, record] (isAgain) throws(ConnError) in
            if flow.needsConfirmation {
                return hold(record, of: app, redirectURL: flow.redirectURL, for: request) {
                    (reader) throws(ConnError) in
                    let waiting: Row<FlowRecord>? = isAgain ? try reader.get(key) : nil
                    return waiting?.value.use?.answer
                } finishing: { (change, answer) throws(ConnError) in
                    try flow.answered(answer).keep(at: key, &change)
                }
            }
            return try grants.keep(record, of: app, for: request, isAgain: isAgain) { (change) throws(ConnError) in
                try flow.answered(answer).keep(at: key, &change)
            }.then { (_) throws(ConnError) in .done(answer) }
        }.result { [self, record] (result) throws(ConnError) in
            switch result {
            case .success(let answer):
                if flow.needsConfirmation { return .done(answer) }
                return try providers.learnExpiry(at: location.key, of: app, provider).then { () throws(ConnError) in
                    .done(answer)
                }
            case .failure(let error):
                return try revokeUnkept(record, of: app, provider, because: error)
            }
        }
    }
}
