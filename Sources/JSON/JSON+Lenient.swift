internal import CJansson
package import Runtime

/// Somebody else's JSON, read as far as its meaning is plain.
package struct LenientJSON: Sendable {
    package let value: JSON
    package let replaced: [Replaced]

    /// A value that gave way to another one of the same name.
    package struct Replaced: Sendable {
        /// The names of the objects around it; of an array, the element's index.
        package let parent: [String]
        package let name: String
        package let value: JSON

        package init(parent: [String], name: String, value: JSON) {
            self.parent = parent
            self.name = name
            self.value = value
        }
    }

    package init(_ value: JSON, replaced: [Replaced] = []) {
        self.value = value
        self.replaced = replaced
    }
}

extension JSON {
    /// Parses one object or array of somebody else's: strictly, and only if that fails leniently, so that a defect where
    /// nobody looks costs nothing. Then
    ///
    /// - bytes that are no UTF-8, NUL, lone surrogates and unknown escapes become U+FFFD, which no token holds,
    /// - control characters in strings stay,
    /// - of members of one name the last counts that is not null (as RFC 8259 section 4 says of most parsers),
    /// - numbers beyond 64 bits are the nearest real number, and what is neither a number nor another value (`NaN`,
    ///   `undefined`) is null,
    /// - what is nested deeper than ``maxDepth`` is null,
    /// - a byte order mark before it, a comma after the last member, and NUL between values or behind them are passed over.
    ///
    /// A text that is cut off, or has something else behind it, is still an error.
    package static func parseLeniently(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> LenientJSON {
        do throws(JSONError) {
            return LenientJSON(try parse(bytes))
        } catch {
            var parser = LenientParser(bytes)
            return try parser.document()
        }
    }
}

private struct LenientParser {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var replaced: [LenientJSON.Replaced] = []

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> LenientJSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        guard let first = peek(), "{[".utf8.contains(first) else { throw failure("it is not an object or array") }
        let value = try value(at: [])
        guard peek() == nil else { throw failure("something follows the value") }
        return LenientJSON(value, replaced: replaced)
    }

    private func failure(_ problem: String) -> JSONError { JSONError(problem: problem, offset: position) }

    /// The next byte that is neither white space nor NUL; nil at the end.
    private mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D, 0: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    /// - Parameter path: the names and indices that lead there, one for each level.
    private mutating func value(at path: [String]) throws(JSONError) -> JSON {
        switch peek() {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard path.count < JSON.maxDepth else { return try skipped() }
            return take("{") ? try object(at: path) : try array(at: path)
        case UInt8(ascii: "\""):
            return try text().withBytes { JSON.string(bytes: $0) } ?? .null
        default:
            return try word()
        }
    }

    private mutating func object(at path: [String]) throws(JSONError) -> JSON {
        let object = JSON.object()
        while !take("}") {
            guard peek() == UInt8(ascii: "\"") else { throw failure("a member has no name") }
            let name = try text().withBytes { String(decoding: $0, as: UTF8.self) }
            guard take(":") else { throw failure("a member has no value") }
            let value = try value(at: path + [name])
            let earlier = object[name]
            if let earlier, value.kind != .null, !value.equals(earlier) {
                replaced.append(.init(parent: path, name: name, value: earlier))
            }
            if earlier == nil || value.kind != .null { object.set(name, value) }
            guard take(",") || peek() == UInt8(ascii: "}") else { throw failure("a comma is missing") }
        }
        return object
    }

    private mutating func array(at path: [String]) throws(JSONError) -> JSON {
        position += 1
        let array = JSON.array([])
        var index = 0
        while !take("]") {
            array.append(try value(at: path + [String(index)]))
            index += 1
            guard take(",") || peek() == UInt8(ascii: "]") else { throw failure("a comma is missing") }
        }
        return array
    }

    /// Passes over what is nested too deep.
    private mutating func skipped() throws(JSONError) -> JSON {
        var open = 0
        repeat {
            switch peek() {
            case nil: throw failure("it ends too early")
            case UInt8(ascii: "\""): _ = try quoted()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                open += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                open -= 1
                position += 1
            default: position += 1
            }
        } while open > 0
        return .null
    }

