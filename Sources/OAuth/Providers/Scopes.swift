import Runtime

/// Scopes are sets: their order and repetition mean nothing (RFC 6749 section 3.3).
package enum Scopes {
    /// The scopes in a text, each once, in its order.
    /// - Parameter separators: the characters between them.
    package static func parse(_ text: String, separators: String = " ") -> [String] {
        unique(text.split { separators.contains($0) }.map(String.init))
    }

    /// The scopes in what a provider says. White space parts them in any case: no scope holds any.
    package static func parse(reply text: String, separators: String) -> [String] {
        let parts = text.unicodeScalars.split { scalar in
            UInt8(exactly: scalar.value)?.isASCIISpace == true || separators.unicodeScalars.contains(scalar)
        }
        return unique(parts.map { String($0) })
    }

    package static func unique(_ scopes: [String]) -> [String] {
        var seen: Set<ID> = []
        return scopes.filter { seen.insert(ID($0)).inserted }
    }

    /// Those of `wanted` that `granted` lacks.
    package static func missing(_ wanted: [String], from granted: [String]) -> [String] {
        let granted = Set(granted.map { ID($0) })
        return unique(wanted).filter { !granted.contains(ID($0)) }
    }
}
