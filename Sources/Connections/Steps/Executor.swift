package import HTTP
package import JSON
internal import Runtime

/// Performs the steps of operations: on the caller's thread, or on a loop's for submitted ones.
package final class Executor: Sendable {
    private let transport: any HTTPTransport
    private let loop: Loop
    private let statistics: Statistics

    package init(transport: any HTTPTransport, statistics: Statistics = Statistics()) {
        self.transport = transport
        self.statistics = statistics
        loop = Loop(transport: transport, statistics: statistics)
    }

    /// Runs an operation on the calling thread.
    package func run(
        _ context: CallContext, _ begin: @Sendable () throws(ConnError) -> Step<JSON>
    ) throws(ConnError) -> JSON {
        var step = try begin()
        var mode = StepMode.called
        // A call whose time is 0 gets what needs no waiting.
        var hasWaited = false
        while true {
            if !mode.isBound, context.cancellation.isCancelled, !step.isDone { throw .cancelled }
            if mode.isCalled, step.waits || hasWaited, !step.isDone, context.deadline.hasPassed { throw .timeout }
            if let need = step.timeNeeded(mode), context.deadline < .after(milliseconds: need) {
                let rest = Box<Step<JSON>?>(step)
                step = .done(.null)  // a flight lasts as long as somebody holds its leader
                return try finishOnLoop(rest, context, mode)
            }
            hasWaited = hasWaited || step.waits
            switch step {
            case .done(let answer):
                return answer
            case .settled(let then):
                if mode.isBound { mode = .called }
                step = try then()
            case .aside(let timeout, let then):
                mode = .aside(timeoutMilliseconds: timeout)
                step = try then()
            case .admission(_, _, let then):
                step = try then()  // each caller's thread has connections of its own
            case .http(_, let then) where !mode.isBound && context.deadline.hasPassed:
                step = try then(.callEnded)
            case .http(let request, let then):
                if request.mustFinish, mode.isCalled { mode = .bound }
                // What must finish is not cancelled: closing the handle waits for it.
                if mode.isBound { context.work?.begin(request) }
                let cancellation = mode.isBound ? Cancellation() : context.cancellation
                let exchange = statistics.exchange()
                let result = transport.perform(
                    mode.request(request, of: context), deadline: context.deadline, cancellation: cancellation)
                exchange.end(result)
                if case .failure = result, !mode.isBound {
                    if context.cancellation.isCancelled { throw .cancelled }
                    if context.deadline.hasPassed, mode.isCalled { throw .timeout }
                }
                step = try then(result)
            case .pause(let milliseconds, let then):
                try wait(mode.context(context), until: .after(milliseconds: milliseconds)) { _ in }
                step = try then()
            case .join(let flight, let limit, let then):
                let moment = limit.map { Deadline.after(milliseconds: $0) } ?? .never
                try wait(mode.context(context), until: moment) { wake in flight.onLanding(wake) }
                step = try then()
            case .blocking(let work):
                step = try work(mode.context(context))
            case .queued(let work, let binds, let then):
                let result = Result { () throws(ConnError) in try work.perform(mode.context(context)) }
                if binds, case .success = result { mode = .bound }
                step = try then(result)
            }
        }
    }

    /// Runs an operation on the loop's thread. `completion` is called once, there, on a worker's thread or on the
    /// calling one.
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

    /// The caller's time is shorter than what must finish: the loop does it, and the caller waits.
    private func finishOnLoop(
        _ rest: Box<Step<JSON>?>, _ context: CallContext, _ mode: StepMode
    ) throws(ConnError) -> JSON {
        let answer = Box<Result<JSON, ConnError>?>(nil)
        let done = Event()
        let begin: @Sendable () -> Step<JSON> = {
            rest.value.withLock { step in
                defer { step = nil }  // whoever holds the box holds nothing of the step from here on
                return step
            } ?? .done(.null)
        }
        loop.run(begin, mode: mode, context: context) { result in
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

extension Step {
    /// Whether it waits for something outside of the process, or for somebody else.
    var waits: Bool {
        switch self {
        case .http, .pause, .join, .admission: true
        case .done, .blocking, .queued, .settled, .aside: false
        }
    }

    var isDone: Bool { if case .done = self { true } else { false } }

    /// How long a caller must be able to wait for it to happen on the caller's own thread, in milliseconds; nil where that
    /// does not matter.
    fileprivate func timeNeeded(_ mode: StepMode) -> Int? {
        switch self {
        case .http(let request, _) where request.mustFinish || mode.isBound: request.timeoutMilliseconds
        // Who will make the exchange takes the place for it.
        case .admission(_, let timeout, _): timeout
        case .blocking, .queued, .pause, .join: mode.isBound ? TimeLimit.boundStep : nil
        case .http, .done, .settled, .aside: nil
        }
    }

    /// Performs steps that need neither the network nor anybody else, on this thread: at the beginning and the end of a
    /// backend's life.
    package func performed(_ context: CallContext) throws(ConnError) -> Value {
        var step = self
        while true {
            switch step {
            case .done(let value): return value
            case .settled(let then), .aside(_, let then): step = try then()
            case .blocking(let work): step = try work(context)
            case .queued(let work, _, let then):
                step = try then(Result { () throws(ConnError) in try work.perform(context) })
            case .pause(let milliseconds, let then):
                try context.check()
                Event().wait(
                    untilNanoseconds: min(.after(milliseconds: milliseconds), context.deadline).nanoseconds)
                step = try then()
            case .http, .admission, .join:
                throw ConnError(.internal, "this step needs the network")
            }
        }
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
