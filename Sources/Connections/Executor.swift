package import HTTP
package import JSON
internal import Memory

/// Performs the steps of operations: on the caller's thread, or on a loop's for submitted ones.
package final class Executor: Sendable {
    private let transport: any HTTPTransport
    private let loop: Loop

    package init(transport: any HTTPTransport) {
        self.transport = transport
        loop = Loop(transport: transport)
    }

    /// Runs an operation on the calling thread.
    package func run(
        _ context: CallContext, _ begin: @Sendable () throws(ConnError) -> Step<JSON>
    ) throws(ConnError) -> JSON {
        var step = try begin()
        while true {
            if case .done(let answer) = step { return answer }
            if context.cancellation.isCancelled { throw .cancelled }
            switch step {
            case .done(let answer):
                return answer
            case .http(let request, let then) where context.deadline.hasPassed:
                guard request.isAside else { throw .timeout }
                step = try then(.callEnded)
            case .http(let request, let then):
                if request.mustFinish, context.deadline < .after(milliseconds: request.timeoutMilliseconds) {
                    return try finishOnLoop(step, context)
                }
                // What must finish is not cancelled: closing the handle waits for it.
                let cancellation = request.mustFinish ? Cancellation() : context.cancellation
                if request.mustFinish { context.work?.begin(request) }
                let result = transport.perform(request, deadline: context.deadline, cancellation: cancellation)
                if case .failure = result, !request.mustFinish {
                    if context.cancellation.isCancelled { throw .cancelled }
                    if context.deadline.hasPassed, !request.isAside { throw .timeout }
                }
                step = try then(result)
            case .pause(let milliseconds, let then):
                try wait(context, until: .after(milliseconds: milliseconds)) { _ in }
                step = try then()
            case .join(let flight, let limit, let then):
                let moment = limit.map { Deadline.after(milliseconds: $0) } ?? .never
                try wait(context, until: moment) { wake in flight.onLanding(wake) }
                step = try then()
            case .blocking(let work):
                step = try work(context)
            }
        }
    }

    /// Runs an operation on the loop's thread. `completion` is called once, there or on the calling thread.
    package func submit(
        _ context: CallContext, _ begin: @escaping @Sendable () throws(ConnError) -> Step<JSON>,
        completion: @escaping @Sendable (Result<JSON, ConnError>) -> Void
    ) {
        loop.run(begin, context: context, completion: completion)
    }

    /// Cancels what runs on the loop and lets what must finish do so. Returns at once; `completion` is called when all
    /// has ended.
    package func close(completion: @escaping @Sendable () -> Void) {
        loop.close { [transport] in
            transport.close()
            completion()
        }
    }

    /// The caller's time is shorter than an exchange that must finish: the loop makes it, and the caller waits.
    private func finishOnLoop(_ step: Step<JSON>, _ context: CallContext) throws(ConnError) -> JSON {
        let answer = Box<Result<JSON, ConnError>?>(nil)
        let done = Event()
        loop.run({ step }, context: context) { result in
            answer.value.withLock { $0 = result }
            done.signal()
        }
        done.wait(untilNanoseconds: .max)  // the loop answers at the deadline
        guard let result = answer.value.withLock({ $0 }) else { throw .cancelled }
        return try result.get()
    }

    /// Waits until `moment`, or until what `register` was given is called.
    private func wait(
        _ context: CallContext, until moment: Deadline, register: (@escaping @Sendable () -> Void) -> Void
    ) throws(ConnError) {
        let event = Event()
        let handler = context.cancellation.onCancel { event.signal() }
        defer { context.cancellation.removeHandler(handler) }
        register { event.signal() }
        event.wait(untilNanoseconds: min(moment, context.deadline).nanoseconds)
        if context.cancellation.isCancelled { throw .cancelled }
        if !event.isSignalled, context.deadline.hasPassed, context.deadline <= moment { throw .timeout }
    }
}

extension ConnError {
    package static let cancelled = ConnError(.cancelled, "the call was cancelled")
    package static let timeout = ConnError(.timeout, "the call's time was up")
}

/// A value that several threads reach.
private final class Box<Value: Sendable>: Sendable {
    let value: Monitor<Value>
    init(_ value: Value) { self.value = Monitor(value) }
}
