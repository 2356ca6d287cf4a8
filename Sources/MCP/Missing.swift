internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// A connection that is missing, and where the user grants it.
struct Missing: Sendable {
    let awaited: Awaited
    let url: String

    /// - Parameter connections: `mcp.answer`'s.
    static func all(_ connections: [JSON]) throws(ConnError) -> [Missing] {
        guard !connections.isEmpty else { throw .invalid("connections", "must not be empty") }
        var all: [Missing] = []
        for (index, connection) in connections.enumerated() {
            guard let awaited = Awaited(connection), let url = connection["connectionUrl"]?.string else { continue }
            // It stands on a line of its own, which no space or line break may end.
            let isOneWord = !url.unicodeScalars.contains { $0.properties.isWhitespace || !$0.isPrintable }
            guard isOneWord, URL(url)?.isSecureEndpoint == true else {
                throw .invalid(
                    "connections[\(index)].connectionUrl", "is not an https URL (http is for this machine only)")
            }
            all.append(Missing(awaited: awaited, url: url))
        }
        return all
    }
}
