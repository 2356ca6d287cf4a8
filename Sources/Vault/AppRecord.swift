internal import Connections
internal import JSON
internal import Memory
internal import OAuth

/// A connection: its settings under their wire names, as `apps.create` took them.
struct AppRecord: Record {
    enum Kind: String {
        case oauth, apikey
    }

    let id: String
    let kind: Kind
    private let settings: JSON

    /// - Parameter settings: fits the operation's table; `id` and `appType` are there.
    init?(json settings: JSON) {
        guard let id = settings["id"]?.string, let kind = settings["appType"]?.string.flatMap(Kind.init) else {
            return nil
        }
        self.id = id
        self.kind = kind
        self.settings = settings
    }

    var json: JSON { settings }

    /// The settings without the client secret.
    var answer: JSON {
        let answer = settings.shallowCopy()
        answer.remove("clientSecret")
        return answer
    }

    /// Marked for deletion: nobody finds it any more, and its tokens are on their way out.
    var isBeingDeleted: Bool { settings["isBeingDeleted"]?.boolean ?? false }

    /// This connection marked for deletion, without its settings.
    var beingDeleted: AppRecord { AppRecord(id: id, kind: kind) }

    private init(id: String, kind: Kind) {
        self.id = id
        self.kind = kind
        settings = .object([
            "id": .string(id), "appType": .string(kind.rawValue), "isBeingDeleted": .boolean(true),
        ])
    }

    /// New settings in place of all but the id, the kind, and, unless they name one, the client secret. "" names none.
    func updated(with new: JSON) throws(ConnError) -> AppRecord {
        let settings = new.shallowCopy()
        if let kind = new["appType"]?.string, kind != self.kind.rawValue {
            throw .invalid("appType", "cannot be changed")
        }
        settings.set("appType", .string(kind.rawValue))
        if new["clientSecret"] == nil, let secret = self.settings["clientSecret"] {
            settings.set("clientSecret", secret)
        }
        guard let record = AppRecord(json: settings) else { throw .invalid("id", "is missing") }
        return record
    }

    var defaultScopes: [String] { settings["defaultScopes"]?.strings ?? [] }
    var defaultRedirectURL: String? { settings["defaultRedirectUrl"]?.string }

    /// The provider as far as the settings name it; a discovery document may fill in the rest.
    func provider(_ config: VaultConfig) -> Provider {
        var provider = Provider(id: id, clientID: settings["clientId"]?.string ?? "", clientSecret: clientSecret)
        provider.authorizationURL = settings["authorizationUrl"]?.string
        provider.tokenURL = settings["tokenUrl"]?.string
        provider.revocation = (settings["revocationUrl"]?.string).map(Provider.Revocation.init)
        provider.issuer = settings["issuer"]?.string
        provider.discoveryURL = settings["discoveryUrl"]?.string
        provider.authMethod = settings["tokenEndpointAuthMethod"]?.string.flatMap(Provider.AuthMethod.init)
        if let separator = settings["scopeSeparator"]?.string {
            provider.scopeSeparator = separator
            provider.replyScopeSeparators = " " + separator
        }
        provider.authorizeParameters = parameters("authorizationUrlParams")
        provider.tokenParameters = parameters("tokenUrlParams")
        provider.usesPKCE = settings["pkce"]?.boolean ?? true
        provider.accessType = settings["accessType"]?.string
        provider.prompt = settings["prompt"]?.strings ?? []
        provider.timeoutMilliseconds = config.timeoutMilliseconds
        return provider
    }

    private var clientSecret: Secret? {
        settings["clientSecret"]?.stringSecret.flatMap { $0.count == 0 ? nil : $0 }
    }

    private func parameters(_ name: String) -> [Provider.Parameter] {
        (settings[name]?.elements ?? []).compactMap { parameter in
            guard let key = parameter["key"]?.string, let value = parameter["value"]?.string else { return nil }
            return Provider.Parameter(key, value)
        }
    }
}
