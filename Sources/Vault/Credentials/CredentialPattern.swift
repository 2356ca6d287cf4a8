internal import Glibc
internal import JSON

/// A POSIX extended regular expression that a whole value must match. Back-references are refused, and so are repetitions that
/// multiply: both can take the C library an unbounded time or memory.
struct CredentialPattern: Sendable {
    /// What the bounds of all repetitions may come to, multiplied.
    private static let maxRepetition = 4096

    private let text: String

    init?(_ text: String) {
        guard !Self.refersBack(text), Self.isModest(text), Self.balances(text) else { return nil }
        self.text = "^(\(text))$"
        guard withCompiled({ _ in true }) == true else { return nil }
    }

    /// - Parameter value: a string node.
    func matches(_ value: JSON) -> Bool {
        value.withStringBytes { bytes in
            // A NUL ends it: JSON strings that requests hold have none.
            withUnsafeTemporaryAllocation(byteCount: bytes.count + 1, alignment: 1) { copy in
                copy.copyMemory(from: bytes)
                copy[bytes.count] = 0
                defer { copy.baseAddress.map { explicit_bzero($0, copy.count) } }
                let start = copy.baseAddress?.assumingMemoryBound(to: CChar.self)
                return withCompiled { regexec(&$0, start, 0, nil, 0) == 0 } ?? false
            }
        } ?? false
    }

    private func withCompiled<Result>(_ body: (inout regex_t) -> Result) -> Result? {
        var compiled = regex_t()
        guard regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
        defer { regfree(&compiled) }
        return body(&compiled)
    }

    private static func refersBack(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return zip(bytes, bytes.dropFirst()).contains {
            $0 == UInt8(ascii: "\\") && (UInt8(ascii: "1")...UInt8(ascii: "9")).contains($1)
        }
    }

    /// Reads every number that stands in braces.
    private static func isModest(_ text: String) -> Bool {
        var product = 1
        for part in text.split(separator: "{").dropFirst() {
            let bounds = part.prefix { $0 != "}" }.split(separator: ",").compactMap { Int($0) }
            guard let bound = bounds.max() else { continue }
            product = bound > maxRepetition ? .max : product * max(1, bound)
            guard product <= maxRepetition else { return false }
        }
        return true
    }

    /// A parenthesis too many would end the group that the expression is put in.
    private static func balances(_ text: String) -> Bool {
        var compiled = regex_t()
        guard regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0 else { return false }
        regfree(&compiled)
        return true
    }
}
