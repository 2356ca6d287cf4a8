internal import Connections
internal import Runtime

// What a provider has answered and the store has not taken: it is tried again by whoever got the answer, for a while, and
// then by all that this process does, as soon as the store takes anything (`Outcomes`).

extension Refresher {
    /// While the store fails, what did not come for it tries it no more often. Milliseconds.
    private static let passingPause = 1000
    /// What one row may take of a round. Milliseconds.
    private static let turnMilliseconds = 250

    /// Goes round the rows, each once in a round, until all are settled or the time is up: none takes the others' time.
    func settleAll(until end: Deadline) {
        while case let keys = outcomes.keys, !keys.isEmpty {
            for key in keys {
                if end.hasPassed { return }
                try? settle(key).performed(Self.turn(until: end))
            }
            if outcomes.isEmpty { return }
            Event().wait(untilNanoseconds: min(end, .after(milliseconds: Rows.pollMilliseconds)).nanoseconds)
        }
    }

    /// What a thread does for the rows when the store has taken something; nil when there is nothing to do.
    var settlingInPassing: (@Sendable () -> Void)? {
        guard outcomes.beginTrying(at: nil, pause: Self.passingPause) else { return nil }
        return { [self] in settleInPassing() }
    }

    /// Settles some rows after an operation that may have committed nothing.
    func settlingAfter<Value>(_ step: Step<Value>) throws(ConnError) -> Step<Value> {
        if outcomes.isEmpty { return step }
        return try step.result { [self] (result) throws(ConnError) in
            .aside(timeoutMilliseconds: 0) { [self] () throws(ConnError) in
                .blocking { [self] (_) throws(ConnError) in
                    if outcomes.beginTrying(at: clock.monotonic(), pause: Self.passingPause) { settleInPassing() }
                    return .done(try result.get())
                }
            }
        }
    }

    private func settleInPassing() {
        defer { outcomes.endTrying() }
        let end = Deadline.after(milliseconds: TimeLimit.inPassing)
        for key in outcomes.left {
            if end.hasPassed { return }
            try? settle(key).performed(Self.turn(until: end))
        }
    }

    private static func turn(until end: Deadline) -> CallContext {
        CallContext(deadline: min(end, .after(milliseconds: turnMilliseconds)), cancellation: Cancellation())
    }
}
