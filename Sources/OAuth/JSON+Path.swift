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

    /// A whole number, also one that came as a real number or as text.
    var wholeNumber: Int64? {
        if let integer { return integer }
        if let number { return Int64(exactly: number.rounded(.towardZero)) }
        return string.flatMap { Int64($0) }
    }
}
