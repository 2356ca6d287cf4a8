internal import Connections
internal import Crypto
internal import HTTP
internal import JSON

/// A connection that is missing, and where the user grants it.
private struct Missing {
    let awaited: Awaited
    let url: String
}

extension MCPBackend {
    private static let defaultTTLSeconds: Int64 = 600

    func answer(_ request: Request) throws(ConnError) -> JSON {
        let call = try MCPCall(request)
        let revision = try Revision(try request.required("protocolVersion"))
        let missing = try missing(request["connections"]?.elements ?? [])
        switch Shape(revision, capabilities: request["capabilities"], method: call.method) {
        case .inputRequired:
            let ttl = request["ttlSeconds"]?.integer ?? Self.defaultTTLSeconds
            let state = RequestState(
                call, awaiting: missing.map(\.awaited), askedAt: clock.milliseconds(), expiresAt: clock.seconds + ttl)
            return inputRequired(state, asking: missing.map { elicitation($0, of: call, id: nil) })
        case .error:
            return error(
                .urlElicitationRequired, call.needs(missing),
                .object(["elicitations": .array(missing.map { elicitation($0, of: call, id: Crypto.random(16)) })]))
        case .result:
            return refusal(call, call.instructions(missing), call.structured(missing), in: revision)
        }
    }

    private func missing(_ connections: [JSON]) throws(ConnError) -> [Missing] {
        guard !connections.isEmpty else { throw .invalid("connections", "must not be empty") }
        var missing: [Missing] = []
        for (index, connection) in connections.enumerated() {
            guard let awaited = Awaited(connection), let url = connection["connectionUrl"]?.string else { continue }
            guard URL(url)?.isSecureEndpoint == true else {
                throw .invalid(
                    "connections[\(index)].connectionUrl", "is not an https URL (http is for this machine only)")
            }
            missing.append(Missing(awaited: awaited, url: url))
        }
        return missing
    }

    // MARK: - The shapes

    /// Asks for the same call again, with the state.
    /// - Parameter elicitations: what the user is asked before.
    func inputRequired(_ state: RequestState, asking elicitations: [JSON] = []) -> JSON {
        let requests = JSON.object()
        for (index, elicitation) in elicitations.enumerated() {
            requests.set(
                "connect-\(index + 1)",
                .object(["method": .string("elicitation/create"), "params": elicitation]))
        }
        return .object([
            "shape": .string(Shape.inputRequired.rawValue),
            "response": .object([
                "result": .object([
                    "resultType": .string("input_required"),
                    "inputRequests": elicitations.isEmpty ? nil : requests,
                    "requestState": .string(seal.seal(state)),
                ])
            ]),
        ])
    }

    /// - Parameter id: 2025-11-25 alone has one.
    private func elicitation(_ missing: Missing, of call: MCPCall, id: [UInt8]?) -> JSON {
        .object([
            "mode": .string("url"),
            "elicitationId": id.map { .string(Crypto.base64URL($0)) },
            "url": .string(missing.url),
            "message": .string(call.needs([missing])),
        ])
    }

    /// A failed call: a tool's result, or the error of a request whose results cannot say so.
    func refusal(_ call: MCPCall, _ message: String, _ structured: JSON, in revision: Revision) -> JSON {
        guard call.method == "tools/call" else { return error(.internalError, message, structured) }
        return .object([
            "shape": .string(Shape.result.rawValue),
            "response": .object([
                "result": .object([
                    "resultType": revision < .roundTrips ? nil : .string("complete"),
                    "content": .array([.object(["type": .string("text"), "text": .string(message)])]),
                    "structuredContent": structured,
                    "isError": .boolean(true),
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

    private func error(_ code: RPCError, _ message: String, _ data: JSON) -> JSON {
        .object([
            "shape": .string(Shape.error.rawValue),
            "response": .object([
                "error": .object([
                    "code": .integer(code.rawValue), "message": .string(message), "data": data,
                ])
            ]),
        ])
    }
}

// MARK: - Words

extension MCPCall {
    fileprivate func needs(_ missing: [Missing]) -> String {
        "\(name) needs your access to \(missing.map(\.awaited.appID).joined(separator: ", "))"
    }

    /// For a model that reads it: the URL must reach the user.
    fileprivate func instructions(_ missing: [Missing]) -> String {
        "Failed to run \(name), additional permissions required. Please grant additional permissions using the "
            + "following \(missing.count == 1 ? "URL" : "URLs") and try again: "
            + missing.map(\.url).joined(separator: " ")
    }

    /// The fields of Descope's Adaptive Connect. When several connections are missing, these are the first one's, and
    /// `connections` has all of them.
    fileprivate func structured(_ missing: [Missing]) -> JSON {
        .object([
            "error": .string(ErrorCode.connectionRequired.rawValue),
            "requiresConnection": .boolean(true),
            "connectionUrl": missing.first.map { .string($0.url) },
            "message": .string(instructions(missing)),
            "appId": missing.first.map { .string($0.awaited.appID) },
            "connections": missing.count == 1
                ? nil
                : .array(
                    missing.map {
                        .object(["appId": .string($0.awaited.appID), "connectionUrl": .string($0.url)])
                    }),
        ])
    }
}
