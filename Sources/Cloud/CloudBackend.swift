package import Connections
package import JSON
package import Runtime

/// Answers the operations from Descope's cloud, or from a server that speaks its API.
package final class CloudBackend: Backend {
    package let kind = BackendKind.cloud
    private let config: CloudConfig
    private let clock: Clock
    private let statistics: Statistics

    /// Sends nothing.
    package init(_ config: CloudConfig, clock: Clock = .system, statistics: Statistics = Statistics()) {
        self.config = config
        self.clock = clock
        self.statistics = statistics
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard request.operation == "fetch" else {
            let endpoint = try Endpoint.find(for: request.operation, request.fields)
            return try CloudCall(endpoint, request.fields, config).answer(to: request.fields)
        }
        return try statistics.fetch(request) { () throws(ConnError) in
            try CloudFetch(request.fields, config: config, clock: clock, statistics: statistics).begin()
        }
    }

    package var sharedSecret: Secret? { config.stateKey ?? config.managementKey }

    package func close() {}
}
