package import Connections
internal import Crypto
package import JSON
package import Runtime

/// Any backend, with the operations for MCP servers above it: they are made of its own operations.
package final class MCPBackend: BackendLayer {
    package let backend: any Backend
    let clock: Clock
    let seal: StateSeal
    let notices = GrantNotices()
    private let spentStates = SpentStates()

    package init(_ backend: any Backend, clock: Clock = .system) {
        self.backend = backend
        self.clock = clock
        seal = StateSeal(secret: backend.sharedSecret ?? Crypto.randomSecret(32))
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        switch request.operation {
        case "mcp.answer": try tellingRefusal(of: request) { () throws(ConnError) in .done(try answer(request)) }
        case "mcp.card": .done(ConnectCard.resource)
        case "mcp.resume": try tellingRefusal(of: request) { () throws(ConnError) in try resume(request) }
        default:
            // Whoever waits for a grant learns of it when it is there.
            try backend.begin(request).then { [notices] (answer) throws(ConnError) in
                notices.announce(request, answer)
                return .done(answer)
            }
        }
    }

    package func spend(_ id: [UInt8], expiresAt: Int64) throws(ConnError) -> Step<Bool?> {
        try backend.spend(id, expiresAt: expiresAt).then { [spentStates, clock] (isFirst) throws(ConnError) in
            if let isFirst { return .done(isFirst) }
            return .done(try spentStates.insert(id, expiresAt: expiresAt, clock: clock))
        }
    }
}
