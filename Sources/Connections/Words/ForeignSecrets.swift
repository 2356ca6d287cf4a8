package import JSON

/// The secrets in what a third party says, known by their names: what no error may repeat.
package enum ForeignSecrets {
    /// What such a name ends in: its letters and digits, the letters small.
    private static let endings = [
        "token", "tokens", "secret", "secrets", "password", "passwd", "credential", "credentials", "assertion", "jwt",
        "apikey", "accesskey", "secretkey", "privatekey", "devicecode", "authorizationcode", "authcode", "codeverifier",
    ].map { Array($0.utf8) }

    /// The values of a member, or in it: string nodes.
    /// - Parameter others: further names.
    package static func named(_ name: String, _ value: JSON, or others: [String] = []) -> [JSON] {
        let letters = folded(name)
        let isSecret =
            endings.contains { letters.suffix($0.count) == $0[...] } || others.contains { letters == folded($0) }
        guard isSecret else { return inside(value, or: others) }
        // What stands deeper may be a sentence about the secret.
        return value.kind == .string ? [value] : value.foreignTexts.filter(\.isWord)
    }

    /// Those of an object's members, or an array's elements, at any depth.
    package static func inside(_ value: JSON, or others: [String] = []) -> [JSON] {
        value.members.flatMap { named($0.key, $0.value, or: others) }
            + value.elements.flatMap { inside($0, or: others) }
    }

    private static func folded(_ name: String) -> [UInt8] {
        name.utf8.compactMap { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: nil
            }
        }
    }
}

extension JSON {
    fileprivate var isWord: Bool { withStringBytes { !$0.isEmpty && !$0.contains { $0 <= 0x20 } } ?? false }
}
