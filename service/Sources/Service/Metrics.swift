import Synchronization

/// What `/metrics` answers, in Prometheus' text format.
final class Metrics: Sendable {
    /// The upper ends of a histogram's buckets. Seconds.
    private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct Request: Hashable {
        let route: String
        let method: String
        let status: Int
    }

    private struct Durations {
        var counts = [Int](repeating: 0, count: Metrics.bounds.count + 1)
        var sum = 0.0
    }

    private struct State {
        var requests: [Request: Int] = [:]
        var durations: [String: Durations] = [:]
        var inFlight = 0
    }

    private let state = Mutex(State())

    /// - Returns: how many there are, with this one.
    func begin() -> Int {
        state.withLock { state in
            state.inFlight += 1
            return state.inFlight
        }
    }

    /// - Parameter method: one of the usual ones; clients can make up others.
    func end(route: Route, method: String, status: Int, seconds: Double) {
        state.withLock { state in
            state.inFlight -= 1
            state.requests[Request(route: route.rawValue, method: method, status: status), default: 0] += 1
            let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
            state.durations[route.rawValue, default: Durations()].counts[bucket] += 1
            state.durations[route.rawValue, default: Durations()].sum += seconds
        }
    }

    var text: String {
        let state = state.withLock { $0 }
        var lines = [
            "# HELP descope_conn_http_in_flight Requests that are being answered.",
            "# TYPE descope_conn_http_in_flight gauge", "descope_conn_http_in_flight \(state.inFlight)",
            "# HELP descope_conn_http_requests_total Requests that were answered.",
            "# TYPE descope_conn_http_requests_total counter",
        ]
        lines += state.requests.map { request, count in
            "descope_conn_http_requests_total{route=\"\(request.route)\",method=\"\(request.method)\","
                + "status=\"\(request.status)\"} \(count)"
        }.sorted()
        lines += [
            "# HELP descope_conn_http_request_seconds How long requests took.",
            "# TYPE descope_conn_http_request_seconds histogram",
        ]
        for (route, durations) in state.durations.sorted(by: { $0.key < $1.key }) {
            var count = 0
            for (bound, more) in zip(Self.bounds.map { "\($0)" } + ["+Inf"], durations.counts) {
                count += more
                lines.append("descope_conn_http_request_seconds_bucket{route=\"\(route)\",le=\"\(bound)\"} \(count)")
            }
            lines.append("descope_conn_http_request_seconds_sum{route=\"\(route)\"} \(durations.sum)")
            lines.append("descope_conn_http_request_seconds_count{route=\"\(route)\"} \(count)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
