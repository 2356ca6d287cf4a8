internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

extension MCPBackend {
    private static let defaultTTLSeconds: Int64 = 600

    func answer(_ request: Request) throws(ConnError) -> JSON {
        let call = try MCPCall(request)
        let revision = Revision(request.string("protocolVersion") ?? "")
        let missing = try Missing.all(request["connections"]?.elements ?? [])
        let needsCode = missing.contains(where: \.awaited.needsCode)
        let abilities = Abilities(capabilities: request["capabilities"], clientInfo: request["clientInfo"])
        let shape = Shape(revision, abilities, method: call.method, needsCode: needsCode)
        let expiresAt = clock.seconds + (request["ttlSeconds"]?.integer ?? Self.defaultTTLSeconds)
        switch shape {
        case .inputRequired:
            let state = RequestState(
                call, awaiting: missing.map(\.awaited), askedAt: clock.milliseconds(), expiresAt: expiresAt)
            return inputRequired(
                state, asking: connectRequests(missing, of: call) + codeRequests(missing.map(\.awaited), Words.typeCode)
            )
        case .error:
            return urlElicitationRequired(missing, of: call, expiresAt: expiresAt)
        case .app, .result:
            // One code at a time, so that it is plain which it is.
            let told = needsCode ? Array(missing.prefix(1)) : missing
            return refusal(
                shape, call, Words.instructions(call, told), Words.structured(call, told), in: revision)
        }
    }

    // MARK: - The shapes

    /// Asks for the same call again, with the state.
    /// - Parameter requests: what the client does before, by the keys of its responses.
    func inputRequired(_ state: RequestState, asking requests: [(key: String, request: JSON)] = []) -> JSON {
        let inputRequests = JSON.object()
        for (key, request) in requests { inputRequests.set(key, request) }
        return .object([
            "shape": .string(Shape.inputRequired.rawValue),
            "response": .object([
                "result": .object([
                    "resultType": .string("input_required"),
                    "inputRequests": requests.isEmpty ? nil : inputRequests,
                    "requestState": .string(seal.seal(state)),
                ])
            ]),
        ])
    }

    private func connectRequests(_ missing: [Missing], of call: MCPCall) -> [(key: String, request: JSON)] {
        missing.enumerated().map { index, one in
            ("connect-\(index + 1)", elicitation(parameters(one, of: call, id: nil)))
        }
    }

    /// - Parameter message: what the user reads beside the field.
    func codeRequests(_ awaited: [Awaited], _ message: (Awaited) -> String) -> [(key: String, request: JSON)] {
        awaited.enumerated().filter(\.element.needsCode).map { index, one in
            let code = JSON.object(["type": .string("string"), "title": .string("Code")])
            let schema = JSON.object([
                "type": .string("object"),
                "properties": .object(["code": code]),
                "required": .strings(["code"]),
            ])
            return (
                Self.codeKey(index),
                elicitation(
                    .object([
                        "mode": .string("form"), "message": .string(message(one)), "requestedSchema": schema,
                    ]))
            )
        }
    }

    /// The key of the request for the code of the connection at an index of those that a state awaits.
    static func codeKey(_ index: Int) -> String { "confirm-\(index + 1)" }

    private func elicitation(_ parameters: JSON) -> JSON {
        .object(["method": .string("elicitation/create"), "params": parameters])
    }

    /// - Parameter id: 2025-11-25 alone has one.
    private func parameters(_ missing: Missing, of call: MCPCall, id: String?) -> JSON {
        .object([
            "mode": .string("url"),
            "elicitationId": id.map(JSON.string),
            "url": .string(missing.url),
            "message": .string(Words.needs(call, [missing])),
        ])
    }

    /// With each elicitation comes a state for `mcp.resume` that awaits its connection alone: when that is ready, the
    /// client is told so by `notifications/elicitation/complete`.
    private func urlElicitationRequired(_ missing: [Missing], of call: MCPCall, expiresAt: Int64) -> JSON {
        let elicitations = JSON.array([])
        let completions = JSON.array([])
        for one in missing {
            let id = Crypto.base64URL(Crypto.random(16))
            elicitations.append(parameters(one, of: call, id: id))
            let state = RequestState(
                call, awaiting: [one.awaited], askedAt: clock.milliseconds(), expiresAt: expiresAt)
            completions.append(
                .object(["elicitationId": .string(id), "requestState": .string(seal.seal(state))]))
        }
        let answer = error(
            .error, .urlElicitationRequired, Words.needs(call, missing), .object(["elicitations": elicitations]))
        answer.set("completions", completions)
        return answer
    }

    /// A failed call: a tool's result, or the error of a request whose results cannot say so. A result has its data in
    /// `_meta`: `structuredContent` is for what fits the tool's own `outputSchema`.
    func refusal(_ shape: Shape, _ call: MCPCall, _ message: String, _ data: JSON, in revision: Revision) -> JSON {
        guard call.method == "tools/call" else { return error(.error, .internalError, message, data) }
        return .object([
            "shape": .string(shape.rawValue),
            "response": .object([
                "result": .object([
                    "resultType": revision < .roundTrips ? nil : .string("complete"),
                    "content": .array([.object(["type": .string("text"), "text": .string(message)])]),
                    "isError": .boolean(true),
                    "_meta": .object([Words.metaKey: data]),
                ])
            ]),
        ])
    }

    /// JSON-RPC error codes.
    private enum RPCError: Int64 {
        /// MCP 2025-11-25 alone.
        case urlElicitationRequired = -32042
        case internalError = -32603
    }

    private func error(_ shape: Shape, _ code: RPCError, _ message: String, _ data: JSON) -> JSON {
        .object([
            "shape": .string(shape.rawValue),
            "response": .object([
                "error": .object([
                    "code": .integer(code.rawValue), "message": .string(message), "data": data,
                ])
            ]),
        ])
    }
}
