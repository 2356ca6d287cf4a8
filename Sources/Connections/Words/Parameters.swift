package import JSON
package import Runtime

/// The parameters of a query or of a form's body (application/x-www-form-urlencoded), decoded.
package struct Parameters: Sendable {
    private let pairs: [(name: ID, value: String)]
    /// Whether there were so many that the rest was not read.
    package let isCut: Bool

    /// Beyond this many the rest is not read.
    private static let maxCount = 256

    package init(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "&"), maxSplits: Self.maxCount)
        isCut = parts.count > Self.maxCount
        pairs = parts.prefix(Self.maxCount).map { pair in
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (ID(Self.decode(parts[0])), parts.count == 2 ? Self.decode(parts[1]) : "")
        }
    }

    /// The first of a name; nil when it is not there or empty.
    package subscript(name: StaticString) -> String? { first(ID(name.description)) }

    /// The first of a name; nil when it is not there or empty.
    package func first(_ name: ID) -> String? { pairs.first { $0.name == name && !$0.value.isEmpty }?.value }

    /// The first of a name, also an empty one; nil when it is not there.
    package func sent(_ name: ID) -> String? { pairs.first { $0.name == name }?.value }

    /// All but those of a name, to be written again.
    package func others(than name: ID) -> [(String, String)] {
        pairs.filter { $0.name != name }.map { ($0.name.text, $0.value) }
    }

    /// The first of a name that is made elsewhere.
    subscript(named name: ID) -> String? { pairs.first { $0.name == name && !$0.value.isEmpty }?.value }

    /// For an operation that takes third parties' text: a string, or an array where the name stands more than once.
    package func foreign(_ name: ID) -> JSON? {
        let values = pairs.lazy.filter { $0.name == name }.map(\.value)
        guard let first = values.first else { return nil }
        return values.dropFirst().isEmpty ? .string(first) : .strings(Array(values))
    }

    package var names: [ID] { Array(Set(pairs.map(\.name))).sorted() }

    /// What is no UTF-8 is replaced, and a % that begins no byte stands for itself.
    private static func decode(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.first.flatMap(digit),
                let low = rest.dropFirst().first.flatMap(digit)
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
