import HTTP
import Runtime

/// Issuers are compared byte by byte (RFC 8414 section 3.3, RFC 9207 section 2.4). An authorization server of many tenants
/// may have `{tenantid}` in place of one part of its issuer's path: then any tenant's name may stand there.
enum Issuer {
    /// Whether `text` is this issuer.
    /// - Parameter issuer: may hold a placeholder.
    static func isSame(_ text: String, as issuer: String) -> Bool {
        let (parts, pattern) = (parts(of: text), parts(of: issuer))
        guard parts.count == pattern.count else { return false }
        return zip(parts, pattern).enumerated().allSatisfy { index, pair in
            let (part, expected) = pair
            return part.elementsEqual(expected) || (index >= pathStart && isPlaceholder(expected) && isTenant(part))
        }
    }

    static func hasPlaceholder(_ issuer: String) -> Bool { parts(of: issuer).contains(where: isPlaceholder) }

    /// The scheme, what is between the two slashes, and the host stand before the path.
    private static let pathStart = 3

    private static func parts(of text: String) -> [Substring.UTF8View] {
        text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Substring($0).utf8 }
    }

    private static func isPlaceholder(_ part: Substring.UTF8View) -> Bool {
        part.count > 2 && part.first == UInt8(ascii: "{") && part.last == UInt8(ascii: "}")
    }

    /// A GUID, or a domain's name.
    private static func isTenant(_ part: Substring.UTF8View) -> Bool {
        (1...253).contains(part.count) && !part.elementsEqual("..".utf8) && !part.elementsEqual(".".utf8)
            && part.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// Where an authorization server's metadata is, and whose it must be.
struct MetadataPlace: Sendable {
    private static let folder = "/.well-known/"
    private static let openID = "openid-configuration"
    private static let oauth = "oauth-authorization-server"

    /// In the order in which they are asked.
    let urls: [String]
    /// The issuers that a document there may name; empty where the place does not tell.
    let issuers: [String]

    /// - Parameter url: of a document, or an issuer.
    init(_ url: String) {
        guard let parsed = URL(url) else {
            (urls, issuers) = ([url], [])
            return
        }
        // What is neither below the well-known part nor a file is the issuer itself.
        let isInFolder = parsed.path.split(separator: "/").dropLast().contains(".well-known")
        let isDocument = parsed.query != nil || isInFolder || parsed.path.hasSuffix(".json")
        urls = isDocument ? [url] : Self.urls(of: parsed)
        issuers = isDocument ? Self.issuers(of: url, parsed) : Self.either(url)
    }

    private static func issuers(of url: String, _ parsed: URL) -> [String] {
        // The case of a host means nothing.
        var text = (parsed.origin + parsed.path)[...]
        if text.utf8.last == UInt8(ascii: "/") { text = text.dropLast() }
        for place in [openID, oauth].map({ folder + $0 }) {
            if text.hasSuffix(place) { return either(String(text.dropLast(place.count))) }
            // Inserted before the issuer's path.
            if parsed.path.hasPrefix(place + "/") { return either(parsed.origin + parsed.path.dropFirst(place.count)) }
        }
        return []
    }

    /// An issuer with and without a slash at its end: RFC 8414 section 3.1 drops it to make the document's URL, OpenID
    /// Connect Discovery section 4.1 does too.
    private static func either(_ issuer: String) -> [String] {
        let bare = issuer.utf8.last == UInt8(ascii: "/") ? String(issuer.dropLast()) : issuer
        return [bare, bare + "/"]
    }

    /// Where an issuer's document may be: RFC 8414 section 3.1 inserts the well-known part before the path, section 5 lets
    /// OpenID providers do so or append it, and some servers append RFC 8414's too.
    private static func urls(of issuer: URL) -> [String] {
        let path = issuer.path.utf8.last == UInt8(ascii: "/") ? String(issuer.path.dropLast()) : issuer.path
        let origin = issuer.origin
        let inserted = [oauth, openID].map { origin + folder + $0 + path }
        return path.isEmpty ? inserted : inserted + [openID, oauth].map { origin + path + folder + $0 }
    }
}
