internal import CCurl

/// An absolute URL, taken apart by libcurl, which is also who connects to it: what is checked is what is used.
package struct URL: Sendable {
    /// In lower case.
    package let scheme: String
    /// In lower case, IPv6 addresses in brackets; empty for schemes without a host.
    package let host: String
    package let port: Int?
    package let path: String
    package let query: String?
    package let fragment: String?
    package let hasUserInfo: Bool

    package init?(_ text: String) {
        guard !text.utf8.contains(0), CurlLibrary.isReady, let handle = curl_url() else { return nil }
        defer { curl_url_cleanup(handle) }
        let flags = UInt32(CURLU_NON_SUPPORT_SCHEME | CURLU_NO_AUTHORITY)
        guard curl_url_set(handle, CURLUPART_URL, text, flags) == CURLUE_OK else { return nil }
        func part(_ part: CURLUPart) -> String? {
            var value: UnsafeMutablePointer<CChar>?
            guard curl_url_get(handle, part, &value, 0) == CURLUE_OK, let value else { return nil }
            defer { curl_free(value) }
            return String(cString: value)
        }
        guard let scheme = part(CURLUPART_SCHEME) else { return nil }
        self.scheme = asciiLowercased(scheme)
        host = asciiLowercased(part(CURLUPART_HOST) ?? "")
        port = part(CURLUPART_PORT).flatMap { Int($0) }
        path = part(CURLUPART_PATH) ?? "/"
        query = part(CURLUPART_QUERY)
        fragment = part(CURLUPART_FRAGMENT)
        hasUserInfo = part(CURLUPART_USER) != nil || part(CURLUPART_PASSWORD) != nil
    }

    /// `https://host:port`, for comparing who is spoken to.
    package var origin: String { "\(scheme)://\(host)\(port.map { ":\($0)" } ?? "")" }

    /// As browsers write an origin (RFC 6454 section 6.2): without the scheme's default port.
    package var webOrigin: String {
        (scheme == "https" && port == 443) || (scheme == "http" && port == 80) ? "\(scheme)://\(host)" : origin
    }

    /// Whether the host is this machine by its literal address or name.
    package var isLoopback: Bool {
        host == "localhost" || host == "[::1]" || IPv4(host)?.isLoopback == true
    }

    /// https, or http to this machine; no user information, no fragment. OAuth endpoints (RFC 6749 section 3.1) and APIs.
    package var isSecureEndpoint: Bool {
        guard !host.isEmpty, !hasUserInfo, fragment == nil else { return false }
        return scheme == "https" || (scheme == "http" && isLoopback)
    }

    /// A place that a browser may be sent to: https, http, or an app's own scheme, but none that runs or reads what it
    /// carries. No fragment (RFC 6749 section 3.1.2).
    package var isSafeRedirect: Bool {
        guard !["javascript", "data", "vbscript", "file", "blob", "about"].contains(scheme) else { return false }
        guard fragment == nil, !hasUserInfo else { return false }
        return !host.isEmpty || !["http", "https"].contains(scheme)
    }
}

/// The text with its ASCII letters in lower case. Swift's `lowercased` makes an ASCII letter of another one too: U+212A.
func asciiLowercased(_ text: String) -> String {
    String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}

extension URL {
    /// Everything but RFC 3986's unreserved characters becomes %XX.
    package static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    /// A URL, or text with URLs in it, as a header may hold it (RFC 3987 section 3.1): what is no ASCII becomes %XX.
    package static func ascii(_ text: String) -> String {
        guard !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
        return text.unicodeScalars.reduce(into: "") { ascii, scalar in
            if scalar.isASCII {
                ascii.unicodeScalars.append(scalar)
            } else {
                ascii += encode(String(scalar))
            }
        }
    }

    /// `a=b&c=d`, each part encoded.
    package static func query(_ parameters: [(String, String)]) -> String {
        parameters.map { "\(encode($0.0))=\(encode($0.1))" }.joined(separator: "&")
    }

    /// `url` with more parameters in its query.
    package static func appending(_ parameters: [(String, String)], to url: String) -> String {
        guard !parameters.isEmpty else { return url }
        return url + (url.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + query(parameters)
    }
}

/// An IPv4 address in dotted form.
struct IPv4 {
    let bytes: (UInt8, UInt8, UInt8, UInt8)

    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
        guard parts.count == 4, text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }) else {
            return nil
        }
        bytes = (parts[0], parts[1], parts[2], parts[3])
    }

    var isLoopback: Bool { bytes.0 == 127 }
}
