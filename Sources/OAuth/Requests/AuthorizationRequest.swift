package import Connections
import Crypto
import HTTP
import JSON
package import Runtime

/// Where the user's browser goes to grant access, and what must be kept until it comes back.
package struct AuthorizationRequest: Sendable {
    package var url: String
    /// The PKCE verifier that the code's exchange must show; nil where the provider takes none.
    package var verifier: Secret?
    /// How long the browser may take to get there; nil: as long as it likes. Seconds.
    package var lifetimeSeconds: Int64?

    /// The authorization request (RFC 6749 section 4.1.1, RFC 7636, RFC 8707), pushed to the provider first where it
    /// takes that (RFC 9126): then nothing of it stands in the URL.
    /// - Parameters:
    ///   - state: what the callback brings back. Long and random (RFC 6749 section 10.12).
    ///   - prompt: OpenID prompt values; nil asks for the provider's.
    ///   - resources: RFC 8707 resource indicators.
    package static func build(
        _ provider: Provider, redirectURI: String, state: String, scopes: [String], prompt: [String]? = nil,
        loginHint: String? = nil, resources: [String] = [], clock: Clock
    ) throws(ConnError) -> Step<AuthorizationRequest> {
        guard let base = provider.authorizationURL, URL(base)?.isSecureEndpoint == true else {
            throw ConnError(.misconfigured, "\(provider.id) has no authorization URL that is https")
        }
        var parameters: [(name: String, value: String)] = []
        let verifier = provider.usesPKCE ? PKCE.verifier() : nil
        func set(_ name: String, _ value: String?) {
            parameters.removeAll { ID($0.name) == ID(name) }
            if let value, !value.isEmpty { parameters.append((name, value)) }
        }
        set("response_type", "code")
        set("client_id", provider.clientID)
        set("redirect_uri", redirectURI)
        set("scope", Scopes.unique(scopes).joined(separator: provider.scopeSeparator))
        set("state", state)
        if let verifier {
            set("code_challenge", PKCE.challenge(verifier))
            set("code_challenge_method", "S256")
        }
        set("access_type", provider.accessType)
        set("prompt", (prompt ?? provider.prompt).joined(separator: " "))
        set("login_hint", loginHint)
        for parameter in provider.authorizeParameters { set(parameter.name, parameter.value) }
        for resource in resources { parameters.append(("resource", resource)) }
        let dropped = Set(provider.droppedAuthorizeParameters.map { ID($0) })
        parameters.removeAll { dropped.contains(ID($0.name)) }
        let wired = parameters.map { (provider.renamedAuthorizeParameters[ID($0.name)] ?? $0.name, $0.value) }
        if let url = provider.pushedAuthorizationURL {
            return try push(wired, state: state, to: url, provider, clock).then { (pushed) throws(ConnError) in
                let url = URL.appending([("client_id", provider.clientID), ("request_uri", pushed.uri)], to: base)
                return .done(AuthorizationRequest(url: url, verifier: verifier, lifetimeSeconds: pushed.lifetime))
            }
        }
        return .done(AuthorizationRequest(url: URL.appending(wired, to: base), verifier: verifier))
    }

    /// What a provider that does not say how long its request_uri lives is taken to mean. Seconds.
    private static let pushedLifetime: Int64 = 60

    /// - Parameter state: nobody but the browser is to bring it back, so it counts as a secret here.
    private static func push(
        _ parameters: [(name: String, value: String)], state: String, to url: String, _ provider: Provider,
        _ clock: Clock
    ) throws(ConnError) -> Step<(uri: String, lifetime: Int64)> {
        let request = TokenRequest(
            parameters.map { ($0.name, $0.value == state ? .secret(Secret(state)) : .text($0.value)) },
            provider: provider)
        return try OAuth.ask(request, url: url, provider, clock).then { (answer) throws(ConnError) in
            let answer = try answer.orThrow()
            guard let uri = answer["request_uri"]?.string, (1...2048).contains(uri.utf8.count) else {
                throw ConnError(.providerError, "\(provider.id) answered no request_uri")
            }
            let stated = answer["expires_in"]?.wholeNumber ?? 0
            return .done((uri, stated > 0 ? stated : pushedLifetime))
        }
    }
}
