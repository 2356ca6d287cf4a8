package import Runtime

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
///
/// So many run at once, and so many with one server; the others wait for a place. A task that does something before its
/// exchange that should not wait, such as taking a lease, asks for the place first (``admit(_:id:until:)``).
package protocol HTTPEngine: AnyObject, Sendable {
    /// Takes a place at the server of `url` for the task `id`; ``wait(until:)`` tells when it has one, with `admitted`,
    /// or that `deadline` came first, with a `timeout`.
    ///
    /// The place is for the task's next ``start(_:id:)`` with that server, and is given up when that exchange ends or
    /// cannot begin, when one with another server is started, or by ``drop(id:)``: a task that ends without an exchange
    /// must be dropped.
    func admit(_ url: String, id: UInt64, until deadline: Deadline)

    /// Begins an exchange. `id` is the caller's own, and in use by no other exchange.
    func start(_ request: HTTPRequest, id: UInt64)

    /// Drops a task: its exchange, which has no result, and its place.
    func drop(id: UInt64)

    /// Carries the exchanges on until there is something to tell, ``wake()`` is called, or the time is up.
    func wait(until deadline: Deadline) -> [(id: UInt64, event: HTTPEvent)]

    /// Ends the current ``wait(until:)``, or the next one.
    func wake()

    /// Closes what is kept.
    func close()
}

/// What an engine has to tell of a task.
package enum HTTPEvent: Sendable {
    /// It has the place that it asked for.
    case admitted
    /// Its exchange has ended, or it got no place in time.
    case ended(HTTPResult)
}
