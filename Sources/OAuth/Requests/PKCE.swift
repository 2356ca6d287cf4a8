import Crypto
import Runtime

/// Proof that who brings the code is who asked for it (RFC 7636), with S256 alone.
enum PKCE {
    /// 64 random characters of the base64url alphabet: 384 bits.
    static func verifier() -> Secret {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return Crypto.randomSecret(64).withBytes { random in
            Secret(count: random.count) { text in
                for index in text.indices { text[index] = alphabet.utf8Start[Int(random[index] & 63)] }
            }
        }
    }

    static func challenge(_ verifier: Secret) -> String {
        verifier.withBytes { Crypto.base64URL(Crypto.sha256($0)) }
    }
}
