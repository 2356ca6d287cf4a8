import JSON
package import Runtime

/// What a provider does differently, by its name in the catalogue's rows: a connection may have it too. The names that
/// connections have other settings for, such as the endpoints, are not among them.
package struct Switch: Sendable {
    package let name: String
    /// Takes it over from a row that has it.
    let read: @Sendable (Row, inout Provider) throws(Row.Problem) -> Void

    /// Parameters of an authorization request that are the library's alone: without them nobody comes back.
    package static let ownParameters: Set<ID> = ["state", "code_challenge", "code_challenge_method"]

    /// - Throws: when one of the names is the library's own.
    private static func leaveAlone(_ names: [ID], _ place: String) throws(Row.Problem) {
        guard ownParameters.isDisjoint(with: names) else { throw Row.Problem(place: place) }
    }

    package static let all: [Switch] = [
        Switch(name: "bodyFormat") { (row, provider) throws(Row.Problem) in
            provider.bodyFormat = try row.choice("bodyFormat") ?? provider.bodyFormat
        },
        Switch(name: "replyScopeSeparators") { (row, provider) throws(Row.Problem) in
            provider.replyScopeSeparators = try row.string("replyScopeSeparators") ?? provider.replyScopeSeparators
        },
        Switch(name: "replyScopeName") { (row, provider) throws(Row.Problem) in
            provider.replyScopeName = try row.string("replyScopeName") ?? provider.replyScopeName
        },
        Switch(name: "scopeRules") { (row, provider) throws(Row.Problem) in
            if let rules = try row.row("scopeRules") { provider.scopeRules = try ScopeRules(rules) }
        },
        Switch(name: "needsScopes") { (row, provider) throws(Row.Problem) in
            provider.needsScopes = try row.boolean("needsScopes") ?? false
        },
        Switch(name: "droppedAuthorizeParameters") { (row, provider) throws(Row.Problem) in
            let dropped = try row.strings("droppedAuthorizeParameters") ?? []
            try Self.leaveAlone(dropped.map { ID($0) }, "droppedAuthorizeParameters")
            provider.droppedAuthorizeParameters = dropped
        },
        Switch(name: "renamedAuthorizeParameters") { (row, provider) throws(Row.Problem) in
            let renamed = try row.names("renamedAuthorizeParameters")
            try Self.leaveAlone(renamed.keys + renamed.values.map { ID($0) }, "renamedAuthorizeParameters")
            provider.renamedAuthorizeParameters = renamed
        },
        Switch(name: "renamedTokenParameters") { (row, provider) throws(Row.Problem) in
            provider.renamedTokenParameters = try row.names("renamedTokenParameters")
        },
        Switch(name: "tokenPaths") { (row, provider) throws(Row.Problem) in
            provider.tokenPaths = try row.strings("tokenPaths") ?? provider.tokenPaths
        },
        Switch(name: "expiresInMilliseconds") { (row, provider) throws(Row.Problem) in
            provider.expiresInMilliseconds = try row.boolean("expiresInMilliseconds") ?? false
        },
        Switch(name: "expiry") { (row, provider) throws(Row.Problem) in
            if let expiry = try row.row("expiry") { provider.expiryRule = try Provider.ExpiryRule(expiry) }
        },
        Switch(name: "replyMetadata") { (row, provider) throws(Row.Problem) in
            provider.replyMetadata = try row.strings("replyMetadata") ?? []
        },
        Switch(name: "errors") { (row, provider) throws(Row.Problem) in
            provider.errorMap = Dictionary(try row.failures("errors").map { (ID($0.text), $0.kind) }) { $1 }
        },
        Switch(name: "errorPaths") { (row, provider) throws(Row.Problem) in
            provider.errorPaths = try row.strings("errorPaths") ?? []
        },
        Switch(name: "errorMessages") { (row, provider) throws(Row.Problem) in
            provider.errorMessages = try row.failures("errorMessages")
        },
        Switch(name: "refresh") { (row, provider) throws(Row.Problem) in
            if let refresh = try row.row("refresh") { try provider.read(refresh: refresh) }
        },
        Switch(name: "callback") { (row, provider) throws(Row.Problem) in
            guard let callback = try row.row("callback") else { return }
            provider.callback = try Provider.Callback(callback)
            provider.requiresIssuerInCallback = try callback.boolean("issuer") ?? false
        },
        Switch(name: "revocation") { (row, provider) throws(Row.Problem) in
            if let revocation = try row.row("revocation") { try provider.revocation?.read(revocation) }
        },
    ]
}

extension Row {
    /// What texts mean, by the texts in small letters.
    fileprivate func failures(_ key: String) throws(Problem) -> [(text: String, kind: TokenFailure.Kind)] {
        try pairs(key).map { (name, value) throws(Problem) in
            guard !name.isEmpty, let kind = TokenFailure.Kind(rawValue: value) else {
                throw Problem(place: "\(key).\(name)")
            }
            return (name.asciiLowercased, kind)
        }
    }
}

extension Provider {
    fileprivate mutating func read(refresh row: Row) throws(Row.Problem) {
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
    fileprivate mutating func read(_ row: Row) throws(Row.Problem) {
        method = try row.choice("method") ?? method
        bodyFormat = try row.choice("bodyFormat") ?? bodyFormat
        authentication = try row.choice("authentication") ?? authentication
        takes = try row.choice("takes") ?? takes
        tokenParameter = try row.string("tokenParameter") ?? tokenParameter
        revokesGrant = try row.boolean("revokesGrant")
    }
}
