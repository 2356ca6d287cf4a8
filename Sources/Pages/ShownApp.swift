internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// A connection, as people see it.
struct ShownApp: Sendable {
    let id: ID
    let name: String
    /// A URL or a data URL that a page may load.
    let logo: String?
    let takesKey: Bool
    /// Whether its provider can be told to end an access, as far as the settings tell.
    let canRevoke: Bool
    let defaultScopes: [String]
    /// What a user enters to connect; empty where that is an API key alone.
    let credentials: [ShownCredential]
    private let scopeDescriptions: [ID: String]

    /// - Parameter json: an `App`.
    init?(_ json: JSON) {
        guard let id = json["id"]?.id else { return nil }
        self.id = id
        let name = json["name"]?.string ?? ""
        self.name = name.isEmpty ? id.text : name
        logo = json["logo"]?.string.flatMap { Self.isImage($0) ? $0 : nil }
        takesKey = json["appType"]?.id == "apikey"
        canRevoke = json["revocationUrl"] != nil || json["discoveryUrl"] != nil || json["issuer"] != nil
        defaultScopes = json["defaultScopes"]?.strings ?? []
        credentials = (json["credentials"]?.elements ?? []).map(ShownCredential.init)
        scopeDescriptions = json["scopeDescriptions"]?.texts ?? [:]
    }

    /// What stands for a connection that is gone.
    init(id: ID) {
        self.id = id
        name = id.text
        logo = nil
        takesKey = false
        canRevoke = true
        defaultScopes = []
        credentials = []
        scopeDescriptions = [:]
    }

    /// What a scope allows, in the connection's words, or those of OpenID Connect (Core 1.0, section 5.4) for its own.
    func description(of scope: String, _ texts: Texts) -> String? {
        scopeDescriptions[ID(scope)] ?? Self.commonScopes[ID(scope)].map { texts($0) }
    }

    private static let commonScopes: [ID: Texts.Name] = [
        "openid": .scopeOpenID, "profile": .scopeProfile, "email": .scopeEmail, "address": .scopeAddress,
        "phone": .scopePhone, "offline_access": .scopeOfflineAccess,
    ]

    /// What becomes of an access that is disconnected.
    var disconnectBody: Texts.Name {
        if takesKey { return .disconnectKeyBody }
        return canRevoke ? .disconnectBody : .disconnectHereBody
    }

    static func isImage(_ logo: String) -> Bool {
        let dataTypes = [
            "data:image/png;", "data:image/jpeg;", "data:image/gif;", "data:image/webp;", "data:image/svg+xml",
        ]
        if dataTypes.contains(where: { logo.utf8.starts(with: $0.utf8) }) { return true }
        // The host stands in a header too.
        return URL(logo).map { url in
            url.scheme == "https" && !url.host.isEmpty && !url.hasUserInfo && url.host.utf8.allSatisfy { $0 < 0x80 }
        } ?? false
    }
}

/// Something that a user enters to connect to a service without OAuth.
struct ShownCredential: Sendable {
    /// That of the credential which is the key itself.
    static let keyName: ID = "apiKey"

    let name: ID
    let label: String?
    let isSecret: Bool
    let isOptional: Bool
    let hint: String?
    let helpURL: String?

    /// - Parameter json: a `CredentialField`.
    init(_ json: JSON) {
        name = json["name"]?.id ?? Self.keyName
        label = json["label"]?.string
        isSecret = json["secret"]?.boolean ?? true
        isOptional = json["optional"]?.boolean ?? false
        hint = json["hint"]?.string
        helpURL = json["helpUrl"]?.string
    }

    /// Its name in the form.
    var inputName: String { name == Self.keyName ? "key" : "credential-\(name)" }

    /// Its place in a request and in an error's field.
    var field: ID { name == Self.keyName ? "apiKey" : ID("credentials.\(name)") }
}

extension ShownApp {
    /// What a user enters to connect.
    var inputs: [ShownCredential] { credentials.isEmpty ? [ShownCredential(.object())] : credentials }
}

extension PagesBackend {
    func app(_ id: String, _ visit: Visit) throws(ConnError) -> Step<ShownApp> {
        try app(id, as: { ShownApp($0) }, visit)
    }

    /// A connection, as whoever is at the page sees it.
    func app<App: Sendable>(
        _ id: String, as seen: @escaping @Sendable (JSON) -> App?, _ visit: Visit
    ) throws(ConnError) -> Step<App> {
        try perform("apps.load", .object(["id": .string(id)]), for: visit).then { (answer) throws(ConnError) in
            guard let app = answer["app"].flatMap(seen) else {
                throw ConnError(.notFound, "there is no such connection", field: "app", reason: .app)
            }
            return .done(app)
        }
    }

    func apps(_ visit: Visit) throws(ConnError) -> Step<[ShownApp]> {
        try perform("apps.list", .object(), for: visit).then { (answer) throws(ConnError) in
            .done((answer["apps"]?.elements ?? []).compactMap(ShownApp.init))
        }
    }
}
