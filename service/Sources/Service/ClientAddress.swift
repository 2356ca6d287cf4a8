import HTTPTypes

/// Where a request came from: the peer, or what a proxy that is trusted says of it (RFC 7239 section 5.2, and the older
/// X-Forwarded-For).
struct ClientAddress: Sendable {
    private let trusted: [AddressRange]

    init(trusted: [AddressRange]) { self.trusted = trusted }

    /// Each proxy adds who it got the request from at the end, so the last one that no proxy of ours is, is the client.
    func find(peer: String?, _ fields: HTTPFields) -> String? {
        guard let peer, isTrusted(peer) else { return peer }
        var found = peer
        for hop in Self.hops(fields).reversed() {
            guard let hop else { return found }
            found = hop
            if !isTrusted(hop) { break }
        }
        return found
    }

    private func isTrusted(_ address: String) -> Bool { trusted.contains { $0.contains(address) } }

    /// Nil for one that is hidden or malformed.
    private static func hops(_ fields: HTTPFields) -> [String?] {
        let forwarded = fields[values: .forwarded]
        if !forwarded.isEmpty {
            return forwarded.flatMap { $0.split(separator: ",") }.map { element in
                let pairs = element.split(separator: ";").map { $0.split(separator: "=", maxSplits: 1) }
                let named = pairs.first { $0.count == 2 && trimmed($0[0]).lowercased() == "for" }
                return named.flatMap { address(trimmed($0[1])) }
            }
        }
        return fields[values: .forwardedFor].flatMap { $0.split(separator: ",") }.map { address(trimmed($0)) }
    }

    /// An address without its port, its quotation marks and its brackets.
    private static func address(_ text: String) -> String? {
        var text = text[...]
        if text.hasPrefix("\""), text.hasSuffix("\""), text.count > 1 { text = text.dropFirst().dropLast() }
        if text.hasPrefix("[") {
            text = text.dropFirst().prefix { $0 != "]" }
        } else if text.count(where: { $0 == ":" }) == 1 {
            text = text.prefix { $0 != ":" }
        }
        let address = String(text)
        return AddressRange(address) == nil || address.contains("/") ? nil : address
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
