package import JSON
internal import Runtime

extension Field {
    /// The values of an object's secret fields, at any depth: what no error may repeat.
    package static func secrets(in object: JSON, _ fields: [Field]) -> [JSON] {
        fields.flatMap { field -> [JSON] in
            guard let value = object[field.name] else { return [] }
            switch field.kind {
            case .secret, .clearableSecret: return [value]
            case .secrets: return value.members.map(\.value)
            case .foreign(.secret), .foreign(.secretString): return value.foreignTexts
            case .object(let type): return secrets(in: value, type.fields)
            case .objects(let type, _): return value.elements.flatMap { secrets(in: $0, type.fields) }
            default: return []
            }
        }
    }

    /// Those of an object that no table describes: a plugin's own operation. What is a secret in some operation is one
    /// there too, by its name.
    static func secrets(in json: JSON) -> [JSON] {
        json.members.flatMap {
            secretNames.contains($0.key) ? [$0.value] + $0.value.members.map(\.value) : secrets(in: $0.value)
        }
            + json.elements.flatMap { secrets(in: $0) }
    }

    private static let secretNames = Set(Operation.all.flatMap { secretNames(in: $0.fields) })

    private static func secretNames(in fields: [Field]) -> [String] {
        fields.flatMap { field -> [String] in
            switch field.kind {
            case .secret, .clearableSecret, .secrets, .foreign(.secret), .foreign(.secretString): [field.name]
            case .object(let type), .objects(let type, _): secretNames(in: type.fields)
            default: []
            }
        }
    }
}

extension Request {
    /// Whoever has one of these goes on with what somebody else has begun.
    private static let bearers = ["state", "ticket", "flow", "requestState"]

    /// Keeps the request's secrets out of an error, whoever made it.
    package var redaction: Redaction {
        let operation = Operation.byName[ID(operation)]
        let secrets = operation.map { Field.secrets(in: fields, $0.fields) } ?? Field.secrets(in: fields)
        return Redaction(secrets + Self.bearers.flatMap { fields[$0]?.foreignTexts ?? [] })
    }
}
