internal import Connections
internal import HTTP
internal import JSON
internal import Memory

/// An open backend as the C ABI sees it: its life, the calls in it, and the answers that wait.
final class Handle: Sendable {
    typealias Answer = Result<JSON, ConnError>

    private enum Life {
        case open
        /// No new calls; those in it are asked to end.
        case closing
        /// The client has been told to close, or is closed.
        case closed
    }

    private struct State: Sendable {
        var life = Life.open
        /// Calls on other threads right now, with what cancels them.
        var calls: [UInt64: Cancellation] = [:]
        var lastCall: UInt64 = 0
        var tickets = TicketTable<Answer>()
        var pipe: EventPipe?
    }

    /// The process that opened it.
    private let forkGeneration = Fork.generation
    private let client: Client
    private let state = Monitor(State())
    private let closed = Event()

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

    /// Cancels everything, and waits for it to end.
    /// - Returns: whether it ended in time. If not, the last call to end frees what the handle holds.
    func close(deadline: Deadline) -> Bool {
        let (cancellers, isLast) = state.update { state in
            state.life = .closing
            let calls = state.calls.values.map { call in { @Sendable in call.cancel() } }
            return (calls + state.tickets.cancellers(of: 0), state.calls.isEmpty)
        }
        for cancel in cancellers { cancel() }
        if isLast { finish() }
        return closed.wait(untilNanoseconds: deadline.nanoseconds)
    }

    /// No call is left on another thread: closes the client, once.
    private func finish() {
        let isFirst = state.update { state in
            defer { state.life = .closed }
            return state.life == .closing
        }
        guard isFirst else { return }
        client.close { [state, closed] in
            state.update { $0.pipe = nil }
            closed.signal()
        }
    }
}
