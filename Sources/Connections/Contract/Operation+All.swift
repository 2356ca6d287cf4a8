// The table of operations. Names are Descope's wire names, so whoever knows its API knows these.

extension Field {
    /// Any request may have it.
    static let actor = Field(
        "actor", .string(maxBytes: 256), backends: [.vault, .plugin], "Who asks, or which tool, for the audit.")
    static let appID = Field("appId", .string(maxBytes: 256), required: true, "The connection.")
    static let userID = Field("userId", .string(maxBytes: 512), "The user whose token it is.")
    static let tenantID = Field(
        "tenantId", .string(maxBytes: 512), "The tenant whose token it is, or in which the user's token lives.")
    static let scopes = Field("scopes", .strings, "OAuth scopes.")
    static let externalIdentifier = Field(
        "externalIdentifier", .string(maxBytes: 200), "Names one of several accounts of the subject at the connection.")
    static let accessToken = Field(
        "accessToken", .secret, backends: [.cloud, .plugin],
        "The user's or client's Descope access token, in place of the management key.")

    /// What a connect URL may ask for (Descope's `options` of Adaptive Connect).
    static func connectOptions(scopes: String) -> [Field] {
        [
            Field("redirectUrl", .redirectURL, required: true, "Where the user's browser ends up."),
            Field("scopes", .strings, scopes),
            Field("prompt", .strings, "OpenID prompt values: none, login, consent, select_account."),
            Field("loginHint", .string(), "The account to preselect at the provider."),
            Field("resources", .strings, "RFC 8707 resource indicators."),
            .externalIdentifier,
            Field(
                "confirmation", .boolean, backends: [.vault, .plugin],
                "Hold the grant back until whoever it is for has typed the code that complete answers; see confirm."),
        ]
    }

    /// One OAuth token brought from elsewhere.
    static let importedToken: [Field] = [
        .appID, .userID, .tenantID,
        Field("refreshToken", .secret, "At least one of refreshToken and accessToken."),
        Field("accessToken", .secret, "At least one of refreshToken and accessToken."),
        Field(
            "accessTokenExpiry", .integer(0...Int64(Int32.max)),
            "Seconds since 1970 when the access token expires; 0 is unknown."),
        Field("accessTokenType", .string(maxBytes: 64), "Bearer unless said otherwise."),
        .scopes, .externalIdentifier,
        Field("idToken", .secret, "The OpenID token that came with it."),
        Field("grantedBy", .string(maxBytes: 512), "Who granted it."),
    ]

    private static let parameter: [Field] = [
        Field("key", .string(maxBytes: 128), required: true, "The parameter's name."),
        Field("value", .string(), required: true, "Its value."),
    ]

