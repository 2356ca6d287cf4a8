import Connections
import JSON
import Runtime

extension TokenFailure {
    /// Of whom an endpoint speaks decides what some of its codes mean.
    enum Phase: Sendable {
        /// A refresh token is exchanged, or the client speaks for itself alone.
        case token
        /// A code is exchanged. It has been used in any case.
        case code
        /// A device asks whether its user has granted access (RFC 8628 section 3.5).
        case device
        /// A token is revoked: what is permanent is about it.
        case revocation
    }

    /// What a code means, however its letters are written: RFC 6749 section 5.2, RFC 6750, RFC 7009, RFC 8707, OpenID
    /// Connect, and the codes that large providers send in their place. A provider's own map goes before. A code that
    /// stands nowhere says nothing: the status decides.
    static let codes: [ID: Kind] = [
        // The grant is gone.
        "invalid_grant": .permanent,
        "invalid_token": .permanent,  // RFC 6750: at the token endpoint, the refresh token is the one that there is
        "expired_token": .permanent,
        "token_expired": .permanent,
        "token_revoked": .permanent,
        "account_inactive": .permanent,
        "bad_refresh_token": .permanent,
        "invalid_refresh_token": .permanent,
        "bad_verification_code": .permanent,
        "invalid_code": .permanent,
        "code_already_used": .permanent,
        "interaction_required": .permanent,
        "login_required": .permanent,
        "consent_required": .permanent,
        // Our client or its request is wrong, or an administrator does not let it.
        "unauthorized_client": .misconfigured,
        "invalid_client": .misconfigured,
        "invalid_client_id": .misconfigured,
        "invalid_client_secret": .misconfigured,
        "invalid_auth": .misconfigured,
        "bad_client_secret": .misconfigured,
        "incorrect_client_credentials": .misconfigured,
        "application_suspended": .misconfigured,
        "device_flow_disabled": .misconfigured,
        "admin_policy_enforced": .misconfigured,
        "org_internal": .misconfigured,
        "redirect_uri_mismatch": .misconfigured,
        "bad_redirect_uri": .misconfigured,
        "invalid_redirect_uri": .misconfigured,
        "invalid_request": .misconfigured,
        "invalid_scope": .misconfigured,
        "invalid_target": .misconfigured,
        "unsupported_grant_type": .misconfigured,
        "unsupported_response_type": .misconfigured,
        "unsupported_token_type": .misconfigured,
        // The provider is failing, or limits our rate.
        "temporarily_unavailable": .transient,
        "server_error": .transient,
        "internal_error": .transient,
        "fatal_error": .transient,
        "service_unavailable": .transient,
        "request_timeout": .transient,
        "authorization_pending": .transient,
        "slow_down": .transient,
        "ratelimited": .transient,
        "rate_limited": .transient,
        "rate_limit_exceeded": .transient,
        "too_many_requests": .transient,
        "quota_exceeded": .transient,
    ]

    /// The codes that have a meaning of their own in a phase. They go before ``codes``.
    static func codes(in phase: Phase) -> [ID: Kind] {
        switch phase {
        case .token, .code: [:]
        case .device: deviceCodes
        case .revocation: revocationCodes
        }
    }

    private static let deviceCodes: [ID: Kind] = [
        "authorization_pending": .transient,
        "slow_down": .transient,
        // The user said no.
        "authorization_declined": .permanent,  // Microsoft
        "authorization_denied": .permanent,
        // The device code is gone.
        "code_expired": .permanent,  // Microsoft
        "expired_code": .permanent,
        "device_code_expired": .permanent,
        "authorization_expired": .permanent,
        "expired": .permanent,  // Zoho
        "incorrect_device_code": .permanent,  // GitHub
        "invalid_device_code": .permanent,
        // The user is at another data centre than the connection (Zoho).
        "other_dc": .misconfigured,
    ]

    private static let revocationCodes: [ID: Kind] = [
        "invalid_auth": .permanent,  // Slack
        "unauthorized_client": .permanent,  // the token is another client's
    ]

    /// What codes mean that say nothing where the status does. `access_denied` says that a device's user said no, or that a
    /// rule of the provider's did; but wrong secrets are refused with it too, with a 401. For a refresh token it says nothing.
    private static func quietCodes(in phase: Phase) -> [ID: Kind] {
        phase == .device || phase == .code ? ["access_denied": .permanent] : [:]
    }

    /// Words about rate limiting, whatever the code beside them: nobody loses a grant over it.
    private static let throttlingWords = [
        "rate limit", "rate-limit", "ratelimit", "rate exceeded", "too many requests", "throttled",
    ]

    /// A provider's words go before these; all others say more than words do.
    private static let vagueCodes: Set<ID> = ["invalid_request", "unauthorized_client", "access_denied"]

