internal import Connections
internal import JSON
internal import Runtime

extension MCPBackend {
    private static let defaultWaitMilliseconds: Int64 = 20_000

    /// Checks the state, uses it up, and waits for what it waits for. The answer holds no token: whoever is ready
    /// fetches it, and a connection that was deleted since is missing again.
    func resume(_ request: Request) throws(ConnError) -> Step<JSON> {
        let call = try MCPCall(request)
        let state = try seal.open(request.string("requestState") ?? "")
        let now = clock.milliseconds()
        try state.check(call, now: now / 1000)
        return try spend(state.id, expiresAt: state.expiresAt).then { [self] (isFirst) throws(ConnError) in
            guard isFirst == true else {
                throw ConnError(.conflict, "requestState was used before", field: "requestState")
            }
            return try resume(request, call, state, now: now)
        }
    }

    /// - Parameter now: when the call came. Milliseconds since 1970.
    private func resume(
        _ request: Request, _ call: MCPCall, _ state: RequestState, now: Int64
    ) throws(ConnError) -> Step<JSON> {
        let responses = request["inputResponses"]
        if let action = refusal(in: responses) { return .done(declined(call, state, action)) }
        return try confirm(state.awaited[...], typed: responses, for: request).then {
            [self] (untaken) throws(ConnError) in
            guard untaken.isEmpty else { return .done(try askAgain(untaken, call, state)) }
            let wait = min(
                request["waitMs"]?.integer ?? Self.defaultWaitMilliseconds, state.expiresAt * 1000 - now)
            let search = GrantSearch(
                host: self, call: call, askedAt: state.askedAt, expiresAt: state.expiresAt,
                accessToken: request["accessToken"],
                end: clock.monotonic().adding(milliseconds: Int(wait)))
            return try search.look(for: state.awaited, pause: search.firstPause)
        }
    }

    /// `decline` or `cancel`, where the user chose that. A response that is not there says nothing: the user may have
    /// opened the page all the same.
    private func refusal(in responses: JSON?) -> String? {
        responses?.members.lazy.compactMap { $0.value["action"]?.string }.first { $0 == "decline" || $0 == "cancel" }
    }

    private func declined(_ call: MCPCall, _ state: RequestState, _ action: String) -> JSON {
        let answer = refusal(
            .result, call, Words.declined(call, state.awaited), Words.structuredRefusal(state.awaited, action),
            in: .roundTrips)
        answer.set("state", .string("declined"))
        return answer
    }

    /// The same call again, with a fresh state that expires when the first one did: the user opens no page twice.
    /// - Parameter requests: what is asked of the user once more.
    fileprivate func pending(
        _ call: MCPCall, awaiting awaited: [Awaited], askedAt: Int64?, expiresAt: Int64,
        asking requests: [(key: String, request: JSON)]
    ) throws(ConnError) -> JSON {
        guard expiresAt > clock.seconds else {
            throw ConnError(.notFound, "requestState has expired", field: "requestState")
        }
        let answer = inputRequired(
            RequestState(call, awaiting: awaited, askedAt: askedAt, expiresAt: expiresAt), asking: requests)
        answer.set("state", .string("pending"))
        return answer
    }
}

// MARK: - Typed codes

/// A code that released no grant.
private struct Untaken: Sendable {
    let index: Int
    /// Whether a grant waited for another one. Otherwise none waited.
    let isWrong: Bool
}

extension MCPBackend {
    /// Releases the grants whose codes the user has typed.
    private func confirm(
        _ awaited: ArraySlice<Awaited>, typed responses: JSON?, for request: Request, _ untaken: [Untaken] = []
    ) throws(ConnError) -> Step<[Untaken]> {
        guard let first = awaited.first else { return .done(untaken) }
        let (index, rest) = (awaited.startIndex, awaited.dropFirst())
        guard first.needsCode, let code = responses?[Self.codeKey(index)]?["content"]?["code"], code.string != "" else {
            return try confirm(rest, typed: responses, for: request, untaken)
        }
        let fields = JSON.object([
            "appId": .string(first.appID), "userId": request["userId"], "tenantId": request["tenantId"], "code": code,
        ])
        let confirmation = Request(operation: "confirm", fields: fields, actor: request.actor)
        return try Step.attempt({ () throws(ConnError) in try begin(confirmation) }) {
            [self] (result) throws(ConnError) in
            var untaken = untaken
            if case .failure(let error) = result {
                guard error.field == "code" || error.reason == .missing else { throw error }
                untaken.append(Untaken(index: index, isWrong: error.field == "code"))
            }
            return try confirm(rest, typed: responses, for: request, untaken)
        }
    }