    /// A connection's settings: Descope's OutboundApp, and what the vault needs besides.
    static let appSettings: [Field] =
        [
            Field("name", .string(maxBytes: 256), "For people."),
            Field("description", .string(), "For people."),
            Field("logo", .string(maxBytes: 65536), "A URL or data URL."),
            Field("appType", .oneOf(["oauth", "apikey"]), "oauth unless said otherwise."),
            Field("clientId", .string(), "The OAuth client id at the provider."),
            Field("clientSecret", .clearableSecret, "Never returned. On update: absent keeps it, \"\" clears it."),
            Field("discoveryUrl", .endpointURL, "The provider's discovery document (OpenID or RFC 8414)."),
            Field("authorizationUrl", .endpointURL, "The provider's authorization endpoint."),
            Field("authorizationUrlParams", .objects(parameter, maxCount: 64), "Added to the authorization URL."),
            Field("tokenUrl", .endpointURL, "The provider's token endpoint."),
            Field("tokenUrlParams", .objects(parameter, maxCount: 64), "Added to each token request's form."),
            Field("revocationUrl", .endpointURL, "The provider's revocation endpoint (RFC 7009)."),
            Field("defaultScopes", .strings, "Asked for when a connect names none."),
            Field("defaultRedirectUrl", .redirectURL, "The OAuth redirect URI registered at the provider."),
            Field("callbackDomain", .string(), backends: [.cloud, .plugin], "The host of the OAuth callback."),
            Field("pkce", .boolean, "PKCE with S256 (RFC 7636)."),
            Field(
                "accessType", .oneOf(["offline", "online"]), "Google's access_type; offline asks for a refresh token."),
            Field("prompt", .strings, "OpenID prompt values sent unless a connect names others."),
            Field("useDcr", .boolean, "Register the client at the provider when it is first needed (RFC 7591)."),
            Field("dcrUrl", .endpointURL, "The provider's registration endpoint; the vault may discover it."),
            Field("refreshUrl", .endpointURL, backends: vault, "Where refresh requests go; to tokenUrl unless said."),
            Field(
                "deviceAuthorizationUrl", .endpointURL, backends: vault,
                "The provider's device authorization endpoint (RFC 8628)."),
            Field(
                "introspectionUrl", .endpointURL, backends: vault,
                "Asked when a token expires, where neither the reply nor the token tells (RFC 7662)."),
            Field(
                "issuer", .endpointURL, backends: [.vault, .plugin], "The provider's issuer, checked as RFC 9207 says."),
            Field(
                "tokenEndpointAuthMethod",
                .oneOf(["client_secret_basic", "client_secret_post", "client_secret_bearer", "none"]),
                backends: [.vault, .plugin],
                "How the client proves itself (RFC 7591). client_secret_basic, or none without a secret, unless said."),
            Field(
                "scopeSeparator", .oneOf([" ", ","]), backends: [.vault, .plugin],
                "Between scopes at this provider; a space (RFC 6749) unless said otherwise."),
        ] + providerSwitches + [
            Field(
                "maxIdleSeconds", .integer(60...315_360_000), backends: [.vault, .plugin],
                "A token that nobody has fetched for so long is deleted."),
            Field(
                "deleteAfterFirstFetch", .boolean, backends: [.vault, .plugin],
                "A token is deleted when it is fetched: it is handed out once."),
        ]

    private static let rotations = ["single_use", "sliding", "fixed", "none", "unknown"]

    /// What a provider does differently, under the names of the catalogue's rows (docs/providers.md).
    private static let providerSwitches: [Field] = [
        Field(
            "bodyFormat", .oneOf(["form", "json"]), backends: vault, "Of token requests; form unless said otherwise."),
        Field(
            "replyScopeSeparators", .string(maxBytes: 16), backends: vault,
            "The characters between scopes in replies; a space and the scopeSeparator unless said otherwise."),
        Field(
            "replyScopeName", .string(maxBytes: 128), backends: vault,
            "The member of a reply that names what was granted; scope unless said otherwise."),
        Field(
            "scopeRules",
            .object([
                Field("aliases", .texts, "By other names of a scope, the name that it goes by."),
                Field("prefixes", .strings, "What a name may begin with that means nothing."),
                Field("implies", .texts, "By a scope, those that it covers, with spaces between them."),
                Field("unnamed", .strings, "Scopes that replies leave out: granted if they were asked for."),
                Field("ignoresCase", .boolean, "Names that differ in their letters' case are the same."),
                Field("complete", .boolean, "False: all that was asked for counts as granted, whatever a reply names."),
            ]), backends: vault, "What the provider makes of the names of scopes; in names, one * stands for any text."),
        Field(
            "droppedAuthorizeParameters", .strings, backends: vault, "Names that the authorization URL must not have."),
        Field(
            "renamedAuthorizeParameters", .texts, backends: vault,
            "The provider's names for the standard's in the authorization URL."),
        Field(
            "renamedTokenParameters", .texts, backends: vault,
            "The provider's names for the standard's in token requests."),
        Field(
            "tokenPaths", .strings, backends: vault,
            "Where a reply has its access token, tried in order; dots go deeper. access_token unless said otherwise."),
        Field("expiresInMilliseconds", .boolean, backends: vault, "A reply's expires_in counts milliseconds."),
        Field(
            "expiry",
            .object([
                Field(
                    "rule", .oneOf(["jwt", "fixed", "never"]), required: true, "The token's own exp; so many seconds."),
                Field("seconds", .integer(1...315_360_000), "With fixed: the access token's life."),
            ]), backends: vault, "When a token expires if the reply does not say; jwt unless said otherwise."),
        Field(
            "replyMetadata", .strings, backends: vault, "What else of a reply is kept with the token; dots go deeper."),
        Field(
            "errors", .texts, backends: vault,
            "By the provider's error codes, in whatever case: permanent, misconfigured or transient."),
        Field(
            "errorPaths", .strings, backends: vault,
            "Where else a refusal has its code, tried first; dots go deeper, also to an array's elements, from 0."),
        Field(
            "errorMessages", .texts, backends: vault,
            "By what a refusal's words hold, in whatever case: permanent, misconfigured or transient."),
        Field(
            "refresh",
            .object([
                Field("grantType", .string(maxBytes: 256), "The grant_type of a refresh request."),
                Field("tokenParameter", .string(maxBytes: 128), "The name that the token goes by in it."),
                Field("exchangesAccessToken", .boolean, "A live access token is exchanged for a new one."),
                Field("rotation", .oneOf(rotations), "What becomes of a refresh token that is used."),
                Field("graceSeconds", .integer(0...86_400), "How long a used refresh token works once more."),
                Field(
                    "lifetimeSeconds", .integer(1...315_360_000), "A refresh token's life if the reply does not say."),
            ]), backends: vault, "How tokens are refreshed; RFC 6749 section 6 unless said otherwise."),
        Field(
            "callback",
            .object([
                Field("metadata", .strings, "Parameters that must be there, and are kept with the token."),
                Field("scopes", .string(maxBytes: 128), "The parameter that names what was granted."),
                Field("signature", .string(maxBytes: 128), "The parameter that signs all others."),
            ]), backends: vault, "What the provider's callback brings besides code, state and iss."),
        Field(
            "revocation",
            .object([
                Field("method", .oneOf(["POST", "DELETE"]), "POST unless said otherwise."),
                Field("bodyFormat", .oneOf(["form", "json"]), "form unless said otherwise."),
                Field("authentication", .oneOf(["client", "basic", "token"]), "client unless said otherwise."),
                Field("takes", .oneOf(["any", "access_token", "refresh_token"]), "any unless said otherwise."),
                Field("tokenParameter", .string(maxBytes: 128), "The name that the token goes by; token."),
                Field("clearsGrant", .boolean, "Whether the user's whole grant goes with the token."),
            ]), backends: vault, "How revocationUrl takes tokens back; RFC 7009 unless said otherwise."),
    ]

