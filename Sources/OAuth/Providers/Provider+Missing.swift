extension Provider {
    /// What a client is needed for.
    package enum Use: Sendable {
        /// A browser that goes to the authorization endpoint.
        case browser
        /// A device without one (RFC 8628).
        case device
    }

    /// Settings, by their wire names, that the provider needs before anybody can grant access, and that are not there. A URL
    /// with a placeholder in it is not there either.
    /// - Parameters:
    ///   - registers: the client is made at the provider as it is needed (RFC 7591).
    ///   - isFilled: its discovery document has been read, if there is one; until then endpoints may come from there.
    package func missingSettings(for use: Use, registers: Bool, isFilled: Bool) -> [String] {
        let mayCome = !isFilled && !discoveryURLs.isEmpty
        func lacks(_ url: String?) -> Bool { url.map { $0.utf8.contains(UInt8(ascii: "{")) } ?? !mayCome }
        let lacking: [(name: String, isMissing: Bool)] = [
            ("clientId", clientID.trimmed.isEmpty && !registers),
            ("clientSecret", needsSecret && clientSecret == nil && !registers),
            ("authorizationUrl", use == .browser && lacks(authorizationURL)),
            ("deviceAuthorizationUrl", use == .device && lacks(deviceAuthorizationURL)),
            ("tokenUrl", lacks(tokenURL)),
            ("dcrUrl", registers && lacks(registrationURL)),
        ]
        return lacking.filter(\.isMissing).map(\.name)
    }

    /// The client proves itself by a secret, or the provider's callbacks are signed with it.
    private var needsSecret: Bool { (authMethod.map { $0 != .none } ?? false) || callback.signature != nil }
}
