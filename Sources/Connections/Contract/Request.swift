package import HTTP
package import JSON
package import Runtime

/// One request that fits its operation's table.
package struct Request: Sendable {
    package let operation: String
    /// Where the operation stands in the table; nil for one that a plugin alone knows.
    let place: Int?
    /// The request without "op". Its members are of their fields' kinds.
    package let fields: JSON
    /// Who asks, or which tool, for the audit. Any request may say so.
    package let actor: String?
    /// Only whether there is a token is of interest: nobody gets it, so that it counts as no fetch. Nil for all others.
    package let look: Look?

    /// A look for a grant that a user is asked for.
    package struct Look: Sendable {
        /// When he was asked. Milliseconds since 1970; nil: nobody knows.
        package var askedAt: Int64?

        package init(askedAt: Int64?) { self.askedAt = askedAt }
    }

    /// Requests beyond this are refused with `limit`.
    package static let maxBytes = 1 << 20

    /// Parses and checks a request's text.
    /// - Parameters:
    ///   - operation: nil when the text names it by "op".
    ///   - backend: who will answer it. A plugin may know operations that the table does not.
    package init(_ text: UnsafeRawBufferPointer, operation: String?, backend: BackendKind) throws(ConnError) {
        let fields = try Request.parse(text, operation: operation)
        if let operation {
            self.operation = operation
        } else {
            guard let name = fields["op"] else { throw .invalid("op", "is missing") }
            guard let name = name.string else { throw .invalid("op", "must be a string") }
            fields.remove("op")
            self.operation = name
        }
        self.fields = fields
        actor = fields["actor"]?.string
        look = nil
        place = Operation.places[ID(self.operation)]
        if let place {
            try Operation.all[place].check(fields, backend: backend)
        } else if backend != .plugin {
            let hint = nearest(to: self.operation, in: Operation.all.map(\.name)).map { "; did you mean \($0)?" } ?? ""
            throw .invalid("op", "is not an operation\(hint)")
        }
        if backend != .plugin { fields.remove("actor") }
    }

    /// A request of the library's own, which fits its operation's table.
    package init(operation: String, fields: JSON, actor: String? = nil, look: Look? = nil) {
        self.actor = actor
        self.look = look
        self.operation = operation
        self.fields = fields
        place = Operation.places[ID(operation)]
    }

    /// A request that the library makes of what others have said: it is checked like a host's own.
    package init(
        checking fields: JSON, for operation: String, actor: String?, backend: BackendKind
    ) throws(ConnError) {
        try Operation.byName[ID(operation)]?.check(fields, backend: backend)
        self.init(operation: operation, fields: fields, actor: actor)
    }

    /// What may be told of a text that is no request: the operation, if there is one of that name, who asks, and the ids
    /// that are such as their fields want. The rest may hold anything.
    package init(refused text: UnsafeRawBufferPointer, operation: String?, backend: BackendKind) {
        let given = (try? Request.parseObject(text, as: "the request")) ?? .object()
        let known = (operation ?? given["op"]?.string).flatMap { Operation.byName[ID($0)] }
        let fields = JSON.object()
        for field in (known?.fields ?? []) + [.actor] where Request.ids.contains(field.name) {
            if let value = given[field.name], value.kind != .null, field.takes(value, backend: backend) {
                fields.set(field.name, value)
            }
        }
        // Half of a subject is another one.
        if ["userId", "tenantId"].contains(where: { given[$0] != nil && fields[$0] == nil }) {
            fields.remove("userId")
            fields.remove("tenantId")
        }
        let actor = fields["actor"]?.string
        fields.remove("actor")
        self.init(operation: known?.name ?? "unknown", fields: fields, actor: actor)
    }

    private static let ids = ["appId", "id", "userId", "tenantId", "tokenId", "actor"]

    /// Only a request with third parties' text in it may hold what is no strict JSON, and only where that text is.
    private static func parse(_ text: UnsafeRawBufferPointer, operation: String?) throws(ConnError) -> JSON {
        do {
            return try parseObject(text, as: "the request")
        } catch {
            guard text.count <= maxBytes, let read = try? JSON.parseLeniently(text).value, read.kind == .object,
                let name = operation ?? read["op"]?.string,
                let foreign = Operation.byName[ID(name)]?.foreignNames, !foreign.isEmpty
            else { throw error }
            let strict = try text.withoutMembers(foreign).withBytes { (text) throws(ConnError) in
                try parseObject(text, as: "the request")
            }
            for name in foreign {
                if let value = read[name.text] { strict.set(name.text, value) }
            }
            return strict
        }
    }

    /// Parses text that must be one JSON object, such as a request or a config.
    package static func parseObject(_ text: UnsafeRawBufferPointer, as name: String) throws(ConnError) -> JSON {
        guard text.count <= maxBytes else { throw ConnError(.limit, "\(name) is larger than \(maxBytes) bytes") }
        let object: JSON
        do {
            object = try JSON.parse(text)
        } catch {
            throw ConnError(
                .invalidRequest, "\(name) is not taken: \(error.message)",
                field: error.key.flatMap { Field.isName($0) ? $0 : nil })
        }
        guard object.kind == .object else { throw ConnError(.invalidRequest, "\(name) must be a JSON object") }
        return object
    }
}

extension Request {
    package subscript(field: String) -> JSON? { fields[field] }

    package func string(_ field: String) -> String? { fields[field]?.string }

    package func id(_ field: String) -> ID? { fields[field]?.id }

    /// A string that the operation's table requires.
    package func required(_ field: String) throws(ConnError) -> String {
        guard let value = string(field) else { throw .invalid(field, "is missing") }
        return value
    }

    /// An id that the operation's table requires.
    package func requiredID(_ field: String) throws(ConnError) -> ID { ID(try required(field)) }

    /// The trace that it belongs to: requests with the headers of another one tell.
    package var trace: TraceParent? {
        (self["traceparent"] ?? self["headers"]?["traceparent"])?.string.flatMap(TraceParent.init)
    }

    package var subject: Subject? { Subject(userID: id("userId"), tenantID: id("tenantId")) }

    /// The subject, where the operation's table requires one.
    package func requiredSubject() throws(ConnError) -> Subject {
        guard let subject else { throw .invalid("userId", "is missing") }
        return subject
    }
}