    /// The MCP request that is being answered, and whose.
    static let mcpCall: [Field] = [
        Field("method", .string(maxBytes: 64), required: true, "The request's method, such as tools/call."),
        Field("name", .foreignText, required: true, "The tool's or prompt's name, or the resource's URI."),
        Field(
            "arguments", .foreignObject, "The request's arguments, as the client sent them. Only their digest is used."),
        Field(
            "argumentsDigest", .string(maxBytes: 64),
            "In place of arguments: SHA-256 of their canonical form (docs/mcp.md), in base64url."),
        Field("userId", .string(maxBytes: 512), "The user whose request it is, as the verified token says."),
        Field("tenantId", .string(maxBytes: 512), "The tenant whose token is needed, or in which the user's lives."),
    ]

    private static let cloud: [BackendKind] = [.cloud, .plugin]
    private static let vault: [BackendKind] = [.vault, .plugin]

    /// The vault's templates are in its catalogue of providers.
    private static let hosts = Field(
        "hosts", .texts, backends: vault, "The values of the template's hosts, by name; templates.load lists them.")

    static let appCreation: [Field] =
        [
            Field("id", .string(maxBytes: 256), "Chosen for you when absent."),
            Field("tenantId", .string(maxBytes: 512), backends: cloud, "Makes the connection this tenant's own."),
            Field("templateId", .string(maxBytes: 256), "A provider template; settings override it."), hosts,
            Field("dcrPresetId", .string(maxBytes: 256), backends: cloud, "A preset for dynamic registration."),
        ] + appSettings

    static let appReplacement: [Field] =
        [
            Field("id", .string(maxBytes: 256), required: true, "The connection."),
            Field("templateId", .string(maxBytes: 256), backends: vault, "The one that it has."), hosts,
            Field(
                "sameProvider", .boolean, backends: vault,
                "New endpoints are those of the same authorization server: stored grants go on with them. Otherwise they "
                    + "need a new authorization where tokens would be sent to another one."),
        ] + appSettings
}

extension Operation {
    private static let subject = [["userId", "tenantId"]]

    private static let revoke = Field(
        "revoke", .boolean, backends: [.vault, .plugin],
        "Have the providers take the tokens back; true unless said otherwise. False only forgets them here.")