    /// A number, true, false or null.
    private mutating func word() throws(JSONError) -> JSON {
        let word = bytes[position...].prefix { $0 > 0x20 && !",:]}[{\"".utf8.contains($0) }
        guard !word.isEmpty else { throw failure(position < bytes.count ? "a value is missing" : "it ends too early") }
        position = word.endIndex
        if word.elementsEqual("true".utf8) { return .boolean(true) }
        if word.elementsEqual("false".utf8) { return .boolean(false) }
        return JSON.number(UnsafeRawBufferPointer(rebasing: word)) ?? .null
    }

    // MARK: - Strings

    /// What stands between the next two quotation marks.
    private mutating func quoted() throws(JSONError) -> UnsafeRawBufferPointer {
        position += 1
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                defer { position += 1 }
                return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        throw failure("it ends too early")
    }

    private mutating func text() throws(JSONError) -> Secret {
        let quoted = try quoted()
        return Secret(writing: { send in Self.unescape(quoted, to: send) }).asUTF8
    }

    private static func unescape(_ text: UnsafeRawBufferPointer, to send: (UInt8) -> Void) {
        var rest = text[...]
        func put(_ scalar: Unicode.Scalar?) { UTF8.encode(scalar ?? "\u{FFFD}")?.forEach(send) }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                send(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): send(escape)
            case UInt8(ascii: "b"): send(0x08)
            case UInt8(ascii: "f"): send(0x0C)
            case UInt8(ascii: "n"): send(0x0A)
            case UInt8(ascii: "r"): send(0x0D)
            case UInt8(ascii: "t"): send(0x09)
            case UInt8(ascii: "u"): put(scalar(&rest))
            default: put(nil)
            }
        }
    }

    /// What the digits after `\u` stand for, with those of the other half of a pair; nil where they stand for nothing.
    private static func scalar(_ rest: inout Slice<UnsafeRawBufferPointer>) -> Unicode.Scalar? {
        guard let unit = unit(&rest) else { return nil }
        guard UTF16.isLeadSurrogate(UInt16(unit)) else { return Unicode.Scalar(unit) }
        var ahead = rest
        guard ahead.popFirst() == UInt8(ascii: "\\"), ahead.popFirst() == UInt8(ascii: "u"),
            let low = Self.unit(&ahead), UTF16.isTrailSurrogate(UInt16(low))
        else { return nil }
        rest = ahead
        return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    }

    private static func unit(_ rest: inout Slice<UnsafeRawBufferPointer>) -> UInt32? {
        var unit: UInt32 = 0
        var ahead = rest
        for _ in 0..<4 {
            guard let digit = ahead.popFirst().flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
                return nil
            }
            unit = unit << 4 | UInt32(digit)
        }
        rest = ahead
        return unit
    }
}

extension JSON {
    /// A number as JSON writes it, or nearly; the nearest that there is if it is too large. Nil when the text is none.
    fileprivate static func number(_ bytes: UnsafeRawBufferPointer) -> JSON? {
        let isNumeric = bytes.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
        guard isNumeric, bytes.count <= 4096 else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        if let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text) else { return nil }
        let most = Double.greatestFiniteMagnitude
        return JSON(owning: json_real(min(max(number, -most), most)))
    }
}

extension Secret {
    /// The same text with U+FFFD in place of NUL and of bytes that are no UTF-8.
    package var asUTF8: Secret {
        withBytes { bytes in
            Secret(writing: { send in
                var parser = Unicode.UTF8.ForwardParser()
                var rest = bytes.makeIterator()
                let replacement = "\u{FFFD}".utf8
                while true {
                    switch parser.parseScalar(from: &rest) {
                    case .emptyInput: return
                    case .error: replacement.forEach(send)
                    case .valid(let scalar):
                        if scalar.first == 0 { replacement.forEach(send) } else { scalar.forEach(send) }
                    }
                }
            })
        }
    }
}