    private func askAgain(_ untaken: [Untaken], _ call: MCPCall, _ state: RequestState) throws(ConnError) -> JSON {
        let awaited = state.awaited
        let asked = untaken.flatMap { one in
            codeRequests(awaited, one.isWrong ? Words.typeAnotherCode : Words.noCodeYet)
                .filter { $0.key == Self.codeKey(one.index) }
        }
        return try pending(
            call, awaiting: awaited, askedAt: state.askedAt, expiresAt: state.expiresAt, asking: asked)
    }
}

extension MCPBackend {
    /// The user has been there, and did not grant all of it: waiting would bring nothing.
    fileprivate func narrowed(_ call: MCPCall, _ awaited: Awaited, _ declined: [String]) -> JSON {
        let structured = JSON.object([
            "error": .string("connection_declined"),
            "action": .string("narrow"),
            "appId": .string(awaited.appID),
            "missingScopes": .strings(declined),
        ])
        let message =
            "\(call.shownName) was not run: the user connected \(awaited.appID) without granting all that it needs; missing: "
            + declined.joined(separator: " ")
        let answer = refusal(.result, call, message, structured, in: .roundTrips)
        answer.set("state", .string("declined"))
        return answer
    }
}

/// Looks for grants until they are all there or the time is up.
private struct GrantSearch: Sendable {
    let host: MCPBackend
    let call: MCPCall
    /// Milliseconds since 1970; nil: nobody knows.
    let askedAt: Int64?
    let expiresAt: Int64
    /// The user's, where the backend takes one.
    let accessToken: JSON?
    let end: Deadline

    /// Milliseconds. A grant that this process stores ends a pause at once; the pauses are for those that come another
    /// way. A look at the vault is a read of its store, a look at the cloud a request to it.
    private var pauses: ClosedRange<Int> { host.kind == .vault ? 250...1000 : 500...4000 }

    var firstPause: Int { pauses.lowerBound }

    /// - Parameter pause: before the next look, if this one does not find all. Milliseconds.
    func look(for awaited: [Awaited], pause: Int) throws(ConnError) -> Step<JSON> {
        let watch = host.notices.watch(call.subject)
        return try look(for: awaited[...], missing: []).then { (found) throws(ConnError) in
            let missing: [Awaited]
            switch found {
            case .declined(let one, let scopes): return .done(host.narrowed(call, one, scopes))
            case .missing(let ones): missing = ones
            }
            if missing.isEmpty { return .done(.object(["state": .string("ready")])) }
            let left = end.remainingMilliseconds(atMost: pause, at: host.clock.monotonic())
            guard left > 0 else { return .done(try pending(missing)) }
            return .join(watch.flight, atMost: left) { [watch] () throws(ConnError) in
                _ = watch  // lives as long as somebody waits
                return try look(for: missing, pause: min(pause * 2, pauses.upperBound))
            }
        }
    }

    private enum Found: Sendable {
        /// Those that are not there yet.
        case missing([Awaited])
        /// One that the user has answered, and did not grant these scopes of.
        case declined(Awaited, [String])
    }

    private func look(for awaited: ArraySlice<Awaited>, missing: [Awaited]) throws(ConnError) -> Step<Found> {
        guard let first = awaited.first else { return .done(.missing(missing)) }
        return try Step.attempt({ () throws(ConnError) in try host.backend.begin(fetch(first)) }) {
            (result) throws(ConnError) in
            var missing = missing
            if case .failure(let error) = result {
                guard error.mayPass else { throw error }
                if let declined = error.declined, declined.count == error.missingScopes?.count {
                    return .done(.declined(first, declined))
                }
                missing.append(first)
            }
            return try look(for: awaited.dropFirst(), missing: missing)
        }
    }

    private func fetch(_ awaited: Awaited) -> Request {
        let fields = awaited.json
        fields.remove("confirmation")
        if awaited.acceptsNarrower {
            fields.remove("acceptNarrower")
            fields.set("options", .object(["acceptNarrower": .boolean(true)]))
        }
        fields.set("userId", call.subject.userID.map(JSON.string) ?? .null)
        fields.set("tenantId", call.subject.tenantID.map(JSON.string) ?? .null)
        if let accessToken { fields.set("accessToken", accessToken) }
        return Request(operation: "fetch", fields: fields, look: Request.Look(askedAt: askedAt))
    }

    /// Only for codes is the user asked once more: nobody else can type them.
    private func pending(_ awaited: [Awaited]) throws(ConnError) -> JSON {
        try host.pending(
            call, awaiting: awaited, askedAt: askedAt, expiresAt: expiresAt,
            asking: host.codeRequests(awaited, Words.typeCode))
    }
}

extension ConnError {
    /// Whether looking again later may find the grant: it is not there yet, or the backend has a bad moment.
    fileprivate var mayPass: Bool {
        switch code {
        case .notFound: reason != nil && reason != .app
        case .unavailable, .rateLimited: true
        default: false
        }
    }
}
