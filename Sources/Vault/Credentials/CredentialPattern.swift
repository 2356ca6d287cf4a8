internal import Glibc
internal import JSON

/// A POSIX extended regular expression that a whole value must match. What the C library makes of one is bounded, in time and in
/// memory: it has no back-references, and its repetitions, written out, are no more than ``maxAtoms`` characters or sets long.
struct CredentialPattern: Sendable {
    private static let maxAtoms = 512
    /// A longer value matches nothing.
    private static let maxValueBytes = 1024

    /// A pattern means the same wherever the host runs.
    nonisolated(unsafe) private static let locale: locale_t? = {  // never changed
        let categories = Int32(1) << LC_CTYPE | Int32(1) << LC_COLLATE
        return newlocale(categories, "C.UTF-8", nil) ?? newlocale(categories, "C", nil)
    }()

    private let text: String

    init?(_ text: String) {
        var scan = PatternScan(text)
        guard let atoms = scan.alternatives(), scan.isAtEnd, atoms <= Self.maxAtoms else { return nil }
        self.text = "^(\(text))$"
        guard withCompiled({ _ in true }) == true else { return nil }
    }

    /// - Parameter value: a string node.
    func matches(_ value: JSON) -> Bool {
        value.withStringBytes { bytes in
            guard bytes.count <= Self.maxValueBytes else { return false }
            // A NUL ends it: JSON strings that requests hold have none.
            return withUnsafeTemporaryAllocation(byteCount: bytes.count + 1, alignment: 1) { copy in
                copy.copyMemory(from: bytes)
                copy[bytes.count] = 0
                defer { copy.baseAddress.map { explicit_bzero($0, copy.count) } }
                let start = copy.baseAddress?.assumingMemoryBound(to: CChar.self)
                return withCompiled { regexec(&$0, start, 0, nil, 0) == 0 } ?? false
            }
        } ?? false
    }

    private func withCompiled<Result>(_ body: (inout regex_t) -> Result) -> Result? {
        let earlier = uselocale(Self.locale)
        defer { uselocale(earlier) }
        var compiled = regex_t()
        guard regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
        defer { regfree(&compiled) }
        return body(&compiled)
    }
}

/// Reads a regular expression, to tell how long it is with its repetitions written out, as the C library compiles it: `+` and
/// `{n,}` stand for one more than they demand.
private struct PatternScan {
    private static let mostRepetitions = 1 << 16
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    /// - Returns: how many characters and sets; nil for what is no regular expression, or has back-references.
    mutating func alternatives() -> Int? {
        var count = 0
        while true {
            guard let more = branch() else { return nil }
            count += more
            guard take("|") else { return count }
        }
    }

    private mutating func branch() -> Int? {
        var count = 0
        while let first = rest.first, first != UInt8(ascii: "|"), first != UInt8(ascii: ")") {
            guard var atoms = atom() else { return nil }
            while let times = repetition() {
                guard times >= 0 else { return nil }
                atoms *= times
                guard atoms <= Self.mostRepetitions else { return nil }
            }
            count += atoms
            guard count <= Self.mostRepetitions else { return nil }
        }
        return count
    }

    private mutating func atom() -> Int? {
        switch rest.removeFirst() {
        case UInt8(ascii: "("):
            guard let inner = alternatives(), take(")") else { return nil }
            return max(1, inner)
        case UInt8(ascii: "["): return skipSet() ? 1 : nil
        case UInt8(ascii: "\\"):
            guard let escaped = rest.popFirst(), !(UInt8(ascii: "1")...UInt8(ascii: "9")).contains(escaped) else {
                return nil
            }
            return 1
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"): return nil
        default: return 1
        }
    }

    /// A set's brackets, in which a backslash is one character of it.
    private mutating func skipSet() -> Bool {
        _ = take("^")
        var isFirst = true
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "]"), !isFirst { return true }
            isFirst = false
            guard byte == UInt8(ascii: "["), let kind = rest.first, ":.=".utf8.contains(kind) else { continue }
            rest.removeFirst()
            // A class such as [:alpha:].
            while let inner = rest.popFirst(), inner != kind || rest.first != UInt8(ascii: "]") {}
            guard rest.popFirst() != nil else { return false }
        }
        return false
    }

    /// How often what stands before is written out; -1 for bounds that are none; nil where nothing repeats it.
    private mutating func repetition() -> Int? {
        if take("*") || take("?") { return 1 }
        if take("+") { return 2 }
        guard take("{") else { return nil }
        let bounds = rest.prefix { $0 != UInt8(ascii: "}") }
        rest = rest.dropFirst(bounds.count)
        guard take("}") else { return -1 }
        let parts = bounds.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { Int(Substring($0)) }
        guard let least = parts.first.flatMap({ $0 }), least >= 0, parts.count <= 2 else { return -1 }
        guard parts.count == 2 else { return max(1, least) }
        guard bounds.last != UInt8(ascii: ",") else { return least < Self.mostRepetitions ? least + 1 : -1 }
        return parts[1].map { max(1, $0) } ?? -1
    }

    private mutating func take(_ text: StaticString) -> Bool {
        guard rest.first == text.utf8Start.pointee else { return false }
        rest.removeFirst()
        return true
    }
}
