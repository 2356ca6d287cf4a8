import Connections
import JSON
import Memory

extension TokenFailure {
    /// What a code means, however its letters are written: RFC 6749 sections 4.1.2.1 and 5.2, RFC 7009, RFC 8707, OpenID
    /// Connect, and the codes that large providers send in their place. A provider's own map goes before. A code that
    /// stands nowhere says nothing: the status decides.
    static let codes: [ID: Kind] = [
        // The grant is gone.
        "invalid_grant": .permanent,
        "unauthorized_client": .permanent,  // sent for refresh tokens that belong to another client
        "access_denied": .permanent,
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
        // Our client or its request is wrong.
        "invalid_client": .misconfigured,
        "invalid_client_id": .misconfigured,
        "invalid_client_secret": .misconfigured,
        "bad_client_secret": .misconfigured,
        "incorrect_client_credentials": .misconfigured,
        "application_suspended": .misconfigured,
        "redirect_uri_mismatch": .misconfigured,
        "bad_redirect_uri": .misconfigured,
        "invalid_redirect_uri": .misconfigured,
        "invalid_request": .misconfigured,
        "invalid_scope": .misconfigured,
        "invalid_target": .misconfigured,
        "unsupported_grant_type": .misconfigured,
        "unsupported_response_type": .misconfigured,
        "unsupported_token_type": .misconfigured,
        // The provider is unwell.
        "temporarily_unavailable": .transient,
        "server_error": .transient,
        "internal_error": .transient,
        "fatal_error": .transient,
        "service_unavailable": .transient,
        "request_timeout": .transient,
        "slow_down": .transient,
        "ratelimited": .transient,
        "rate_limited": .transient,
    ]

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
    init(_ answer: Answer, provider: Provider, clock: Clock, redaction: Redaction) {
        let codes = answer.codes(at: provider.errorPaths) + [answer.error, answer.unmarkedCode].compactMap { $0 }
        let code = codes.first
        let texts = provider.errorMessages.isEmpty ? [] : answer.texts(at: provider.errorPaths)
        func known(_ map: [ID: Kind]) -> Kind? { codes.lazy.compactMap { map[ID($0.asciiLowercased)] }.first }
        func rule(_ rules: [StatusRule]) -> Kind? {
            rules.first { $0.statuses.contains(answer.status) && (!$0.needsObject || answer.object != nil) }?.kind
        }
        let said = provider.errorMessages.first { message in texts.contains { $0.holds(message.text) } }
        let kind =
            known(provider.errorMap) ?? said?.kind ?? rule(Self.loudStatuses) ?? known(Self.codes)
            ?? rule(Self.quietStatuses) ?? .transient
        self.init(kind, "\(provider.id) \(Self.outcome(answer, kind))")
        let redaction = redaction.adding(answer.secrets(provider.tokenPaths), withholdsOpaque: true)
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
