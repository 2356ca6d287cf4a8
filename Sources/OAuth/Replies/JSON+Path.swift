import JSON

extension JSON {
    /// The member at a path whose dots go deeper; of an array, the element of that index.
    subscript(path path: String) -> JSON? {
        var node: JSON? = self
        for name in path.split(separator: ".") {
            guard let found = node else { return nil }
            if found.kind == .array {
                let elements = found.elements
                node = Int(name).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
            } else {
                node = found[String(name)]
            }
        }
        return node
    }

    /// A string of at most `maxBytes` visible ASCII characters: what may go into a header (RFC 6749 appendix A).
    func isToken(maxBytes: Int = 65_536) -> Bool {
        withStringBytes { !$0.isEmpty && $0.count <= maxBytes && $0.allSatisfy { (0x21...0x7E).contains($0) } } ?? false
    }

    /// A whole number, also one that came as a real number or as text, with white space around it: 3600, 3600.0, 1e3,
    /// "3600 ", "3600.0". Rounded towards 0, and cut at 64 bits.
    var wholeNumber: Int64? {
        if let integer { return integer }
        if let number { return Int64(cutting: number) }
        return withStringBytes { bytes -> Int64? in
            let trimmed = bytes.drop(while: \.isASCIISpace).reversed().drop(while: \.isASCIISpace).reversed()
            guard trimmed.count <= 64, trimmed.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) })
            else { return nil }
            let text = String(decoding: Array(trimmed), as: UTF8.self)
            return Int64(text) ?? Double(text).map(Int64.init(cutting:))
        } ?? nil
    }
}

extension JSON {
    /// A text, or a number's digits.
    var plainText: String? { string ?? integer.map { String($0) } }
}

extension Int64 {
    /// The number without its fraction; the nearest that there is if it is too large.
    fileprivate init(cutting number: Double) {
        self = Int64(exactly: number.rounded(.towardZero)) ?? (number > 0 ? .max : .min)
    }
}

extension JSON {
    /// Whether no more than so many objects and arrays stand in one another here.
    func isNested(atMost depth: Int) -> Bool {
        switch kind {
        case .object: depth > 0 && members.allSatisfy { $0.value.isNested(atMost: depth - 1) }
        case .array: depth > 0 && elements.allSatisfy { $0.isNested(atMost: depth - 1) }
        default: true
        }
    }
}
