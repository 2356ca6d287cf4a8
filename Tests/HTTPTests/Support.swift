import Memory

@testable import HTTP

extension HTTPResponse {
    var text: String { body.withBytes { String(decoding: $0, as: UTF8.self) } }
}

extension HTTPTransport {
    func get(_ url: String, timeout: Int = 30_000) -> HTTPResult {
        perform(HTTPRequest(.get, url, timeoutMilliseconds: timeout), deadline: .never, cancellation: Cancellation())
    }

    func send(_ request: HTTPRequest) -> HTTPResult {
        perform(request, deadline: .never, cancellation: Cancellation())
    }
}

extension HTTPResult {
    var failure: HTTPFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}

/// A transport that no proxy of the environment reaches.
func directTransport(caFile: String? = nil) throws -> CurlTransport {
    try CurlTransport(options: HTTPOptions(caFile: caFile, proxy: ""))
}

extension HTTPEngine {
    /// Waits until `count` exchanges have ended; a minute at most.
    func collect(_ count: Int) -> [UInt64: HTTPResult] {
        var results: [UInt64: HTTPResult] = [:]
        let deadline = Deadline.after(milliseconds: 60_000)
        while results.count < count, !deadline.hasPassed {
            for case (let id, .ended(let result)) in wait(until: deadline) { results[id] = result }
        }
        return results
    }
}
