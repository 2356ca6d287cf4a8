package import HTTP
package import Runtime

/// The rest of an operation: what to wait for, and how it goes on. Operations are chains of steps and do no I/O of
/// their own, so that one logic serves the blocking driver, the loop and the tests.
///
/// An operation is **bound** from an exchange that must finish, or a commit that binds, until it is ``settled(then:)`` or
/// done: it goes on then although its caller's time is up or the caller has gone away, with time of its own. Whatever
/// else it does happens only while a caller waits. What comes ``aside(timeoutMilliseconds:then:)`` is what the caller's
/// answer does not hang on: when the time is up the caller is still answered.
package indirect enum Step<Value: Sendable>: Sendable {
    case done(Value)
    /// Wait for a place at the server of a URL, with which the next exchange there begins at once.
    /// - Parameter timeoutMilliseconds: what that exchange may take.
    case admission(String, timeoutMilliseconds: Int, then: @Sendable () throws(ConnError) -> Step)
    case http(HTTPRequest, then: @Sendable (HTTPResult) throws(ConnError) -> Step)
    /// Wait, for a backoff.
    case pause(milliseconds: Int, then: @Sendable () throws(ConnError) -> Step)
    /// Wait for work that somebody else has begun, for so many milliseconds at most; then look again.
    case join(Flight, atMost: Int? = nil, then: @Sendable () throws(ConnError) -> Step)
    /// Work that may block, such as a store's or a plugin's. The loop runs it on a thread of its own.
    case blocking(@Sendable (CallContext) throws(ConnError) -> Step)
    /// Work that waits for its turn in a queue and is not given up once it has begun.
    /// - Parameter binds: the operation is bound when it has succeeded.
    case queued(
        any QueuedWork, binds: Bool = false, then: @Sendable (Result<Void, ConnError>) throws(ConnError) -> Step)
    /// What must finish has: the operation is not bound any more.
    case settled(then: @Sendable () throws(ConnError) -> Step)
    /// The operation has done what it was asked to do. Exchanges from here on take at most so long, and end with
    /// ``HTTPResult/callEnded`` when the caller's time is up.
    case aside(timeoutMilliseconds: Int, then: @Sendable () throws(ConnError) -> Step)

    /// Goes on with `next` when this is done. Errors pass by.
    package func then<Next>(_ next: @escaping @Sendable (Value) throws(ConnError) -> Step<Next>) throws(ConnError)
        -> Step<Next>
    {
        try result { (result: Result<Value, ConnError>) throws(ConnError) in try next(try result.get()) }
    }

    /// Goes on with `next` when this is done or has failed.
    package func result<Next>(
        _ next: @escaping @Sendable (Result<Value, ConnError>) throws(ConnError) -> Step<Next>
    ) throws(ConnError) -> Step<Next> {
        switch self {
        case .done(let value):
            return try next(.success(value))
        case .admission(let url, let timeout, let then):
            return .admission(url, timeoutMilliseconds: timeout) { () throws(ConnError) in
                try Step.attempt(then, result: next)
            }
        case .http(let request, let then):
            return .http(request) { (reply) throws(ConnError) in
                try Step.attempt({ () throws(ConnError) in try then(reply) }, result: next)
            }
        case .pause(let milliseconds, let then):
            return .pause(milliseconds: milliseconds) { () throws(ConnError) in
                try Step.attempt(then, result: next)
            }
        case .join(let flight, let limit, let then):
            return .join(flight, atMost: limit) { () throws(ConnError) in try Step.attempt(then, result: next) }
        case .blocking(let work):
            return .blocking { (context) throws(ConnError) in
                try Step.attempt({ () throws(ConnError) in try work(context) }, result: next)
            }
        case .queued(let work, let binds, let then):
            return .queued(work, binds: binds) { (outcome) throws(ConnError) in
                try Step.attempt({ () throws(ConnError) in try then(outcome) }, result: next)
            }
        case .settled(let then):
            return .settled { () throws(ConnError) in try Step.attempt(then, result: next) }
        case .aside(let timeout, let then):
            return .aside(timeoutMilliseconds: timeout) { () throws(ConnError) in
                try Step.attempt(then, result: next)
            }
        }
    }

    /// Runs `body` up to its first wait, and goes on with `next` when all of it is done or has failed.
    package static func attempt<Next>(
        _ body: () throws(ConnError) -> Step,
        result next: @escaping @Sendable (Result<Value, ConnError>) throws(ConnError) -> Step<Next>
    ) throws(ConnError) -> Step<Next> {
        let step: Step
        do {
            step = try body()
        } catch {
            return try next(.failure(error))
        }
        return try step.result(next)
    }
}

/// Work that waits for its turn among others of its kind. Each is begun once.
package protocol QueuedWork: AnyObject, Sendable {
    /// Waits for its turn and does it, on this thread.
    /// - Throws: `timeout` or `cancelled` if that came before its turn; `limit` when too many wait.
    func perform(_ context: CallContext) throws(ConnError)

    /// Has it done on a worker's thread. `completion` is called once, unless it is withdrawn, there or on this thread.
    func start(
        _ context: CallContext, on workers: WorkerPool,
        completion: @escaping @Sendable (Result<Void, ConnError>) -> Void)

    /// - Returns: false when it is being done or is done. Otherwise it never will be.
    func withdraw() -> Bool
}

/// What a running call knows of its caller.
package struct CallContext: Sendable {
    package var deadline: Deadline
    package var cancellation: Cancellation
    /// Lasts as long as whoever performs the call's steps holds this.
    package var work: Unfinished.Work?
    /// The trace that it belongs to, which its exchanges name.
    package var trace: TraceParent?

    package init(deadline: Deadline, cancellation: Cancellation) {
        self.deadline = deadline
        self.cancellation = cancellation
    }

    /// - Throws: `cancelled` or `timeout`.
    package func check() throws(ConnError) {
        if cancellation.isCancelled { throw .cancelled }
        if deadline.hasPassed { throw .timeout }
    }
}

/// Whom an operation goes on for.
enum StepMode: Sendable {
    /// For its caller, who waits for the answer.
    case called
    /// What it does must finish, whether or not anybody waits.
    case bound
    /// The caller's answer does not hang on it.
    case aside(timeoutMilliseconds: Int)

    /// So much later than the deadline a caller is answered who waits for what is aside. Milliseconds.
    static let graceMilliseconds = 50

    var isBound: Bool { if case .bound = self { true } else { false } }
    var isAside: Bool { if case .aside = self { true } else { false } }
    var isCalled: Bool { if case .called = self { true } else { false } }

    /// What a step may take of its caller's time.
    func context(_ call: CallContext) -> CallContext {
        switch self {
        case .called: call
        case .bound:
            CallContext(deadline: .after(milliseconds: TimeLimit.boundStep), cancellation: Cancellation())
        case .aside:
            CallContext(
                deadline: max(call.deadline, .after(milliseconds: Self.graceMilliseconds)),
                cancellation: call.cancellation)
        }
    }

    /// The exchange as it is made for a call.
    func request(_ request: HTTPRequest, of call: CallContext) -> HTTPRequest {
        var request = request
        if case .aside(let limit) = self { request.timeoutMilliseconds = min(request.timeoutMilliseconds, limit) }
        if let trace = call.trace { request.headers.append(HTTPRequest.Header("traceparent", trace.text)) }
        return request
    }
}

extension HTTPResult {
    /// Of an exchange aside whose call has no time left.
    static var callEnded: HTTPResult {
        .failure(HTTPFailure(.timeout, "the call's time was up", mayHaveArrived: true))
    }
}
