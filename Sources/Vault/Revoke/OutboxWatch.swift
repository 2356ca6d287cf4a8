internal import Connections
internal import Runtime

/// What this process knows of its work on the outbox: whose providers are in trouble, so that what waits for them is not
/// tried row by row, and how far calls that help have looked.
final class OutboxWatch: Sendable {
    /// Milliseconds. The longest is short for an outage, since one try tells whether it is over.
    private static let waits: ClosedRange<Int64> = 30_000...300_000
    /// Of more, those are forgotten, and tried anew, whose trouble ends first.
    static let maxCount = 4096

    /// Whose provider is asked: a connection that has the id of an earlier one may have another.
    struct Party: Hashable {
        let appID: ID
        let incarnation: ID?
        let clientID: ID?
    }

    private struct Trouble {
        var failures: Int64 = 0
        var end: Deadline
    }

    private struct State {
        var troubles: [Party: Trouble] = [:]
        var cursor: [UInt8]?

        mutating func makePlace(now: Deadline) {
            troubles = troubles.filter { now < $0.value.end }
            guard troubles.count >= OutboxWatch.maxCount else { return }
            if let first = troubles.min(by: { $0.value.end < $1.value.end }) { troubles[first.key] = nil }
        }
    }

    private let state = Monitor(State())

    /// When the next of its rows may be tried; nil: now.
    func trouble(of party: Party, now: Deadline) -> Deadline? {
        state.withLock { state in state.troubles[party].flatMap { now < $0.end ? $0.end : nil } }
    }

    /// - Parameter retryAfter: what the provider asked for. Milliseconds.
    func hasFailed(_ party: Party, now: Deadline, retryAfter: Int?, jitter: Jitter) {
        state.withLock { state in
            if state.troubles[party] == nil, state.troubles.count >= Self.maxCount { state.makePlace(now: now) }
            let failures = state.troubles[party]?.failures ?? 0
            let wait = min(Self.waits.lowerBound << min(failures, 20), Self.waits.upperBound)
            let end = now.adding(milliseconds: Int(jitter.lengthen(max(wait, Int64(retryAfter ?? 0)))))
            state.troubles[party] = Trouble(failures: failures + 1, end: end)
        }
    }

    func hasAnswered(_ party: Party) { state.withLock { $0.troubles[party] = nil } }

    /// The last row that calls which help have looked at; nil: they begin with the first.
    var cursor: [UInt8]? {
        get { state.withLock { $0.cursor } }
        set { state.withLock { $0.cursor = newValue } }
    }
}

extension RevocationRecord {
    var party: OutboxWatch.Party {
        OutboxWatch.Party(appID: app.id, incarnation: app.incarnation, clientID: app.clientID)
    }
}
