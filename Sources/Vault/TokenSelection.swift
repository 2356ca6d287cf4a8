internal import Connections
internal import Memory
internal import OAuth

/// Which of a subject's tokens at a connection a fetch means.
struct TokenSelection: Sendable {
    /// Empty: whatever scopes.
    var scopes: [String]
    /// Nil: any of the subject's accounts.
    var account: ID?
    /// RFC 8707: the token is for all of these. Empty: whatever it is for.
    var resources: [String] = []

    enum Outcome {
        case found(Row<TokenRecord>)
        /// There is none of this account.
        case missing
        /// `nearest` lacks the fewest.
        case lacking([String], nearest: Row<TokenRecord>)
    }

    /// The token with the fewest scopes that has all that are wanted; among equals, or when no scopes are wanted, the one
    /// granted last. One that is to be had without the user goes before those that need him.
    func choose(_ rows: [Row<TokenRecord>], now: Int64) -> Outcome {
        let candidates = rows.filter { row in
            (account == nil || row.value.externalIdentifier == account)
                && Scopes.missing(resources, from: row.value.resources).isEmpty
        }
        let ranked = candidates.map { row in
            Candidate(
                row: row, missing: Scopes.missing(scopes, from: row.value.scopes).count,
                isUsable: row.value.isUsable(now: now), size: scopes.isEmpty ? 0 : row.value.scopes.count)
        }
        guard let best = ranked.max(by: { $0.isWorse(than: $1) }) else { return .missing }
        guard best.missing > 0 else { return .found(best.row) }
        return .lacking(Scopes.missing(scopes, from: best.row.value.scopes), nearest: best.row)
    }

    private struct Candidate {
        let row: Row<TokenRecord>
        let missing: Int
        let isUsable: Bool
        let size: Int

        func isWorse(than other: Candidate) -> Bool {
            if missing != other.missing { return missing > other.missing }
            if isUsable != other.isUsable { return other.isUsable }
            if size != other.size { return size > other.size }
            return row.value.grantedAt < other.row.value.grantedAt
        }
    }
}
