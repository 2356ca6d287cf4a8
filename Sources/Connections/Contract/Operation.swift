package import JSON
package import Runtime

/// An operation as data. `Operation.all` is the one list of what the library can be asked.
package struct Operation: Sendable {
    package var name: String
    package var about: String
    package var backends: [BackendKind]
    package var fields: [Field]
    /// Groups of fields of which at least one must be there.
    package var atLeastOneOf: [[String]]
    /// Fields that may not stand beside others of their group.
    package var alone: [String]
    /// The answer's fields, for people.
    package var answer: String
    /// The codes that are this operation's own, besides those any call may answer.
    package var errors: [ErrorCode]

    package init(
        _ name: String, _ about: String, backends: [BackendKind] = BackendKind.allCases, fields: [Field] = [],
        atLeastOneOf: [[String]] = [], alone: [String] = [], answer: String, errors: [ErrorCode] = []
    ) {
        self.name = name
        self.about = about
        self.backends = backends
        self.fields = fields
        self.atLeastOneOf = atLeastOneOf
        self.alone = alone
        self.answer = answer
        self.errors = errors
    }

    package static let byName = Dictionary(uniqueKeysWithValues: all.map { (ID($0.name), $0) })

    /// The fields that hold what third parties said.
    var foreignNames: [ID] { fields.filter(\.kind.isForeign).map { ID($0.name) } }

    /// Checks a request's fields, "op" not among them.
    func check(_ fields: JSON, backend: BackendKind) throws(ConnError) {
        guard backends.contains(backend) else {
            throw ConnError(.unsupported, "the \(backend.rawValue) backend has no operation \(name)")
        }
        let known = fields["actor"] == nil ? self.fields : self.fields + [.actor]
        try Field.check(fields, against: known, path: "", backend: backend)
        for group in atLeastOneOf where group.allSatisfy({ fields[$0] == nil }) {
            let names = group.joined(separator: " or ")
            throw ConnError(.invalidRequest, "\(names) is missing", field: group[0])
        }
        for name in alone where fields[name] != nil {
            let group = atLeastOneOf.first { $0.contains(name) } ?? []
            if let other = group.first(where: { $0 != name && fields[$0] != nil }) {
                throw .invalid(other, "may not stand beside \(name)")
            }
        }
    }
}

// MARK: - describe

extension Operation {
    /// What `describe` answers: every operation with its fields and errors, and every error code.
    package static let description = JSON.object([
        "operations": .array(all.map(\.description)),
        "common": .array([Field.actor.description]),
        "errorCodes": .strings(ErrorCode.allCases.map(\.rawValue)),
        "reasons": .strings(ConnError.Reason.allCases.map(\.rawValue)),
    ])

    private var description: JSON {
        .object([
            "op": .string(name),
            "about": .string(about),
            "backends": .strings(backends.map(\.rawValue)),
            "fields": .array(fields.map(\.description)),
            "atLeastOneOf": atLeastOneOf.isEmpty ? nil : .array(atLeastOneOf.map(JSON.strings)),
            "alone": alone.isEmpty ? nil : .strings(alone),
            "answer": .string(answer),
            "errors": .strings(errors.map(\.rawValue)),
        ])
    }
}

extension Field {
    fileprivate var description: JSON {
        let object = JSON.object([
            "name": .string(name),
            "required": .boolean(required),
            "backends": .strings(backends.map(\.rawValue)),
            "about": .string(about),
        ])
        switch kind {
        case .string, .foreignText: object.set("type", .string("string"))
        case .secret, .clearableSecret, .foreignSecret: object.set("type", .string("secret"))
        case .redirectURL, .endpointURL: object.set("type", .string("url"))
        case .integer(let range):
            object.set("type", .string("integer"))
            object.set("minimum", .integer(range.lowerBound))
            object.set("maximum", .integer(range.upperBound))
        case .boolean: object.set("type", .string("boolean"))
        case .oneOf(let values):
            object.set("type", .string("string"))
            object.set("values", .strings(values))
        case .strings: object.set("type", .string("strings"))
        case .texts, .foreignTexts: object.set("type", .string("texts"))
        case .object(let fields):
            object.set("type", .string("object"))
            object.set("fields", .array(fields.map(\.description)))
        case .anyObject, .foreignObject: object.set("type", .string("object"))
        case .objects(let fields, let maxCount):
            object.set("type", .string("objects"))
            object.set("maxCount", .integer(maxCount))
            object.set("fields", .array(fields.map(\.description)))
        }
        return object
    }
}
