internal import Crypto
internal import JSON

/// What a state knows of a call's arguments: SHA-256 of a canonical form, so that the same arguments have the same digest
/// however a client orders their members and writes their numbers. docs/mcp.md has the form for those who make it
/// themselves: only the digest of arguments that this library does not take needs to come here.
enum ArgumentsDigest {
    static let count = 32

    /// - Parameter arguments: an object.
    static func of(_ arguments: JSON) -> [UInt8] {
        var form: [UInt8] = []
        append(arguments, to: &form)
        return form.withUnsafeBytes { Crypto.sha256($0) }
    }

    /// Recursion is bounded: `JSON` nests no deeper than `JSON.maxDepth`.
    private static func append(_ value: JSON, to form: inout [UInt8]) {
        switch value.kind {
        case .null: form.append(UInt8(ascii: "n"))
        case .boolean: form.append(value.boolean == true ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        case .integer, .real: append(value.number ?? 0, to: &form)
        case .string: append(value.string ?? "", to: &form)
        case .array:
            let elements = value.elements
            append("a", elements.count, to: &form)
            for element in elements { append(element, to: &form) }
        case .object:
            // Clients drop members that are null when they write a call anew.
            let members = value.members.filter { $0.value.kind != .null }.sorted {
                $0.key.utf16.lexicographicallyPrecedes($1.key.utf16)
            }
            append("o", members.count, to: &form)
            for (key, member) in members {
                append(key, to: &form)
                append(member, to: &form)
            }
        }
    }

    private static func append(_ number: Double, to form: inout [UInt8]) {
        form.append(UInt8(ascii: "d"))
        append(number == 0 ? 0 : number.bitPattern, to: &form)
    }

    private static func append(_ text: String, to form: inout [UInt8]) {
        append("s", text.utf16.count, to: &form)
        for unit in text.utf16 {
            form.append(UInt8(unit >> 8))
            form.append(UInt8(unit & 0xFF))
        }
    }

    private static func append(_ tag: Unicode.Scalar, _ count: Int, to form: inout [UInt8]) {
        form.append(UInt8(ascii: tag))
        append(UInt64(count), to: &form)
    }

    private static func append(_ bits: UInt64, to form: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) {
            form.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
    }
}
