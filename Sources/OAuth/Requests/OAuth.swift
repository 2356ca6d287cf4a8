package import Connections
import HTTP
package import JSON
package import Runtime

/// OAuth 2.0 client logic (RFC 6749, 7591, 7636, 7009, 7662, 8414, 8628, 8707, 9126, 9207). It keeps nothing and does no I/O: what it returns says
/// what to send and how to read the answer.
package enum OAuth {
    /// Exchanges an authorization code for tokens. A lost reply loses the grant, so this finishes once begun.
    /// - Parameter resources: RFC 8707 resource indicators, as in the authorization request.
    package static func exchange(
        code: Secret, verifier: Secret?, redirectURI: String, resources: [String] = [], provider: Provider, clock: Clock
    ) -> Step<Result<TokenReply, TokenFailure>> {
        var request = TokenRequest(
            [
                ("grant_type", .text("authorization_code")), ("code", .secret(code)),
                ("redirect_uri", .text(redirectURI)),
            ], provider: provider)
        if let verifier { request.set("code_verifier", .secret(verifier)) }
        return token(request, .code, url: provider.tokenURL, resources: resources, provider: provider, clock: clock)
    }

    /// Exchanges a refresh token for a new access token. A lost reply may lose the grant, so this finishes once begun.
    /// - Parameters:
    ///   - refreshToken: a string node. The access token, where ``Provider/accessTokenRefreshes``.
    ///   - scopes: nil asks for all that were granted.
    package static func refresh(
        refreshToken: JSON, scopes: [String]?, resources: [String] = [], provider: Provider, clock: Clock
    ) -> Step<Result<TokenReply, TokenFailure>> {
        var request = TokenRequest(
            [
                ("grant_type", .text(provider.refreshGrantType)),
                (provider.refreshTokenParameter, .node(refreshToken)),
            ], provider: provider)
        if let scopes { request.set("scope", .text(scopes.joined(separator: provider.scopeSeparator))) }
        let url = provider.refreshURL ?? provider.tokenURL
        return token(request, url: url, resources: resources, provider: provider, clock: clock)
    }

    static func token(
        _ request: TokenRequest, _ phase: TokenFailure.Phase = .token, url: String?, resources: [String],
        provider: Provider, clock: Clock
    ) -> Step<Result<TokenReply, TokenFailure>> {
        var request = request
        for resource in resources { request.add("resource", .text(resource)) }
        for parameter in provider.tokenParameters { request.set(parameter.name, .text(parameter.value)) }
        do throws(TokenFailure) {
            guard let url else { throw TokenFailure(.misconfigured, "\(provider.id) has no token URL") }
            let (http, redaction) = try request.http(
                .post, url, format: provider.bodyFormat, authMethod: provider.usedAuthMethod, mustFinish: true)
            return .http(http) { result in
                .done(tokens(in: result, phase, provider: provider, clock: clock, redaction: redaction))
            }
        } catch {
            return .done(.failure(error))
        }
    }

    private static func tokens(
        in result: HTTPResult, _ phase: TokenFailure.Phase, provider: Provider, clock: Clock, redaction: Redaction
    ) -> Result<TokenReply, TokenFailure> {
        switch result {
        case .failure(let failure):
            return .failure(TokenFailure(failure, provider: provider))
        case .success(let response):
            let answer = Answer(response)
            if answer.isSuccess, let reply = TokenReply(answer, provider: provider, now: clock.seconds) {
                return .success(reply)
            }
            return .failure(TokenFailure(answer, phase, provider: provider, clock: clock, redaction: redaction))
        }
    }
}
