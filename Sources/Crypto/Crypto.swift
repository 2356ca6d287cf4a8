internal import CSodium
internal import Glibc
package import Runtime

/// libsodium, as far as it is used here.
package enum Crypto {
    /// libsodium wants this before anything else; it may be called by several threads at once.
    private static let ready: Void = {
        guard sodium_init() >= 0 else { fatalError("libsodium has no source of randomness") }
    }()

    package static func random(_ count: Int) -> [UInt8] {
        _ = ready
        return [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, initialized in
            randombytes_buf(start(buffer), buffer.count)
            initialized = buffer.count
        }
    }

    /// Random bytes that are wiped after use: a key.
    package static func randomSecret(_ count: Int) -> Secret {
        _ = ready
        return Secret(count: max(0, count)) { randombytes_buf(start($0), $0.count) }
    }

    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        _ = ready
        return [UInt8](unsafeUninitializedCapacity: Int(crypto_hash_sha256_BYTES)) { hash, initialized in
            crypto_hash_sha256(start(hash), start(bytes), UInt64(bytes.count))
            initialized = Int(crypto_hash_sha256_BYTES)
        }
    }

    package static func sha256(_ text: String) -> [UInt8] {
        Array(text.utf8).withUnsafeBytes { sha256($0) }
    }

    /// HMAC with SHA-256 (RFC 2104) and a key of any length.
    package static func hmacSHA256(_ bytes: [UInt8], key: Secret) -> [UInt8] {
        _ = ready
        return [UInt8](unsafeUninitializedCapacity: Int(crypto_auth_hmacsha256_BYTES)) { code, initialized in
            var state = crypto_auth_hmacsha256_state()
            key.withBytes { key in _ = crypto_auth_hmacsha256_init(&state, start(key), key.count) }
            crypto_auth_hmacsha256_update(&state, bytes, UInt64(bytes.count))
            crypto_auth_hmacsha256_final(&state, start(code))
            sodium_memzero(&state, MemoryLayout.size(ofValue: state))
            initialized = Int(crypto_auth_hmacsha256_BYTES)
        }
    }

    /// BLAKE2b with a key, `count` (16 to 64) bytes long: what a row's key shows in place of an id.
    package static func keyedHash(_ bytes: [UInt8], key: Secret, count: Int) -> [UInt8] {
        bytes.withUnsafeBytes { keyedHash($0, key: key, count: count) }
    }

    package static func keyedHash(_ bytes: UnsafeRawBufferPointer, key: Secret, count: Int) -> [UInt8] {
        _ = ready
        return key.withBytes { key in
            [UInt8](unsafeUninitializedCapacity: count) { hash, initialized in
                crypto_generichash(
                    start(hash), count, start(bytes), UInt64(bytes.count),
                    start(key), key.count)
                initialized = count
            }
        }
    }

    /// A key of 32 bytes for one purpose, made from a master key of at least 32 bytes.
    /// - Parameter purpose: 8 ASCII characters.
    package static func derive(_ number: UInt64, _ purpose: StaticString, from master: Secret) -> Secret {
        _ = ready
        precondition(purpose.utf8CodeUnitCount == 8 && master.count >= 32)
        return master.withBytes { master in
            Secret(count: 32) { subkey in
                purpose.utf8Start.withMemoryRebound(to: CChar.self, capacity: 8) { context in
                    _ = crypto_kdf_derive_from_key(start(subkey), 32, number, context, start(master))
                }
            }
        }
    }
}

// MARK: - Sealing

extension Crypto {
    package static let sealingKeyBytes = Int(crypto_aead_xchacha20poly1305_ietf_KEYBYTES)
    private static let nonceBytes = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
    private static let tagBytes = Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)

    /// XChaCha20-Poly1305 with a random nonce, which stands before the sealed bytes.
    /// - Parameters:
    ///   - bound: bytes that must be the same at opening, such as the row's key.
    ///   - key: `sealingKeyBytes` bytes.
    package static func seal(_ plain: UnsafeRawBufferPointer, boundTo bound: [UInt8], key: Secret) -> [UInt8] {
        precondition(key.count == sealingKeyBytes)
        let nonce = random(nonceBytes)
        return key.withBytes { key in
            [UInt8](unsafeUninitializedCapacity: nonceBytes + plain.count + tagBytes) { sealed, initialized in
                guard let base = sealed.baseAddress else { return }
                base.update(from: nonce, count: nonceBytes)
                crypto_aead_xchacha20poly1305_ietf_encrypt(
                    base + nonceBytes, nil, start(plain), UInt64(plain.count),
                    bound, UInt64(bound.count), nil, nonce, start(key))
                initialized = nonceBytes + plain.count + tagBytes
            }
        }
    }

    /// - Returns: nil when the bytes are not what ``seal(_:boundTo:key:)`` made with this key and these bound bytes.
    package static func open(_ sealed: some Collection<UInt8>, boundTo bound: [UInt8], key: Secret) -> Secret? {
        _ = ready
        guard key.count == sealingKeyBytes, sealed.count >= nonceBytes + tagBytes else { return nil }
        let nonce = Array(sealed.prefix(nonceBytes))
        let body = Array(sealed.dropFirst(nonceBytes))
        var opened = false
        let plain = Secret(count: body.count - tagBytes) { plain in
            opened = key.withBytes { key in
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    start(plain), nil, nil, body, UInt64(body.count),
                    bound, UInt64(bound.count), nonce, start(key)) == 0
            }
        }
        return opened ? plain : nil
    }
}

