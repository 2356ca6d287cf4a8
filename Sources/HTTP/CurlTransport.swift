package import Runtime

/// Exchanges through libcurl.
///
/// Each exchange on a caller's thread has a multi handle to itself while it runs, from a pool that grows with the
/// number of callers. Idle ones keep their connections; the one used last is used first, and one that has spoken with
/// the same server before any other. Nothing is shared between them: libcurl does not support sharing connections
/// between threads (libcurl-share(3)).
///
/// Every exchange verifies the server's certificate and name (TLS 1.2 or later), follows no redirect, and keeps no
/// cookies. Connections are not handed to child processes. After fork, make a new transport in the child.
package final class CurlTransport: HTTPTransport {
    /// More idle multi handles than this are closed, the ones not used for longest first.
    static let maxIdle = 16
    /// Connections that one of them keeps, to different servers.
    static let maxConnectionsEach = 4

    private struct Slot: Sendable {
        var multi: CurlMulti
        /// The server it spoke with last.
        var origin: ID
    }

    private let settings: CurlSettings
    private let idle = Monitor<[Slot]>([])

    /// Opens nothing yet.
    /// - Throws: `invalid` when the CA file or folder is not there.
    package init(options: HTTPOptions) throws(HTTPFailure) { settings = try CurlSettings(options) }

    /// Has libcurl and its TLS library set themselves up, which the first exchange does otherwise. Their own handlers of the
    /// process's end are registered by then.
    package static func prepare() { _ = CurlLibrary.isReady }

    package func perform(_ request: HTTPRequest, deadline: Deadline, cancellation: Cancellation) -> HTTPResult {
        do throws(HTTPFailure) {
            let exchange = try CurlExchange(request, deadline: deadline, settings: settings)
            let multi = try takeMulti(ID(exchange.url.origin))
            defer { keep(Slot(multi: multi, origin: ID(exchange.url.origin))) }
            // It holds the multi handle: it may be called a last time after the exchange has ended.
            let handler = cancellation.onCancel { multi.wake() }
            defer { cancellation.removeHandler(handler) }
            try multi.add(exchange)
            while true {
                let moment = Deadline.now  // what has arrived by then is read before the deadline counts
                if let (_, result) = multi.perform().first { return result }
                if cancellation.isCancelled {
                    multi.remove(exchange)
                    return .failure(exchange.cancelled)
                }
                if exchange.deadline <= moment {
                    multi.remove(exchange)
                    return .failure(exchange.timeout)
                }
                multi.wait(until: exchange.deadline)
            }
        } catch {
            return .failure(error)
        }
    }

    package func makeEngine() throws(HTTPFailure) -> any HTTPEngine { try CurlEngine(settings: settings) }

    package func close() { idle.withLock { $0 = [] } }

    private func takeMulti(_ origin: ID) throws(HTTPFailure) -> CurlMulti {
        let kept: CurlMulti? = idle.withLock { idle in
            guard let index = idle.lastIndex(where: { $0.origin == origin }) ?? idle.indices.last else { return nil }
            return idle.remove(at: index).multi
        }
        if let kept { return kept }
        return try CurlMulti(maxConnections: Self.maxConnectionsEach)
    }

    private func keep(_ slot: Slot) {
        let surplus: Slot? = idle.withLock { idle in
            idle.append(slot)
            return idle.count > Self.maxIdle ? idle.removeFirst() : nil
        }
        _ = consume surplus  // its connections are closed outside of the lock
    }
}
