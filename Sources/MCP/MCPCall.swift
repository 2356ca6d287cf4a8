internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// The MCP request that is being answered, and whose.
struct MCPCall: Sendable {
    let method: String
    /// The tool's or prompt's name, or the resource's URI, as it may be shown: one line of at most 256 characters.
    let shownName: String
    let subject: Subject
    /// SHA-256 of the method, the name and the arguments: a state is good for just this call.
    let digest: [UInt8]
    /// SHA-256 of the subject.
    let principal: [UInt8]

    /// - Parameter request: fits the table of `mcp.answer` or `mcp.resume`.
    init(_ request: Request) throws(ConnError) {
        method = try request.required("method")
        let name = request["name"] ?? .string("")
        shownName = Redaction([]).clean(name.foreignTexts.first, maxCharacters: 256) ?? "the call"
        subject = try request.requiredSubject()
        digest = Self.hash([
            .string(method), name, .string(Crypto.base64URL(try Self.argumentsDigest(request))),
        ])
        principal = Self.hash([
            subject.userID.map(JSON.string) ?? .null, subject.tenantID.map(JSON.string) ?? .null,
        ])
    }

    private static func argumentsDigest(_ request: Request) throws(ConnError) -> [UInt8] {
        guard let text = request.string("argumentsDigest") else {
            return ArgumentsDigest.of(request["arguments"] ?? .object())
        }
        guard request["arguments"] == nil else {
            throw .invalid("argumentsDigest", "cannot be combined with arguments")
        }
        guard let digest = Crypto.fromBase64URL(text), digest.count == ArgumentsDigest.count else {
            throw .invalid("argumentsDigest", "is not a SHA-256 digest in base64url")
        }
        return digest
    }

    private static func hash(_ values: [JSON]) -> [UInt8] {
        JSON.array(values).secret(isSorted: true).withBytes { Crypto.sha256($0) }
    }
}

/// A connection that the call waits for.
struct Awaited: Sendable {
    let appID: String
    let scopes: [String]
    let externalIdentifier: String?
    /// Whether its grant is held back until the user has typed a code.
    let needsCode: Bool
    /// Scopes that the user was asked for and did not grant may be missing.
    let acceptsNarrower: Bool

    /// - Parameter json: has the members `appId`, `scopes`, `externalIdentifier`, `confirmation` and `acceptNarrower`.
    init?(_ json: JSON) {
        guard let appID = json["appId"]?.string else { return nil }
        self.appID = appID
        scopes = json["scopes"]?.strings ?? []
        externalIdentifier = json["externalIdentifier"]?.string
        needsCode = json["confirmation"]?.boolean ?? false
        acceptsNarrower = json["acceptNarrower"]?.boolean ?? false
    }

    var json: JSON {
        .object([
            "appId": .string(appID),
            "scopes": scopes.isEmpty ? nil : .strings(scopes),
            "externalIdentifier": externalIdentifier.map(JSON.string),
            "confirmation": needsCode ? .boolean(true) : nil,
            "acceptNarrower": acceptsNarrower ? .boolean(true) : nil,
        ])
    }
}
