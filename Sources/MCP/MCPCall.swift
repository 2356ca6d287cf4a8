internal import Connections
internal import Crypto
internal import JSON
internal import Memory

/// The MCP request that is being answered, and whose.
struct MCPCall: Sendable {
    let method: String
    /// The tool's or prompt's name, or the resource's URI.
    let name: String
    let subject: Subject
    /// SHA-256 of the method, the name and the arguments: a state is good for just this call.
    let digest: [UInt8]
    /// SHA-256 of the subject.
    let principal: [UInt8]

    /// - Parameter request: fits the table of `mcp.answer` or `mcp.resume`.
    init(_ request: Request) throws(ConnError) {
        method = try request.required("method")
        name = try request.required("name")
        subject = try request.requiredSubject()
        digest = Self.hash([.string(method), .string(name), request["arguments"] ?? .object()])
        principal = Self.hash([
            subject.userID.map(JSON.string) ?? .null, subject.tenantID.map(JSON.string) ?? .null,
        ])
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
    /// Scopes that the user was asked for and did not grant may be missing.
    let acceptsNarrower: Bool

    /// - Parameter json: has the members `appId`, `scopes`, `externalIdentifier` and `acceptNarrower`.
    init?(_ json: JSON) {
        guard let appID = json["appId"]?.string else { return nil }
        self.appID = appID
        scopes = json["scopes"]?.strings ?? []
        externalIdentifier = json["externalIdentifier"]?.string
        acceptsNarrower = json["acceptNarrower"]?.boolean ?? false
    }

    var json: JSON {
        .object([
            "appId": .string(appID),
            "scopes": scopes.isEmpty ? nil : .strings(scopes),
            "externalIdentifier": externalIdentifier.map(JSON.string),
            "acceptNarrower": acceptsNarrower ? .boolean(true) : nil,
        ])
    }
}
