package import Connections
import HTTP
import JSON
package import Runtime

/// A client that a provider has made for us (RFC 7591 section 3.2.1).
package struct Registration: Sendable {
    package var clientID: String
    package var clientSecret: Secret?
    package var authMethod: Provider.AuthMethod
    /// When the secret ends. Seconds since 1970; nil: never.
    package var secretExpiresAt: Int64?
    /// What changes or removes the client at ``managementURL`` (RFC 7592).
    package var managementToken: Secret?
    package var managementURL: String?

    package init(
        clientID: String, clientSecret: Secret?, authMethod: Provider.AuthMethod, secretExpiresAt: Int64?,
        managementToken: Secret?, managementURL: String?
    ) {
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.authMethod = authMethod
        self.secretExpiresAt = secretExpiresAt
        self.managementToken = managementToken
        self.managementURL = managementURL
    }
}

extension OAuth {
    /// Registers a client for codes, and for device codes where the provider has them (RFC 7591 section 3.1).
    /// - Parameter name: what the consent page calls us.
    package static func register(
        name: String, redirectURIs: [String], scopes: [String], provider: Provider, clock: Clock
    ) throws(ConnError) -> Step<Registration> {
        guard let url = provider.registrationURL, URL(url)?.isSecureEndpoint == true else {
            throw ConnError(.misconfigured, "\(provider.id) has no registration URL that is https")
        }
        let method = provider.authMethod ?? provider.preferredAuthMethod
        var grants = ["authorization_code", "refresh_token"]
        if provider.deviceAuthorizationURL != nil { grants.append("urn:ietf:params:oauth:grant-type:device_code") }
        let metadata = JSON.object([
            "client_name": .string(name),
            "redirect_uris": .strings(redirectURIs),
            "grant_types": .strings(grants),
            "response_types": .strings(["code"]),
            "token_endpoint_auth_method": .string(method.rawValue),
            "scope": scopes.isEmpty ? nil : .string(Scopes.unique(scopes).joined(separator: " ")),
        ])
        let request = HTTPRequest(
            .post, url, headers: [.init("Accept", "application/json"), .init("Content-Type", "application/json")],
            body: metadata.secret, timeoutMilliseconds: provider.timeoutMilliseconds, mustFinish: true,
            publicAddressesOnly: provider.mustBePublic(url))
        return try ask(request, provider, clock, Redaction([])).then { (answer) throws(ConnError) in
            guard let registration = Registration(try answer.orThrow(), asked: method, now: clock.seconds) else {
                throw ConnError(.providerError, "\(provider.id) answered no client that can be used")
            }
            return .done(registration)
        }
    }
}

extension Provider {
    /// The strongest that both sides know. RFC 8414 section 2: a document that says nothing means `basic`.
    fileprivate var preferredAuthMethod: AuthMethod {
        guard let supported = supportedAuthMethods else { return .basic }
        return [AuthMethod.basic, .post].first(where: supported.contains) ?? .none
    }
}

extension Registration {
    /// Nil when the provider made a client that we cannot be.
    fileprivate init?(_ answer: JSON, asked: Provider.AuthMethod, now: Int64) {
        let secret = answer["client_secret"]?.stringSecret
        let named = answer["token_endpoint_auth_method"]?.string?.trimmed.asciiLowercased
        // A client without a secret that does not say how it proves itself is a public one.
        let unnamed = secret == nil ? Provider.AuthMethod.none : asked
        guard let id = answer["client_id"]?.plainText, (1...2048).contains(id.utf8.count),
            let method = named.map(Provider.AuthMethod.init) ?? unnamed
        else { return nil }
        guard method == .none || secret != nil else { return nil }
        self.init(
            clientID: id, clientSecret: method == .none ? nil : secret, authMethod: method,
            secretExpiresAt: TokenReply.moment(answer["client_secret_expires_at"], now: now),
            managementToken: answer["registration_access_token"]?.stringSecret,
            managementURL: answer["registration_client_uri"]?.string)
    }
}
