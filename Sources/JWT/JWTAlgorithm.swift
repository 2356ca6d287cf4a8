internal import Runtime

/// A signature algorithm (RFC 7518 section 3, RFC 8037 section 3.1). None that needs a shared secret, and not "none".
struct JWTAlgorithm: Sendable {
    enum Scheme: Sendable, Equatable {
        case rsa
        case rsaPSS
        /// - Parameters:
        ///   - curve: as a JWK names it.
        ///   - coordinateBytes: of each half of a signature.
        case ecdsa(curve: ID, coordinateBytes: Int)
        case ed25519
    }

    let name: ID
    let scheme: Scheme
    /// As OpenSSL names it; nil where the scheme has its own.
    let digest: String?

    static let all = [
        JWTAlgorithm(name: "RS256", scheme: .rsa, digest: "SHA256"),
        JWTAlgorithm(name: "RS384", scheme: .rsa, digest: "SHA384"),
        JWTAlgorithm(name: "RS512", scheme: .rsa, digest: "SHA512"),
        JWTAlgorithm(name: "PS256", scheme: .rsaPSS, digest: "SHA256"),
        JWTAlgorithm(name: "PS384", scheme: .rsaPSS, digest: "SHA384"),
        JWTAlgorithm(name: "PS512", scheme: .rsaPSS, digest: "SHA512"),
        JWTAlgorithm(name: "ES256", scheme: .ecdsa(curve: "P-256", coordinateBytes: 32), digest: "SHA256"),
        JWTAlgorithm(name: "ES384", scheme: .ecdsa(curve: "P-384", coordinateBytes: 48), digest: "SHA384"),
        JWTAlgorithm(name: "ES512", scheme: .ecdsa(curve: "P-521", coordinateBytes: 66), digest: "SHA512"),
        JWTAlgorithm(name: "EdDSA", scheme: .ed25519, digest: nil),
    ]

    /// Whether a JWK's key is for it.
    func fits(keyType: ID?, curve: ID?) -> Bool {
        switch scheme {
        case .rsa, .rsaPSS: keyType == "RSA"
        case .ecdsa(let own, _): keyType == "EC" && curve == own
        case .ed25519: keyType == "OKP" && curve == "Ed25519"
        }
    }
}
