internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

/// How fresh a token must be.
struct Freshness: Sendable {
    /// The access token must live at least so long. Seconds.
    var minTTL: Int64
    /// The generation that did not do. A newer one does, however long it lives.
    var unfit: Int64?
    /// Only a newer one does.
    var isForced: Bool
    /// A service refused the unfit one.
    var isRejected: Bool
}

/// What to do about a token that is asked for.
enum RefreshAction: Sendable {
    /// Answer it.
    case serve
    /// Somebody else is refreshing it: look again a little later.
    case wait
    /// Take the lease with ``TokenRecord/begin(owner:now:duration:)``, and refresh.
    case refresh
    /// A refresh ended without a word twice: keep that, with ``TokenRecord/giveUp(now:)``.
    case giveUp
    /// Only a new grant helps.
    case reauthorize
    /// Keep that the access token is dead, with ``TokenRecord/reject(now:)``: nothing replaces it now.
    case reject
    /// The last refresh failed, and the next may not begin yet.
    case failed(RefreshState.Failure, retryAfterMilliseconds: Int64)
}

/// A refresh as a state machine over the token's row: no I/O, and every moment is an argument. Plain ones are in milliseconds
/// since 1970.
extension TokenRecord {
    /// The longest that a failure is waited out. Milliseconds.
    static let maxBackoff: Int64 = 60_000
    /// What the operator must mend is not tried more often. Milliseconds.
    static let misconfiguredBackoff: Int64 = 10_000
    /// A provider's Retry-After is believed up to here. Milliseconds.
    static let maxRetryAfter: Int64 = 3_600_000

    /// Whether the access token lives, as far as anybody knows.
    func isAlive(for seconds: Int64 = 1, now: Int64) -> Bool {
        accessToken != nil && refresh.refusal?.cause.isOfAccessToken != true
            && (accessTokenExpiry.map { $0 - now / 1000 >= seconds } ?? true)
    }

    /// Whether a refresh may be tried. How long a refresh token lives is often a guess: past that it is tried once, since
    /// a refusal is remembered. An access token that is exchanged for the next one is known to have ended.
    func canRefresh(now: Int64) -> Bool {
        guard let refreshToken, refresh.refusal == nil else { return false }
        return isRenewable(now: now) || accessToken?.equals(refreshToken) != true
    }

    /// Whether a refresh is likely to bring a token.
    func isRenewable(now: Int64) -> Bool {
        refreshToken != nil && refresh.refusal == nil && (refreshTokenExpiry.map { $0 > now / 1000 } ?? true)
    }

    /// Whether there is likely a token to be had without the user.
    func isUsable(now: Int64) -> Bool { isAlive(now: now) || isRenewable(now: now) }

    /// - Parameter isLeaseHeld: whether the row's lease, if there is one, is not over yet.
    func next(_ wanted: Freshness, isLeaseHeld: Bool, now: Instant) -> RefreshAction {
        if refresh.refusal?.cause == .moved { return .reauthorize }
        let isNewer = wanted.unfit.map { refresh.generation != $0 } ?? false
        let isRecovering = mustRecover(isLeaseHeld: isLeaseHeld, now: now)
        if isNewer
            ? isAlive(now: now.time) : !wanted.isForced && !isRecovering && isAlive(for: wanted.minTTL, now: now.time)
        {
            return .serve
        }
        // A token that may not live long enough is better than none, unless the caller knows that it is not.
        let fallback = isAlive(now: now.time) && !wanted.isForced
        if let lease = refresh.lease {
            if isLeaseHeld { return .wait }
            if lease.attempt > 1, !isRecovering { return .giveUp }
        }
        let isDead = wanted.isRejected && !isNewer && isAlive(now: now.time)
        guard canRefresh(now: now.time) else {
            if isDead { return .reject }
            return isAlive(now: now.time) && refresh.refusal == nil ? .serve : .reauthorize
        }
        if let wait = refresh.backoff?.remaining(now: now), let failure = refresh.lastFailure {
            if isDead { return .reject }
            return fallback ? .serve : .failed(failure, retryAfterMilliseconds: wait)
        }
        return .refresh
    }