    private static let vault: [BackendKind] = [.vault, .plugin]

    private static let limit = Field(
        "limit", .integer(1...1000), backends: vault, "The most that one answer holds. 100 unless said otherwise.")
    private static let after = Field("after", .string(maxBytes: 256), backends: vault, "The next of the answer before.")

    private static let revocations =
        "yes (taken back), grantCleared (of these, those whose whole grant is known to be gone), "
        + "pending (to be tried again), unsupported (the provider takes none back)"

    private static let warnings =
        "each {field, message}, for a setting that lacks before anybody can connect; absent if none does"

    package static let all: [Operation] = [
        Operation(
            "connect", "A URL where the user grants access to the connection.",
            fields: [
                .appID, .userID, .tenantID, .accessToken,
                Field(
                    "options",
                    .object(Field.connectOptions(scopes: "The scopes to ask for; the default ones if absent.")),
                    "What to ask for, and where the browser ends up."),
            ],
            answer: "url; from the vault also expiresIn, the seconds in which it must be opened",
            errors: [.notFound, .misconfigured, .unauthorized, .forbidden]),
        Operation(
            "open",
            "The provider's URL for a connect URL of one's own page, once the page knows who is there. Again: another.",
            backends: [.vault, .plugin],
            fields: [
                Field("ticket", .string(maxBytes: 512), required: true, "The query's ticket."),
                Field(
                    "openedBy", .object([.userID, .tenantID]), required: true,
                    "Who is signed in where the page was opened. It must be who the URL was made for."),
            ],
            answer: "url, and expiresIn, the seconds in which it must be opened",
            errors: [.notFound, .misconfigured, .forbidden]),
        Operation(
            "complete",
            "The provider's answer, as it came to the redirect URI's query: keeps the grant. What the query says may be "
                + "anything, also an array of strings where a parameter stood more than once.",
            backends: [.vault, .plugin],
            fields: [
                Field("state", .foreignText, "The query's state. Without it, only a refusal is understood."),
                Field("code", .foreignSecret, "The query's code."),
                Field("error", .foreignText, "The query's error, when the user or provider refused."),
                Field("errorDescription", .foreignText, "The query's error_description."),
                Field("iss", .foreignText, "The query's iss (RFC 9207)."),
                Field(
                    "parameters", .foreignTexts,
                    "The query's other parameters, decoded: providers sign them, and say there whose account it is, or "
                        + "why they refuse."),
                Field(
                    "openedBy", .object([.userID, .tenantID]),
                    "Who is signed in where the callback arrived. It must be who the URL was made for, and may be absent "
                        + "only where requireOpener is false or the connect asked for a confirmation."),
            ],
            answer:
                "tokenId, appId, userId, tenantId, scopes, missingScopes when not all that was asked for was granted, "
                + "redirectUrl, metadata; or, for the page to show, "
                + "confirmationRequired, code, appId, expiresIn. The same callback again is answered the same",
            errors: [.notFound, .providerError, .misconfigured, .forbidden]),
        Operation(
            "confirm",
            "Whoever the connect was for has typed the code that the browser showed: lets the grant be fetched.",
            backends: [.vault, .plugin],
            fields: [
                .appID, .userID, .tenantID,
                Field(
                    "code", .foreignText, required: true,
                    "What the user has typed: six digits, however they are parted, or the number that they are."),
            ],
            atLeastOneOf: subject, answer: "tokenId, appId, userId, tenantId, scopes, missingScopes, redirectUrl",
            errors: [.notFound, .forbidden]),
        Operation(
            "fetch", "A fresh token of a user, a user in a tenant, or a tenant: by scopes, or the latest.",
            fields: [
                .appID, .userID, .tenantID, .scopes, .externalIdentifier, .accessToken,
                Field(
                    "resources", .strings, backends: [.vault, .plugin],
                    "Only a token that is for all of these (RFC 8707)."),
                Field(
                    "minTtlSeconds", .integer(0...86400),
                    "The token must live at least this long; it is refreshed otherwise. 60 unless said otherwise."),
                Field(
                    "options",
                    .object([
                        Field("withRefreshToken", .boolean, "Answer the refresh token too."),
                        Field("forceRefresh", .boolean, "Refresh even a fresh token."),
                        Field(
                            "acceptNarrower", .boolean, backends: [.vault, .plugin],
                            "Take a token without the scopes that the user was asked for and did not grant; its missingScopes says which."
                        ),
                    ]), "How to fetch."),
                Field(
                    "connect",
                    .object(
                        Field.connectOptions(scopes: "The scopes to ask for; the fetch's if absent.") + [
                            Field(
                                "askDeclined", .boolean, backends: [.vault, .plugin],
                                "Ask also for scopes that the user was asked for before and did not grant.")
                        ]),
                    "Adaptive Connect: when the user must grant access first, answer connection_required with a URL."),
            ],
            atLeastOneOf: subject,
            answer:
                "token. An error's missingScopes are what lacks, and declined those of them that the user was asked for "
                + "and did not grant: when all were, no connectionUrl is answered",
            errors: [.notFound, .connectionRequired, .unauthorized, .forbidden, .providerError, .misconfigured]),
        Operation(
            "store_api_key", "Keeps a subject's API key at a connection of type apikey, in place of an earlier one.",
            fields: [
                .appID, .userID, .tenantID,
                Field("apiKey", .secret, required: true, "The key."),
            ],
            atLeastOneOf: subject, answer: "tokenId where known", errors: [.notFound, .unauthorized, .forbidden]),
        Operation(
            "store_token", "Keeps an OAuth token brought from elsewhere.",
            fields: Field.importedToken + [
                Field("verifyRefresh", .boolean, "Refresh it at the provider first, and keep nothing if that fails.")
            ],
            atLeastOneOf: subject + [["refreshToken", "accessToken"]], answer: "tokenId where known",
            errors: [.notFound, .unauthorized, .forbidden, .providerError]),
        Operation(
            "store_tokens", "Keeps many OAuth tokens: all of them, or none.",
            fields: [Field("tokens", .objects(Field.importedToken, maxCount: 1000), required: true, "As store_token.")],
            answer: "failures: one {appId, userId or tenantId, errorCode, reason} for each that was refused",
            errors: [.unauthorized, .forbidden]),
        Operation(
            "delete", "Removes tokens: one by its id, or all of a connection, a subject, or a subject at a connection.",
            fields: [
                Field("tokenId", .string(maxBytes: 256), "One token."),
                Field("appId", .string(maxBytes: 256), "All of this connection."),
                .userID, .tenantID, revoke,
            ],
            atLeastOneOf: [["tokenId", "appId", "userId", "tenantId"]], alone: ["tokenId"],
            answer: "deleted where known; from the vault also revokedAtProvider, which counts " + revocations,
            errors: [.unauthorized, .forbidden]),
        Operation(
            "list", "What is connected, without secrets: of a subject, of a connection, or both.",
            fields: [
                Field("appId", .string(maxBytes: 256), "Only this connection."), .userID, .tenantID,
                Field(
                    "status", .oneOf(["active", "expiring", "needs_reauthorization"]), backends: vault,
                    "Only those that fare so. A page may then hold few of them, or none, and a next."),
                limit, after,
                Field(
                    "count", .boolean, backends: vault,
                    "Count them all, which goes through all of them. Not beside status."),
            ],
            atLeastOneOf: [["appId", "userId", "tenantId"]],
            answer:
                "tokens: each with status, and what else is known; from the vault also next when there are more, total "
                + "where count asks for it, and unreadable when some rows do not open",
            errors: [.unauthorized, .forbidden]),
        Operation(
            "report_rejected",
            "Says that a service refused a subject's access token: one refresh if it is still the current one.",
            backends: [.vault, .plugin],
            fields: [
                Field("tokenId", .string(maxBytes: 256), required: true, "The token's id."),
                Field(
                    "tokenHash", .string(maxBytes: 64), required: true,
                    "SHA-256 of the refused access token, in hexadecimal digits."),
                .userID, .tenantID,
            ],
            atLeastOneOf: subject, answer: "token", errors: [.notFound, .providerError, .misconfigured]),
        Operation(
            "revocations.run",
            "Takes back at their providers what was deleted before and is due; other calls do some of it by the way.",
            backends: [.vault, .plugin],
            fields: [
                Field("limit", .integer(1...1000), "Tries at most so many. 100 unless said otherwise."),
                Field(
                    "waitMs", .integer(0...600_000),
                    "Goes on for so long with what falls due. 0 unless said otherwise: what is due now."),
            ],
            answer: "revoked, pending (in all), failed (given up)"),
        Operation(
            "apps.create", "Makes a connection.",
            fields: Field.appCreation, answer: "app; from the vault also warnings: " + warnings,
            errors: [.conflict, .unauthorized, .forbidden]),
        Operation(
            "apps.update",
            "Replaces a connection's settings: what is absent becomes empty, or as its template has it, but the client "
                + "secret and the template's hosts stay.",
            fields: Field.appReplacement,
            answer: "app; from the vault also warnings: " + warnings, errors: [.notFound, .unauthorized, .forbidden]),
        Operation(
            "apps.delete", "Removes a connection, for good. The vault removes its tokens too.",
            fields: [Field("id", .string(maxBytes: 256), required: true, "The connection."), revoke],
            answer: "from the vault what delete answers", errors: [.notFound, .unauthorized, .forbidden]),
        Operation(
            "apps.load", "One connection, never its secret.",
            fields: [Field("id", .string(maxBytes: 256), required: true, "The connection.")],
            answer: "app", errors: [.notFound, .unauthorized, .forbidden]),
        Operation(
            "apps.list", "All connections, never their secrets.",
            answer: "apps, unreadable when some rows do not open", errors: [.unauthorized, .forbidden]),
        Operation(
            "templates.list", "The providers that a connection can be made for by templateId.",
            backends: [.vault, .plugin], answer: "templates: each with id, name, hosts, notes"),
        Operation(
            "templates.load", "One provider's row of the catalogue, as docs/providers.md describes it.",
            backends: [.vault, .plugin],
            fields: [Field("id", .string(maxBytes: 256), required: true, "The template.")],
            answer: "template", errors: [.notFound]),
        Operation(
            "device.start",
            "Begins a grant for a user whose browser is on another machine (RFC 8628): show what it answers.",
            backends: [.vault, .plugin],
            fields: [
                .appID, .userID, .tenantID,
                Field("scopes", .strings, "The scopes to ask for; the default ones if absent."),
                Field("resources", .strings, "RFC 8707 resource indicators."), .externalIdentifier,
            ],
            atLeastOneOf: subject,
            answer: "flow, userCode, verificationUri, verificationUriComplete, expiresIn and interval in seconds",
            errors: [.notFound, .misconfigured, .providerError]),
        Operation(
            "device.poll", "Whether the user has granted access by now: keeps the grant then.",
            backends: [.vault, .plugin],
            fields: [
                Field("flow", .string(maxBytes: 512), required: true, "What device.start answered."),
                Field(
                    "waitMs", .integer(0...3_600_000),
                    "How long to wait for the user, in milliseconds. 0 unless said otherwise: look once."),
            ],
            answer: "status: pending with retryAfterMs, or complete with what complete answers",
            errors: [.notFound, .providerError, .misconfigured]),
        Operation(
            "mcp.answer",
            "What an MCP server answers a request that needs connections, in the shape that its client understands.",
            fields: Field.mcpCall + [
                Field("protocolVersion", .foreignText, required: true, "The client's, such as 2026-07-28."),
                Field("capabilities", .foreignObject, "What the client declared; nothing if absent."),
                Field(
                    "clientInfo", .foreignObject,
                    "The client's name and version, as it says. What is known of it overrides what it declares."),
                Field(
                    "connections",
                    .objects(
                        [
                            .appID,
                            Field(
                                "connectionUrl", .string(maxBytes: 16384), required: true,
                                "Where the user grants access, as connection_required says it: https, or this machine."),
                            .scopes, .externalIdentifier,
                            Field(
                                "confirmation", .boolean, backends: vault,
                                "Its grant is held back until the user has typed a code, for which the answer asks too."
                            ),
                            Field(
                                "acceptNarrower", .boolean, backends: [.vault, .plugin],
                                "As in the fetch that found it missing."),
                        ], maxCount: 16), required: true, "What is missing. All of it goes into the one answer."),
                Field("ttlSeconds", .integer(10...86400), "How long requestState lives. 600 unless said otherwise."),
            ],
            atLeastOneOf: subject,
            answer: "shape: input_required, error, app or result; response: the JSON-RPC response's result or error; "
                + "completions with the error of 2025-11-25: each {elicitationId, requestState}, to be resumed"),
        Operation(
            "mcp.card",
            "The card that shows a tool's user where to connect, for clients with the extension MCP Apps.",
            answer: "uri, name, mimeType and text of its resource; toolMeta, the _meta of the tools that it is for"),
        Operation(
            "mcp.resume",
            "The request comes again with its requestState: waits for the grants, and says whether it may go on.",
            fields: Field.mcpCall + [
                .accessToken,
                Field("requestState", .foreignText, required: true, "As the client echoed it."),
                Field("inputResponses", .foreignObject, "As the client sent them."),
                Field(
                    "waitMs", .integer(0...600_000),
                    "How long to wait for the grants; give the call more time than that. 20000 unless said otherwise."),
            ],
            atLeastOneOf: subject,
            answer: "state: ready; or pending or declined, with shape and response",
            errors: [.notFound, .conflict, .forbidden, .unauthorized, .misconfigured]),
        Operation(
            "export",
            "Tokens with their secrets, as store_tokens and store_api_key take them. Needs the config's allowExport.",
            backends: [.vault, .plugin],
            fields: [
                Field("appId", .string(maxBytes: 256), "Only this connection."), .userID, .tenantID,
                limit, after,
            ],
            answer: "tokens, apiKeys, next when there are more, unreadable when some rows do not open",
            errors: [.forbidden]),
        Operation(
            "retention.sweep",
            "Deletes the tokens that have been idle for longer than their connection allows, and what has expired.",
            backends: [.vault, .plugin], answer: "deleted, unreadable when some rows do not open"),
        Operation(
            "keys.list", "The keys that seal the vault, and how many rows each has sealed.",
            backends: [.vault, .plugin], answer: "masterKey, keys: each {id, active, addedAt, rows}"),
        Operation(
            "keys.add", "Makes a key, which does not seal before it is activated.", backends: [.vault, .plugin],
            answer: "id", errors: [.limit]),
        Operation(
            "keys.activate", "Has a key seal what is written from now on.", backends: [.vault, .plugin],
            fields: [Field("id", .string(maxBytes: 64), required: true, "The key.")], answer: "nothing",
            errors: [.notFound]),
        Operation(
            "keys.reseal", "Seals by the active key what other keys have sealed.", backends: [.vault, .plugin],
            answer: "resealed, unreadable"),
        Operation(
            "keys.drop", "Forgets a key that seals no row any more.", backends: [.vault, .plugin],
            fields: [Field("id", .string(maxBytes: 64), required: true, "The key.")], answer: "nothing",
            errors: [.notFound, .conflict]),
        Operation(
            "audit.list", "Who did what to which token, the oldest first.", backends: [.vault, .plugin],
            fields: [
                Field("appId", .string(maxBytes: 256), "Only of this connection."), .userID, .tenantID,
                Field("tokenId", .string(maxBytes: 256), "Only of this token."),
                limit, Field("after", .string(maxBytes: 1024), "The next or the end of an answer before."),
            ],
            answer: "records, next when there are more and otherwise end, unreadable when some do not open"),
        Operation(
            "audit.verify", "Whether the audit is whole: no record was changed, removed, added or moved.",
            backends: [.vault, .plugin],
            fields: [
                Field(
                    "anchor", .string(maxBytes: 4096),
                    "That of an earlier answer, kept elsewhere: what it notes must be there still.")
            ],
            answer: "ok, verified, anchor; or chain, brokenAt and problem"),
        Operation(
            "backup", "Copies the vault, as it is at one moment, to a new file that this process can reach.",
            backends: [.vault, .plugin],
            fields: [
                Field(
                    "path", .string(maxBytes: 4096), required: true,
                    "Absolute, in a folder that is there; the file is not.")
            ],
            answer: "path, bytes, rows", errors: [.unsupported]),
        Operation(
            "backup.check",
            "Whether a copy of the vault is whole: all of it is read by the vault's keys, nothing is changed.",
            backends: [.vault, .plugin],
            fields: [Field("path", .string(maxBytes: 4096), required: true, "The copy's absolute path.")],
            answer: "path, ok, rows, unreadable, and audit: what audit.verify says of it",
            errors: [.unsupported, .misconfigured]),
        Operation("describe", "This list.", answer: "operations, errorCodes, reasons"),
    ]
}
