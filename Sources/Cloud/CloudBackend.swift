package import Connections
package import JSON
package import Runtime

/// Answers the operations from Descope's cloud, or from a server that speaks its API.
package final class CloudBackend: Backend {
    package let kind = BackendKind.cloud
    private let config: CloudConfig
    private let clock: Clock

    /// Sends nothing.
    package init(_ config: CloudConfig, clock: Clock = .system) {
        self.config = config
        self.clock = clock
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        let endpoint = try Endpoint.find(for: request.operation, request.fields)
        if endpoint.reply == .token {
            return try CloudFetch(endpoint: endpoint, fields: request.fields, config: config, clock: clock).begin()
        }
        return try CloudCall(endpoint, request.fields, config).answer(to: request.fields)
    }

    package var sharedSecret: Secret? { config.stateKey ?? config.managementKey }

    package func close() {}
}
