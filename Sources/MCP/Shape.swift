internal import JSON

/// How a client can be told that the user must act first.
enum Shape: String, Sendable {
    /// A result that asks for input (MCP 2026-07-28, multi round-trip requests).
    case inputRequired = "input_required"
    /// The JSON-RPC error URLElicitationRequired (MCP 2025-11-25).
    case error
    /// A tool's result that says so in words and data.
    case result

    /// A client is asked to open a URL only if it declared that it can, and only by the means of its revision.
    /// - Parameter capabilities: what the client declared.
    init(_ revision: Revision, capabilities: JSON?, method: String) {
        if capabilities?["elicitation"]?["url"] == nil || revision < .urlElicitation {
            self = .result
        } else if revision < .roundTrips {
            self = .error
        } else {
            self = Self.roundTripMethods.contains(method) ? .inputRequired : .result
        }
    }

    /// The requests whose results may ask for input.
    private static let roundTripMethods = ["tools/call", "prompts/get", "resources/read"]
}
