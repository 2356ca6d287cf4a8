internal import Connections
internal import OAuth
internal import Runtime

/// Which of a subject's tokens at a connection a fetch means.
struct TokenSelection: Sendable {
    /// Empty: whatever scopes.
    var scopes: [String]
    /// Nil: any of the subject's accounts.
    var account: ID?
    /// RFC 8707: the token is for all of these. Empty: whatever it is for.
    var resources: [String] = []

    /// Scopes that the user was asked for and did not grant may be missing.
    var acceptsNarrower = false
    /// Only grants from then on say what the user did not grant. Milliseconds since 1970; nil: all.
    var askedAt: Int64?

    enum Outcome {
        case found(Row<TokenRecord>)
        /// There is none of this account.
        case missing
        /// `nearest` lacks the fewest.
        case lacking(Lack, nearest: Row<TokenRecord>)
    }

    /// The scopes that no token has.
    struct Lack {
        var missing: [String]
        /// Those of them that the user was asked for when the tokens that there are were granted.
        var declined: [String]

        /// Asking again would bring what there is.
        var isDeclined: Bool { missing.count == declined.count }
    }

    /// The token with the fewest scopes that has all that are wanted; among equals, or when no scopes are wanted, the one
    /// granted last. One that is to be had without the user goes before those that need him.
    /// - Parameter rules: what the provider makes of the names of scopes.
    func choose(_ rows: [Row<TokenRecord>], _ rules: ScopeRules, now: Int64) -> Outcome {
        let candidates = rows.filter { row in
            (account == nil || row.value.externalIdentifier == account)
                && Scopes.missing(resources, from: row.value.resources).isEmpty
        }
        let ranked = candidates.map { row in
            Candidate(
                row: row, missing: rules.missing(scopes, from: row.value.grant),
                isUsable: row.value.isUsable(now: now), size: scopes.isEmpty ? 0 : row.value.scopes.count)
        }
        guard var best = ranked.max(by: { $0.isWorse(than: $1) }) else { return .missing }
        guard !best.missing.isEmpty || !best.isUsable else { return .found(best.row) }
        let usable = ranked.filter(\.isUsable)
        // Whoever must come by again anyway is asked for all of it.
        let standing = usable.map(\.row.value).filter {
            $0.refresh.refusal == nil && askedAt ?? .min <= $0.grantedAt
        }
        var asked = standing.flatMap { $0.requested ?? [] }
        // Nobody knows when they were asked for.
        if askedAt == nil { asked += standing.flatMap(\.declinedEarlier) }
        if acceptsNarrower { asked += standing.flatMap(\.lost) }
        func lack(_ candidate: Candidate) -> Lack {
            let unasked = Set(
                rules.missing(candidate.missing, from: .init(scopes: asked, requested: [])).map { ID($0) })
            return Lack(
                missing: candidate.missing, declined: candidate.missing.filter { !unasked.contains(ID($0)) })
        }
        if !best.isUsable {
            // One that has more is not asked for again where a later grant was asked for as much.
            let later = usable.filter { best.row.value.grantedAt < $0.row.value.grantedAt }
            if let live = later.max(by: { $0.isWorse(than: $1) }), lack(live).isDeclined { best = live }
        }
        guard !best.missing.isEmpty else { return .found(best.row) }
        if acceptsNarrower, let narrower = usable.max(by: { $0.isWorse(than: $1) }), lack(narrower).isDeclined {
            return .found(narrower.row)
        }
        return .lacking(lack(best), nearest: best.row)
    }

    private struct Candidate {
        let row: Row<TokenRecord>
        let missing: [String]
        let isUsable: Bool
        let size: Int

        func isWorse(than other: Candidate) -> Bool {
            if missing.count != other.missing.count { return missing.count > other.missing.count }
            if isUsable != other.isUsable { return other.isUsable }
            if size != other.size { return size > other.size }
            return row.value.grantedAt < other.row.value.grantedAt
        }
    }
}
