package import JSON
internal import Runtime

/// An object by name, as data: a part of requests, of answers, or of both.
package struct ObjectType: Sendable {
    package let name: String
    package let about: String
    /// Its own fields.
    package let own: [Field]
    /// Types whose fields it has besides.
    package let including: [ObjectType]
    /// What it is one of. Nothing else is said of such a type.
    package let alternatives: [ObjectType]
    package let fields: [Field]

    package init(_ name: String, _ about: String, _ own: [Field], including: [ObjectType] = []) {
        self.init(name: name, about: about, own: own, including: including, alternatives: [])
    }

    package init(_ name: String, _ about: String, oneOf alternatives: [ObjectType]) {
        self.init(name: name, about: about, own: [], including: [], alternatives: alternatives)
    }

    private init(name: String, about: String, own: [Field], including: [ObjectType], alternatives: [ObjectType]) {
        self.name = name
        self.about = about
        self.own = own
        self.including = including
        self.alternatives = alternatives
        fields = own + including.flatMap(\.fields)
    }
}

/// A closed list of strings by name. A later version may add to those that are answered.
package struct Enumeration: Sendable {
    package var name: String
    package var about: String
    package var values: [String]

    package init(_ name: String, _ about: String, _ values: [String]) {
        self.name = name
        self.about = about
        self.values = values
    }
}

// MARK: - Checking an answer

extension ObjectType {
    /// Why an answer is not of this type; nil when it is. Tests hold all that they are answered against it.
    ///
    /// An empty string stands for nothing, as in Descope's own replies.
    package func mismatch(_ answer: JSON, backend: BackendKind, path: String = "answer") -> String? {
        guard answer.kind == .object else { return "\(path) is no object" }
        if !alternatives.isEmpty {
            let mismatches = alternatives.map { $0.mismatch(answer, backend: backend, path: path) }
            return mismatches.contains { $0 == nil } ? nil : mismatches.compactMap { $0 }.joined(separator: "; or ")
        }
        for (name, value) in answer.members where value.kind != .null {
            guard let field = fields.first(where: { ID($0.name) == ID(name) }) else {
                return "\(path).\(name) is not in the table"
            }
            guard field.backends.contains(backend) else { return "\(path).\(name) is not of the \(backend.rawValue)" }
            if let mismatch = field.kind.mismatch(value, backend: backend, path: "\(path).\(name)") { return mismatch }
        }
        // What a server left out of its reply, nobody can answer.
        guard backend == .vault else { return nil }
        let lacking = fields.first { $0.required && $0.backends.contains(backend) && answer[$0.name] == nil }
        return lacking.map { "\(path) lacks \($0.name)" }
    }
}

extension Request {
    /// Holds an answer against the table. Debug builds do so with all that a vault answers, and tests with all that they
    /// see; what others answer may have more members than are known here.
    package func checkAnswer(_ answer: JSON, backend: BackendKind) throws(ConnError) {
        guard let known = Operation.byName[ID(operation)] else { return }
        if let mismatch = known.answer.mismatch(answer, backend: backend) {
            throw ConnError(.internal, "\(operation) answered what its table lacks: \(mismatch)")
        }
    }
}

extension Field.Kind {
    fileprivate func mismatch(_ value: JSON, backend: BackendKind, path: String) -> String? {
        let fits: Bool
        switch self {
        case .string, .secret, .clearableSecret, .redirectURL, .endpointURL: fits = value.kind == .string
        case .integer(let range, _): fits = value.integer.map(range.contains) ?? false
        case .boolean: fits = value.kind == .boolean
        case .oneOf(let enumeration):
            fits =
                value.string.map { text in text.isEmpty || enumeration.values.contains { ID($0) == ID(text) } } ?? false
        case .literal(let literal): fits = value.equals(literal.json)
        case .strings: fits = value.strings != nil
        case .texts, .secrets: fits = value.texts != nil
        case .anyObject, .foreign(.texts): fits = value.kind == .object
        case .foreign, .any: fits = true
        case .object(let type): return type.mismatch(value, backend: backend, path: path)
        case .objects(let type, _):
            guard value.kind == .array else { return "\(path) is no array" }
            for (index, element) in value.elements.enumerated() {
                if let mismatch = type.mismatch(element, backend: backend, path: "\(path)[\(index)]") {
                    return mismatch
                }
            }
            return nil
        }
        return fits ? nil : "\(path) is of another type"
    }
}
