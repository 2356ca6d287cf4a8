import Connections
package import HTTP
package import JSON
package import Runtime
import Synchronization

/// What the server at the other end answers, in order, and what it was sent.
package final class CannedProvider: Sendable {
    private struct State {
        var replies: [HTTPResult] = []
        var requests: [HTTPRequest] = []
        var rule: @Sendable (HTTPRequest) -> HTTPResult? = { _ in nil }
        var otherwise: @Sendable (HTTPRequest) -> HTTPResult = { _ in
            .failure(HTTPFailure(.connect, "no reply was prepared", mayHaveArrived: false))
        }
    }

    private let state = Mutex(State())

    package init() {}

    package func next(_ status: Int, _ body: String, headers: [ID: String] = [:]) {
        next(.success(HTTPResponse(status: status, headers: headers, body: Secret(body))))
    }

    package func next(_ status: Int, _ body: JSON) { next(status, body.text) }

    package func next(_ result: HTTPResult) { state.withLock { $0.replies.append(result) } }

    /// What is answered to a request, whenever it comes; nil: the next reply.
    package func always(_ rule: @escaping @Sendable (HTTPRequest) -> HTTPResult?) { state.withLock { $0.rule = rule } }

    /// What it answers when no reply is left.
    package func otherwise(_ answer: @escaping @Sendable (HTTPRequest) -> HTTPResult) {
        state.withLock { $0.otherwise = answer }
    }

    /// No reply is left.
    package func forget() { state.withLock { $0.replies = [] } }

    /// The connection broke after the request had left.
    package func nextIsLost() { next(.failure(HTTPFailure(.interrupted, "p.example hung up", mayHaveArrived: true))) }

    package func answer(_ request: HTTPRequest) -> HTTPResult {
        state.withLock { state in
            state.requests.append(request)
            if let reply = state.rule(request) { return reply }
            return state.replies.isEmpty ? state.otherwise(request) : state.replies.removeFirst()
        }
    }

    package var requests: [HTTPRequest] { state.withLock { $0.requests } }

    /// The bodies of the requests that have one.
    package var forms: [String] { requests.compactMap(\.bodyText) }

    package var refreshes: [String] { forms.filter { $0.contains("grant_type=refresh_token") } }
}

extension HTTPRequest {
    package var bodyText: String? { body?.withBytes { String(decoding: $0, as: UTF8.self) } }

    package func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value.withBytes { String(decoding: $0, as: UTF8.self) }
    }
}