// MARK: - Text forms

extension Crypto {
    /// Without padding (RFC 4648 section 5).
    package static func base64URL(_ bytes: UnsafeRawBufferPointer) -> String {
        base64(bytes, variant: sodium_base64_VARIANT_URLSAFE_NO_PADDING)
    }

    package static func base64URL(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { base64URL($0) } }

    /// With padding (RFC 4648 section 4).
    package static func base64(_ bytes: UnsafeRawBufferPointer) -> String {
        base64(bytes, variant: sodium_base64_VARIANT_ORIGINAL)
    }

    /// With padding, in memory that is wiped: credentials on their way into a header.
    package static func base64(_ secret: Secret) -> Secret { base64(secret, variant: sodium_base64_VARIANT_ORIGINAL) }

    /// Without padding, in memory that is wiped.
    package static func base64URL(_ secret: Secret) -> Secret {
        base64(secret, variant: sodium_base64_VARIANT_URLSAFE_NO_PADDING)
    }

    private static func base64(_ secret: Secret, variant: Int32) -> Secret {
        let text = Secret(count: sodium_base64_encoded_len(secret.count, variant)) { text in
            guard let base = text.bindMemory(to: CChar.self).baseAddress else { return }
            secret.withBytes { bytes in
                _ = sodium_bin2base64(base, text.count, start(bytes), bytes.count, variant)
            }
        }
        return text.withBytes { Secret(UnsafeRawBufferPointer(rebasing: $0.dropLast())) }  // without the zero byte
    }

    private static func base64(_ bytes: UnsafeRawBufferPointer, variant: Int32) -> String {
        let capacity = sodium_base64_encoded_len(bytes.count, variant)
        return String(unsafeUninitializedCapacity: capacity) { text in
            text.withMemoryRebound(to: CChar.self) { text in
                guard let base = text.baseAddress else { return 0 }
                sodium_bin2base64(
                    base, capacity, start(bytes), bytes.count, variant)
                return strlen(base)
            }
        }
    }

    /// - Returns: nil when the text is not base64url; padding is neither needed nor taken.
    package static func fromBase64URL(_ text: String) -> [UInt8]? {
        decode(text) { binary, capacity, text, length, count in
            sodium_base642bin(
                binary, capacity, text, length, nil, count, nil, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
        }
    }

    package static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// - Returns: nil when the text is not an even number of hexadecimal digits.
    package static func fromHex(_ text: String) -> [UInt8]? {
        guard text.utf8.count.isMultiple(of: 2) else { return nil }
        return decode(text) { binary, capacity, text, length, count in
            sodium_hex2bin(binary, capacity, text, length, nil, count, nil)
        }
    }

    /// Decodes a secret: neither its text nor its bytes are left in memory that is not wiped. Text of hexadecimal digits
    /// alone is taken for such, anything else for base64 or base64url, padded or not.
    /// - Returns: nil when it is none of these.
    package static func decodeSecret(_ text: UnsafeRawBufferPointer) -> Secret? {
        _ = ready
        let variants = [
            sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE,
            sodium_base64_VARIANT_URLSAFE_NO_PADDING,
        ]
        let digits = text.bindMemory(to: CChar.self)
        guard let start = digits.baseAddress else { return nil }
        let isHex = text.allSatisfy {
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0 | 0x20
        }
        var count = 0
        var isDecoded = false
        let room = Secret(count: text.count) { room in
            guard let binary = room.bindMemory(to: UInt8.self).baseAddress else { return }
            isDecoded =
                isHex
                ? sodium_hex2bin(binary, room.count, start, digits.count, nil, &count, nil) == 0
                : variants.contains {
                    sodium_base642bin(binary, room.count, start, digits.count, nil, &count, nil, $0) == 0
                }
        }
        return isDecoded ? room.withBytes { Secret($0.prefix(count)) } : nil
    }

    private static func decode(
        _ text: String,
        _ decoder: (UnsafeMutablePointer<UInt8>, Int, UnsafePointer<CChar>, Int, UnsafeMutablePointer<Int>) -> Int32
    ) -> [UInt8]? {
        _ = ready
        let text = text.utf8.map { CChar(bitPattern: $0) }
        var decoded = false
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count) { binary, initialized in
            decoded = decoder(start(binary), text.count, text, text.count, &initialized) == 0
            if !decoded { initialized = 0 }
        }
        return decoded ? bytes : nil
    }
}

// MARK: - Addresses

/// Stands in for the address of no bytes, which libsodium's headers want even for a length of 0.
nonisolated(unsafe) private let nothing: UnsafeMutablePointer<UInt8> = {  // one byte, never read or written
    let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    byte.initialize(to: 0)
    return byte
}()

private func start(_ bytes: UnsafeRawBufferPointer) -> UnsafePointer<UInt8> {
    bytes.bindMemory(to: UInt8.self).baseAddress ?? UnsafePointer(nothing)
}

private func start(_ bytes: UnsafeMutableRawBufferPointer) -> UnsafeMutablePointer<UInt8> {
    bytes.bindMemory(to: UInt8.self).baseAddress ?? nothing
}

private func start(_ bytes: UnsafeMutableBufferPointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    bytes.baseAddress ?? nothing
}
