internal import OAuth
internal import Runtime

/// What came of refreshes and is not in the store yet.
///
/// A provider's reply may hold the only refresh token there is. While the store cannot take it, on a full disk or because
/// another process has the file locked, it is kept here, and put there by whoever comes next: for the same row, or for
/// anything else.
final class Outcomes: Sendable {
    struct Outcome: Sendable {
        let result: Result<TokenReply, TokenFailure>
        let lease: RefreshState.Lease
        let habits: RefreshHabits
        /// What was refreshed, and of which connection.
        let token: TokenRecord
        let app: AppRecord
        /// Whether who refreshed has given up, so that it is everybody's.
        var isLeft = false
    }

    private struct State: Sendable {
        var outcomes: [[UInt8]: Outcome] = [:]
        /// Whether somebody tries in passing.
        var isTried = false
        /// Not before then does anybody else who does not know that the store takes commits.
        var nextTry = Deadline(nanoseconds: 0)
    }

    private let state = Monitor(State())

    var isEmpty: Bool { state.withLock { $0.outcomes.isEmpty } }

    /// Those that nobody is about to settle.
    var left: [[UInt8]] { state.withLock { $0.outcomes.filter(\.value.isLeft).map(\.key) } }

    /// Who refreshed gives up.
    func leave(at key: [UInt8]) { state.withLock { $0.outcomes[key]?.isLeft = true } }

    /// The rows whose outcome is here.
    var keys: [[UInt8]] { state.withLock { Array($0.outcomes.keys) } }

    subscript(key: [UInt8]) -> Outcome? { state.withLock { $0.outcomes.isEmpty ? nil : $0.outcomes[key] } }

    func add(_ outcome: Outcome, at key: [UInt8]) { state.withLock { $0.outcomes[key] = outcome } }

    /// Lets go of an outcome, unless a later one has taken its place.
    func remove(_ outcome: Outcome, at key: [UInt8]) {
        state.withLock { if $0.outcomes[key]?.lease == outcome.lease { $0.outcomes[key] = nil } }
    }

    /// Has one at a time try what is left; while the store fails, no more often than once in `pause`.
    /// - Parameters:
    ///   - now: nil when the store has taken something just now.
    ///   - pause: milliseconds.
    /// - Returns: whether the caller does, who calls ``endTrying()`` then.
    func beginTrying(at now: Deadline?, pause: Int) -> Bool {
        state.withLock { state in
            guard !state.isTried, state.outcomes.contains(where: \.value.isLeft) else { return false }
            if let now {
                guard state.nextTry <= now else { return false }
                state.nextTry = now.adding(milliseconds: pause)
            }
            state.isTried = true
            return true
        }
    }

    func endTrying() { state.withLock { $0.isTried = false } }
}
