// Descope's API for connections ("outbound apps"): its OpenAPI description, and where that is silent, its official SDKs.

internal import Connections
internal import HTTP
internal import Runtime

extension Endpoint.Member {
    fileprivate static let fetchOptions = Self.object("options", ["withRefreshToken", "forceRefresh"])
    fileprivate static let parameter: [Self] = ["key", "value"]

    /// What a connection made from a template may set otherwise.
    fileprivate static let overrides: [Self] = [
        "name", "description", "logo", "discoveryUrl", "authorizationUrl",
        .objects("authorizationUrlParams", parameter), "tokenUrl", .objects("tokenUrlParams", parameter),
        "revocationUrl", "defaultScopes", "defaultRedirectUrl", "callbackDomain", "pkce", "accessType", "prompt",
        "useDcr", "dcrUrl",
    ]
    fileprivate static let settings: [Self] = ["id", "appType", "clientId", "clientSecret"] + overrides

    /// What an imported token has besides its subject.
    fileprivate static let grant: [Self] = [
        "refreshToken", "accessToken", "accessTokenExpiry", "accessTokenType", "scopes", "externalIdentifier",
        "idToken", "grantedBy",
    ]
    fileprivate static let usersGrant: [Self] = ["appId", "userId", "tenantId"] + grant
    fileprivate static let tenantsGrant: [Self] = ["appId", "tenantId"] + grant
}

extension Endpoint {
    private static let root = "/v1/mgmt/outbound"

    private static let fetching = ["accessToken", "minTtlSeconds", "connect"]

    /// The first one that fits a request answers it.
    static let all: [Endpoint] = [
        // A connect URL that nobody opens comes to nothing, so another one may be asked for.
        Endpoint(
            "connect", .post, "\(root)/app/connect",
            body: [
                "appId",
                .object(
                    "options", ["redirectUrl", "scopes", "prompt", "loginHint", "resources", "externalIdentifier"]),
            ],
            besides: ["accessToken"], credential: .token, isRepeatable: true, notFound: .app, reply: .url),

        // By scopes Descope finds only a token that was granted for exactly these. A forced refresh may be repeated: the
        // token that it makes is the current one, however often that happens, and Descope keeps the refresh token.
        Endpoint(
            "fetch", .post, "\(root)/app/user/token", on: .user, when: ["scopes"],
            body: ["appId", "userId", "tenantId", "scopes", .fetchOptions, "externalIdentifier"],
            besides: fetching, credential: .tokenOrKey, isRepeatable: true, notFound: .scopes, reply: .token),
        Endpoint(
            "fetch", .post, "\(root)/app/user/token/latest", on: .user,
            body: ["appId", "userId", "tenantId", .fetchOptions, "externalIdentifier"],
            besides: fetching, credential: .tokenOrKey, isRepeatable: true, notFound: .missing, reply: .token),
        Endpoint(
            "fetch", .post, "\(root)/app/tenant/token", on: .tenant, when: ["scopes"],
            body: ["appId", "tenantId", "scopes", .fetchOptions, "externalIdentifier"],
            besides: fetching, credential: .tokenOrKey, isRepeatable: true, notFound: .scopes, reply: .token),
        Endpoint(
            "fetch", .post, "\(root)/app/tenant/token/latest", on: .tenant,
            body: ["appId", "tenantId", .fetchOptions, "externalIdentifier"],
            besides: fetching, credential: .tokenOrKey, isRepeatable: true, notFound: .missing, reply: .token),

        // A key takes the place of the one before.
        Endpoint(
            "store_api_key", .post, "\(root)/app/user/apikey/upload", on: .user,
            body: ["appId", "userId", "tenantId", "apiKey"], isRepeatable: true, reply: .nothing),
        Endpoint(
            "store_api_key", .post, "\(root)/app/tenant/apikey/upload", on: .tenant,
            body: ["appId", "tenantId", "apiKey"], isRepeatable: true, reply: .nothing),

        // Descope does not say that a second upload replaces the first, and verifying may spend the refresh token.
        Endpoint(
            "store_token", .post, "\(root)/app/user/oauthtoken/upload", on: .user,
            body: Member.usersGrant + ["verifyRefresh"], isRepeatable: false, reply: .nothing),
        Endpoint(
            "store_token", .post, "\(root)/app/tenant/oauthtoken/upload", on: .tenant,
            body: Member.tenantsGrant + ["verifyRefresh"], isRepeatable: false, reply: .nothing),
        Endpoint(
            "store_tokens", .post, "\(root)/app/user/oauthtoken/batch/upload", on: .user,
            body: [.objects("tokens", Member.usersGrant)], isRepeatable: false, reply: .failures),
        Endpoint(
            "store_tokens", .post, "\(root)/app/tenant/oauthtoken/batch/upload", on: .tenant,
            body: [.objects("tokens", Member.tenantsGrant)], isRepeatable: false, reply: .failures),

        Endpoint(
            "delete", .delete, "\(root)/token", when: ["tokenId"], query: [("id", "tokenId")],
            isRepeatable: true, reply: .gone),
        Endpoint(
            "delete", .delete, "\(root)/user/tokens", query: [("appId", "appId"), ("userId", "userId")],
            isRepeatable: true, reply: .gone),

        Endpoint(
            "list", .get, "\(root)/apps-with-user-token", on: .user,
            query: [("userId", "userId"), ("tenantId", "tenantId")], besides: ["appId"],
            isRepeatable: true, reply: .appIDs),

        // A second creation makes a second connection or a conflict; a second deletion finds nothing.
        Endpoint(
            "apps.create", .post, "\(root)/app/create/bydcrpreset", when: ["dcrPresetId"],
            body: ["dcrPresetId", "tenantId"], isRepeatable: false, reply: .app),
        Endpoint(
            "apps.create", .post, "\(root)/app/create/bytemplate", when: ["templateId"],
            body: [
                "templateId", "id", "clientId", "clientSecret", "tenantId", .gathered("overrides", Member.overrides),
            ],
            isRepeatable: false, reply: .app),
        Endpoint(
            "apps.create", .post, "\(root)/app/create",
            body: Member.settings + ["tenantId"], isRepeatable: false, reply: .app),
        // Descope is known to drop useDcr and dcrUrl here; it answers with what it kept.
        Endpoint(
            "apps.update", .post, "\(root)/app/update", body: [.gathered("app", Member.settings)],
            isRepeatable: true, notFound: .app, reply: .app),
        Endpoint(
            "apps.delete", .post, "\(root)/app/delete", body: ["id"],
            isRepeatable: false, notFound: .app, reply: .nothing),
        Endpoint("apps.load", .get, "\(root)/app/{id}", isRepeatable: true, notFound: .app, reply: .app),
        Endpoint("apps.list", .get, "\(root)/apps", isRepeatable: true, reply: .apps),
    ]

    /// What Descope's API has no endpoint for, and what to do instead.
    static let gaps: [ID: String] = [
        "connect":
            "the connect URL is for the user that the accessToken names; it cannot be made for a userId or tenantId",
        "delete": "Descope deletes no tokens by tenant: fetch the token, and delete it by its id as tokenId",
        "list": "Descope lists what a user has connected, not a tenant or all of a connection: name a userId",
    ]
}
