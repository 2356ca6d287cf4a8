package import Connections
import HTTP
package import JSON
package import Runtime

/// What became of a token that was to be revoked.
package enum RevocationResult: Sendable {
    /// It is not valid any more. RFC 7009 counts tokens that never were as well.
    /// `revokesGrant`: whether the user's whole grant went with it; nil when nobody says.
    case revoked(revokesGrant: Bool?)
    /// The provider revokes no tokens, or none of this kind.
    case unsupported
    /// `transient` ones may be tried again.
    case failed(TokenFailure)
}

extension OAuth {
    /// Takes a token back at the provider (RFC 7009, or the provider's own way).
    /// - Parameter token: a string node.
    package static func revoke(
        token: JSON, isRefreshToken: Bool, provider: Provider, clock: Clock = .system
    ) -> Step<RevocationResult> {
        guard let revocation = provider.revocation else { return .done(.unsupported) }
        switch revocation.takes {
        case .accessToken where isRefreshToken, .refreshToken where !isRefreshToken: return .done(.unsupported)
        default: break
        }
        do {
            let (http, redaction) = try request(revocation, token, isRefreshToken: isRefreshToken, provider)
            return .http(http) { result in .done(outcome(of: result, revocation, provider, clock, redaction)) }
        } catch {
            return .done(.failed(error))
        }
    }

    private static func request(
        _ revocation: Provider.Revocation, _ token: JSON, isRefreshToken: Bool, _ provider: Provider
    ) throws(TokenFailure) -> (request: HTTPRequest, redaction: Redaction) {
        var request = TokenRequest([], provider: provider)
        var bearer: RequestValue?
        if revocation.authentication == .token {
            bearer = .node(token)
        } else {
            request.set(revocation.tokenParameter, .node(token))
            if revocation.takes == .any {
                request.set("token_type_hint", .text(isRefreshToken ? "refresh_token" : "access_token"))
            }
        }
        return try request.http(
            revocation.method == .delete ? .delete : .post, revocation.url, format: revocation.bodyFormat,
            authMethod: revocation.authentication == .basic ? .basic : provider.usedAuthMethod, token: bearer,
            mustFinish: false)
    }

    /// RFC 7009 section 2.2 has a token that is dead answered with 200. Others say so with an error.
    private static let deadTokenCodes: Set<ID> = [
        "invalid_grant", "invalid_token", "invalid_refresh_token", "bad_refresh_token", "expired_token",
        "token_expired", "token_revoked",
    ]

    private static func outcome(
        of result: HTTPResult, _ revocation: Provider.Revocation, _ provider: Provider, _ clock: Clock,
        _ redaction: Redaction
    ) -> RevocationResult {
        switch result {
        case .failure(let failure):
            return .failed(TokenFailure(failure, provider: provider))
        case .success(let response):
            let answer = Answer(response)
            let isRefused = answer.error != nil || answer.object?["ok"]?.boolean == false
            if (200...299).contains(answer.status), !isRefused {
                return .revoked(revokesGrant: revocation.revokesGrant)
            }
            let failure = TokenFailure(answer, .revocation, provider: provider, clock: clock, redaction: redaction)
            let code = answer.error.map { ID($0.asciiLowercased) }
            switch failure.kind {
            case .permanent where code.map(deadTokenCodes.contains) == true: return .revoked(revokesGrant: nil)
            case .misconfigured where code == "unsupported_token_type": return .unsupported
            default: return .failed(failure)
            }
        }
    }
}
