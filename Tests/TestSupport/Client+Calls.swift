package import Connections
package import JSON
package import Runtime

/// Calls as hosts make them, over a client of any backend.
extension Client {
    /// - Parameters:
    ///   - text: the request, which may be malformed.
    ///   - operation: nil when the text names it by "op".
    package func answer(_ text: String, operation: String? = nil, context: CallContext = .unbounded)
        -> Result<JSON, ConnError>
    {
        Result { () throws(ConnError) in
            try text.withBytes { (bytes) throws(ConnError) in try call(bytes, operation: operation, context) }
        }
    }

    /// - Parameter submitted: it runs on the loop, and is waited for.
    @discardableResult
    package func call(
        _ operation: String, _ request: JSON = [:], submitted: Bool = false, context: CallContext = .unbounded
    ) throws(ConnError) -> JSON {
        submitted
            ? try submit(operation, request, context: context).get()
            : try answer(request.text, operation: operation, context: context).get()
    }

    package func error(_ operation: String, _ request: JSON = [:], context: CallContext = .unbounded) -> ConnError? {
        answer(request.text, operation: operation, context: context).error
    }

    /// Submits a request that names its operation by "op", and returns at once.
    package func submit(text: String, context: CallContext = .unbounded) -> Outcome {
        let outcome = Outcome()
        var text = text
        text.withUTF8 { submit(UnsafeRawBufferPointer($0), context, completion: outcome.set) }
        return outcome
    }

    package func submit(_ operation: String, _ request: JSON = [:], context: CallContext = .unbounded) -> Outcome {
        submit(text: request.with(["op": .string(operation)]).text, context: context)
    }

    /// Closes, and waits until all has ended.
    package func closeAndWait() {
        let ended = Event()
        close { ended.signal() }
        ended.wait(untilNanoseconds: .max)
    }
}

/// What an operation comes to that a test does not wait for where it starts it.
package final class Outcome: Sendable {
    private let results = Monitor<[Result<JSON, ConnError>]>([])

    package init() {}

    package func set(_ result: Result<JSON, ConnError>) { results.update { $0.append(result) } }

    /// How often it was told.
    package var count: Int { results.withLock { $0.count } }

    package var isAnswered: Bool { count > 0 }

    /// Waits for the answer, which a test that goes wrong may never have: then it is an error after a minute.
    package func wait() -> Result<JSON, ConnError> {
        let first: Result<JSON, ConnError>? = results.wait(
            untilNanoseconds: Deadline.after(milliseconds: 60_000).nanoseconds
        ) { $0.first }
        return first ?? .failure(ConnError(.timeout, "no answer has come"))
    }

    package func get() throws(ConnError) -> JSON { try wait().get() }
}

extension CallContext {
    package static var unbounded: CallContext { until() }

    /// - Parameter cancellation: what the caller leaves by.
    package static func until(_ deadline: Deadline = .never, cancelled cancellation: Cancellation = Cancellation())
        -> CallContext
    {
        CallContext(deadline: deadline, cancellation: cancellation)
    }
}