    /// Whether a reply was lost and the provider still takes the refresh token once more: soon it will not, so even a
    /// token that lives is refreshed now.
    private func mustRecover(isLeaseHeld: Bool, now: Instant) -> Bool {
        guard (refresh.recovery ?? refresh.lease?.grace)?.remaining(now: now) != nil,
            refresh.backoff?.remaining(now: now) == nil
        else { return false }
        return refresh.lease == nil ? refresh.hasLostReply : !isLeaseHeld
    }

    /// Takes the lease. The row must be committed before the request leaves.
    mutating func begin(
        owner: String, now: Instant, duration: Int64, habits: RefreshHabits
    ) -> RefreshState.Lease {
        let dangling = habits.survivesUse ? nil : refresh.lease
        refresh.fence += 1
        // The grace counts from the first request whose reply may have been lost.
        let grace =
            refresh.recovery ?? dangling?.grace
            ?? (habits.grace > 0 ? Interval(begun: now, duration: habits.grace) : nil)
        let lease = RefreshState.Lease(
            owner: owner, fence: refresh.fence, generation: refresh.generation, attempt: (dangling?.attempt ?? 0) + 1,
            begun: now, duration: duration, grace: grace)
        refresh.lease = lease
        if dangling != nil { lose(lease) }
        return lease
    }

    /// A reply was lost, and perhaps a newer refresh token with it.
    private mutating func lose(_ lease: RefreshState.Lease) {
        refresh.hasLostReply = true
        refresh.recovery = lease.grace
    }

    /// Takes over what the provider granted.
    /// - Returns: false when the row has gone on without this lease, and stays as it is. A lease that somebody else has
    ///   taken over meanwhile does not matter: the provider's tokens are the newest there are.
    mutating func succeed(
        _ reply: TokenReply, _ lease: RefreshState.Lease, now: Int64, habits: RefreshHabits
    ) -> Bool {
        guard refresh.generation == lease.generation else { return false }
        let (declined, before) = (declined(habits.scopeRules), scopes)
        take(reply)
        // What a refresh loses was granted, and is asked for again; but not for ever, nor where only its name is another.
        let isRenamed = !Scopes.missing(scopes, from: before).isEmpty
        let news = Scopes.missing(Scopes.missing(self.declined(habits.scopeRules), from: declined), from: lost)
        if !isRenamed, !news.isEmpty {
            lost += news
            requested = requested.map { Scopes.missing($0, from: news) }
        }
        // The old refresh token works yet, though its time was thought to be over.
        if let expiry = refreshTokenExpiry, reply.refreshToken == nil, expiry <= now / 1000 { refreshTokenExpiry = nil }
        refresh = RefreshState(generation: refresh.generation + 1, fence: refresh.fence, lastTime: now / 1000)
        return true
    }

    /// The tokens of a reply. A refresh token that it does not replace stays (RFC 6749 section 6).
    mutating func take(_ reply: TokenReply) {
        accessToken = reply.accessToken
        accessTokenType = reply.tokenType
        accessTokenExpiry = reply.expiresAt
        if let token = reply.refreshToken {
            refreshToken = token
            refreshTokenExpiry = reply.refreshExpiresAt
        }
        if let granted = reply.scopes { scopes = granted }
        if let subject = reply.subject { tokenSub = subject }
        if let more = reply.metadata { add(metadata: more) }
    }

    mutating func add(metadata more: JSON) {
        let all = metadata?.shallowCopy() ?? .object()
        for (name, value) in more.members { all.set(name, value) }
        metadata = all
    }

