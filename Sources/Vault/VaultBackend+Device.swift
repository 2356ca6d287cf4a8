internal import Connections
internal import JSON
internal import Memory
internal import OAuth

extension VaultBackend {
    func startDevice(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let subject = try request.requiredSubject()
        return rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(appID, .oauth)
            let asked = Scopes.unique(request["scopes"]?.strings ?? [])
            let scopes = asked.isEmpty ? app.defaultScopes : asked
            let resources = request["resources"]?.strings ?? []
            let redirectURIs = [app.defaultRedirectURL ?? config.redirectURL].compactMap { $0 }
            return try provider(of: app, client: .connecting(redirectURIs)).then {
                [self] (provider) throws(ConnError) in
                try OAuth.authorizeDevice(scopes: scopes, resources: resources, provider: provider, clock: clock).then {
                    [self] (device) throws(ConnError) in
                    let state = FlowState.random(expiresAt: clock.seconds + device.lifetimeSeconds)
                    let flow = DeviceFlowRecord(
                        appID: app.id, subject: subject, externalIdentifier: request.id("externalIdentifier"),
                        scopes: scopes, resources: resources, deviceCode: device.deviceCode,
                        interval: device.intervalSeconds,
                        nextPollAt: clock.milliseconds() + device.intervalSeconds * 1000,
                        clientID: ID(provider.clientID), incarnation: app.incarnation)
                    return rows.change { [self] (change) throws(ConnError) in
                        change.writes = try expired(RowKeys.deviceFlows, change.reader)
                        try stand(app, &change)
                        change.put(flow, at: rows.keys.deviceFlow(state), expecting: .absent)
                        change.events = [event(request, appID: app.id, subject: subject)]
                        return device.answer(flow: state.text)
                    }
                }
            }
        }
    }

    func pollDevice(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard let state = FlowState(try request.required("flow")) else { throw unknownDevice }
        let until = clock.milliseconds() + (request["waitMs"]?.integer ?? 0)
        return try pollDevice(state, until: until, for: request)
    }

    private var unknownDevice: ConnError {
        ConnError(.notFound, "this flow is not known, was used, or has expired", field: "flow")
    }

    /// Looks as often as the provider allows, however many callers there are: each first takes the next moment for
    /// itself.
    /// - Parameter until: milliseconds since 1970.
    private func pollDevice(
        _ state: FlowState, until: Int64, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        guard state.expiresAt > clock.seconds else { throw unknownDevice }
        return rows.read { [self] (reader) throws(ConnError) in
            guard let row: Row<DeviceFlowRecord> = try reader.get(rows.keys.deviceFlow(state)) else {
                throw unknownDevice
            }
            let now = clock.milliseconds()
            guard now >= row.value.nextPollAt else { return wait(for: row.value, state, until: until, request) }
            let app = try reader.app(row.value.appID, .oauth)
            guard row.value.incarnation == app.incarnation else { throw unknownDevice }
            var claimed = row.value
            claimed.nextPollAt = now + claimed.interval * 1000
            let write = rows.seal(claimed, at: row.key, expecting: .version(row.version))
            return try rows.commit([write]).result { [self] (result) throws(ConnError) in
                if case .failure(let error) = result {
                    guard error.code == .conflict else { throw error }
                    return try pollDevice(state, until: until, for: request)
                }
                return try provider(of: app, client: .grant(of: row.value.clientID)).then {
                    [self] (provider) throws(ConnError) in
                    try OAuth.redeem(
                        deviceCode: row.value.deviceCode, resources: row.value.resources, provider: provider,
                        clock: clock
                    ).then { [self] (result) throws(ConnError) in
                        switch result {
                        case .success(let reply):
                            return try keep(reply, of: row, app.asClient(of: provider), provider, for: request)
                        case .failure(let failure):
                            return try went(wrong: failure, row.key).then { [self] (flow) throws(ConnError) in
                                .settled { [self] () throws(ConnError) in
                                    wait(for: flow, state, until: until, request)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private func keep(
        _ reply: TokenReply, of row: Row<DeviceFlowRecord>, _ app: AppRecord, _ provider: Provider,
        for request: Request
    ) throws(ConnError) -> Step<JSON> {
        let record = row.value.token(reply, now: clock.milliseconds())
        return try keepGrant(record, of: app, for: request) { [self] (change) throws(ConnError) in
            guard let stored = try change.reader.stored(row.key) else { throw unknownDevice }
            change.remove(row.key, expecting: .version(stored.version))
        }.result { [self] (result) throws(ConnError) in
            switch result {
            case .success(let location):
                return try learnExpiry(at: location.key, of: app, provider).then { () throws(ConnError) in
                    let answer = record.grantAnswer(at: location)
                    answer.set("status", .string("complete"))
                    return .done(answer)
                }
            case .failure(let error):
                // The connection or the subject was deleted.
                if error.code == .notFound { return try discard(record, of: app, because: error) }
                throw error
            }
        }
    }

    /// - Returns: the flow, if it goes on.
    private func went(wrong failure: TokenFailure, _ key: [UInt8]) throws(ConnError) -> Step<DeviceFlowRecord> {
        switch failure.kind {
        case .permanent:
            return try rows.commit([.remove(key, expecting: .any)])
                .then { () throws(ConnError) in throw failure.asConnError }
        case .misconfigured:
            throw failure.asConnError
        case .transient:
            return rows.change { [self] (change) throws(ConnError) in
                guard let row: Row<DeviceFlowRecord> = try change.reader.get(key) else { throw unknownDevice }
                guard failure.code != "authorization_pending" else { return row.value }
                var slower = row.value
                slower.slowDown(failure, now: clock.milliseconds())
                change.put(slower, at: key, expecting: .version(row.version))
                return slower
            }
        }
    }

    private func wait(
        for flow: DeviceFlowRecord, _ state: FlowState, until: Int64, _ request: Request
    ) -> Step<JSON> {
        let pause = max(flow.nextPollAt - clock.milliseconds(), 0)
        guard clock.milliseconds() + pause <= until else {
            return .done(.object(["status": .string("pending"), "retryAfterMs": .integer(pause)]))
        }
        return .pause(milliseconds: Int(clamping: pause)) { [self] () throws(ConnError) in
            try pollDevice(state, until: until, for: request)
        }
    }
}

extension DeviceAuthorization {
    /// What the user is shown, and what to poll with; the device code is not among it.
    fileprivate func answer(flow: String) -> JSON {
        .object([
            "flow": .string(flow),
            "userCode": .string(userCode),
            "verificationUri": .string(verificationURI),
            "verificationUriComplete": verificationURIComplete.map(JSON.string),
            "expiresIn": .integer(lifetimeSeconds),
            "interval": .integer(intervalSeconds),
        ])
    }
}
