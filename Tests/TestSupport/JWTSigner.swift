internal import COpenSSL
internal import Crypto
package import JSON
internal import Runtime

/// An issuer's key pair, made for the tests, which signs JWTs.
package final class JWTSigner: @unchecked Sendable {  // OpenSSL's key is not changed once it is made
    package enum Kind: Sendable {
        case rsa(bits: Int32)
        /// - Parameter curve: as a JWK names it.
        case ec(curve: String, coordinateBytes: Int)
        case ed25519
    }

    package let id: String
    private let kind: Kind
    private let key: OpaquePointer

    package init(_ kind: Kind, id: String = "k1") {
        self.kind = kind
        self.id = id
        let name =
            switch kind {
            case .rsa: "RSA"
            case .ec: "EC"
            case .ed25519: "ED25519"
            }
        let context = EVP_PKEY_CTX_new_from_name(nil, name, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        var isFine = EVP_PKEY_keygen_init(context) == 1
        switch kind {
        case .rsa(let bits): isFine = isFine && EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1
        case .ec(let curve, _): isFine = isFine && EVP_PKEY_CTX_set_group_name(context, curve) == 1
        case .ed25519: break
        }
        guard isFine, EVP_PKEY_generate(context, &made) == 1, let made else {
            preconditionFailure("OpenSSL makes no key of \(name)")
        }
        key = made
    }

    deinit { EVP_PKEY_free(key) }

    // Made once: an RSA key takes its time.
    package static let rsa = JWTSigner(.rsa(bits: 2048), id: "rsa")
    package static let p256 = JWTSigner(.ec(curve: "P-256", coordinateBytes: 32), id: "p256")
    package static let p384 = JWTSigner(.ec(curve: "P-384", coordinateBytes: 48), id: "p384")
    package static let p521 = JWTSigner(.ec(curve: "P-521", coordinateBytes: 66), id: "p521")
    package static let ed25519 = JWTSigner(.ed25519, id: "ed")

    /// The public key as a JWK (RFC 7517), without `alg` and `use`.
    package var jwk: JSON {
        let jwk: JSON =
            switch kind {
            case .rsa:
                [
                    "kty": "RSA", "n": .string(number(OSSL_PKEY_PARAM_RSA_N)),
                    "e": .string(number(OSSL_PKEY_PARAM_RSA_E)),
                ]
            case .ec(let curve, let size):
                [
                    "kty": "EC", "crv": .string(curve), "x": .string(Crypto.base64URL(Array(point[1...size]))),
                    "y": .string(Crypto.base64URL(Array(point.suffix(size)))),
                ]
            case .ed25519: ["kty": "OKP", "crv": "Ed25519", "x": .string(Crypto.base64URL(point))]
            }
        return jwk.with(["kid": .string(id)])
    }

    private func number(_ name: String) -> String {
        var number: OpaquePointer?
        EVP_PKEY_get_bn_param(key, name, &number)
        defer { BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
        BN_bn2bin(number, &bytes)
        return Crypto.base64URL(bytes)
    }

    /// The public key's bytes as OpenSSL has them.
    private var point: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 256)
        var count = 0
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, &bytes, bytes.count, &count)
        return Array(bytes.prefix(count))
    }

    /// A JWT.
    /// - Parameters:
    ///   - algorithm: what it is signed by, and what its header says unless `header` does.
    ///   - header: further members, of which null leaves one out.
    package func jwt(_ claims: JSON, _ algorithm: String, header: JSON = [:]) -> String {
        jwt(claims.text, header: self.header(algorithm, header).text, algorithm)
    }

    /// A JWT of texts that may be no JSON.
    package func jwt(_ claims: String, header: String, _ algorithm: String) -> String {
        let signed = Self.part(header) + "." + Self.part(claims)
        return signed + "." + Crypto.base64URL(signature(of: signed, algorithm))
    }

    package func header(_ algorithm: String, _ more: JSON = [:]) -> JSON {
        let header: JSON = (["alg": .string(algorithm), "kid": .string(id), "typ": "JWT"] as JSON).with(more)
        for (name, value) in header.members where value.kind == .null { header.remove(name) }
        return header
    }

    package static func part(_ text: String) -> String { Crypto.base64URL(Array(text.utf8)) }

    /// - Parameter der: an ECDSA signature as OpenSSL has it, and not as a JWS does.
    package func signature(of text: String, _ algorithm: String, der: Bool = false) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var keyContext: OpaquePointer?
        let digest: String? =
            if case .ed25519 = kind { nil } else { "SHA" + algorithm.suffix(3) }
        guard EVP_DigestSignInit_ex(context, &keyContext, digest, nil, nil, key, nil) == 1 else { return [] }
        if algorithm.hasPrefix("PS") {
            EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING)
            EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, RSA_PSS_SALTLEN_DIGEST)
        }
        let bytes = Array(text.utf8)
        var count = 2048
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1 else { return [] }
        signature = Array(signature.prefix(count))
        guard case .ec(_, let size) = kind, !der else { return signature }
        return signature.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            let pair = d2i_ECDSA_SIG(nil, &start, buffer.count)
            defer { ECDSA_SIG_free(pair) }
            return [ECDSA_SIG_get0_r(pair), ECDSA_SIG_get0_s(pair)].flatMap { number in
                var half = [UInt8](repeating: 0, count: size)
                BN_bn2binpad(number, &half, Int32(size))
                return half
            }
        }
    }
}
