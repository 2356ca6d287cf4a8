package import JSON
package import Runtime

/// Makes somebody else's words fit to be repeated in an error: short, printable, and without the secrets that they were
/// sent, in whatever encoding they repeat them (``Reading``).
///
/// Nothing of this happens while all goes well.
package struct Redaction: Sendable {
    /// Stands in place of words that hold a secret.
    package static let withheld = "(withheld: it repeats a secret)"
    /// What comes after so many bytes of an error's own words is not looked at.
    private static let maxBytes = 4096

    private let strings: [JSON]
    private let secrets: [Secret]
    /// Words that look like a secret are withheld too, whoever's it is.
    private var withholdsOpaque = false

    /// - Parameter strings: string nodes.
    package init(_ strings: [JSON], _ secrets: [Secret] = []) {
        self.strings = strings
        self.secrets = secrets
    }

    package func adding(_ strings: [JSON], withholdsOpaque: Bool = false) -> Redaction {
        var redaction = Redaction(self.strings + strings, secrets)
        redaction.withholdsOpaque = withholdsOpaque || self.withholdsOpaque
        return redaction
    }

    /// - Parameter maxCharacters: what is longer is cut.
    /// - Returns: nil when the value is no string or empty.
    package func clean(_ value: JSON?, maxCharacters: Int = 512) -> String? {
        // A string with a secret in it is not made.
        value?.withStringBytes { bytes -> String? in
            let shown = Self.beginning(of: bytes, characters: maxCharacters)
            guard !shown.isEmpty else { return nil }
            // A little more, so that it is seen what has only begun.
            let seen = Self.beginning(of: bytes, characters: maxCharacters + 64)
            guard !isRepeated(in: seen), !withholdsOpaque || !Self.isOpaque(seen) else { return Self.withheld }
            var clean = ""
            clean.unicodeScalars.append(
                contentsOf: String(decoding: shown, as: UTF8.self).unicodeScalars.lazy.map(Self.printable))
            return clean
        } ?? nil
    }

    package func clean(_ text: String, maxCharacters: Int = 512) -> String? {
        clean(JSON.string(text), maxCharacters: maxCharacters)
    }

    /// An error without the secrets, and with somebody else's words as ``clean(_:maxCharacters:)`` has them.
    package func clean(_ error: ConnError) -> ConnError {
        func holds(_ text: String?) -> Bool {
            guard var text else { return false }
            return text.withUTF8 {
                isRepeated(in: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0).prefix(Self.maxBytes)))
            }
        }
        var error = error
        if holds(error.message) { error.message = Self.withheld }
        if holds(error.field) { error.field = nil }
        if holds(error.appID?.text) { error.appID = nil }
        error.errorCode = error.errorCode.flatMap { clean($0) }
        error.errorDescription = error.errorDescription.flatMap { clean($0) }
        return error
    }

    /// Whether so many letters and digits stand together that no word of people does: a token that nobody knows of yet.
    private static func isOpaque(_ text: UnsafeRawBufferPointer) -> Bool {
        text.split { $0 >= 0x80 || !isWord($0) }.contains { run in
            let digits = run.count { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return run.count >= minOpaqueBytes && digits > 0 && digits < run.count
        }
    }

    private static let minOpaqueBytes = 20

    /// What is shown of a text, and so looked at: reading takes long, and what comes after it is no matter.
    private static func beginning(of text: UnsafeRawBufferPointer, characters: Int) -> UnsafeRawBufferPointer {
        var left = characters
        let end = text.firstIndex { byte in
            if byte & 0xC0 != 0x80 { left -= 1 }  // the first byte of a character
            return left < 0
        }
        return UnsafeRawBufferPointer(rebasing: text[..<(end ?? text.endIndex)].prefix(4 * characters))
    }

    /// Controls, line ends, and marks that are not seen but change what is, become spaces.
    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar { scalar.isPrintable ? scalar : " " }
}

