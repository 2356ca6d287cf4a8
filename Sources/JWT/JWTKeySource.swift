internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// Where an issuer's keys come from, and those that came last. Whoever wants them while somebody reads them waits for that.
final class JWTKeySource: Sendable {
    /// Milliseconds. A key that the issuer has taken back is of use for so long.
    private static let lifetime = 600_000
    /// While the issuer does not answer, the keys that it answered last are used for so long. Milliseconds.
    private static let staleLifetime = 86_400_000
    /// Whoever names a key that is not known has it looked up, at most so often. Milliseconds.
    private static let pause = 30_000
    /// After a failure without any keys: short, for whoever has mended it. Milliseconds.
    private static let failurePause = 5_000
    /// How long whoever needs them waits for the issuer. Milliseconds.
    private static let timeout = 10_000
    /// The same for whoever has the key, and happens to be the one who reads them anew. Milliseconds.
    private static let renewalTimeout = 2_000
    private static let maxBytes = 256 << 10

    private struct State {
        var keys: JWTKeySet?
        /// When `keys` came.
        var readAt: Deadline?
        /// When they were asked for last.
        var askedAt: Deadline?
        /// When they could not be read last.
        var failedAt: Deadline?
        var flight: Flight?
    }

    private enum Entry {
        case found(JWTKeySet)
        case failed
        case follower(Flight)
        case leader(Flight.Leader, timeout: Int)
    }

    /// Nil: the keys are those of the config.
    private let url: String?
    private let state: Monitor<State>

    init(url: String) {
        self.url = url
        state = Monitor(State())
    }

    init(_ keys: JWTKeySet) {
        url = nil
        state = Monitor(State(keys: keys))
    }

    /// The keys that may have signed a JWT whose header names one of this id.
    /// - Throws: `unavailable` while there are none to be had.
    func candidates(_ id: ID?, clock: Clock) throws(ConnError) -> Step<[JWTKey]> {
        guard let url else { return .done(state.withLock { $0.keys }?.candidates(id) ?? []) }
        switch enter(id, now: clock.monotonic()) {
        case .found(let keys): return .done(keys.candidates(id))
        case .failed: throw ConnError(.unavailable, "the keys of the JWT's issuer cannot be read")
        case .follower(let flight):
            return .join(flight) { [self] () throws(ConnError) in try candidates(id, clock: clock) }
        case .leader(let leader, let timeout):
            let request = HTTPRequest(
                .get, url, headers: [HTTPRequest.Header("accept", "application/json")],
                timeoutMilliseconds: timeout)
            return .http(request) { [self] (result) throws(ConnError) in
                // The flight lasts as long as this closure.
                try withExtendedLifetime(leader) { () throws(ConnError) in
                    keep(Self.keys(in: result), now: clock.monotonic())
                    guard let keys = state.withLock({ $0.keys }) else {
                        throw ConnError(.unavailable, "the keys of the JWT's issuer cannot be read")
                    }
                    return .done(keys.candidates(id))
                }
            }
        }
    }

    private func enter(_ id: ID?, now: Deadline) -> Entry {
        state.withLock { state in
            func isPast(_ moment: Deadline?, _ milliseconds: Int) -> Bool {
                moment.map { $0.adding(milliseconds: milliseconds) <= now } ?? true
            }
            if isPast(state.readAt, Self.staleLifetime) { state.keys = nil }
            var timeout = Self.timeout
            if let keys = state.keys {
                // Whoever names a key that may be new waits for it; whoever names another goes on with what is there.
                let isKnown = !keys.candidates(id).isEmpty
                if !isKnown, let flight = state.flight { return .follower(flight) }
                let isWanted = !isKnown || isPast(state.readAt, Self.lifetime)
                guard isWanted, state.flight == nil, isPast(state.askedAt, Self.pause) else { return .found(keys) }
                if isKnown { timeout = Self.renewalTimeout }
            } else if let flight = state.flight {
                return .follower(flight)
            } else if !isPast(state.failedAt, Self.failurePause) {
                return .failed
            }
            let leader = Flight.Leader { [weak self] in self?.state.withLock { $0.flight = nil } }
            state.flight = leader.flight
            state.askedAt = now
            return .leader(leader, timeout: timeout)
        }
    }

    private func keep(_ keys: JWTKeySet?, now: Deadline) {
        guard let keys else {
            Log.write(.warning, "the keys of an issuer of JWTs cannot be read")
            state.withLock { $0.failedAt = now }
            return
        }
        state.withLock { state in
            state.keys = keys
            state.readAt = now
        }
    }

    private static func keys(in result: HTTPResult) -> JWTKeySet? {
        guard case .success(let response) = result, response.status == 200, response.body.count <= maxBytes else {
            return nil
        }
        return response.body.withBytes { try? JSON.parse($0) }.flatMap(JWTKeySet.init)
    }
}
