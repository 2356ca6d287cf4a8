internal import Connections
internal import JSON
internal import Runtime

/// A plugin's config, of which nobody here knows what its members mean.
enum PluginConfig {
    /// Keeps what may be secret in it out of the plugin's words: what is named like a secret, passwords and queries of URLs
    /// and connection strings, and any other text that is neither a path, nor a host, nor a plain word.
    static func redaction(of config: JSON) -> Redaction { Redaction([], secrets(in: config, isNamed: false)) }

    private static let secretNames = ["pass", "pwd", "secret", "token", "key", "credential", "auth"]

    /// - Parameter isNamed: a name on the way here says that it is a secret.
    private static func secrets(in json: JSON, isNamed: Bool) -> [Secret] {
        if let secret = json.stringSecret { return isNamed ? [secret] : secret.withBytes(parts) }
        return json.elements.flatMap { secrets(in: $0, isNamed: isNamed) }
            + json.members.flatMap { name, value in
                let name = name.lowercased()
                return secrets(in: value, isNamed: isNamed || secretNames.contains { name.utf8.holds($0) })
            }
    }

    /// The parts of a text that may be secret.
    private static func parts(_ text: UnsafeRawBufferPointer) -> [Secret] {
        if text.first == UInt8(ascii: "/") || isHostOrWord(text) { return [] }
        if let scheme = text.range(of: "://") {
            let rest = text[scheme.upperBound...]
            let authority = rest.prefix { !"/?#".utf8.contains($0) }
            let user = authority.lastIndex(of: UInt8(ascii: "@")).map { authority[..<$0] }
            let password = user.flatMap { user in
                user.firstIndex(of: UInt8(ascii: ":")).map { user[($0 + 1)...] }
            }
            let query = rest.firstIndex { "?#".utf8.contains($0) }.map { rest[($0 + 1)...] }
            return [password ?? user, query].compactMap { $0.map { Secret($0) } }
        }
        if let name = text.range(of: "password=") ?? text.range(of: "pwd=") {
            return [Secret(text[name.upperBound...].prefix { !" ;".utf8.contains($0) })]
        }
        return [Secret(text)]
    }

    private static func isHostOrWord(_ text: UnsafeRawBufferPointer) -> Bool {
        let isLetter: (UInt8) -> Bool = { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 }
        let isDigit: (UInt8) -> Bool = { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        if text.count <= 32, text.allSatisfy({ isLetter($0 | 0x20) || $0 == UInt8(ascii: "_") }) { return true }
        return text.contains(UInt8(ascii: "."))
            && text.allSatisfy { isLetter($0) || isDigit($0) || ".:-".utf8.contains($0) }
    }
}

extension Collection<UInt8> {
    /// Where ASCII text in lower case stands, in either case.
    fileprivate func range(of text: String) -> Range<Index>? {
        for start in indices {
            let found = self[start...].prefix(text.utf8.count)
            if found.lazy.map({ UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }).elementsEqual(text.utf8)
            {
                return found.startIndex..<found.endIndex
            }
        }
        return nil
    }

    fileprivate func holds(_ text: String) -> Bool { range(of: text) != nil }
}
