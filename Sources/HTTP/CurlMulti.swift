internal import CCurl
internal import Runtime

/// A libcurl multi handle: a cache of connections, and the exchanges that run over them. One thread at a time;
/// ``wake()`` is for any. Exchanges that are in it must be taken out before they go.
final class CurlMulti: @unchecked Sendable {  // see above
    private let handle: UnsafeMutableRawPointer
    private let sockets = CurlSockets()

    /// - Parameter maxConnections: how many are kept open, the idle ones included.
    /// - Throws: `connect` when there is no memory or descriptor left.
    init(maxConnections: Int) throws(HTTPFailure) {
        guard CurlLibrary.isReady, let handle = curl_multi_init() else {
            throw HTTPFailure(.connect, "libcurl does not start: out of memory", mayHaveArrived: false)
        }
        self.handle = handle
        dc_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, maxConnections)
        // libcurl does not say that it had no descriptors to be woken by; without them a wait could not be cancelled
        guard curl_multi_wakeup(handle) == CURLM_OK else {
            throw HTTPFailure(.connect, "no file descriptor is left", mayHaveArrived: false)
        }
    }

    deinit { withSignalsBlocked { _ = curl_multi_cleanup(handle) } }

    /// Begins an exchange. The caller keeps it until it has ended or ``remove(_:)`` was called.
    func add(_ exchange: CurlExchange) throws(HTTPFailure) {
        let easy = try exchange.open(sockets)
        let code = withSignalsBlocked { curl_multi_add_handle(handle, easy) }
        guard code == CURLM_OK else {
            throw HTTPFailure(.connect, "\(exchange.url.host): out of memory", mayHaveArrived: false)
        }
    }

    /// Takes an exchange out, if it is in. If it has not ended, its connection is closed.
    func remove(_ exchange: CurlExchange) {
        guard let easy = exchange.handle else { return }
        _ = withSignalsBlocked { curl_multi_remove_handle(handle, easy) }
    }

    /// Does what can be done without waiting.
    /// - Returns: the exchanges that have ended, taken out.
    func perform() -> [(exchange: CurlExchange, result: HTTPResult)] {
        var running: Int32 = 0
        _ = withSignalsBlocked { curl_multi_perform(handle, &running) }
        var ended: [(exchange: CurlExchange, result: HTTPResult)] = []
        var left: Int32 = 0
        while let message = curl_multi_info_read(handle, &left) {
            var user: UnsafeMutableRawPointer?
            dc_curl_get_pointer(message.pointee.easy_handle, CURLINFO_PRIVATE, &user)
            guard message.pointee.msg == CURLMSG_DONE, let user else { continue }
            let exchange = Unmanaged<CurlExchange>.fromOpaque(user).takeUnretainedValue()
            let code = dc_curl_result(message)  // the message does not outlive the handle's removal
            remove(exchange)
            ended.append((exchange, exchange.result(code)))
        }
        return ended
    }

    /// Waits until ``perform()`` has something to do, ``wake()`` is called, or the time is up.
    func wait(until deadline: Deadline) {
        let milliseconds = deadline.remainingMilliseconds(atMost: 60_000)
        curl_multi_poll(handle, nil, 0, Int32(milliseconds), nil)
    }

    /// Ends the current ``wait(until:)``, or the next one.
    func wake() { curl_multi_wakeup(handle) }
}
