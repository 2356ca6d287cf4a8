internal import Connections
internal import Runtime

/// The states that this process has seen, until they expire: for backends that have no store to remember them in.
final class SpentStates: Sendable {
    private static let capacity = 100_000
    /// Milliseconds.
    private static let sweepInterval = 60_000

    /// When a state has expired, by both clocks: where the time of day was set, it is remembered until the later of both.
    private struct Expiry {
        /// Seconds since 1970.
        let time: Int64
        let end: Deadline
    }

    private struct State {
        var expiries: [[UInt8]: Expiry] = [:]
        /// When to look for expired ones again, so that a full table is not searched at every call.
        var nextSweep = Deadline(nanoseconds: 0)
    }

    private let state = Monitor(State())

    /// - Returns: whether it was not there.
    /// - Throws: `limit` when there is no room: what cannot be remembered is not taken.
    func insert(_ id: [UInt8], expiresAt: Int64, clock: Clock) throws(ConnError) -> Bool {
        let (seconds, now) = (clock.seconds, clock.monotonic())
        let left = Int(clamping: max(expiresAt - seconds, 0))
        let isFirst: Bool? = state.withLock { state in
            if state.nextSweep <= now || state.expiries.count >= Self.capacity {
                state.expiries = state.expiries.filter { seconds < $0.value.time || now < $0.value.end }
                state.nextSweep = now.adding(milliseconds: Self.sweepInterval)
            }
            guard state.expiries[id] == nil else { return false }
            guard state.expiries.count < Self.capacity else { return nil }
            state.expiries[id] = Expiry(time: expiresAt, end: now.adding(milliseconds: left * 1000))
            return true
        }
        guard let isFirst else { throw ConnError(.limit, "too many requestStates are in use") }
        return isFirst
    }
}
