internal import Connections
internal import Crypto
internal import JSON
internal import OAuth

/// What is known of a token's refreshing: part of its row, so that all processes on a store agree.
struct RefreshState: Sendable {
    /// Counts the access tokens this row has held. The upper half is random and stays: a row that comes into the place of
    /// a deleted one counts elsewhere, so that nothing that is under way yet takes the one for the other.
    var generation: Int64
    /// Counts the leases this row has given.
    var fence: Int64 = 0
    /// Who is refreshing, or was when its process ended.
    var lease: Lease?
    /// A reply may have been lost, and with it a newer refresh token than the row's.
    var hasLostReply = false
    /// How long the provider takes the refresh token once more after that; nil when it does not.
    var recovery: Interval?
    /// Failures since the last success.
    var failures: Int64 = 0
    /// How long the last failure is waited out.
    var backoff: Interval?
    /// Of the last success. Seconds since 1970.
    var lastTime: Int64?
    /// Nil after a success.
    var lastFailure: Failure?
    /// Why only a new grant helps; it clears it.
    var refusal: Refusal?

    /// Of a new row.
    static func first() -> RefreshState {
        RefreshState(generation: Crypto.random(3).reduce(0) { $0 << 8 | Int64($1) } << 32)
    }

    /// Whether a generation is one of this row, and not of one that was in its place before.
    func isOfThisRow(_ generation: Int64) -> Bool { generation >> 32 == self.generation >> 32 }

    /// The right to refresh, and the record that it was used: it is on disk before the request leaves.
    struct Lease: Sendable, Equatable {
        let owner: String
        let fence: Int64
        /// The access token's generation that is to be replaced.
        let generation: Int64
        /// 2: an earlier one ended without a word.
        let attempt: Int64
        let begun: Instant
        /// Milliseconds. The request's own time is shorter.
        let duration: Int64
        /// How long the provider takes the refresh token once more if this ends without a word; nil when it does not.
        let grace: Interval?
    }

    struct Failure: Sendable {
        let kind: TokenFailure.Kind
        let message: String
        let code: String?
        let httpStatus: Int?

        /// For `lastRefreshError`.
        var summary: String { code.map { "\(message): \($0)" } ?? message }
    }

    struct Refusal: Sendable {
        enum Cause: String, Sendable {
            /// The provider refused the refresh token.
            case refused
            /// A reply was lost, and the refresh token did not work again.
            case uncertain
            /// A service refused the access token, and nothing replaces it.
            case rejected
            /// The connection has moved to another authorization server. No row says so: it may come back.
            case moved

            /// Whether the access token is of no use either.
            var isOfAccessToken: Bool { self == .rejected || self == .moved }
        }

        let cause: Cause
        /// Seconds since 1970.
        let since: Int64
    }
}

// MARK: - JSON

extension RefreshState {
    init?(json: JSON) {
        guard let generation = json["generation"]?.integer, let fence = json["fence"]?.integer else { return nil }
        self.generation = generation
        self.fence = fence
        lease = json["lease"].flatMap(Lease.init)
        hasLostReply = json["hasLostReply"]?.boolean ?? false
        recovery = json["recovery"].flatMap(Interval.init)
        failures = json["failures"]?.integer ?? 0
        backoff = json["backoff"].flatMap(Interval.init)
        lastTime = json["lastTime"]?.integer
        lastFailure = json["lastFailure"].flatMap(Failure.init)
        refusal = json["refusal"].flatMap(Refusal.init)
    }

    var json: JSON {
        .object([
            "generation": .integer(generation),
            "fence": .integer(fence),
            "lease": lease?.json,
            "hasLostReply": hasLostReply ? .boolean(true) : nil,
            "recovery": recovery?.json,
            "failures": failures == 0 ? nil : .integer(failures),
            "backoff": backoff?.json,
            "lastTime": lastTime.map { .integer($0) },
            "lastFailure": lastFailure?.json,
            "refusal": refusal?.cause == .moved ? nil : refusal?.json,
        ])
    }
}

extension RefreshState.Lease {
    fileprivate init?(json: JSON) {
        guard let owner = json["owner"]?.string, let fence = json["fence"]?.integer,
            let generation = json["generation"]?.integer, let attempt = json["attempt"]?.integer,
            let begun = json.beginning, let duration = json["duration"]?.integer
        else { return nil }
        self.init(
            owner: owner, fence: fence, generation: generation, attempt: attempt, begun: begun, duration: duration,
            grace: json["grace"].flatMap(Interval.init))
    }

    fileprivate var json: JSON {
        let json = JSON.object([
            "owner": .string(owner), "fence": .integer(fence), "generation": .integer(generation),
            "attempt": .integer(attempt), "duration": .integer(duration), "grace": grace?.json,
        ])
        json.setBeginning(begun)
        return json
    }
}

extension RefreshState.Failure {
    init(_ failure: TokenFailure) {
        self.init(kind: failure.kind, message: failure.message, code: failure.code, httpStatus: failure.httpStatus)
    }

    fileprivate init?(json: JSON) {
        guard let kind = json["kind"]?.string.flatMap(TokenFailure.Kind.init), let message = json["message"]?.string
        else { return nil }
        self.init(
            kind: kind, message: message, code: json["code"]?.string,
            httpStatus: json["httpStatus"]?.integer.flatMap(Int.init(exactly:)))
    }

    fileprivate var json: JSON {
        .object([
            "kind": .string(kind.rawValue), "message": .string(message), "code": code.map(JSON.string),
            "httpStatus": httpStatus.map { .integer($0) },
        ])
    }
}

extension RefreshState.Refusal {
    fileprivate init?(json: JSON) {
        guard let cause = json["cause"]?.string.flatMap(Cause.init), let since = json["since"]?.integer else {
            return nil
        }
        self.init(cause: cause, since: since)
    }

    fileprivate var json: JSON { .object(["cause": .string(cause.rawValue), "since": .integer(since)]) }
}
