internal import Runtime

/// What a text says once the encodings are undone that programs quote things in: percent and form encoding, the escapes of
/// JSON and of most languages' strings, HTML's, base64, hexadecimal digits; one inside another.
///
/// Decoding the text, rather than encoding what is looked for, finds a secret in any spelling (`%2F`, `%2f`, a `/` as it
/// is), and anywhere in a longer encoded text, such as a Basic header.
enum Reading {
    /// Encodings inside one another beyond this are not undone.
    private static let maxDepth = 3

    private enum Decoder: Sendable {
        case escapes
        case digits(Digits, skipping: Int)

        func decode(_ text: UnsafeRawBufferPointer, to send: (UInt8) -> Void) {
            switch self {
            case .escapes: Reading.unescape(text, to: send)
            case .digits(let digits, let skipped): Reading.decode(text, digits, skipping: skipped, to: send)
            }
        }
    }

    /// Base64 is read from each of the four places that a group may begin at, hexadecimal digits from both.
    private static let decoders: [Decoder] =
        [.escapes] + (0..<4).map { .digits(.base64, skipping: $0) } + (0..<2).map { .digits(.hex, skipping: $0) }

    /// The text as it is, and every way to read it.
    static func all(of text: UnsafeRawBufferPointer) -> [Secret] {
        var all = [Secret(text)]
        var latest = all
        for _ in 0..<maxDepth {
            latest = latest.flatMap { text in
                decoders.compactMap { decoder in
                    let read = text.withBytes { text in Secret { send in decoder.decode(text, to: send) } }
                    return read.count == 0 || read.equals(text) ? nil : read
                }
            }
            all += latest
        }
        return all
    }
}

// MARK: - Digits

extension Reading {
    private struct Digits: Sendable {
        /// Of one digit.
        let bits: Int
        /// Fewer in a row are left alone: they are one byte or none.
        let minCount: Int
        /// What may stand between two of a run.
        let separators: String
        /// A digit's; nil of anything else.
        let value: @Sendable (UInt8) -> UInt8?

        static let base64 = Digits(bits: 6, minCount: 3, separators: "", value: base64Value)
        static let hex = Digits(bits: 4, minCount: 4, separators: " :-", value: hexValue)

        func isInRun(_ byte: UInt8) -> Bool { value(byte) != nil || separators.utf8.contains(byte) }
    }

    /// Decodes each run of digits; a zero stands between them.
    /// - Parameter skipped: how many digits of each run to leave out.
    private static func decode(
        _ text: UnsafeRawBufferPointer, _ digits: Digits, skipping skipped: Int, to send: (UInt8) -> Void
    ) {
        for run in text.split(whereSeparator: { !digits.isInRun($0) }) where run.count >= digits.minCount {
            var pending: UInt32 = 0
            var pendingBits = 0
            for value in run.lazy.compactMap(digits.value).dropFirst(skipped) {
                pending = pending << digits.bits | UInt32(value)
                pendingBits += digits.bits
                guard pendingBits >= 8 else { continue }
                pendingBits -= 8
                send(UInt8(truncatingIfNeeded: pending >> pendingBits))
            }
            send(0)
        }
    }

    /// Of both alphabets (RFC 4648 sections 4 and 5).
    private static func base64Value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

// MARK: - Escapes

extension Reading {
    /// A character by its number.
    private struct Escape: Sendable {
        let prefix: [UInt8]
        let digits: ClosedRange<Int>
        let radix: UInt32
        let end: [UInt8]
        /// The number is a byte's and not a character's.
        let isByte: Bool

        init(_ prefix: String, _ digits: ClosedRange<Int>, radix: UInt32 = 16, end: String = "", isByte: Bool = false) {
            self.prefix = Array(prefix.utf8)
            self.digits = digits
            self.radix = radix
            self.end = Array(end.utf8)
            self.isByte = isByte
        }
    }

    private static let escapes = [
        Escape("%", 2...2, isByte: true), Escape("%u", 4...4),
        Escape("\\x", 2...2, isByte: true), Escape("\\x{", 1...8, end: "}"),
        Escape("\\u", 4...4), Escape("\\u{", 1...8, end: "}"), Escape("\\U", 8...8),
        // Octal digits as printf's %b has them, as Perl has them, and as C has them.
        Escape("\\0", 3...3, radix: 8, isByte: true), Escape("\\o{", 1...8, radix: 8, end: "}"),
        Escape("\\", 1...3, radix: 8, isByte: true),
        Escape("&#", 1...8, radix: 10, end: ";"), Escape("&#x", 1...8, end: ";"), Escape("&#X", 1...8, end: ";"),
    ]

    /// What stands for a character by a name.
    private static let names: [(name: [UInt8], byte: UInt8)] = [
        ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&plus;", "+"),
        ("&sol;", "/"), ("&equals;", "="),
    ].map { (name: String, character: Unicode.Scalar) in (Array(name.utf8), UInt8(ascii: character)) }

    private static func unescape(_ text: UnsafeRawBufferPointer, to send: (UInt8) -> Void) {
        var rest = text[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "&") {
                if let length = number(at: rest, to: send) ?? name(at: rest, to: send) {
                    rest = rest.dropFirst(length)
                    continue
                }
                // Any other character behind a backslash stands for itself.
                if byte == UInt8(ascii: "\\"), rest.count > 1 { rest = rest.dropFirst() }
            }
            if let byte = rest.popFirst() { send(byte) }
        }
    }

    /// - Returns: how long the escape is; nil when there is none.
    private static func name(at text: UnsafeRawBufferPointer.SubSequence, to send: (UInt8) -> Void) -> Int? {
        guard let (name, byte) = names.first(where: { text.starts(with: $0.name) }) else { return nil }
        send(byte)
        return name.count
    }

    /// - Returns: how long the escape is; nil when there is none.
    private static func number(at text: UnsafeRawBufferPointer.SubSequence, to send: (UInt8) -> Void) -> Int? {
        for escape in escapes where text.starts(with: escape.prefix) {
            let digits = text.dropFirst(escape.prefix.count).prefix(escape.digits.upperBound)
                .prefix { hexValue($0).map { $0 < escape.radix } == true }
            guard digits.count >= escape.digits.lowerBound, text[digits.endIndex...].starts(with: escape.end) else {
                continue
            }
            let number = digits.lazy.compactMap(hexValue).reduce(UInt32(0)) { $0 &* escape.radix &+ UInt32($1) }
            if escape.isByte {
                guard let byte = UInt8(exactly: number) else { continue }
                send(byte)
            } else {
                guard let scalar = Unicode.Scalar(number) else { continue }
                UTF8.encode(scalar)?.forEach(send)
            }
            return escape.prefix.count + digits.count + escape.end.count
        }
        return nil
    }
}
