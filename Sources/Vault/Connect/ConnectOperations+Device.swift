internal import Connections
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

extension ConnectOperations {
    func startDevice(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let subject = try request.requiredSubject()
        return rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(appID, .oauth)
            let asked = Scopes.unique(request["scopes"]?.strings ?? [])
            let scopes = asked.isEmpty ? app.defaultScopes : asked
            let resources = request["resources"]?.strings ?? []
            let redirectURIs = [app.defaultRedirectURL ?? config.redirectURL].compactMap { $0 }
            return try providers.provider(of: app, for: .device, redirectURIs).then {
                [self] (provider) throws(ConnError) in
                try OAuth.authorizeDevice(scopes: scopes, resources: resources, provider: provider, clock: clock).then {
                    [self] (device) throws(ConnError) in
                    let state = FlowState.random(expiresAt: clock.seconds + device.lifetimeSeconds)
                    let flow = DeviceFlowRecord(
                        appID: app.id, subject: subject, externalIdentifier: request.id("externalIdentifier"),
                        scopes: scopes, resources: resources, deviceCode: device.deviceCode,
                        interval: device.intervalSeconds,
                        wait: Interval(begun: clock.instant, duration: device.intervalSeconds * 1000),
                        clientID: ID(provider.clientID), epoch: app.epoch)
                    return rows.change { [self] (change) throws(ConnError) in
                        change.writes = pending.writes(flow, at: rows.keys.deviceFlow(state))
                        try change.stand(app)
                        try expiry.expire(&change)
                        change.events = [AuditEvent(request, appID: app.id, subject: subject)]
                        return device.answer(flow: state.text)
                    }
                }
            }
        }
    }

    func pollDevice(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard let state = FlowState(try request.required("flow")) else { throw unknownDevice }
        let until = clock.monotonic().adding(milliseconds: Int(clamping: request["waitMs"]?.integer ?? 0))
        return try pollDevice(state, until: until, for: request)
    }

    private var unknownDevice: ConnError {
        ConnError(.notFound, "this flow is not known, was used, or has expired", field: "flow")
    }

    /// Looks as often as the provider allows, however many callers there are: each first takes the next moment for
    /// itself.
    private func pollDevice(
        _ state: FlowState, until: Deadline, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        guard state.expiresAt > clock.seconds else { throw unknownDevice }
        return rows.read { [self] (reader) throws(ConnError) in
            guard let row: Row<DeviceFlowRecord> = try reader.get(rows.keys.deviceFlow(state)) else {
                throw unknownDevice
            }
            let app = try reader.app(row.value.appID, .oauth)
            guard row.value.isAwaited(by: app) else { throw unknownDevice }
            let now = clock.instant
            guard row.value.wait.remaining(now: now) == nil else {
                return wait(for: row.value, state, until: until, request)
            }
            var claimed = row.value
            claimed.claim(now: now)
            let write = rows.seal(claimed, at: row.key, expecting: .version(row.version))
            return try rows.commit([write]).result { [self] (result) throws(ConnError) in
                if case .failure(let error) = result {
                    guard error.code == .conflict else { throw error }
                    return try pollDevice(state, until: until, for: request)
                }
                return try providers.provider(of: app, client: .grant(of: row.value.clientID)).then {
                    [self] (provider) throws(ConnError) in
                    try OAuth.redeem(
                        deviceCode: row.value.deviceCode, resources: row.value.resources, provider: provider,
                        clock: clock
                    ).then { [self] (result) throws(ConnError) in
                        switch result {
                        case .success(let reply):
                            return try keep(reply, of: row, app.asClient(of: provider), provider, for: request)
                        case .failure(let failure):
                            return try went(wrong: failure, row).then { [self] (flow) throws(ConnError) in
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
        return try rows.retrying { [self] (isAgain) throws(ConnError) in
            try grants.keep(record, of: app, for: request, isAgain: isAgain) { [self] (change) throws(ConnError) in
                guard let stored = try change.reader.stored(row.key), try row.value.isAwaited(change) else {
                    throw unknownDevice
                }
                change.writes += change.keys.removal(ofWaiting: row.key, row.value, expecting: .version(stored.version))
            }
        }.result { [self] (result) throws(ConnError) in
            switch result {
            case .success(let location):
                return try providers.learnExpiry(at: location.key, of: app, provider).then { () throws(ConnError) in
                    let answer = record.grantAnswer(at: location, provider.scopeRules)
                    answer.set("status", .string("complete"))
                    return .done(answer)
                }
            case .failure(let error):
                return try revokeUnkept(record, of: app, provider, because: error)
            }
        }
    }

    /// - Returns: the flow, if it goes on.
    private func went(
        wrong failure: TokenFailure, _ flow: Row<DeviceFlowRecord>
    ) throws(ConnError) -> Step<DeviceFlowRecord> {
        switch failure.kind {
        case .permanent:
            return try rows.commit(rows.keys.removal(ofWaiting: flow.key, flow.value))
                .then { () throws(ConnError) in throw failure.asConnError }
        case .misconfigured:
            throw failure.asConnError
        case .transient:
            return rows.change { [self] (change) throws(ConnError) in
                guard let row: Row<DeviceFlowRecord> = try change.reader.get(flow.key) else {
                    throw unknownDevice
                }
                guard !failure.isPending else { return row.value }
                var slower = row.value
                slower.slowDown(failure, now: clock.instant)
                change.put(slower, at: flow.key, expecting: .version(row.version))
                return slower
            }
        }
    }

    private func wait(
        for flow: DeviceFlowRecord, _ state: FlowState, until: Deadline, _ request: Request
    ) -> Step<JSON> {
        let pause = Int(clamping: flow.wait.remaining(now: clock.instant) ?? 0)
        guard clock.monotonic().adding(milliseconds: pause) <= until else {
            return .done(.object(["status": .string("pending"), "retryAfterMs": .integer(pause)]))
        }
        return .pause(milliseconds: pause) { [self] () throws(ConnError) in
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