    /// Keeps that a refresh failed.
    /// - Returns: false when the lease is somebody else's by now, and the row stays as it is.
    mutating func fail(
        _ failure: TokenFailure, _ lease: RefreshState.Lease, now: Instant, habits: RefreshHabits, jitter: Jitter
    ) -> Bool {
        guard refresh.lease == lease else { return false }
        refresh.lease = nil
        refresh.lastFailure = RefreshState.Failure(failure)
        switch failure.kind {
        case .permanent:
            refuse(now: now.time)
        case .misconfigured:
            refresh.backoff = Interval(begun: now, duration: jitter.lengthen(Self.misconfiguredBackoff))
        case .transient:
            let backoff = min(1000 << min(refresh.failures, 10), Self.maxBackoff)
            let asked = failure.retryAfterMilliseconds.map { min(Int64($0), Self.maxRetryAfter) }
            refresh.failures += 1
            refresh.backoff = Interval(begun: now, duration: jitter.lengthen(max(asked ?? backoff, 1000)))
            if failure.mayHaveArrived, !habits.survivesUse { lose(lease) }
        }
        return true
    }

    /// Keeps that nobody knows whether the refresh token still works.
    mutating func giveUp(now: Int64) {
        refresh.lease = nil
        refresh.hasLostReply = true
        refuse(now: now)
    }

    private mutating func refuse(now: Int64) {
        refresh.backoff = nil
        refresh.refusal = RefreshState.Refusal(
            cause: refresh.hasLostReply ? .uncertain : .refused, since: now / 1000)
    }

    /// Keeps that a service refused the access token, whatever its expiry says.
    mutating func reject(now: Int64) {
        if canRefresh(now: now) {
            accessTokenExpiry = now / 1000
        } else {
            refresh.refusal = RefreshState.Refusal(cause: .rejected, since: now / 1000)
        }
    }
}

// MARK: - Status

/// The status of a token, for `list`.
struct TokenStatus: Sendable {
    enum Name: String, Sendable {
        /// It is there, or a refresh brings it.
        case active
        /// It lives, and nothing will replace it.
        case expiring
        /// Only a new grant helps.
        case needsReauthorization = "needs_reauthorization"
    }

    enum Reason: String, Sendable {
        case refused
        case uncertain
        /// A service refused the access token, and nothing replaces it.
        case rejected
        /// The connection has moved to another authorization server since.
        case moved
        /// It has expired, and there is no refresh token that lives, as far as is known.
        case expired
        /// There is no refresh token that lives, as far as is known.
        case noRefreshToken = "no_refresh_token"
    }

    var name: Name
    var reason: Reason?
    /// Seconds since 1970.
    var since: Int64?
    /// From when on a fetch refreshes it. Seconds since 1970; nil when unknown or never.
    var nextRefresh: Int64?
}

extension TokenRecord {
    func status(now: Instant) -> TokenStatus {
        if let refusal = refresh.refusal {
            let reason: TokenStatus.Reason =
                switch refusal.cause {
                case .refused: .refused
                case .uncertain: .uncertain
                case .rejected: .rejected
                case .moved: .moved
                }
            return TokenStatus(name: .needsReauthorization, reason: reason, since: refusal.since)
        }
        if isRenewable(now: now.time) { return TokenStatus(name: .active, nextRefresh: nextRefresh(now: now)) }
        guard isAlive(now: now.time) else {
            let ends = [accessTokenExpiry, refreshTokenExpiry].compactMap { $0 }
            return TokenStatus(name: .needsReauthorization, reason: .expired, since: ends.max())
        }
        guard accessTokenExpiry != nil else { return TokenStatus(name: .active) }
        return TokenStatus(name: .expiring, reason: .noRefreshToken)
    }

    /// When a fetch that asks for nothing special first refreshes. Seconds since 1970.
    private func nextRefresh(now: Instant) -> Int64? {
        guard let expiry = accessToken == nil ? now.time / 1000 : accessTokenExpiry else { return nil }
        let due = max(expiry - TokenDemand.usualTTL, now.time / 1000)
        guard let wait = refresh.backoff?.remaining(now: now) else { return due }
        return max(due, (now.time + wait + 999) / 1000)
    }
}
