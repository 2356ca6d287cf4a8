package import Connections
import Crypto
import HTTP
package import Memory

/// Where the user's browser goes to grant access, and what must be kept until it comes back.
package struct AuthorizationRequest: Sendable {
    package var url: String
    /// The PKCE verifier that the code's exchange must show; nil where the provider takes none.
    package var verifier: Secret?

    /// The authorization request (RFC 6749 section 4.1.1, RFC 7636, RFC 8707).
    /// - Parameters:
    ///   - state: what the callback brings back. Long and random (RFC 6749 section 10.12).
    ///   - prompt: OpenID prompt values; nil asks for the provider's.
    ///   - resources: RFC 8707 resource indicators.
    package static func build(
        _ provider: Provider, redirectURI: String, state: String, scopes: [String], prompt: [String]? = nil,
        loginHint: String? = nil, resources: [String] = []
    ) throws(ConnError) -> AuthorizationRequest {
        try build(
            provider, redirectURI: redirectURI, state: state, scopes: scopes, prompt: prompt, loginHint: loginHint,
            resources: resources, verifier: provider.usesPKCE ? PKCE.verifier() : nil)
    }

    static func build(
        _ provider: Provider, redirectURI: String, state: String, scopes: [String], prompt: [String]?,
        loginHint: String?, resources: [String], verifier: Secret?
    ) throws(ConnError) -> AuthorizationRequest {
        guard let base = provider.authorizationURL, URL(base)?.isSecureEndpoint == true else {
            throw ConnError(.misconfigured, "\(provider.id) has no authorization URL that is https")
        }
        var parameters: [(name: String, value: String)] = []
        func set(_ name: String, _ value: String?) {
            parameters.removeAll { $0.name == name }
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
        parameters.removeAll { provider.droppedAuthorizeParameters.contains($0.name) }
        let wired = parameters.map { (provider.renamedAuthorizeParameters[$0.name] ?? $0.name, $0.value) }
        return AuthorizationRequest(url: URL.appending(wired, to: base), verifier: verifier)
    }
}
