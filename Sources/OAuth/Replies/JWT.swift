import Crypto
package import JSON

/// The claims of a signed JWT (RFC 7519). Nobody checks the signature here, so they are good for hints alone.
package enum JWT {
    /// - Returns: nil when the node is no JWT.
    package static func claims(_ token: JSON) -> JSON? {
        // Without its signature the text is no credential, so it may be a Swift string.
        let payload: String?? = token.withStringBytes { bytes in
            let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            return parts.count == 3 ? String(decoding: parts[1], as: UTF8.self) : nil
        }
        guard let payload = payload ?? nil, let plain = Crypto.fromBase64URL(payload) else { return nil }
        return plain.withUnsafeBytes { try? JSON.parseLeniently($0).value }  // RFC 7519 section 4: of a name the last
    }
}
