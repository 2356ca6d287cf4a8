internal import Connections
internal import JSON
internal import Runtime

/// What a user has entered at a connection of type apikey.
struct Credential: Sendable {
    /// A string node.
    let apiKey: JSON
    /// What belongs to it, an object of strings; nil if nothing does.
    let others: JSON?

    subscript(name: ID) -> JSON? { name == CredentialName.key ? apiKey : others?[name.text] }
}

extension AppRecord {
    /// What users enter here. What is wrong with it was told when the connection was made.
    private var credentialSchema: CredentialSchema {
        get throws(ConnError) { try CredentialSchema(settings) }
    }

    /// - Throws: `invalid_request` for settings that cannot be.
    func checkCredentials() throws(ConnError) {
        guard kind == .apikey else {
            // An empty array is what some write back of a connection that has none.
            for name in ["credentials", "credentialCheck"]
            where settings[name].map({ $0.elements.isEmpty && $0.kind == .array }) == false {
                throw .invalid(name, "is for connections of type apikey")
            }
            return
        }
        _ = try credentialSchema
    }

    /// What a request of `store_api_key` or `complete` brings.
    /// - Throws: `invalid_request` when it is not what the connection wants.
    func credential(_ request: Request) throws(ConnError) -> Credential {
        try credentialSchema.credential(request[CredentialName.key.text], request["credentials"])
    }

    /// Asks the service whether it accepts a credential, if the connection wants that.
    /// - Throws: `provider_error` when it does not; `unavailable`, `rate_limited` or `misconfigured` when it cannot tell.
    func check(_ credential: Credential, _ config: VaultConfig) throws(ConnError) -> Step<Void> {
        guard let check = try credentialSchema.check else { return .done(()) }
        return check.ask(credential, of: id, timeoutMilliseconds: config.timeoutMilliseconds)
    }
}

extension TokenRecord {
    /// An API key in place of a token.
    mutating func take(_ credential: Credential) {
        accessToken = credential.apiKey
        credentials = credential.others
        accessTokenType = ""
    }
}
