import JSON
import Memory

extension JSON {
    /// An object with a form's parameters (`application/x-www-form-urlencoded`) as strings.
    /// - Returns: nil when the bytes are no form, or a name stands in it twice.
    static func form(_ bytes: UnsafeRawBufferPointer) -> JSON? {
        let object = JSON.object()
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = decoded(parts[0])?.string, !name.isEmpty else { return nil }
            guard let value = decoded(parts[1]), object[name] == nil, !name.utf8.contains(0) else { return nil }
            object.set(name, value)
        }
        return object
    }

    private static func decoded(_ part: UnsafeRawBufferPointer.SubSequence) -> JSON? {
        var isValid = true
        let plain = Secret { byte in isValid = formDecode(part, to: byte) }
        return isValid ? plain.withBytes { JSON.string(bytes: $0) } : nil
    }

    /// - Returns: false at what is no form, such as a % without two digits, a control character or a space.
    private static func formDecode(_ part: UnsafeRawBufferPointer.SubSequence, to send: (UInt8) -> Void) -> Bool {
        var rest = part
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"):
                send(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                    return false
                }
                send(high << 4 | low)
            case 0x21...0x7E:
                send(byte)
            default:
                return false
            }
        }
        return true
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
