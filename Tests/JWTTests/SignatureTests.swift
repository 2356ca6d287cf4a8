import Connections
import Crypto
import JSON
import Runtime
import TestSupport
import Testing

/// Who has signed a JWT, and by which algorithm (RFC 8725).
@Suite struct SignatureTests {
    private static let rsa = JWTSigner.rsa
    private static let p256 = JWTSigner.p256

    static let algorithms: [(String, JWTSigner)] = [
        ("RS256", rsa), ("RS384", rsa), ("RS512", rsa), ("PS256", rsa), ("PS384", rsa), ("PS512", rsa),
        ("ES256", p256), ("ES384", .p384), ("ES512", .p521), ("EdDSA", .ed25519),
    ]

    /// The same with a bit of its part of this number changed, in the middle and at the end.
    private static func changed(_ jwt: String, part: Int) -> [String] {
        let parts = jwt.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        return [0.5, 0.99].compactMap { place in
            guard var bytes = Crypto.fromBase64URL(parts[part]) else { return nil }
            bytes[Int(Double(bytes.count) * place)] ^= 1
            var changed = parts
            changed[part] = Crypto.base64URL(bytes)
            return changed.joined(separator: ".")
        }
    }

    @Test(arguments: algorithms) func anIssuersOwnJWTIsTaken(_ row: (algorithm: String, signer: JWTSigner)) throws {
        for jwk in [row.signer.jwk, row.signer.jwk.with(["alg": .string(row.algorithm), "use": "sig"])] {
            let verifier = try Verifier(keys: jwk)
            let claims = verifier.claims(["roles": ["a"]])
            let jwt = row.signer.jwt(claims, row.algorithm)
            #expect(try verifier.verify(jwt)["claims"] == claims)
            for part in 0...2 {
                for changed in Self.changed(jwt, part: part) { #expect(!verifier.takes(changed), "part \(part)") }
            }
        }
    }

    @Test(arguments: algorithms) func aSignatureOfAnotherLengthIsRefused(
        _ row: (algorithm: String, signer: JWTSigner)
    ) throws {
        let verifier = try Verifier(keys: row.signer.jwk)
        let signed = row.signer.header(row.algorithm).text
        let beginning = JWTSigner.part(signed) + "." + JWTSigner.part(verifier.claims().text)
        let signature = row.signer.signature(of: beginning, row.algorithm)
        #expect(verifier.takes(beginning + "." + Crypto.base64URL(signature)))
        let others: [[UInt8]] = [
            [], [0], [0] + signature, signature + [0], Array(signature.dropLast()), Array(signature.dropFirst()),
            signature + signature,
        ]
        for other in others {
            #expect(!verifier.takes(beginning + "." + Crypto.base64URL(other)), "\(other.count) bytes")
        }
    }

    /// OpenSSL's form of an ECDSA signature would be a second one of the same JWT.
    @Test func aDERSignatureIsRefused() throws {
        let verifier = try Verifier(keys: Self.p256.jwk)
        let beginning = JWTSigner.part(Self.p256.header("ES256").text) + "." + JWTSigner.part(verifier.claims().text)
        let der = Self.p256.signature(of: beginning, "ES256", der: true)
        #expect(der.first == 0x30)
        #expect(!verifier.takes(beginning + "." + Crypto.base64URL(der)))
        #expect(!verifier.takes(beginning + "." + Crypto.base64URL([UInt8](repeating: 0, count: 64))))
    }

    /// A key of an algorithm of its own is for that one alone, and one without for those of its type.
    @Test func anAlgorithmMustBeTheKeys() throws {
        for (own, _) in Self.algorithms {
            guard let signer = Self.algorithms.first(where: { $0.0 == own })?.1 else { continue }
            let verifier = try Verifier(keys: signer.jwk.with(["alg": .string(own)]))
            for (other, itsSigner) in Self.algorithms where other != own && itsSigner === signer {
                #expect(!verifier.takes(signer.jwt(verifier.claims(), other)), "\(other) by a key of \(own)")
            }
            // What it is signed by is right, and what the header says is not.
            for said in ["RS256", "ES256", "ES384", "EdDSA", "HS256", "none", "", own.lowercased()] where said != own {
                let jwt = signer.jwt(verifier.claims(), own, header: ["alg": .string(said)])
                #expect(!verifier.takes(jwt), "\(said) by a key of \(own)")
            }
        }
    }

    @Test(arguments: [nil, 1, true, ["RS256"], ["alg": "RS256"]] as [JSON?]) func analgorithmIsAString(_ said: JSON?)
        throws
    {
        let verifier = try Verifier(keys: Self.rsa.jwk)
        #expect(!verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256", header: ["alg": said ?? .null])))
    }

    /// RFC 8725 section 2.1: whoever has a public key could sign with it, as with a shared secret.
    @Test(arguments: ["HS256", "HS384", "HS512"]) func aPublicKeyIsNoSharedSecret(algorithm: String) throws {
        let modulus = Self.rsa.jwk["n"]?.string ?? ""
        let secrets = [
            Secret(modulus), Secret(Self.rsa.jwk.text), Secret(Crypto.fromBase64URL(modulus) ?? []), Secret(""),
        ]
        let oct: JSON = ["kty": "oct", "kid": "rsa", "k": .string(modulus), "alg": .string(algorithm)]
        for keys in [
            [Self.rsa.jwk], [Self.rsa.jwk.with(["alg": .string(algorithm)]), Self.p256.jwk], [oct, Self.rsa.jwk],
        ] {
            let verifier = try Verifier(["issuer": "https://idp.example", "jwks": ["keys": .array(keys)]])
            for secret in secrets {
                let header: JSON = ["alg": .string(algorithm), "kid": "rsa"]
                let signed = JWTSigner.part(header.text) + "." + JWTSigner.part(verifier.claims().text)
                let signature = Crypto.hmacSHA256(Array(signed.utf8), key: secret)
                #expect(!verifier.takes(signed + "." + Crypto.base64URL(signature)))
            }
        }
    }

    @Test(arguments: ["none", "None", "NONE", "nOnE", ""]) func whatIsNotSignedIsRefused(algorithm: String) throws {
        for signer in [Self.rsa, .ed25519] {
            let verifier = try Verifier(keys: signer.jwk)
            for header in [["alg": .string(algorithm)], ["alg": .string(algorithm), "kid": .string(signer.id)]]
                as [JSON]
            {
                let signed = JWTSigner.part(header.text) + "." + JWTSigner.part(verifier.claims().text)
                for signature in ["", ".", "AA", Crypto.base64URL(signer.signature(of: signed, "RS256"))] {
                    #expect(!verifier.takes(signed + "." + signature))
                }
                #expect(!verifier.takes(signed))
            }
        }
    }

    // MARK: - Which key

    @Test func aKeyIsFoundByItsID() throws {
        let verifier = try Verifier(keys: Self.rsa.jwk, Self.p256.jwk)
        #expect(verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256")))
        #expect(verifier.takes(Self.p256.jwt(verifier.claims(), "ES256")))
        for kid in ["p256", "other", "RSA", "", nil] as [JSON?] {
            #expect(!verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256", header: ["kid": kid ?? .null])))
        }
        // The header's own key is nobody's.
        let own: JSON = [
            "kid": "x", "jwk": Self.rsa.jwk, "jku": "https://evil.example/keys", "x5u": "https://evil.example",
        ]
        #expect(!verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256", header: own)))
        #expect(verifier.readings == 0)
    }

    @Test func aKeyThatIsTheOnlyOneNeedsNoID() throws {
        let verifier = try Verifier(keys: Self.rsa.jwk)
        #expect(verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256", header: ["kid": .null])))
        #expect(!verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256", header: ["kid": "other"])))
        #expect(!verifier.takes(JWTSigner(.rsa(bits: 2048)).jwt(verifier.claims(), "RS256", header: ["kid": .null])))
    }

    @Test func keysOfOneIDAreTriedEach() throws {
        let verifier = try Verifier(keys: Self.p256.jwk.with(["kid": "same"]), Self.rsa.jwk.with(["kid": "same"]))
        #expect(verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256", header: ["kid": "same"])))
        #expect(verifier.takes(Self.p256.jwt(verifier.claims(), "ES256", header: ["kid": "same"])))
        #expect(!verifier.takes(Self.p256.jwt(verifier.claims(), "ES256", header: ["kid": "same", "alg": "RS256"])))
    }

    /// What is no key for signatures, or not strong enough, is passed over; a config that has none else is wrong.
    @Test(
        arguments: [
            rsa.jwk.with(["use": "enc"]), rsa.jwk.with(["use": 1]), rsa.jwk.with(["alg": "RSA-OAEP-256"]),
            rsa.jwk.with(["alg": "ES256"]), rsa.jwk.with(["kty": "EC"]), rsa.jwk.with(["n": "AQAB"]),
            rsa.jwk.with(["n": ""]), rsa.jwk.with(["n": "*"]), rsa.jwk.with(["n": 1]), rsa.jwk.with(["e": ""]),
            rsa.jwk.with(["e": "AQABAQABAQABAQAB"]),
            rsa.jwk.with(["n": .string(Crypto.base64URL([UInt8](repeating: 0xFF, count: 4096)))]),
            p256.jwk.with(["crv": "P-384"]), p256.jwk.with(["crv": "secp256k1"]),
            p256.jwk.with(["x": p256.jwk["y"] ?? ""]),
            p256.jwk.with(["y": "AA"]), p256.jwk.with(["x": nil]), p256.jwk.with(["alg": "ES384"]),
            JWTSigner.ed25519.jwk.with(["x": "AA"]), JWTSigner.ed25519.jwk.with(["crv": "X25519"]),
            ["kty": "oct", "k": "c2VjcmV0", "kid": "k"], [:], [], "k", 1, nil,
        ] as [JSON])
    func whatIsNoKeyIsPassedOver(_ jwk: JSON) throws {
        #expect(error { _ = try Verifier(keys: jwk) }?.code == .invalidConfig)
        let other = JWTSigner.p384
        let verifier = try Verifier(keys: jwk, other.jwk, Self.p256.jwk.with(["kid": "last"]))
        #expect(verifier.takes(other.jwt(verifier.claims(), "ES384")))
        #expect(!verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256")))
        #expect(!verifier.takes(Self.p256.jwt(verifier.claims(), "ES256")))
    }

    @Test(arguments: [Int32(512), 1024, 2047]) func aShortRSAKeyIsNone(bits: Int32) throws {
        let short = JWTSigner(.rsa(bits: bits), id: "short")
        #expect(error { _ = try Verifier(keys: short.jwk) }?.code == .invalidConfig)
        let verifier = try Verifier(keys: short.jwk, Self.rsa.jwk)
        #expect(!verifier.takes(short.jwt(verifier.claims(), "RS256")))
        #expect(verifier.takes(Self.rsa.jwt(verifier.claims(), "RS256")))
    }

    @Test func aSetHasAtMostAHundredKeys() throws {
        let many: [JSON] = (0..<100).map { Self.p256.jwk.with(["kid": "k\($0)"]) }
        let verifier = try Verifier([
            "issuer": "https://idp.example", "jwks": ["keys": .array(many + [Self.p384.jwk])],
        ])
        #expect(verifier.takes(Self.p256.jwt(verifier.claims(), "ES256", header: ["kid": "k99"])))
        #expect(!verifier.takes(Self.p384.jwt(verifier.claims(), "ES384")))
    }

    private static let p384 = JWTSigner.p384
}
