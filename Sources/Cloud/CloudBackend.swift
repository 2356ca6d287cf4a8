package import Connections
package import JSON
package import Runtime

/// Answers the operations from Descope's cloud, or from a server that speaks its API.
package final class CloudBackend: Backend {
    package let kind = BackendKind.cloud
    private let config: CloudConfig
    private let clock: Clock
    private let statistics: Statistics
    private let cache: TokenCache?

    /// Sends nothing.
    package init(_ config: CloudConfig, clock: Clock = .system, statistics: Statistics = Statistics()) {
        self.config = config
        self.clock = clock
        self.statistics = statistics
        cache = config.cache.map { TokenCache($0, clock: clock, statistics: statistics) }
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        if request.operation == "fetch" {
            return try statistics.fetch(request) { () throws(ConnError) in try fetch(request) }
        }
        let endpoint = try Endpoint.find(for: request.operation, request.fields)
        let call = try CloudCall(endpoint, request.fields, config)
        let begin = { () throws(ConnError) in try call.answer(to: request.fields) }
        switch request.operation {
        case "list", "apps.load", "apps.list":
            return try begin()
        case "connect":
            return try begin().then { [cache] (answer) throws(ConnError) in
                cache?.clearMissing(try request.requiredID("appId"))
                return .done(answer)
            }
        default:
            return try clearing(request, begin)
        }
    }

    private func fetch(_ request: Request) throws(ConnError) -> Step<JSON> {
        let fetch = CloudFetch(request, config: config, clock: clock, cache: cache, statistics: statistics)
        guard fetch.isForced else { return try fetch.begin() }
        return try clearing(request) { () throws(ConnError) in try fetch.begin() }
    }

    /// Does what may change what Descope answers to fetches, of one connection where the request names it.
    private func clearing(
        _ request: Request, _ begin: () throws(ConnError) -> Step<JSON>
    ) throws(ConnError) -> Step<JSON> {
        guard let clearing = cache?.clearing(request.id("appId") ?? request.id("id")) else { return try begin() }
        return try Step.attempt(begin) { (result) throws(ConnError) in
            clearing.end()
            return .done(try result.get())
        }
    }

    package var sharedSecret: Secret? { config.stateKey ?? config.managementKey }

    package func close() { cache?.close() }
}
