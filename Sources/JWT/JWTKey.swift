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
                guard let modulus = bytes("n"), let exponent = bytes("e"),
                    let key = Self.rsaKey(modulus: modulus, exponent: exponent)
                else { return nil }
                let bits = EVP_PKEY_get_bits(key)
                if Self.minRSABits...Self.maxRSABits ~= bits { return key }
                EVP_PKEY_free(key)
                return nil
            case .ecdsa(let curve, let size):
                guard let x = bytes("x"), let y = bytes("y"), x.count == size, y.count == size else { return nil }
                return Self.ellipticKey(curve: curve.text, point: [4] + x + y)
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

    private static func rsaKey(modulus: [UInt8], exponent: [UInt8]) -> OpaquePointer? {
        guard modulus.count <= Int(maxRSABits) / 8 + 1, (1...8).contains(exponent.count),
            let n = BN_bin2bn(modulus, Int32(modulus.count), nil)
        else { return nil }
        defer { BN_free(n) }
        guard let e = BN_bin2bn(exponent, Int32(exponent.count), nil) else { return nil }
        defer { BN_free(e) }
        return key("RSA") { builder in
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1
                && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1
        }
    }

    /// - Parameter point: not compressed. OpenSSL refuses one that is not on the curve.
    private static func ellipticKey(curve: String, point: [UInt8]) -> OpaquePointer? {
        curve.withCString { curve in
            key("EC") { builder in
                OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1
                    && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point.count) == 1
            }
        }
    }

    private static func key(_ type: String, _ push: (OpaquePointer) -> Bool) -> OpaquePointer? {
        guard let builder = OSSL_PARAM_BLD_new() else { return nil }
        defer { OSSL_PARAM_BLD_free(builder) }
        guard push(builder), let parameters = OSSL_PARAM_BLD_to_param(builder) else { return nil }
        defer { OSSL_PARAM_free(parameters) }
        guard let context = EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_fromdata_init(context) == 1,
            EVP_PKEY_fromdata(context, &key, dc_evp_pkey_public_key, parameters) == 1
        else { return nil }
        return key
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
