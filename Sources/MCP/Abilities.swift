internal import JSON
internal import Runtime

/// What a client's users get to see of what a server may ask for: as the client declared it, and as it is known of it.
struct Abilities: Sendable {
    /// The identifier of MCP Apps (SEP-1865).
    static let appsExtension = "io.modelcontextprotocol/ui"
    static let appsMimeType = "text/html;profile=mcp-app"

    /// Elicitation by URL (MCP 2025-11-25).
    var opensURLs: Bool
    /// Elicitation by form (MCP 2025-06-18). `"elicitation": {}` means forms alone (MCP 2025-11-25, "Capabilities").
    var fillsForms: Bool
    /// MCP Apps.
    var showsApps: Bool

    /// - Parameters:
    ///   - capabilities: what the client declared. A member of another kind than the protocol's declares nothing.
    ///   - clientInfo: who the client says that it is.
    init(capabilities: JSON?, clientInfo: JSON?) {
        let elicitation = capabilities?["elicitation"].flatMap { $0.kind == .object ? $0 : nil }
        func declares(_ mode: String) -> Bool { elicitation?[mode]?.kind == .object }
        opensURLs = declares("url")
        fillsForms = declares("form") || elicitation != nil && elicitation?["url"] == nil
        let mimeTypes = capabilities?["extensions"]?[Self.appsExtension]?["mimeTypes"]?.elements ?? []
        showsApps = mimeTypes.contains { $0.id == ID(Self.appsMimeType) }
        for row in KnownClient.rows(for: clientInfo) {
            opensURLs = row.opensURLs ?? opensURLs
            showsApps = row.showsApps ?? showsApps
        }
    }
}
