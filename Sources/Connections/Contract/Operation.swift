internal import JSON
package import Runtime

/// An operation as data. `Operation.all` is the one list of what the library can be asked, and of what it answers.
package struct Operation: Sendable {
    package var name: String
    /// What the bindings call it, where that is not its name: `fetchToken`, which Python writes `fetch_token`.
    package var method: String?
    package var about: String
    package var backends: [BackendKind]
    /// Its own fields.
    package var own: [Field]
    /// Types whose fields it has besides.
    package var including: [ObjectType]
    package let fields: [Field]
    /// Groups of fields of which at least one must be there.
    package var atLeastOneOf: [[String]]
    /// Fields that cannot be combined with others of their group.
    package var alone: [String]
    package var answer: ObjectType
    /// The codes that are this operation's own, besides those any call may answer.
    package var errors: [ErrorCode]

    package init(
        _ name: String, method: String? = nil, _ about: String, backends: [BackendKind] = BackendKind.allCases,
        fields own: [Field] = [], including: [ObjectType] = [], atLeastOneOf: [[String]] = [], alone: [String] = [],
        answer: ObjectType, errors: [ErrorCode] = []
    ) {
        self.name = name
        self.method = method
        self.about = about
        self.backends = backends
        self.own = own
        self.including = including
        fields = own + including.flatMap(\.fields)
        self.atLeastOneOf = atLeastOneOf
        self.alone = alone
        self.answer = answer
        self.errors = errors
    }

    package static let byName = Dictionary(uniqueKeysWithValues: all.map { (ID($0.name), $0) })

    /// Where an operation stands in the table.
    static let places = Dictionary(uniqueKeysWithValues: all.enumerated().map { (ID($1.name), $0) })

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
                throw .invalid(other, "cannot be combined with \(name)")
            }
        }
    }
}
