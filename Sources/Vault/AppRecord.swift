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

    /// New settings in place of all but the id, the kind, the template, and, unless they name one, the client secret. ""
    /// names none.
    func updated(with new: JSON) throws(ConnError) -> AppRecord {
        let settings = new.shallowCopy()
        if let kind = new["appType"]?.string, kind != self.kind.rawValue {
            throw .invalid("appType", "cannot be changed")
        }
        settings.set("appType", .string(kind.rawValue))
        for kept in ["templateId", "templateHosts"] {
            if let value = self.settings[kept] { settings.set(kept, value) }
        }
        if new["clientSecret"] == nil, let secret = self.settings["clientSecret"] {
            settings.set("clientSecret", secret)
        }
        guard let record = AppRecord(json: settings) else { throw .invalid("id", "is missing") }
        return record
    }

    var defaultScopes: [String] { settings["defaultScopes"]?.strings ?? [] }
    var defaultRedirectURL: String? { settings["defaultRedirectUrl"]?.string }

    /// The provider as far as its template and the settings name it; a discovery document may fill in the rest. What the
    /// settings name goes before the template.
    func provider(_ config: VaultConfig) throws(ConnError) -> Provider {
        var provider = try outline
        provider.id = id
        provider.authorizationURL = settings["authorizationUrl"]?.string ?? provider.authorizationURL
        provider.tokenURL = settings["tokenUrl"]?.string ?? provider.tokenURL
        if let url = settings["revocationUrl"]?.string { provider.revocation = Provider.Revocation(url: url) }
        provider.issuer = settings["issuer"]?.string ?? provider.issuer
        provider.discoveryURL = settings["discoveryUrl"]?.string
        if let method = settings["tokenEndpointAuthMethod"]?.string {
            provider.authMethod = Provider.AuthMethod(rawValue: method)
        }
        if let separator = settings["scopeSeparator"]?.string {
            provider.scopeSeparator = separator
            provider.replyScopeSeparators = " " + separator
        }
        provider.authorizeParameters += parameters("authorizationUrlParams")
        provider.tokenParameters += parameters("tokenUrlParams")
        provider.usesPKCE = settings["pkce"]?.boolean ?? provider.usesPKCE
        provider.accessType = settings["accessType"]?.string ?? provider.accessType
        provider.prompt = settings["prompt"]?.strings ?? provider.prompt
        provider.timeoutMilliseconds = config.timeoutMilliseconds
        return provider
    }

    /// What the template says, or RFC 6749.
    private var outline: Provider {
        get throws(ConnError) {
            let clientID = settings["clientId"]?.string ?? ""
            guard let name = settings["templateId"]?.string else {
                return Provider(id: id, clientID: clientID, clientSecret: clientSecret)
            }
            guard let template = Template.named(name) else { throw .invalid("templateId", "is not a known template") }
            var hosts: [String: String] = [:]
            for parameter in parameters("templateHosts") { hosts[parameter.name] = parameter.value }
            do throws(ConnError) {
                return try template.provider(clientID: clientID, clientSecret: clientSecret, hosts: hosts)
            } catch {
                throw .invalid("templateHosts", "do not fit: \(error.message)")
            }
        }
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
