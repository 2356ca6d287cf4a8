/// HTML as it is written: markup comes from literals in this library, and everything else is escaped.
struct HTML {
    private(set) var source = ""

    /// In their order.
    struct Attributes: ExpressibleByDictionaryLiteral {
        fileprivate let pairs: [(StaticString, String?)]

        private init(pairs: [(StaticString, String?)]) { self.pairs = pairs }

        init(dictionaryLiteral pairs: (StaticString, String?)...) { self.init(pairs: pairs) }

        static func + (left: Attributes, right: Attributes) -> Attributes {
            Attributes(pairs: left.pairs + right.pairs)
        }
    }

    /// - Parameter attributes: those that are nil are left out; "" stands for an attribute without a value.
    mutating func element(
        _ name: StaticString, _ attributes: Attributes = [:], _ content: (inout HTML) -> Void
    ) {
        start(name, attributes)
        content(&self)
        source += "</\(name)>"
    }

    mutating func element(_ name: StaticString, _ attributes: Attributes, _ text: String) {
        element(name, attributes) { $0.text(text) }
    }

    mutating func element(_ name: StaticString, _ text: String) { element(name, [:], text) }

    /// The start of an element, which is all there is of those that hold nothing (`input`, `link`).
    /// - Parameter value: what stands in a field, for a form to send back as it is.
    mutating func start(_ name: StaticString, _ attributes: Attributes = [:], value: String? = nil) {
        source += "<\(name)"
        for case let (name, value?) in attributes.pairs {
            source += " \(name)"
            if !value.isEmpty {
                source += "=\""
                text(value)
                source += "\""
            }
        }
        if let value {
            source += " value=\""
            text(value, isInField: true)
            source += "\""
        }
        source += ">"
    }

    /// Control characters and the marks that change the direction of writing are not shown: they could hide or turn round
    /// what stands beside them.
    /// - Parameters:
    ///   - keepsLines: a line break is one where the text stands, and not a space.
    ///   - isInField: it stands in a field of a form, outside which its marks change nothing, and is sent back as it is.
    mutating func text(_ text: String, keepsLines: Bool = false, isInField: Bool = false) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": source += "&amp;"
            case "<": source += "&lt;"
            case ">": source += "&gt;"
            case "\"": source += "&quot;"
            case "'": source += "&#39;"
            case "\u{0}": source += "\u{FFFD}"
            case _ where isInField: source.unicodeScalars.append(scalar)
            case "\n" where keepsLines: source += "\n"
            case "\n", "\t": source += " "
            case "\u{1}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{61C}", "\u{200E}", "\u{200F}", "\u{202A}"..."\u{202E}",
                "\u{2066}"..."\u{2069}", "\u{FEFF}":
                source += "\u{FFFD}"
            default: source.unicodeScalars.append(scalar)
            }
        }
    }
}
