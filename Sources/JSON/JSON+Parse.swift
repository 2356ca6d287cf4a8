internal import CJansson
internal import Glibc

/// Why a text is no JSON that we take. Says where, never what stands there: the text may hold secrets.
package struct JSONError: Error, Sendable {
    /// A sentence part, such as "an object's key stands twice".
    package var problem: String
    /// Bytes from the start of the text.
    package var offset: Int
    /// The key, where the problem is one.
    package var key: String?

    package var message: String { "\(problem) (at byte \(offset))" }
}

extension JSON {
    /// Nesting beyond this is refused. Nothing here needs more than six.
    package static let maxDepth = 32

    /// Parses one object or array: UTF-8, no duplicate keys, no NUL characters, nothing after it.
    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSON {
        _ = ready
        if let offset = offsetBeyondMaxDepth(bytes) {
            throw JSONError(problem: "it is nested more than \(maxDepth) deep", offset: offset)
        }
        let text = bytes.bindMemory(to: CChar.self)
        var error = json_error_t()
        if let raw = json_loadb(text.baseAddress ?? noBytes, text.count, Int(JSON_REJECT_DUPLICATES), &error) {
            return JSON(owning: raw)
        }
        let offset = max(0, min(Int(error.position), bytes.count))
        let code = dc_json_error_code(&error)
        throw JSONError(
            problem: problems[code.rawValue] ?? "it is not valid JSON", offset: offset,
            key: code == json_error_duplicate_key ? key(endingAt: offset, in: bytes) : nil)
    }

    package static func parse(_ text: String) throws(JSONError) -> JSON {
        var text = text
        let parsed: Result<JSON, JSONError> = text.withUTF8 { bytes in
            Result { () throws(JSONError) in try parse(UnsafeRawBufferPointer(bytes)) }
        }
        return try parsed.get()
    }

    private static let problems: [UInt32: String] = [
        json_error_premature_end_of_input.rawValue: "it ends too early",
        json_error_end_of_input_expected.rawValue: "something follows the value",
        json_error_invalid_utf8.rawValue: "it is not valid UTF-8",
        json_error_duplicate_key.rawValue: "an object's key stands twice",
        json_error_numeric_overflow.rawValue: "a number is out of range",
        json_error_null_character.rawValue: "it holds a NUL character",
        json_error_null_byte_in_key.rawValue: "a key holds a NUL character",
        json_error_out_of_memory.rawValue: "it does not fit into memory",
    ]

    /// Where brackets outside of strings first nest too deep. jansson's own limit would take most of a small stack.
    private static func offsetBeyondMaxDepth(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var depth = 0
        var inString = false
        var escaped = false
        for (offset, byte) in bytes.enumerated() {
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > maxDepth { return offset }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
        return nil
    }

    /// The key whose closing quote stands just before `offset`; nil when it is long or has escapes.
    private static func key(endingAt offset: Int, in bytes: UnsafeRawBufferPointer) -> String? {
        guard let end = bytes[..<offset].lastIndex(of: UInt8(ascii: "\"")) else { return nil }
        guard let start = bytes[..<end].lastIndex(of: UInt8(ascii: "\"")), end - start <= 65 else { return nil }
        let name = bytes[(start + 1)..<end]
        return name.contains(UInt8(ascii: "\\")) ? nil : String(decoding: name, as: UTF8.self)
    }
}
