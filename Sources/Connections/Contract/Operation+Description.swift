package import JSON
internal import Runtime

extension Operation {
    /// What `describe` answers. Each type and each enumeration stands once and is named wherever it is used, which keeps
    /// the answer small.
    package static let description: JSON = {
        let types = ObjectType.all(of: all)
        let enumerations = Enumeration.all(of: all.flatMap(\.own) + types.flatMap(\.own))
        return JSON.object([
            "operations": .array(all.map(\.description)),
            "common": .array([Field.actor.description]),
            "types": .array(types.map(\.description)),
            "enumerations": .array(enumerations.map(\.description)),
            "units": .strings(Field.Unit.allCases.map(\.rawValue)),
            "errorCodes": .strings(ErrorCode.allCases.map(\.rawValue)),
            "reasons": .strings(ConnError.Reason.allCases.map(\.rawValue)),
        ])
    }()

    private var description: JSON {
        .object([
            "op": .string(name),
            "method": .string(method ?? name.camelCase),
            "about": .string(about),
            "backends": .strings(backends.map(\.rawValue)),
            "fields": .array(own.map(\.description)),
            "includes": including.isEmpty ? nil : .strings(including.map(\.name)),
            "atLeastOneOf": atLeastOneOf.isEmpty ? nil : .array(atLeastOneOf.map(JSON.strings)),
            "alone": alone.isEmpty ? nil : .strings(alone),
            "answer": .string(answer.name),
            "errors": .strings(errors.map(\.rawValue)),
        ])
    }
}

extension String {
    /// `store_api_key` is `storeApiKey`.
    fileprivate var camelCase: String {
        let words = split(separator: "_")
        return words.dropFirst().reduce(String(words.first ?? "")) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }
}

extension ObjectType {
    /// All that operations name, directly or not, in the order of the table.
    package static func all(of operations: [Operation]) -> [ObjectType] {
        var found: [ObjectType] = []
        func add(_ type: ObjectType) {
            guard !found.contains(where: { ID($0.name) == ID(type.name) }) else { return }
            found.append(type)
            (type.including + type.alternatives + type.own.compactMap(\.kind.type)).forEach(add)
        }
        for operation in operations {
            operation.including.forEach(add)
            operation.own.compactMap(\.kind.type).forEach(add)
            add(operation.answer)
        }
        return found
    }

    fileprivate var description: JSON {
        .object([
            "name": .string(name),
            "about": .string(about),
            "fields": .array(own.map(\.description)),
            "includes": including.isEmpty ? nil : .strings(including.map(\.name)),
            "oneOf": alternatives.isEmpty ? nil : .strings(alternatives.map(\.name)),
        ])
    }
}

extension Enumeration {
    fileprivate static func all(of fields: [Field]) -> [Enumeration] {
        var found: [Enumeration] = []
        for case .oneOf(let enumeration) in fields.map(\.kind)
        where !found.contains(where: { ID($0.name) == ID(enumeration.name) }) {
            found.append(enumeration)
        }
        return found
    }

    fileprivate var description: JSON {
        .object(["name": .string(name), "about": .string(about), "values": .strings(values)])
    }
}

extension Field.Kind {
    fileprivate var type: ObjectType? {
        switch self {
        case .object(let type), .objects(let type, _): type
        default: nil
        }
    }

    /// Its name in `describe`.
    private var name: String {
        switch self {
        case .string, .oneOf: "string"
        case .secret, .clearableSecret: "secret"
        case .redirectURL, .endpointURL: "url"
        case .integer: "integer"
        case .boolean: "boolean"
        case .literal: "literal"
        case .strings: "strings"
        case .texts: "texts"
        case .secrets: "secrets"
        case .foreign(let foreign): foreign.rawValue
        case .object, .anyObject: "object"
        case .objects: "objects"
        case .any: "any"
        }
    }

    fileprivate func describe(in description: JSON) {
        description.set("type", .string(name))
        switch self {
        case .integer(let range, let unit):
            description.set("unit", .string(unit.rawValue))
            description.set("minimum", .integer(range.lowerBound))
            if range.upperBound < .max { description.set("maximum", .integer(range.upperBound)) }
        case .oneOf(let enumeration): description.set("of", .string(enumeration.name))
        case .literal(let literal): description.set("value", literal.json)
        case .object(let type): description.set("of", .string(type.name))
        case .objects(let type, let maxCount):
            description.set("of", .string(type.name))
            if maxCount < .max { description.set("maxCount", .integer(maxCount)) }
        default: break
        }
    }
}

extension Field {
    fileprivate var description: JSON {
        let description = JSON.object([
            "name": .string(name),
            "required": .boolean(required),
            "backends": .strings(backends.map(\.rawValue)),
            "about": .string(about),
            "example": example?.json,
        ])
        kind.describe(in: description)
        return description
    }
}
