/// `{name}` in a URL of the catalogue.
enum Placeholders {
    /// - Parameter value: of a name; nil leaves the placeholder as it is.
    static func fill(_ text: String, _ value: (String) -> String?) -> String {
        var filled = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            filled += rest[..<open]
            filled += value(String(rest[rest.index(after: open)..<close])) ?? String(rest[open...close])
            rest = rest[rest.index(after: close)...]
        }
        return filled + rest
    }

    /// The value that the pattern's one placeholder has in a text. Nil when the text does not fit the pattern.
    static func match(_ text: String, _ pattern: String) -> (name: String, value: String)? {
        guard let open = pattern.firstIndex(of: "{"), let close = pattern[open...].firstIndex(of: "}") else {
            return nil
        }
        let (before, after) = (pattern[..<open], pattern[pattern.index(after: close)...])
        guard text.hasPrefix(before), text.hasSuffix(after) else { return nil }
        let value = text.dropFirst(before.count)
        guard value.count >= after.count else { return nil }
        return (String(pattern[pattern.index(after: open)..<close]), String(value.dropLast(after.count)))
    }
}
