internal import Runtime

extension String {
    /// Without the white space of ASCII around it.
    var trimmed: String {
        var rest = utf8[...]
        while let first = rest.first, first.isASCIISpace { rest.removeFirst() }
        while let last = rest.last, last.isASCIISpace { rest.removeLast() }
        return String(decoding: rest, as: UTF8.self)
    }

    /// With the letters A to Z made small, and all else as it is.
    package var asciiLowercased: String {
        String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Whether the bytes of another stand in it.
    func holds(_ other: String) -> Bool {
        var rest = utf8[...]
        while rest.count >= other.utf8.count {
            if rest.starts(with: other.utf8) { return true }
            rest = rest.dropFirst()
        }
        return false
    }

    /// Whether it stands in place of an error code where there is no error, in a reply or in a callback.
    package var saysNoError: Bool { noErrors.contains(ID(trimmed.asciiLowercased)) }
}

extension UInt8 {
    /// A space, a tab, or what ends a line or a page.
    var isASCIISpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

private let noErrors: Set<ID> = ["0", "200", "ok", "success", "none", "null", "false", "no_error", "no error", "n/a"]
