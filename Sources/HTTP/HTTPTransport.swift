/// How exchanges are made: on the caller's thread, or many at a time on one thread. libcurl implements it; the tests of
/// what is above it do too, with canned responses.
package protocol HTTPTransport: AnyObject, Sendable {
    /// Makes one exchange on the calling thread, over a connection that is kept for the next one. Any thread, many at
    /// once.
    /// - Parameters:
    ///   - deadline: ends the exchange with `timeout` if it comes before the request's own.
    ///   - cancellation: ends it with `interrupted`.
    func perform(_ request: HTTPRequest, deadline: Deadline, cancellation: Cancellation) -> HTTPResult

    /// An engine for exchanges on one thread, with connections of its own.
    /// - Throws: `connect` when the process has no descriptor or memory left for it.
    func makeEngine() throws(HTTPFailure) -> any HTTPEngine

    /// Closes what is kept. After the last exchange has ended.
    func close()
}

/// Many exchanges on one thread. Only ``wake()`` may be called from another one.
package protocol HTTPEngine: AnyObject, Sendable {
    /// Begins an exchange. `id` is the caller's own, and not in use.
    func start(_ request: HTTPRequest, id: UInt64)

    /// Drops an exchange; it has no result.
    func drop(id: UInt64)

    /// Carries the exchanges on until one ends, ``wake()`` is called, or the time is up.
    /// - Returns: the exchanges that have ended.
    func wait(until deadline: Deadline) -> [(id: UInt64, result: HTTPResult)]

    /// Ends the current ``wait(until:)``, or the next one.
    func wake()

    /// Closes what is kept.
    func close()
}
