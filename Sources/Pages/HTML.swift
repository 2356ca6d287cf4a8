/// HTML as it is written: markup comes from literals in this library, and everything else is escaped.
struct HTML {
    private(set) var source = ""

    /// - Parameter attributes: those that are nil are left out; "" stands for an attribute without a value.
    mutating func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?> = [:], _ content: (inout HTML) -> Void
    ) {
        start(name, attributes)
        content(&self)
        source += "</\(name)>"
    }

    mutating func element(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?>, _ text: String) {
        element(name, attributes) { $0.text(text) }
    }

    mutating func element(_ name: StaticString, _ text: String) { element(name, [:], text) }

    /// The start of an element, which is all there is of those that hold nothing (`input`, `link`).
    mutating func start(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?> = [:]) {
        source += "<\(name)"
        for case let (name, value?) in attributes {
            source += " \(name)"
            if !value.isEmpty {
                source += "=\""
                text(value)
                source += "\""
            }
        }
        source += ">"
    }

    /// Control characters and the marks that change the direction of writing are not shown: they could hide or turn round
    /// what stands beside them.
    mutating func text(_ text: String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": source += "&amp;"
            case "<": source += "&lt;"
            case ">": source += "&gt;"
            case "\"": source += "&quot;"
            case "'": source += "&#39;"
            case "\n", "\t": source += " "
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{61C}", "\u{200E}", "\u{200F}", "\u{202A}"..."\u{202E}",
                "\u{2066}"..."\u{2069}", "\u{FEFF}":
                source += "\u{FFFD}"
            default: source.unicodeScalars.append(scalar)
            }
        }
    }
}
