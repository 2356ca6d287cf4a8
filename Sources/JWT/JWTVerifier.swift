package import Connections
internal import Crypto
package import JSON
package import Runtime

/// Verifies JWTs (RFC 7519, RFC 8725) of the issuers of a config.
package struct JWTVerifier: Sendable {
    /// What a JWT may have of clocks that differ. Seconds.
    private static let leeway: Int64 = 5
    private static let maxBytes = 16 << 10

    private let issuers: [JWTIssuer]
    private let clock: Clock

    package init(_ issuers: [JWTIssuer], clock: Clock) {
        self.issuers = issuers
        self.clock = clock
    }

    /// - Parameter jwt: a string node.
    /// - Returns: its claims, and who has issued it.
    /// - Throws: `unauthorized`, in the same words whatever is wrong with it; `unavailable` while its issuer's keys cannot be
    ///   read.
    package func verify(_ jwt: JSON) throws(ConnError) -> Step<(claims: JSON, issuer: JWTIssuer)> {
        guard let parts = Parts(jwt, maxBytes: Self.maxBytes), let algorithm = parts.header["alg"]?.id,
            !parts.header.members.contains(where: { $0.key == "crit" }), let iss = parts.claims["iss"]?.id,
            let issuer = issuers.first(where: { $0.isNamed(iss) && $0.isFor(parts.claims["aud"]) }),
            isInTime(parts.claims)
        else { throw Self.refusal }
        return try issuer.keys.candidates(parts.header["kid"]?.id, clock: clock).then { (keys) throws(ConnError) in
            // Its time may have run out meanwhile.
            guard keys.contains(where: { parts.isSigned(by: $0, algorithm) }), isInTime(parts.claims) else {
                throw Self.refusal
            }
            return .done((parts.claims, issuer))
        }
    }

    private static var refusal: ConnError { ConnError(.unauthorized, "the token is not accepted", field: "jwt") }

    private func isInTime(_ claims: JSON) -> Bool {
        guard let expiry = claims["exp"]?.number else { return false }
        let now = Double(clock.seconds)
        let isBegun = claims["nbf"].map { ($0.number ?? .infinity) <= now + Double(Self.leeway) } ?? true
        return now - Double(Self.leeway) < expiry && isBegun
    }

    /// A JWT in JWS Compact Serialization (RFC 7515 section 7.1).
    private struct Parts: Sendable {
        let header: JSON
        let claims: JSON
        private let signed: Secret
        private let signature: [UInt8]

        init?(_ jwt: JSON, maxBytes: Int) {
            let split: (texts: [String], signed: Secret)?? = jwt.withStringBytes { bytes in
                guard bytes.count <= maxBytes else { return nil }
                let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
                guard parts.count == 3 else { return nil }
                return (parts.map { String(decoding: $0, as: UTF8.self) }, Secret(bytes[..<parts[1].endIndex]))
            }
            guard let (texts, signed) = split ?? nil, let header = Self.object(texts[0]),
                let claims = Self.object(texts[1]), let signature = Crypto.fromBase64URL(texts[2]), !signature.isEmpty
            else { return nil }
            self.header = header
            self.claims = claims
            self.signed = signed
            self.signature = signature
        }

        /// What holds a member twice is refused (RFC 8725 section 2.9).
        private static func object(_ text: String) -> JSON? {
            guard let bytes = Crypto.fromBase64URL(text), let json = bytes.withUnsafeBytes({ try? JSON.parse($0) }),
                json.kind == .object
            else { return nil }
            return json
        }

        func isSigned(by key: JWTKey, _ algorithm: ID) -> Bool {
            signed.withBytes { key.verifies(signature, of: $0, by: algorithm) }
        }
    }
}
