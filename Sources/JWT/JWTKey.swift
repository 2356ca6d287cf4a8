internal import COpenSSL
internal import Crypto
internal import JSON
internal import Runtime

/// A public key of a set (RFC 7517), which tells who has signed a JWT.
final class JWTKey: @unchecked Sendable {  // OpenSSL's key is not changed once it is made
    let id: ID?
    /// Those that it may have signed by.
    private let algorithms: [JWTAlgorithm]
    private let key: OpaquePointer

    /// RFC 7518 section 3.3.
    private static let minRSABits: Int32 = 2048
    /// Beyond it a signature takes long to verify.
    private static let maxRSABits: Int32 = 8192

    /// OpenSSL has locks of its own. A fork waits until nobody is inside, so that the child does not find one of them locked.
    private static let openSSL = Monitor((), inForkedChild: { _ in })

    /// - Parameter json: a JWK.
    /// - Returns: nil when it is no key for signatures, or none that is strong enough.
    init?(_ json: JSON) {
        let (keyType, curve) = (json["kty"]?.id, json["crv"]?.id)
        // Without an algorithm of its own it is for all that its type allows, which none of a shared secret is among.
        let name = json["alg"]?.id
        algorithms = JWTAlgorithm.all.filter { algorithm in
            algorithm.fits(keyType: keyType, curve: curve) && (name == nil || name == algorithm.name)
        }
        guard let first = algorithms.first, json["use"].map({ $0.id == "sig" }) ?? true else { return nil }
        id = json["kid"]?.id
        func bytes(_ member: String) -> [UInt8]? { json[member]?.string.flatMap(Crypto.fromBase64URL) }
        let made: OpaquePointer? = Self.inOpenSSL {
            switch first.scheme {
            case .rsa, .rsaPSS:
                guard let modulus = bytes("n"), modulus.count <= Int(Self.maxRSABits) / 8 + 1,
                    let exponent = bytes("e"),
                    (1...8).contains(exponent.count),
                    let key = dc_evp_rsa_public_key(modulus, Int32(modulus.count), exponent, Int32(exponent.count))
                else { return nil }
                let bits = EVP_PKEY_get_bits(key)
                if Self.minRSABits...Self.maxRSABits ~= bits { return key }
                EVP_PKEY_free(key)
                return nil
            case .ecdsa(let curve, let size):
                guard let x = bytes("x"), let y = bytes("y"), x.count == size, y.count == size else { return nil }
                return dc_evp_ec_public_key(curve.text, [4] + x + y, 1 + 2 * size)
            case .ed25519:
                guard let x = bytes("x") else { return nil }
                return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, x, x.count)
            }
        }
        guard let made else { return nil }
        key = made
    }

    deinit { Self.inOpenSSL { EVP_PKEY_free(key) } }

    /// - Parameters:
    ///   - algorithm: as the JWT's header names it.
    ///   - signed: the JWT up to its second dot.
    func verifies(_ signature: [UInt8], of signed: UnsafeRawBufferPointer, by algorithm: ID) -> Bool {
        guard let algorithm = algorithms.first(where: { $0.name == algorithm }) else { return false }
        return Self.inOpenSSL {
            let signature: [UInt8]? =
                if case .ecdsa(_, let size) = algorithm.scheme { Self.der(signature, size) } else { signature }
            guard let signature, let context = EVP_MD_CTX_new() else { return false }
            defer { EVP_MD_CTX_free(context) }
            var keyContext: OpaquePointer?
            guard EVP_DigestVerifyInit_ex(context, &keyContext, algorithm.digest, nil, nil, key, nil) == 1 else {
                return false
            }
            if algorithm.scheme == .rsaPSS {
                guard EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING) == 1,
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, RSA_PSS_SALTLEN_DIGEST) == 1
                else { return false }
            }
            let bytes = signed.bindMemory(to: UInt8.self)
            return EVP_DigestVerify(context, signature, signature.count, bytes.baseAddress, bytes.count) == 1
        }
    }

    /// Without what it leaves in this thread's error queue, which libcurl's TLS would take for its own.
    private static func inOpenSSL<Result>(_ body: () -> Result) -> Result {
        openSSL.withLock { _ in
            defer { ERR_clear_error() }
            return body()
        }
    }

    /// A JWS has both numbers of an ECDSA signature one behind the other (RFC 7518 section 3.4), and OpenSSL wants DER.
    private static func der(_ signature: [UInt8], _ size: Int) -> [UInt8]? {
        guard signature.count == 2 * size, let pair = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(pair) }
        let r = BN_bin2bn(signature, Int32(size), nil)
        let s = BN_bin2bn(Array(signature.suffix(size)), Int32(size), nil)
        guard let r, let s, ECDSA_SIG_set0(pair, r, s) == 1 else {
            BN_free(r)
            BN_free(s)
            return nil
        }
        let count = i2d_ECDSA_SIG(pair, nil)
        guard count > 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Int(count)) { bytes, initialized in
            var end = bytes.baseAddress
            initialized = Int(max(0, i2d_ECDSA_SIG(pair, &end)))
        }
    }
}