extension Unicode.Scalar {
    /// Whether it has a look of its own, and neither breaks a line nor changes how others look.
    package var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
        default: true
        }
    }
}

// MARK: - Finding

extension Redaction {
    /// A shorter secret would be found by chance in any text; it counts where it is a word of its own.
    private static let minBytes = 4
    /// Nothing says anything about a single byte.
    private static let minWordBytes = 2

    private func isRepeated(in text: UnsafeRawBufferPointer) -> Bool {
        guard !strings.isEmpty || !secrets.isEmpty else { return false }
        let readings = Reading.all(of: text)
        let runs = Runs(of: readings)
        func isThere(_ secret: UnsafeRawBufferPointer) -> Bool {
            switch secret.count {
            case Runs.bytes...: runs.hasAny(of: secret)
            case Self.minWordBytes...: readings.contains { $0.withBytes { Self.holds($0, secret) } }
            default: false
            }
        }
        return secrets.contains { $0.withBytes(isThere) } || strings.contains { $0.withStringBytes(isThere) == true }
    }

    private static func holds(_ text: UnsafeRawBufferPointer, _ secret: UnsafeRawBufferPointer) -> Bool {
        guard text.count >= secret.count else { return false }
        return (0...(text.count - secret.count)).contains { start in
            let end = start + secret.count
            guard zip(text[start..<end], secret).allSatisfy({ folded($0) == folded($1) }) else { return false }
            guard secret.count < Self.minBytes else { return true }
            return (start == 0 || !isWord(text[start - 1])) && (end == text.count || !isWord(text[end]))
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
            true
        default: false
        }
    }

    /// Letters are the same in either case, and a + may have become a space on its way through a form.
    fileprivate static func folded(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        case UInt8(ascii: "+"): UInt8(ascii: " ")
        default: byte
        }
    }
}

/// The runs of eight bytes of some texts: a table by hash, in memory that is wiped, so that neither a long text nor a long
/// secret makes looking slow.
private struct Runs {
    /// So many bytes in a row that a text and a secret have in common are enough: servers cut what they quote. Of a
    /// shorter secret it takes all.
    static let bytes = MemoryLayout<UInt64>.size

    /// A power of two of slots, of which half are empty; the empty one is a run of zeros, which no secret has.
    private let table: Secret

    init(of texts: [Secret]) {
        var slots = 16
        while slots < 2 * texts.reduce(0, { $0 + $1.count }) { slots *= 2 }
        table = Secret(count: slots * Self.bytes) { raw in
            raw.initializeMemory(as: UInt8.self, repeating: 0)
            let table = raw.bindMemory(to: UInt64.self)
            for text in texts {
                text.withBytes { text in
                    _ = Self.anyRun(of: text) { run in
                        table[Self.slot(of: run, in: UnsafeBufferPointer(table))] = run
                        return false
                    }
                }
            }
        }
    }

    func hasAny(of secret: UnsafeRawBufferPointer) -> Bool {
        table.withBytes { raw in
            let table = raw.bindMemory(to: UInt64.self)
            return Self.anyRun(of: secret) { run in run != 0 && table[Self.slot(of: run, in: table)] == run }
        }
    }

    /// Whether `isFound` says so of one of the runs.
    private static func anyRun(of text: UnsafeRawBufferPointer, _ isFound: (UInt64) -> Bool) -> Bool {
        var run: UInt64 = 0
        for (index, byte) in text.enumerated() {
            run = run << 8 | UInt64(Redaction.folded(byte))
            if index >= bytes - 1, isFound(run) { return true }
        }
        return false
    }

    /// Where a run is, or would be.
    private static func slot(of run: UInt64, in table: UnsafeBufferPointer<UInt64>) -> Int {
        var slot = Int(truncatingIfNeeded: (run &* 0x9E37_79B9_7F4A_7C15) >> 20) & (table.count - 1)
        while table[slot] != run, table[slot] != 0 { slot = (slot + 1) & (table.count - 1) }
        return slot
    }
}
