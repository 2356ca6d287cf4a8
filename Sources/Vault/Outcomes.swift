internal import Memory
internal import OAuth

/// What came of refreshes and is not in the store yet.
///
/// A provider's reply may hold the only refresh token there is. While the store cannot take it, on a full disk or because
/// another process has the file locked, it is kept here, and put there by whoever comes next.
final class Outcomes: Sendable {
    struct Outcome: Sendable {
        let result: Result<TokenReply, TokenFailure>
        let lease: RefreshState.Lease
        let habits: RefreshHabits
        /// What was refreshed, and of which connection.
        let token: TokenRecord
        let app: AppRecord
    }

    private let outcomes = Monitor<[[UInt8]: Outcome]>([:])

    /// The rows whose outcome is here.
    var keys: [[UInt8]] { outcomes.withLock { Array($0.keys) } }

    subscript(key: [UInt8]) -> Outcome? { outcomes.withLock { $0.isEmpty ? nil : $0[key] } }

    func add(_ outcome: Outcome, at key: [UInt8]) { outcomes.withLock { $0[key] = outcome } }

    /// Lets go of an outcome, unless a later one has taken its place.
    func remove(_ outcome: Outcome, at key: [UInt8]) {
        outcomes.withLock { if $0[key]?.lease == outcome.lease { $0[key] = nil } }
    }
}
