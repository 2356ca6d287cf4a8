import JSON
import Runtime

extension JSON {
    /// An object with a form's parameters (`application/x-www-form-urlencoded`) as strings. What cannot be decoded, and what
    /// a form would not hold as it is, becomes U+FFFD, which no token holds; of parameters of one name the last counts.
    /// - Returns: nil when the bytes do not begin as a form does: with a name, and an equals sign behind it.
    static func form(_ bytes: UnsafeRawBufferPointer) -> LenientJSON? {
        guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), equals > 0, bytes[..<equals].allSatisfy(isName)
        else {
            return nil
        }
        let object = JSON.object()
        var replaced: [LenientJSON.Replaced] = []
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(parts[0]).string, !name.isEmpty else { continue }
            let value = parts.count == 2 ? decoded(parts[1]) : .string("")
            if let earlier = object[name], !earlier.equals(value) {
                replaced.append(.init(parent: [], name: name, value: earlier))
            }
            object.set(name, value)
        }
        return LenientJSON(object, replaced: replaced)
    }

    /// What the name of a form's parameter is made of.
    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_-.~%[]".utf8.contains(byte)
        }
    }

    private static func decoded(_ part: UnsafeRawBufferPointer.SubSequence) -> JSON {
        Secret(writing: { send in formDecode(part, to: send) }).asUTF8.withBytes { JSON.string(bytes: $0) } ?? .null
    }

    private static func formDecode(_ part: UnsafeRawBufferPointer.SubSequence, to send: (UInt8) -> Void) {
        var rest = part
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"):
                send(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                if let high = rest.first.flatMap(digit), let low = rest.dropFirst().first.flatMap(digit) {
                    send(high << 4 | low)
                    rest = rest.dropFirst(2)
                } else {
                    "\u{FFFD}".utf8.forEach(send)
                }
            case 0x21...0x7E:
                send(byte)
            default:
                "\u{FFFD}".utf8.forEach(send)
            }
        }
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
