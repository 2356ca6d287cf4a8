internal import Connections
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
    /// - Parameters:
    ///   - version: the protocol's revision, whose names are dates and sort as such.
    ///   - capabilities: what the client declared.
    init(version: String, capabilities: JSON?, method: String) throws(ConnError) {
        let pattern = version.utf8.map {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) ? "0" : $0 == 0x2D ? "-" : "?"
        }
        guard pattern.joined() == "0000-00-00" else {
            throw .invalid("protocolVersion", "is no revision of MCP, such as 2026-07-28")
        }
        guard capabilities?["elicitation"]?["url"] != nil, version >= "2025-11-25" else {
            self = .result
            return
        }
        if version < "2026-07-28" {
            self = .error
        } else {
            self = Self.roundTripMethods.contains(method) ? .inputRequired : .result
        }
    }

    /// The requests whose results may ask for input.
    private static let roundTripMethods = ["tools/call", "prompts/get", "resources/read"]
}
