package import JSON

/// What a token endpoint granted. Tokens are the reply's own nodes.
package struct TokenReply: Sendable {
    package var accessToken: JSON
    package var tokenType: String
    /// Nil when the reply has none: the one that there is stays valid (RFC 6749 section 6).
    package var refreshToken: JSON?
    package var idToken: JSON?
    /// What was granted, each once; nil when as requested (RFC 6749 section 5.1).
    package var scopes: [String]?
    /// Seconds since 1970; nil when unknown or never.
    package var expiresAt: Int64?
    /// Seconds since 1970; nil when unknown or never.
    package var refreshExpiresAt: Int64?
    /// The ID token's `sub`. Its signature is not checked: it came from the token endpoint itself over TLS (OpenID Connect
    /// Core section 3.1.3.7, item 6).
    package var subject: String?
    /// What the provider's ``Provider/replyMetadata`` names, by the same paths.
    package var metadata: JSON?
}
