package import Connections
import HTTP
package import JSON
import Synchronization

/// A running operation that a test carries on by hand, on its own thread: no loop, no sockets, no waiting. What it does
/// inside of the process is done at once; it stops where it waits for a server, for time or for another call.
package final class StepDriver {
    private let provider: CannedProvider
    private let clock: MovableClock
    private var current: Step<JSON>?
    /// Of the flight that it waits for, or waited for last.
    private var landing = Landing()
    /// What it came to; `cancelled` while it runs.
    package private(set) var result: Result<JSON, ConnError> = .failure(.cancelled)
    /// The pauses that it made, in milliseconds.
    package private(set) var pauses: [Int] = []
    private let onStep: () -> Void

    /// - Parameters:
    ///   - provider: answers its exchanges.
    ///   - clock: is moved by its pauses.
    ///   - onStep: called after each step.
    package convenience init(
        _ operation: String, _ request: JSON, of backend: any Backend, _ provider: CannedProvider,
        _ clock: MovableClock, onStep: @escaping () -> Void = {}
    ) {
        self.init(request.text, operation, of: backend, provider, clock, onStep: onStep)
    }

    /// - Parameter text: a host's request, which may be malformed.
    package init(
        _ text: String, _ operation: String, of backend: any Backend, _ provider: CannedProvider,
        _ clock: MovableClock, onStep: @escaping () -> Void = {}
    ) {
        self.provider = provider
        self.clock = clock
        self.onStep = onStep
        advance { () throws(ConnError) in
            let request = try text.withBytes { (bytes) throws(ConnError) in
                try Request(bytes, operation: operation, backend: backend.kind)
            }
            return try backend.begin(request).then { (answer) throws(ConnError) in
                try request.checkAnswer(answer, backend: backend.kind)
                return .done(answer)
            }
        }
        while isInside { step() }
    }

    package var isDone: Bool { current == nil }

    package var isAtProvider: Bool {
        if case .http = current { true } else { false }
    }

    package var isPaused: Bool {
        if case .pause = current { true } else { false }
    }

    package var isWaitingForFlight: Bool { flight != nil }

    /// What would end its wait.
    package var flight: Flight? {
        if case .join(let flight, _, _) = current { flight } else { nil }
    }

    /// Ends the wait it is in.
    /// - Returns: false when it waits for another call, for as long as that takes.
    @discardableResult
    package func step() -> Bool {
        switch current {
        case .http(let request, let then):
            let reply = provider.answer(request)
            advance { () throws(ConnError) in try then(reply) }
        case .pause(let milliseconds, let then):
            pauses.append(milliseconds)
            clock.advance(milliseconds: Int64(milliseconds))
            advance(then)
        case .join(_, let limit, let then):
            if !landing.isOver {
                guard let limit else { return false }
                clock.advance(milliseconds: Int64(limit))
            }
            advance(then)
        case .admission(_, _, let then), .settled(let then), .aside(_, let then):
            advance(then)
        case .blocking(let work):
            advance { () throws(ConnError) in try work(.unbounded) }
        case .queued(let work, _, let then):
            let result = Result { () throws(ConnError) in try work.perform(.unbounded) }
            advance { () throws(ConnError) in try then(result) }
        case .done, nil:
            break
        }
        while isInside { step() }
        return true
    }

    /// Carries it to its end.
    package func error() -> ConnError? {
        do throws(ConnError) {
            _ = try finish()
            return nil
        } catch {
            return error
        }
    }

    /// Carries it to its end.
    @discardableResult
    package func finish() throws(ConnError) -> JSON {
        while !isDone {
            guard step() else {
                throw ConnError(.internal, "it waits for a call that this test does not carry on")
            }
        }
        return try result.get()
    }

    /// Whether the next step waits for nothing outside of the process.
    private var isInside: Bool {
        switch current {
        case .admission, .settled, .aside, .blocking, .queued: true
        case .http, .pause, .join, .done, nil: false
        }
    }

    /// The caller goes away.
    package func cancel() { current = nil }

    /// The process ends without a word: nothing of what the call holds is let go of.
    package func leave() {
        if let current { _ = Unmanaged.passRetained(Left(current)) }
        current = nil
    }

    private final class Left {
        let step: Step<JSON>
        init(_ step: Step<JSON>) { self.step = step }
    }

    private func advance(_ next: () throws(ConnError) -> Step<JSON>) {
        defer { onStep() }
        do throws(ConnError) {
            let step = try next()
            current = step
            switch step {
            case .done(let answer):
                result = .success(answer)
                current = nil
            case .join(let flight, _, _):
                landing = Landing()
                flight.onLanding { [landing] in landing.end() }
            default:
                break
            }
        } catch {
            result = .failure(error)
            current = nil
        }
    }

    private final class Landing: Sendable {
        private let flag = Atomic(false)
        var isOver: Bool { flag.load(ordering: .relaxed) }
        func end() { flag.store(true, ordering: .relaxed) }
    }
}