    struct StatusRule: Sendable {
        var statuses: ClosedRange<Int>
        /// Only when the body is JSON, so that the provider itself has spoken.
        var needsObject = false
        var kind: Kind
    }

    /// Where the status decides, whatever code stands in the body.
    static let loudStatuses = [
        StatusRule(statuses: 429...429, kind: .transient),
        StatusRule(statuses: 500...599, kind: .transient),
    ]

    /// Where no code decides. Whatever stands here neither, such as a 403 or a page for people that a firewall sent in
    /// place of the provider, is transient: nobody loses a grant over it.
    static let quietStatuses = [
        StatusRule(statuses: 401...401, needsObject: true, kind: .misconfigured),  // RFC 6749 section 5.2
        StatusRule(statuses: 404...405, needsObject: true, kind: .misconfigured),
    ]

    /// There is a response, and it holds no tokens.
    init(_ answer: Answer, _ phase: Phase, provider: Provider, clock: Clock, redaction: Redaction) {
        let codes = answer.codes(at: provider.errorPaths) + [answer.error].compactMap { $0 } + answer.unmarkedCodes
        let code = codes.first
        let names = codes.map { ID($0.asciiLowercased) }
        let allNames = names + answer.wordCodes.map { ID($0) }
        let texts = answer.texts(at: provider.errorPaths)
        func known(_ map: [ID: Kind], _ names: [ID]) -> Kind? { names.lazy.compactMap { map[$0] }.first }
        func rule(_ rules: [StatusRule]) -> Kind? {
            rules.first { $0.statuses.contains(answer.status) && (!$0.needsObject || answer.object != nil) }?.kind
        }
        func said(_ words: String) -> Bool { texts.contains { $0.holds(words) } }
        let isThrottled = Self.throttlingWords.contains(where: said)
        let ofStatus = isThrottled ? Kind.transient : rule(Self.loudStatuses)
        let specific = names.filter { !Self.vagueCodes.contains($0) }
        let plain = known(Self.codes(in: phase), specific) ?? known(Self.codes, specific)
        let words = provider.errorMessages.first { said($0.text) }?.kind
        // Nobody loses a grant over words beside a code that speaks of something else.
        let ofWords = words == .permanent && plain != nil && plain != .permanent ? nil : words
        let mapped = known(provider.errorMap, names)
        // Words may say that a code which is permanent as a rule is not this time.
        let ofProvider = mapped == .permanent ? ofWords ?? mapped : mapped ?? ofWords
        let ofCode = known(Self.codes(in: phase), allNames) ?? known(Self.codes, allNames)
        let ofTheRest = rule(Self.quietStatuses) ?? known(Self.quietCodes(in: phase), allNames)
        // A provider that is failing, or limits our rate, has not looked at the grant.
        let told = ofProvider == .permanent ? ofStatus ?? ofProvider : ofProvider ?? ofStatus
        let ofClient =
            provider.authMethod == .bearer && answer.status == 401 && names.contains("invalid_token")
            ? Kind.misconfigured : nil  // the bearer there is the client's secret
        let kind = ofClient ?? told ?? ofCode ?? ofTheRest ?? .transient
        self.init(kind, "\(provider.id) \(Self.outcome(answer, kind))")
        let redaction = redaction.adding(answer.secrets(provider.tokenPaths), withholdsOpaque: true)
        isPending = phase == .device && allNames.contains("authorization_pending")
        isTooEarly = phase == .device && allNames.contains("slow_down")
        self.code = code.flatMap { redaction.clean($0, maxCharacters: 64) }
        description = redaction.clean(answer.errorDescription, maxCharacters: 256)
        httpStatus = answer.status
        retryAfterMilliseconds = answer.headers["retry-after"].flatMap {
            // A date there is one of the provider's own clock.
            RetryAfter.milliseconds($0, now: answer.headers["date"].flatMap(RetryAfter.date) ?? clock.seconds)
        }
        // A gateway's error or an answer that cannot be read says nothing of what the provider behind it did.
        mayHaveArrived =
            (500...599).contains(answer.status) || ((200...299).contains(answer.status) && code == nil)
    }

    private static func outcome(_ answer: Answer, _ kind: Kind) -> String {
        switch kind {
        case .permanent: return "refused the grant"
        case .misconfigured: return "refused the client's request (HTTP \(answer.status))"
        case .transient: break
        }
        switch answer.body {
        case .html: return "answered a web page (HTTP \(answer.status))"
        case .unreadable: return "answered what cannot be read (HTTP \(answer.status))"
        case .empty, .object: return "answered no token (HTTP \(answer.status))"
        }
    }
}
