import Memory

extension Provider {
    /// A provider without a client, from its row of the catalogue. What the row leaves out is as the standard has it.
    init(id: String, _ row: Row) throws(Row.Problem) {
        self.init(id: id, clientID: "")
        authorizationURL = try row.required("authorizationUrl")
        tokenURL = try row.required("tokenUrl")
        refreshURL = try row.string("refreshUrl")
        deviceAuthorizationURL = try row.string("deviceAuthorizationUrl")
        introspectionURL = try row.string("introspectionUrl")
        issuer = try row.string("issuer")
        authMethod = try row.choice("tokenEndpointAuthMethod")
        bodyFormat = try row.choice("bodyFormat") ?? bodyFormat
        scopeSeparator = try row.string("scopeSeparator") ?? scopeSeparator
        replyScopeSeparators = try row.string("replyScopeSeparators") ?? replyScopeSeparators
        authorizeParameters = try row.pairs("authorizeParameters").map { Parameter($0.name, $0.value) }
        droppedAuthorizeParameters = try row.strings("droppedAuthorizeParameters") ?? []
        renamedAuthorizeParameters = try row.names("renamedAuthorizeParameters")
        renamedTokenParameters = try row.names("renamedTokenParameters")
        tokenParameters = try row.pairs("tokenParameters").map { Parameter($0.name, $0.value) }
        usesPKCE = try row.boolean("pkce") ?? usesPKCE
        accessType = try row.string("accessType")
        prompt = try row.strings("prompt") ?? []
        tokenPaths = try row.strings("tokenPaths") ?? tokenPaths
        expiresInMilliseconds = try row.boolean("expiresInMilliseconds") ?? false
        if let expiry = try row.row("expiry") { expiryRule = try ExpiryRule(expiry) }
        replyMetadata = try row.strings("replyMetadata") ?? []
        for (code, kind) in try row.pairs("errors") {
            guard let kind = TokenFailure.Kind(rawValue: kind) else { throw Row.Problem(place: "errors.\(code)") }
            errorMap[ID(code)] = kind
        }
        if let refresh = try row.row("refresh") { try read(refresh: refresh) }
        if let callback = try row.row("callback") { self.callback = try Callback(callback) }
        if let revocation = try row.row("revocation") { self.revocation = try Revocation(revocation) }
    }

    private mutating func read(refresh row: Row) throws(Row.Problem) {
        refreshGrantType = try row.string("grantType") ?? refreshGrantType
        refreshTokenParameter = try row.string("tokenParameter") ?? refreshTokenParameter
        accessTokenRefreshes = try row.boolean("exchangesAccessToken") ?? false
        rotation = try row.choice("rotation") ?? rotation
        refreshGraceSeconds = try row.integer("graceSeconds") ?? 0
        refreshLifetimeSeconds = try row.integer("lifetimeSeconds")
    }
}

extension Provider.ExpiryRule {
    fileprivate init(_ row: Row) throws(Row.Problem) {
        switch try row.required("rule") {
        case "jwt": self = .jwt
        case "never": self = .never
        case "fixed":
            guard let seconds = try row.integer("seconds"), seconds > 0 else { throw Row.Problem(place: "seconds") }
            self = .fixed(seconds: seconds)
        default: throw Row.Problem(place: "rule")
        }
    }
}

extension Provider.Revocation {
    fileprivate init(_ row: Row) throws(Row.Problem) {
        self.init(url: try row.required("url"))
        method = try row.choice("method") ?? method
        bodyFormat = try row.choice("bodyFormat") ?? bodyFormat
        authentication = try row.choice("authentication") ?? authentication
        takes = try row.choice("takes") ?? takes
        tokenParameter = try row.string("tokenParameter") ?? tokenParameter
        clearsGrant = try row.boolean("clearsGrant")
    }
}
