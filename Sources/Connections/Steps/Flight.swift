internal import Runtime

/// Work in flight that several callers wait for. It carries no outcome: who waited looks again.
///
/// The one who does the work holds a ``Leader``; when that goes, by success, error or being dropped with the rest of an
/// abandoned operation, the flight has landed.
package final class Flight: Sendable {
    package final class Leader: Sendable {
        package let flight = Flight()
        private let onLanding: @Sendable () -> Void

        /// - Parameter onLanding: called before those who wait are woken, such as to take the flight off a table.
        package init(onLanding: @escaping @Sendable () -> Void = {}) { self.onLanding = onLanding }

        deinit {
            onLanding()
            flight.land()
        }
    }

    private struct State {
        var hasLanded = false
        var waiters: [@Sendable () -> Void] = []
    }

    private let state = Monitor(State())

    fileprivate init() {}

    private func land() {
        let waiters = state.withLock { state in
            state.hasLanded = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter() }
    }

    /// Calls `waiter` once when the flight has landed, at once if it has. It runs on the leader's thread.
    package func onLanding(_ waiter: @escaping @Sendable () -> Void) {
        let landed = state.withLock { state in
            if !state.hasLanded { state.waiters.append(waiter) }
            return state.hasLanded
        }
        if landed { waiter() }
    }
}
