internal import Connections
internal import Memory

/// The states that this process has seen, until they expire: for backends that have no store to remember them in.
final class SpentStates: Sendable {
    private static let capacity = 100_000

    private struct State {
        var expiries: [[UInt8]: Int64] = [:]
        /// When to look for expired ones again, so that a full table is not searched at every call. Seconds since 1970.
        var nextSweep: Int64 = 0
    }

    private let state = Monitor(State())

    /// - Returns: whether it was not there.
    /// - Throws: `limit` when there is no room: what cannot be remembered is not taken.
    func insert(_ id: [UInt8], expiresAt: Int64, now: Int64) throws(ConnError) -> Bool {
        let isFirst: Bool? = state.withLock { state in
            if state.nextSweep <= now || state.expiries.count >= Self.capacity {
                state.expiries = state.expiries.filter { $0.value > now }
                state.nextSweep = now + 60
            }
            guard state.expiries[id] == nil else { return false }
            guard state.expiries.count < Self.capacity else { return nil }
            state.expiries[id] = expiresAt
            return true
        }
        guard let isFirst else { throw ConnError(.limit, "too many requestStates are in use") }
        return isFirst
    }
}
