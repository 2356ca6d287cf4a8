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
    }

    /// What stands for a connection that is gone.
    init(id: ID) {
        self.id = id
        name = id.text
        logo = nil
        takesKey = false
        canRevoke = true
        defaultScopes = []
    }

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

extension PagesBackend {
    func app(_ id: String, _ visit: Visit) throws(ConnError) -> Step<ShownApp> {
        try perform("apps.load", .object(["id": .string(id)]), for: visit).then { (answer) throws(ConnError) in
            guard let app = answer["app"].flatMap(ShownApp.init) else {
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
