internal import Connections
internal import JSON
internal import Runtime

/// Descope's forms of tokens and connections. Every member is there, with its type's empty value where nothing is known, as in
/// protobuf's JSON.
enum Wire {
    private static let tokenTexts = [
        "id", "appId", "userId", "tenantId", "tokenSub", "accessToken", "accessTokenType", "refreshToken",
        "lastRefreshError", "grantedBy", "externalIdentifier",
    ]

    /// - Parameter token: a `Token` or a `TokenInfo`.
    static func token(_ token: JSON) -> JSON {
        let wire = JSON.object()
        for name in tokenTexts { wire.set(name, token[name] ?? .string("")) }
        // 64-bit integers are strings.
        for name in ["accessTokenExpiry", "lastRefreshTime"] {
            wire.set(name, .string(token[name]?.integer.map { String($0) } ?? ""))
        }
        wire.set("hasRefreshToken", token["hasRefreshToken"] ?? .boolean(false))
        wire.set("scopes", token["scopes"] ?? .array([]))
        return wire
    }

    private static let appTexts = [
        "id", "name", "description", "logo", "clientId", "discoveryUrl", "authorizationUrl", "tokenUrl",
        "revocationUrl", "defaultRedirectUrl", "callbackDomain", "accessType", "dcrUrl", "tenantId", "templateId",
    ]
    private static let appLists = ["authorizationUrlParams", "tokenUrlParams", "defaultScopes", "prompt"]
    private static let appBooleans = ["pkce", "useDcr"]

    /// What a connection has in Descope's API.
    static let appNames: [String] = appTexts + appLists + appBooleans + ["appType", "clientSecret"]

    /// - Parameter app: an `App`.
    static func app(_ app: JSON) -> JSON {
        let wire = JSON.object()
        for name in appTexts { wire.set(name, app[name] ?? .string("")) }
        for name in appLists { wire.set(name, app[name] ?? .array([])) }
        for name in appBooleans { wire.set(name, app[name] ?? .boolean(false)) }
        wire.set("appType", app["appType"] ?? .string("oauth"))
        return wire
    }

    /// What a user may know of a connection.
    static func publicApp(_ app: JSON) -> JSON {
        let wire = JSON.object()
        for name in ["id", "name", "description", "logo"] { wire.set(name, app[name] ?? .string("")) }
        wire.set("appType", app["appType"] ?? .string("oauth"))
        return wire
    }

    /// A connection's settings in a request, as `apps.create` takes them. What others have invented is left out.
    static func settings(_ app: JSON) -> JSON {
        // The vault has no connections of a tenant's own, and one redirect URI in place of a callback domain.
        let unknown: [ID] = ["tenantId", "callbackDomain", "templateId"]
        let settings = app.only(appNames.filter { !unknown.contains(ID($0)) })
        for name in ["authorizationUrlParams", "tokenUrlParams"] {
            guard let parameters = app[name]?.elements else { continue }
            // The Python SDK says name, all others say key.
            let named = parameters.compactMap { parameter in
                (parameter["key"] ?? parameter["name"]).map { key in
                    JSON.object(["key": key, "value": parameter["value"] ?? .string("")])
                }
            }
            settings.set(name, .array(named))
        }
        return settings
    }
}
