package import JSON

extension Field {
    /// The values of an object's secret fields, at any depth: what no error may repeat.
    package static func secrets(in object: JSON, _ fields: [Field]) -> [JSON] {
        fields.flatMap { field -> [JSON] in
            guard let value = object[field.name] else { return [] }
            switch field.kind {
            case .secret, .clearableSecret: return [value]
            case .object(let fields): return secrets(in: value, fields)
            case .objects(let fields, _): return value.elements.flatMap { secrets(in: $0, fields) }
            default: return []
            }
        }
    }
}
