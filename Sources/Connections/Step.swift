package import HTTP

/// The rest of an operation: what to wait for, and how it goes on. Operations are chains of steps and do no I/O of
/// their own but short store calls, so that one logic serves the blocking driver, the loop and the tests.
package indirect enum Step<Value: Sendable>: Sendable {
    case done(Value)
    case http(HTTPRequest, then: @Sendable (HTTPResult) throws(ConnError) -> Step)
    /// Wait, for a backoff.
    case pause(milliseconds: Int, then: @Sendable () throws(ConnError) -> Step)
    /// Wait for work that somebody else has begun, for so many milliseconds at most; then look again.
    case join(Flight, atMost: Int? = nil, then: @Sendable () throws(ConnError) -> Step)
    /// Work that may block, such as a plugin's. The loop runs it on a thread of its own.
    case blocking(@Sendable (CallContext) throws(ConnError) -> Step)

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

/// What a running call knows of its caller.
package struct CallContext: Sendable {
    package var deadline: Deadline
    package var cancellation: Cancellation
    /// Lasts as long as whoever performs the call's steps holds this.
    package var work: Unfinished.Work?

    package init(deadline: Deadline, cancellation: Cancellation) {
        self.deadline = deadline
        self.cancellation = cancellation
    }
}
