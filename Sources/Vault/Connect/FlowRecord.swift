internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// A connect URL that waits for its callback.
struct FlowRecord: Record, PendingGrant {
    var appID: ID
    var subject: Subject
    var externalIdentifier: ID?
    var scopes: [String]
    var resources: [String]
    /// The URI that the provider calls back, which the code's exchange repeats (RFC 6749 section 4.1.3).
    var redirectURI: String
    /// Where the user's browser ends up; nil where the connect did not say.
    var redirectURL: String?
    /// PKCE's secret (RFC 7636).
    var verifier: Secret?
    /// The row of the ticket that it was opened with.
    var ticket: [UInt8]?
    /// Whoever comes back types a code where the connection was asked for.
    var needsConfirmation = false
    var clientID: ID?
    var epoch: ID?
    /// Nil until the callback has come.
    var use: Use?

    /// What became of a flow whose callback has come: kept, so that the same callback is answered the same again.
    struct Use: Sendable {
        /// SHA-256 of the callback's code, in hexadecimal digits.
        let codeHash: ID
        /// Nil while the code is being exchanged, and when its process ended there.
        var answer: JSON?
    }

    var json: JSON {
        let json = JSON.object([
            "appId": .string(appID),
            "externalIdentifier": externalIdentifier.map(JSON.string),
            "scopes": .strings(scopes),
            "resources": .strings(resources),
            "redirectUri": .string(redirectURI),
            "redirectUrl": redirectURL.map(JSON.string),
            "verifier": verifier?.json,
            "ticket": ticket.map { .string(Crypto.hex($0)) },
            "needsConfirmation": needsConfirmation ? .boolean(true) : nil,
            "clientId": clientID.map(JSON.string),
            "epoch": epoch.map(JSON.string),
            "codeHash": use.map { .string($0.codeHash) },
            "answer": use?.answer,
        ])
        json.setSubject(subject)
        return json
    }
}

extension FlowRecord {
    init?(json: JSON) {
        guard let appID = json["appId"]?.id, let subject = json.subject, let scopes = json["scopes"]?.strings,
            let resources = json["resources"]?.strings, let redirectURI = json["redirectUri"]?.string
        else { return nil }
        self.init(
            appID: appID, subject: subject, externalIdentifier: json["externalIdentifier"]?.id, scopes: scopes,
            resources: resources, redirectURI: redirectURI, redirectURL: json["redirectUrl"]?.string,
            verifier: json["verifier"]?.stringSecret, ticket: json["ticket"]?.string.flatMap(Crypto.fromHex),
            needsConfirmation: json["needsConfirmation"]?.boolean ?? false, clientID: json["clientId"]?.id,
            epoch: json["epoch"]?.id,
            use: json["codeHash"]?.id.map { Use(codeHash: $0, answer: json["answer"]) })
    }
}

extension FlowRecord {
    /// This flow while the code of its callback is exchanged. PKCE's secret has done its work then.
    func used(codeHash: ID) -> FlowRecord {
        var flow = self
        flow.use = Use(codeHash: codeHash)
        flow.verifier = nil
        return flow
    }

    func answered(_ answer: JSON) -> FlowRecord {
        var flow = self
        flow.use?.answer = answer
        return flow
    }

    /// Keeps what became of the flow. The ticket that it was opened with is used up.
    /// - Throws: `not_found` when the flow is gone: its subject was deleted, or all tokens of its connection.
    func keep(at key: [UInt8], _ change: inout Change) throws(ConnError) {
        guard let stored = try change.reader.stored(key), try isAwaited(change) else { throw .unknownFlow }
        change.put(self, at: key, expecting: .version(stored.version))
        if let ticket { change.writes += change.keys.removal(ofWaiting: ticket, self) }
    }
}

extension ConnError {
    static let unknownFlow = ConnError(
        .notFound, "this connect URL is not known, was used, or has expired", field: "state")
}

/// What finds a flow, such as the `state` of an authorization request: when it expires, and 32 random bytes. Only a hash of
/// it is kept.
struct FlowState {
    private static let randomBytes = 32

    let text: String
    /// Seconds since 1970.
    let expiresAt: Int64

    static func random(expiresAt: Int64) -> FlowState {
        return FlowState(
            text: Crypto.base64URL(RowKeys.bytes(expiresAt) + Crypto.random(randomBytes)), expiresAt: expiresAt)
    }

    private init(text: String, expiresAt: Int64) {
        self.text = text
        self.expiresAt = expiresAt
    }

    /// Nil when the text is no state of ours.
    init?(_ text: String) {
        guard let bytes = Crypto.fromBase64URL(text), bytes.count == 8 + Self.randomBytes else { return nil }
        self.text = text
        expiresAt = RowKeys.number(bytes.prefix(8))
    }
}

extension Secret {
    /// A string node; nil when the bytes are no UTF-8.
    var json: JSON? { withBytes { JSON.string(bytes: $0) } }
}

extension JSON {
    /// The members `userId` and `tenantId`.
    var subject: Subject? { Subject(userID: self["userId"]?.id, tenantID: self["tenantId"]?.id) }

    func setSubject(_ subject: Subject) {
        if let user = subject.userID { set("userId", .string(user)) }
        if let tenant = subject.tenantID { set("tenantId", .string(tenant)) }
    }
}
