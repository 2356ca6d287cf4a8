import Testing

@testable package import JSON

/// Requests, configs and expected answers are written as values: `["appId": "google", "options": ["scopes": []]]`.
extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringInterpolation,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    package convenience init(dictionaryLiteral members: (String, JSON)...) {
        let object = JSON.object()
        for (name, value) in members { object.set(name, value) }
        self.init(same: object)
    }

    package convenience init(arrayLiteral elements: JSON...) { self.init(same: JSON.array(elements)) }

    package convenience init(stringLiteral text: String) { self.init(same: JSON.string(text)) }

    package convenience init(integerLiteral number: Int64) { self.init(same: JSON.integer(number)) }

    package convenience init(booleanLiteral value: Bool) { self.init(same: JSON.boolean(value)) }

    /// Another reference to its tree.
    private convenience init(same other: JSON) {
        self.init(sharing: other.raw)
        withExtendedLifetime(other) {}
    }

    package convenience init(nilLiteral: ()) { self.init(same: JSON.null) }
}

extension JSON {
    /// An object with the members of both; those of `more` replace members of the same name.
    package func with(_ more: JSON) -> JSON {
        precondition(kind == .object && more.kind == .object)
        let object = shallowCopy()
        for (name, value) in more.members { object.set(name, value) }
        return object
    }

    /// The same with another text wherever one stands in its strings, for a table that cannot know an id yet.
    package func replacing(_ text: String, with other: String) throws -> JSON {
        try JSON.parse(self.text.replacing(text, with: other))
    }
}

extension JSON: Equatable {
    package static func == (one: JSON, other: JSON) -> Bool { one.equals(other) }
}

extension JSON: CustomTestStringConvertible {
    package var testDescription: String { text }
}
