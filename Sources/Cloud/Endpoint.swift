internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// One endpoint of Descope's API as data: which requests go there, what is sent, and what comes back.
///
/// What is sent is listed here and nowhere else: Descope's gateway refuses fields that it does not know.
struct Endpoint: Sendable {
    /// Whose tokens an endpoint is for. A user's token inside a tenant is on the user's level.
    enum Level: Sendable {
        case user, tenant
    }

    /// A member of a request's body, and where its value comes from. What the request leaves out is not sent.
    indirect enum Member: Sendable, ExpressibleByStringLiteral {
        /// The request's field of the same name.
        case same(String)
        /// An object of members of the request's object of the same name.
        case object(String, [Member])
        /// An array of such objects.
        case objects(String, [Member])
        /// An object made of the request's own fields.
        case gathered(String, [Member])

        init(stringLiteral name: String) { self = .same(name) }
    }

    /// What a 2xx answer holds.
    enum Reply: Sendable {
        case url, token, nothing, failures, appIDs, app, apps
        /// Nothing. That the token was not there is as good.
        case gone
    }

    /// The operation that goes here, on this level (nil: on any), when the request has these fields.
    var operation: String
    var level: Level?
    var when: [String]
    var method: HTTPRequest.Method
    /// `{id}` stands for the request's field of that name.
    var path: String
    var query: [(name: String, field: String)]
    var body: [Member]
    /// Fields of the request that are used, but not sent.
    var besides: [String]
    var credential: Credential
    /// Whether sending it twice comes to the same as sending it once.
    var isRepeatable: Bool
    /// What a 404 says is not there, as far as that is certain.
    var notFound: ConnError.Reason?
    var reply: Reply
    /// The fields of requests that are used.
    private let used: Set<ID>

    init(
        _ operation: String, _ method: HTTPRequest.Method, _ path: String, on level: Level? = nil, when: [String] = [],
        query: [(name: String, field: String)] = [], body: [Member] = [], besides: [String] = [],
        credential: Credential = .key, isRepeatable: Bool, notFound: ConnError.Reason? = nil, reply: Reply
    ) {
        self.operation = operation
        self.level = level
        self.when = when
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.besides = besides
        self.credential = credential
        self.isRepeatable = isRepeatable
        self.notFound = notFound
        self.reply = reply
        let inPath = path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
        used = Set((besides + inPath + query.map(\.field) + body.flatMap(\.fields)).map { ID($0) })
    }
}

// MARK: - Choosing

extension Endpoint {
    /// The endpoint that answers a request.
    /// - Throws: when Descope has none, or when the request has a field that would not reach it.
    static func find(for operation: String, _ fields: JSON) throws(ConnError) -> Endpoint {
        let level = try Level(fields)
        let endpoint = all.first { endpoint in
            endpoint.operation == operation && (endpoint.level == nil || endpoint.level == level)
                && endpoint.when.allSatisfy { isGiven($0, in: fields) }
        }
        guard let endpoint else {
            throw ConnError(.unsupported, gaps[ID(operation)] ?? "Descope has no operation \(operation)")
        }
        for (name, _) in fields.members where isGiven(name, in: fields) && !endpoint.used.contains(ID(name)) {
            if let gap = gaps[ID(operation)] { throw ConnError(.unsupported, gap, field: name) }
            let others = endpoint.when.isEmpty ? "" : " beside \(endpoint.when.joined(separator: ", "))"
            throw .invalid(name, "is not taken by Descope\(others)")
        }
        return endpoint
    }

    /// Null, absent and an empty array mean the same.
    private static func isGiven(_ name: String, in fields: JSON) -> Bool {
        guard let value = fields[name] else { return false }
        return value.kind != .array || !value.elements.isEmpty
    }
}

extension Endpoint.Member {
    /// The request's fields that it comes from.
    fileprivate var fields: [String] {
        switch self {
        case .same(let name), .object(let name, _), .objects(let name, _): [name]
        case .gathered(_, let members): members.flatMap(\.fields)
        }
    }
}

extension Endpoint.Level {
    /// - Throws: when a batch of tokens is on no level, or not all on one.
    fileprivate init?(_ fields: JSON) throws(ConnError) {
        guard let tokens = fields["tokens"]?.elements else {
            guard let level = Self.of(fields) else { return nil }
            self = level
            return
        }
        guard let first = tokens.first.flatMap(Self.of) else {
            throw tokens.isEmpty ? .invalid("tokens", "must not be empty") : .invalid("tokens[0].userId", "is missing")
        }
        if let other = tokens.firstIndex(where: { Self.of($0) != first }) {
            throw .invalid(
                "tokens[\(other)].userId", "makes a mixed batch: all are users' tokens, or all are tenants' own")
        }
        self = first
    }

    private static func of(_ fields: JSON) -> Endpoint.Level? {
        if fields["userId"] != nil { return .user }
        return fields["tenantId"] == nil ? nil : .tenant
    }
}

// MARK: - Filling

extension Endpoint {
    /// The path and query for a request.
    func target(for fields: JSON) throws(ConnError) -> String {
        var target = path
        if let id = fields["id"]?.string {
            // Dots alone would be taken for a step within the path (RFC 3986 section 5.2.4).
            guard id != ".", id != ".." else { throw .invalid("id", "is not a valid id") }
            target = path.split(separator: "/", omittingEmptySubsequences: false)
                .map { $0 == "{id}" ? URL.encode(id) : String($0) }.joined(separator: "/")
        }
        let parameters = query.compactMap { (name, field) in fields[field]?.string.map { (name, $0) } }
        return URL.appending(parameters, to: target)
    }

    /// The body for a request. Nil for methods without one.
    func body(for fields: JSON) -> JSON? {
        method == .post ? Member.object(of: body, from: fields) : nil
    }
}

extension Endpoint.Member {
    static func object(of members: [Endpoint.Member], from fields: JSON) -> JSON {
        let object = JSON.object()
        for member in members { member.add(to: object, from: fields) }
        return object
    }

    private func add(to object: JSON, from fields: JSON) {
        switch self {
        case .same(let name):
            if let value = fields[name] { object.set(name, value) }
        case .object(let name, let members):
            if let value = fields[name] { object.set(name, Self.object(of: members, from: value)) }
        case .objects(let name, let members):
            if let value = fields[name] {
                object.set(name, .array(value.elements.map { Self.object(of: members, from: $0) }))
            }
        case .gathered(let name, let members):
            let gathered = Self.object(of: members, from: fields)
            if !gathered.members.isEmpty { object.set(name, gathered) }
        }
    }
}
