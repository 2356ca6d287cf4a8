internal import JSON

/// How a client can be told that the user must act first.
enum Shape: String, Sendable {
    /// A result that asks for input (MCP 2026-07-28, multi round-trip requests).
    case inputRequired = "input_required"
    /// The JSON-RPC error URLElicitationRequired (MCP 2025-11-25).
    case error
    /// A tool's result that the connect card shows (MCP Apps), and that says the same in words.
    case app
    /// A tool's result that says so in words and data.
    case result

    /// A client is asked to open a URL only if its users are shown it, and only by the means of its revision.
    /// - Parameter needsCode: whether the user has to type a code as well, which only a form can ask for.
    init(_ revision: Revision, _ abilities: Abilities, method: String, needsCode: Bool) {
        let mayAsk = abilities.opensURLs && Self.roundTripMethods.contains(method)
        if mayAsk, revision >= .roundTrips, !needsCode || abilities.fillsForms {
            self = .inputRequired
        } else if abilities.opensURLs, !needsCode, .urlElicitation <= revision, revision < .roundTrips {
            self = .error
        } else if abilities.showsApps, method == "tools/call" {
            self = .app
        } else {
            self = .result
        }
    }

    /// The requests whose results may ask for input.
    private static let roundTripMethods = ["tools/call", "prompts/get", "resources/read"]
}
