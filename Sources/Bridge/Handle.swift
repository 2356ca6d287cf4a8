internal import Connections
internal import JSON
internal import Runtime

/// An open backend as the C ABI sees it: its life, the calls in it, and the answers that wait.
final class Handle: Sendable {
    typealias Answer = Result<JSON, ConnError>

    private enum Life {
        case open
        /// No new calls; those in it are asked to end.
        case closing
        /// The last call on another thread has returned, and the client ends what was submitted.
        case ending
        /// Nothing is left of it.
        case ended
    }

    private struct State: Sendable {
        var life = Life.open
        /// Nobody waits any more for what must finish, the end of the process neither.
        var isGivenUp = false
        /// Calls on other threads right now, with what cancels them.
        var calls: [UInt64: Cancellation] = [:]
        var lastCall: UInt64 = 0
        var tickets = TicketTable<Answer>()
        var pipe: EventPipe?
        var onEnd: (@Sendable () -> Void)?
    }

    /// The process that opened it.
    private let forkGeneration = Fork.generation
    private let client: Client
    private let state = Monitor(State())

    init(client: Client) { self.client = client }

    var isForked: Bool { forkGeneration != Fork.generation }

    // MARK: - Calls

    /// Runs a call on this thread.
    /// - Returns: nil when the handle is closing.
    func call(_ text: UnsafeRawBufferPointer, operation: String?, deadline: Deadline) -> Answer? {
        let cancellation = Cancellation()
        let id: UInt64? = state.withLock { state in
            guard state.life == .open else { return nil }
            state.lastCall += 1
            state.calls[state.lastCall] = cancellation
            return state.lastCall
        }
        guard let id else { return nil }
        let context = CallContext(deadline: deadline, cancellation: cancellation)
        let answer = Result { () throws(ConnError) in try client.call(text, operation: operation, context) }
        let isLast = state.update { state in
            state.calls[id] = nil
            return state.life == .closing && state.calls.isEmpty
        }
        if isLast { finish() }
        return answer
    }

    enum Submission {
        case accepted(UInt64)
        case closed
        case full
    }

    /// Starts a call on the handle's thread.
    func submit(_ text: UnsafeRawBufferPointer, deadline: Deadline) -> Submission {
        let cancellation = Cancellation()
        let submission: Submission = state.withLock { state in
            guard state.life == .open else { return .closed }
            return state.tickets.accept(cancel: { cancellation.cancel() }).map { .accepted($0) } ?? .full
        }
        guard case .accepted(let ticket) = submission else { return submission }
        // Should the handle close just now, the loop answers `cancelled`, and nobody is left to take it.
        client.submit(text, CallContext(deadline: deadline, cancellation: cancellation)) { [state] answer in
            state.update { state in
                if state.tickets.finish(ticket, answer) { state.pipe?.signal() }
            }
        }
        return submission
    }

    enum Next {
        case answer(ticket: UInt64, Answer)
        case nothing
        case closed
    }

    /// Takes an answer, waiting for one until the deadline.
    func next(deadline: Deadline) -> Next {
        let next: Next? = state.wait(untilNanoseconds: deadline.nanoseconds) { state in
            guard state.life == .open else { return .closed }
            guard let (ticket, answer) = state.tickets.take() else { return nil }
            if !state.tickets.hasFinished { state.pipe?.clear() }
            return .answer(ticket: ticket, answer)
        }
        return next ?? .nothing
    }

    func cancel(ticket: UInt64) {
        for cancel in state.withLock({ $0.tickets.cancellers(of: ticket) }) { cancel() }
    }

    /// - Returns: nil when the process has no descriptor left, or the handle is closing.
    var eventDescriptor: Int32? {
        state.withLock { state in
            guard state.life == .open else { return nil }
            if state.pipe == nil {
                state.pipe = EventPipe()
                if state.tickets.hasFinished { state.pipe?.signal() }
            }
            return state.pipe?.readEnd
        }
    }

    // MARK: - Closing

    var isOpen: Bool { state.withLock { $0.life == .open } }

    /// Refuses new calls, and cancels those that need not finish. Once is enough.
    /// - Parameter onEnd: called when all has ended.
    /// - Returns: whether this was the first time.
    func beginClosing(onEnd: @escaping @Sendable () -> Void) -> Bool {
        let begun: (cancellers: [@Sendable () -> Void], isLast: Bool)? = state.update { state in
            guard state.life == .open else { return nil }
            state.life = .closing
            state.onEnd = onEnd
            let calls = state.calls.values.map { call in { @Sendable in call.cancel() } }
            return (calls + state.tickets.cancellers(of: 0), state.calls.isEmpty)
        }
        guard let begun else { return false }
        for cancel in begun.cancellers { cancel() }
        if begun.isLast { finish() }
        return true
    }

    /// Waits for the end of a handle that closes.
    /// - Returns: false when the deadline came first, or somebody gave up.
    func awaitEnd(until deadline: Deadline) -> Bool {
        state.wait(untilNanoseconds: deadline.nanoseconds) { state in
            state.life == .ended ? true : state.isGivenUp ? false : nil
        } ?? false
    }

    /// Gives up a handle that closes, for whoever else waits too, and for the end of the process. Says what may be lost.
    /// - Returns: false when it has ended just so.
    func giveUp() -> Bool {
        let isInTime = state.update { state in
            guard state.life != .ended else { return false }
            state.isGivenUp = true
            state.pipe?.end()
            return true
        }
        guard isInTime else { return false }
        Log.write(.warning, "a close was abandoned; lost if the process ends now: \(client.unfinished.summary)")
        return true
    }

    /// Waits, at the end of the process, for what must finish of a handle that closes, unless it is given up.
    /// - Parameters:
    ///   - deadline: for what need not finish.
    ///   - margin: so much longer than the last exchange may what follows it take. Milliseconds.
    func awaitWhatMustFinish(until deadline: Deadline, margin: Int) {
        var deadline = deadline
        repeat {
            let isOver = state.wait(untilNanoseconds: deadline.nanoseconds) { state in
                state.life == .ended || state.isGivenUp ? true : nil
            }
            if isOver != nil { return }
            // What has begun an exchange meanwhile gets its time.
            deadline = client.unfinished.mustFinishUntil?.adding(milliseconds: margin) ?? deadline
        } while !deadline.hasPassed
    }

    /// No call is left on another thread: closes the client, once.
    private func finish() {
        let isFirst = state.update { state in
            defer { if state.life == .closing { state.life = .ending } }
            return state.life == .closing
        }
        guard isFirst else { return }
        client.close { [state] in
            state.withLock { $0.onEnd }?()
            state.update { state in
                state.life = .ended
                state.pipe?.end()
                (state.pipe, state.onEnd) = (nil, nil)
            }
        }
    }
}
