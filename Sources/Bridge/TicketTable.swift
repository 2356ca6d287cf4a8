internal import Runtime

/// The submitted calls of one handle, from being accepted to being taken: a pure value, without waiting or I/O.
///
/// A ticket is running, then finished, then gone. Each is finished once and taken once.
struct TicketTable<Answer: Sendable>: Sendable {
    /// More calls than this are not accepted; finished ones that nobody took count too.
    static var maxInFlight: Int { 100_000 }

    private var lastTicket: UInt64 = 0
    /// What cancels a running ticket.
    private var running: [UInt64: @Sendable () -> Void] = [:]
    /// In the order in which they finished.
    private var finished = Queue<(ticket: UInt64, answer: Answer)>()

    var isEmpty: Bool { running.isEmpty && finished.isEmpty }
    var hasFinished: Bool { !finished.isEmpty }

    /// Accepts a call.
    /// - Returns: nil when too many are in flight.
    mutating func accept(cancel: @escaping @Sendable () -> Void) -> UInt64? {
        guard running.count + finished.count < Self.maxInFlight else { return nil }
        lastTicket += 1
        running[lastTicket] = cancel
        return lastTicket
    }

    /// A running ticket has its answer. Unknown tickets, and those that have one, are left alone.
    /// - Returns: whether this is the first answer that waits to be taken.
    mutating func finish(_ ticket: UInt64, _ answer: Answer) -> Bool {
        guard running.removeValue(forKey: ticket) != nil else { return false }
        finished.append((ticket, answer))
        return finished.count == 1
    }

    /// Takes the answer that has waited longest.
    mutating func take() -> (ticket: UInt64, answer: Answer)? { finished.popFirst() }

    /// What to call, outside of any lock, to cancel a ticket; all of them for 0.
    func cancellers(of ticket: UInt64) -> [@Sendable () -> Void] {
        ticket == 0 ? Array(running.values) : running[ticket].map { [$0] } ?? []
    }
}
