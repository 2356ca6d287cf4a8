internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// What travels through the client between two rounds of a call (MCP 2026-07-28, multi round-trip requests).
///
/// The client may read, keep, change or hand on what it is given, so the state is sealed, and says whose call it belongs
/// to, which call that is, and until when. It holds no token and no URL.
struct RequestState: Sendable {
    private static let format: Int64 = 2

    /// Names it when it is used, which is once.
    let id: [UInt8]
    let principal: [UInt8]
    let digest: [UInt8]
    /// Seconds since 1970.
    let expiresAt: Int64
    /// When the user was asked. Milliseconds since 1970; nil in what was made before this was.
    let askedAt: Int64?
    let awaited: [Awaited]

    init(_ call: MCPCall, awaiting awaited: [Awaited], askedAt: Int64?, expiresAt: Int64) {
        id = Crypto.random(16)
        principal = call.principal
        digest = call.digest
        self.expiresAt = expiresAt
        self.askedAt = askedAt
        self.awaited = awaited
    }

    fileprivate init?(json: JSON) {
        func bytes(_ name: String, _ count: Int) -> [UInt8]? {
            json[name]?.string.flatMap(Crypto.fromBase64URL).flatMap { $0.count == count ? $0 : nil }
        }
        guard json["format"]?.integer == Self.format, let id = bytes("id", 16),
            let principal = bytes("principal", 32), let digest = bytes("digest", 32),
            let expiresAt = json["expiresAt"]?.integer
        else { return nil }
        let elements = json["awaited"]?.elements ?? []
        awaited = elements.compactMap(Awaited.init)
        guard !awaited.isEmpty, awaited.count == elements.count else { return nil }
        self.id = id
        self.principal = principal
        self.digest = digest
        self.expiresAt = expiresAt
        askedAt = json["askedAt"]?.integer
    }

    fileprivate var json: JSON {
        .object([
            "format": .integer(Self.format),
            "id": .string(Crypto.base64URL(id)),
            "principal": .string(Crypto.base64URL(principal)),
            "digest": .string(Crypto.base64URL(digest)),
            "expiresAt": .integer(expiresAt),
            "askedAt": askedAt.map { .integer($0) },
            "awaited": .array(awaited.map(\.json)),
        ])
    }

    /// Checks that the state belongs to this call and is still good. Comparing takes the same time for every value.
    func check(_ call: MCPCall, now: Int64) throws(ConnError) {
        guard isEqual(principal, call.principal) else {
            throw ConnError(.forbidden, "requestState was made for somebody else", field: "requestState")
        }
        guard isEqual(digest, call.digest) else {
            throw .invalid("arguments", "and name are not those of the call that requestState was made for")
        }
        guard expiresAt > now else {
            throw ConnError(.notFound, "requestState has expired", field: "requestState")
        }
    }
}

private func isEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.withUnsafeBytes { a in b.withUnsafeBytes { b in constantTimeEqual(a, b) } }
}

/// The key of the states: those that another key sealed do not open.
struct StateSeal: Sendable {
    private static let bound = Array("descope_conn mcp requestState".utf8)
    private let key: Secret

    /// - Parameter secret: at least as hard to guess as a key.
    init(secret: Secret) {
        key = Crypto.derive(1, "mcpstate", from: Secret(secret.withBytes { Crypto.sha256($0) }))
    }

    func seal(_ state: RequestState) -> String {
        Crypto.base64URL(state.json.secret.withBytes { Crypto.seal($0, boundTo: Self.bound, key: key) })
    }

    func open(_ text: String) throws(ConnError) -> RequestState {
        let plain = Crypto.fromBase64URL(text).flatMap { Crypto.open($0, boundTo: Self.bound, key: key) }
        let json = plain?.withBytes { try? JSON.parse($0) }
        guard let state = json.flatMap(RequestState.init) else {
            throw .invalid("requestState", "was not made by this server")
        }
        return state
    }
}
