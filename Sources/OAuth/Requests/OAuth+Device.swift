package import Connections
import HTTP
import JSON
package import Runtime

/// What a device shows its user, and what it polls with (RFC 8628 section 3.2).
package struct DeviceAuthorization: Sendable {
    package var deviceCode: Secret
    package var userCode: String
    package var verificationURI: String
    /// With the user code in it; nil where the provider has none.
    package var verificationURIComplete: String?
    package var lifetimeSeconds: Int64
    /// The least time between two polls. Seconds.
    package var intervalSeconds: Int64
}

extension OAuth {
    /// RFC 8628 section 3.5: when a poll came too early, each later one waits so much longer. Seconds.
    package static let slowDownSeconds: Int64 = 5

    /// Begins a device's authorization (RFC 8628 section 3.1).
    package static func authorizeDevice(
        scopes: [String], resources: [String], provider: Provider, clock: Clock
    ) throws(ConnError) -> Step<DeviceAuthorization> {
        guard let url = provider.deviceAuthorizationURL else {
            throw ConnError(.misconfigured, "\(provider.id) has no device authorization URL")
        }
        var request = TokenRequest([("client_id", .text(provider.clientID))], provider: provider)
        if !scopes.isEmpty {
            request.set("scope", .text(Scopes.unique(scopes).joined(separator: provider.scopeSeparator)))
        }
        for resource in resources { request.add("resource", .text(resource)) }
        return try ask(request, url: url, provider, clock).then { (answer) throws(ConnError) in
            guard let authorization = DeviceAuthorization(try answer.orThrow()) else {
                throw ConnError(.providerError, "\(provider.id) answered no device authorization")
            }
            return .done(authorization)
        }
    }

    /// Asks whether the user has granted access (RFC 8628 section 3.4). A lost reply loses the grant, so this finishes
    /// once begun.
    package static func redeem(
        deviceCode: Secret, resources: [String], provider: Provider, clock: Clock
    ) -> Step<Result<TokenReply, TokenFailure>> {
        let request = TokenRequest(
            [
                ("grant_type", .text("urn:ietf:params:oauth:grant-type:device_code")),
                ("client_id", .text(provider.clientID)), ("device_code", .secret(deviceCode)),
            ], provider: provider)
        return token(request, .device, url: provider.tokenURL, resources: resources, provider: provider, clock: clock)
    }
}

extension DeviceAuthorization {
    /// Nil when something is missing that must be there, or the user would be sent somewhere odd.
    fileprivate init?(_ answer: JSON) {
        let uri = { (name: String) in
            answer[name]?.string.map(\.trimmed).flatMap { text in
                URL(text).map { ["https", "http"].contains($0.scheme) && !$0.hasUserInfo } == true ? text : nil
            }
        }
        guard let code = answer["device_code"], code.isToken(), let deviceCode = code.stringSecret,
            let userCode = answer["user_code"]?.plainText?.trimmed, (1...128).contains(userCode.utf8.count),
            userCode.unicodeScalars.allSatisfy(Self.isShown),
            let verificationURI = uri("verification_uri") ?? uri("verification_url")  // Google's name
        else { return nil }
        let lifetime = answer["expires_in"]?.wholeNumber ?? 0
        self.deviceCode = deviceCode
        self.userCode = userCode
        self.verificationURI = verificationURI
        verificationURIComplete = uri("verification_uri_complete")
        lifetimeSeconds = lifetime > 0 ? min(lifetime, 86_400) : Self.unstatedLifetime
        intervalSeconds = min(max(answer["interval"]?.wholeNumber ?? 5, 1), 300)
    }

    /// What a provider that does not say how long its codes live is taken to mean. Seconds.
    private static let unstatedLifetime: Int64 = 600

    /// Whether a terminal and a page show it where it stands: no control character, end of a line, or change of direction.
    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFFD: false
        default: true
        }
    }
}
