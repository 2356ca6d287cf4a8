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
    /// The provider of the catalogue that it is made from.
    let templateID: ID?
    /// That provider's words for scopes, where they are needed: see `withScopeWords`.
    var scopeWords: ScopeWords?

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
        templateID = json["templateId"]?.id
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
        templateID = nil
    }

    /// What a scope allows: in the connection's words, in those of the catalogue, or, of OpenID Connect's own scopes (Core
    /// 1.0, section 5.4), in the pages'.
    func description(of scope: String, _ texts: Texts) -> String? {
        scopeDescriptions[ID(scope)] ?? scopeWords?(scope, texts.language)
            ?? Self.commonScopes[ID(scope)].map { texts($0) }
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
    let name: ID
    let label: String?
    let isSecret: Bool
    let isOptional: Bool
    let hint: String?
    let helpURL: String?

    /// - Parameter json: a `CredentialField`.
    init(_ json: JSON) {
        name = json["name"]?.id ?? CredentialName.key
        label = json["label"]?.string
        isSecret = json["secret"]?.boolean ?? true
        isOptional = json["optional"]?.boolean ?? false
        hint = json["hint"]?.string
        helpURL = json["helpUrl"]?.string
    }

    /// Its name in the form.
    var inputName: String { name == CredentialName.key ? "key" : "credential-\(name)" }

    /// Its place in a request and in an error's field.
    var field: ID { CredentialName.field(of: name) }
}

extension ShownApp {
    /// What a user enters to connect.
    var inputs: [ShownCredential] { credentials.isEmpty ? [ShownCredential(.object())] : credentials }
}

extension PagesBackend {
    func app(_ id: String, _ visit: Visit) throws(ConnError) -> Step<ShownApp> {
        try app(id, as: { $0["app"].flatMap(ShownApp.init) }, visit)
    }

    /// A connection, as whoever is at the page sees it.
    /// - Parameter seen: of the answer of `apps.load`.
    func app<App: Sendable>(
        _ id: String, as seen: @escaping @Sendable (JSON) -> App?, _ visit: Visit
    ) throws(ConnError) -> Step<App> {
        try perform("apps.load", .object(["id": .string(id)]), for: visit).then { (answer) throws(ConnError) in
            guard let app = seen(answer) else {
                throw ConnError(.notFound, "there is no such connection", field: "app", reason: .app)
            }
            return .done(app)
        }
    }

    /// Those of these connections that can be loaded.
    func apps(_ ids: some Sequence<ID>, _ visit: Visit) throws(ConnError) -> Step<[ID: ShownApp]> {
        try add(Array(Set(ids))[...], to: [:], visit)
    }

    private func add(
        _ ids: ArraySlice<ID>, to apps: [ID: ShownApp], _ visit: Visit
    ) throws(ConnError) -> Step<[ID: ShownApp]> {
        guard let id = ids.first else { return .done(apps) }
        return try Step.attempt({ () throws(ConnError) in try app(id.text, visit) }) {
            [self] (result) throws(ConnError) in
            if case .failure(let error) = result, [.timeout, .cancelled].contains(error.code) { throw error }
            var apps = apps
            apps[id] = try? result.get()
            return try add(ids.dropFirst(), to: apps, visit)
        }
    }

    /// Connections: all of the cloud's, and of others so many.
    /// - Parameter after: the next of the answer before.
    func apps(
        limit: Int, after: String?, _ visit: Visit
    ) throws(ConnError) -> Step<(apps: [ShownApp], next: String?)> {
        try listing("apps.list", limit: limit, after: after, visit).then { (answer) throws(ConnError) in
            .done(((answer["apps"]?.elements ?? []).compactMap(ShownApp.init), answer["next"]?.string))
        }
    }

    /// A list that the cloud answers as a whole, and others page by page.
    func listing(
        _ operation: String, limit: Int, after: String?, _ visit: Visit
    ) throws(ConnError) -> Step<JSON> {
        guard kind != .cloud else { return try perform(operation, .object(), for: visit) }
        let fields = JSON.object(["limit": .integer(limit), "after": after.map(JSON.string)])
        return try perform(operation, fields, for: visit)
    }
}
