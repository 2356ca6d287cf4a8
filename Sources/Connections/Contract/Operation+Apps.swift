// Connections, which Descope calls apps, and the templates that they are made from.

extension Operation {
    static let apps: [Operation] = [
        Operation(
            "apps.create",
            "Creates a connection from its own settings, or from a provider's template and your credentials there.",
            fields: Field.appCreation, including: [.appSettings], answer: .savedApp,
            errors: [.conflict, .unauthorized, .forbidden]),
        Operation(
            "apps.update",
            "Replaces a connection's settings: what is absent becomes empty, or as its template has it, but the client "
                + "secret and the template's hosts stay.",
            fields: Field.appReplacement, including: [.appSettings],
            answer: .savedApp, errors: [.notFound, .conflict, .unauthorized, .forbidden]),
        Operation(
            "apps.delete", "Deletes a connection for good. The vault deletes its tokens too.",
            fields: [.connectionID, revoke],
            answer: .deletion, errors: [.notFound, .unauthorized, .forbidden]),
        Operation(
            "apps.load", "Answers one connection, never its secret.",
            fields: [.connectionID],
            answer: .loadedApp, errors: [.notFound, .unauthorized, .forbidden]),
        Operation(
            "apps.list", "Lists all connections, never their secrets: by their ids, or a page at a time.",
            fields: [.limitOfAll, after], answer: .appList, errors: [.unauthorized, .forbidden]),
        Operation(
            "templates.list", "Lists the providers that a connection can be made for by templateId.",
            backends: .inVault, answer: .templateList),
        Operation(
            "templates.load", "Answers one provider's row of the catalogue, as docs/providers.md describes it.",
            backends: .inVault,
            fields: [Field("id", .string(maxBytes: 256), required: true, "The template.", example: "github")],
            answer: .loadedTemplate, errors: [.notFound]),
    ]
}

extension Field {
    fileprivate static let connectionID = Field(
        "id", .string(maxBytes: 256), required: true, "The connection.", example: "google-calendar")

    private static let clientSecret = Field(
        "clientSecret", .clearableSecret, "Never returned. On update: absent keeps it, \"\" clears it.")

    /// The vault's templates are in its catalogue of providers.
    private static let hosts = Field(
        "hosts", .texts, backends: .inVault, "The values of the template's hosts, by name; templates.load lists them.")

    static let appCreation: [Field] = [
        Field("id", .string(maxBytes: 256), "Chosen for you when absent.", example: "google-calendar"),
        Field("tenantId", .string(maxBytes: 512), backends: .inCloud, "Makes the connection this tenant's own."),
        Field(
            "templateId", .string(maxBytes: 256), "A provider template; settings override it.", example: "google"),
        hosts, clientSecret,
        Field("dcrPresetId", .string(maxBytes: 256), backends: .inCloud, "A preset for dynamic registration."),
        .copiedVersion,
    ]

    static let appReplacement: [Field] = [
        connectionID,
        Field("templateId", .string(maxBytes: 256), backends: .inVault, "The one that it has."), hosts, clientSecret,
        Field(
            "sameProvider", .boolean, backends: .inVault,
            "New endpoints are those of the same authorization server: stored grants go on with them. Otherwise they "
                + "need a new authorization where tokens would be sent to another one."),
        .expectedVersion,
    ]

    /// A connection's settings: Descope's OutboundApp, and what the vault needs besides.
    fileprivate static let appSettings: [Field] =
        [
            Field("name", .string(maxBytes: 256), "For people."),
            Field("description", .string(), "For people."),
            Field("logo", .string(maxBytes: 65536), "A URL or data URL."),
            Field("appType", .oneOf(.appType), "oauth by default."),
            Field("clientId", .string(), "The OAuth client id at the provider."),
            Field("discoveryUrl", .endpointURL, "The provider's discovery document (OpenID or RFC 8414)."),
            Field("authorizationUrl", .endpointURL, "The provider's authorization endpoint."),
            Field("authorizationUrlParams", .objects(.parameter, maxCount: 64), "Added to the authorization URL."),
            Field("tokenUrl", .endpointURL, "The provider's token endpoint."),
            Field("tokenUrlParams", .objects(.parameter, maxCount: 64), "Added to each token request's form."),
            Field("revocationUrl", .endpointURL, "The provider's revocation endpoint (RFC 7009)."),
            Field("defaultScopes", .strings, "Asked for when a connect names none."),
            Field(
                "scopeDescriptions", .texts, backends: .inVault,
                "By scope, what it allows, in words for people. The pages show them."),
            Field("defaultRedirectUrl", .redirectURL, "The OAuth redirect URI registered at the provider."),
            Field("callbackDomain", .string(), backends: .inCloud, "The host of the OAuth callback."),
            Field("pkce", .boolean, "PKCE with S256 (RFC 7636)."),
            Field(
                "accessType", .oneOf(.accessType), "Google's access_type; offline asks for a refresh token."),
            Field("prompt", .strings, "OpenID prompt values sent unless a connect names others."),
            Field("useDcr", .boolean, "Register the client at the provider when it is first needed (RFC 7591)."),
            Field("dcrUrl", .endpointURL, "The provider's registration endpoint; the vault may discover it."),
            Field("refreshUrl", .endpointURL, backends: .inVault, "Where refresh requests go; tokenUrl by default."),
            Field(
                "deviceAuthorizationUrl", .endpointURL, backends: .inVault,
                "The provider's device authorization endpoint (RFC 8628)."),
            Field(
                "introspectionUrl", .endpointURL, backends: .inVault,
                "Asked when a token expires, where neither the reply nor the token tells (RFC 7662)."),
            Field(
                "issuer", .endpointURL, backends: .inVault, "The provider's issuer, checked as RFC 9207 says."),
            Field(
                "tokenEndpointAuthMethod",
                .oneOf(.tokenEndpointAuthMethod),
                backends: .inVault,
                "How the client proves itself (RFC 7591). client_secret_basic, or none without a secret, by default."),
            Field(
                "scopeSeparator", .oneOf(.scopeSeparator), backends: .inVault,
                "Between scopes at this provider; a space (RFC 6749) by default."),
        ] + providerSwitches + [
            Field(
                "credentials", .objects(.credential, maxCount: 16), backends: .inVault,
                "Of type apikey: what a user enters, in this order. One of them is called \"apiKey\", and it is the token that "
                    + "fetch answers. By default there is no other."),
            Field(
                "credentialCheck", .object(.credentialCheck), backends: .inVault,
                "Of type apikey: a request that the service must answer with a 2xx status before a key is kept."),
            Field(
                "maxIdleSeconds", .integer(60...315_360_000, .seconds), backends: .inVault,
                "A token that nobody has fetched for this long is deleted."),
            Field(
                "deleteAfterFirstFetch", .boolean, backends: .inVault,
                "A token is deleted when it is fetched, so that it is handed out once."),
        ]

    /// What a provider does differently, under the names of the catalogue's rows (docs/providers.md).
    private static let providerSwitches: [Field] = [
        Field(
            "bodyFormat", .oneOf(.bodyFormat), backends: .inVault, "Of token requests; form by default."),
        Field(
            "replyScopeSeparators", .string(maxBytes: 16), backends: .inVault,
            "The characters between scopes in replies; a space and the scopeSeparator by default."),
        Field(
            "replyScopeName", .string(maxBytes: 128), backends: .inVault,
            "The member of a reply that names what was granted; scope by default."),
        Field(
            "scopeRules", .object(.scopeRules), backends: .inVault,
            "What the provider makes of the names of scopes; in names, one * stands for any text."),
        Field(
            "needsScopes", .boolean, backends: .inVault,
            "True: the provider refuses a request without a scope, so that connect does."),
        Field(
            "droppedAuthorizeParameters", .strings, backends: .inVault,
            "Names that the authorization URL must not have."),
        Field(
            "renamedAuthorizeParameters", .texts, backends: .inVault,
            "The provider's names for the standard's in the authorization URL."),
        Field(
            "renamedTokenParameters", .texts, backends: .inVault,
            "The provider's names for the standard's in token requests."),
        Field(
            "tokenPaths", .strings, backends: .inVault,
            "Where a reply has its access token, tried in order; dots go deeper. access_token by default."),
        Field("expiresInMilliseconds", .boolean, backends: .inVault, "A reply's expires_in counts milliseconds."),
        Field(
            "expiry", .object(.expiryRule), backends: .inVault,
            "When a token expires if the reply does not say; jwt by default."),
        Field(
            "replyMetadata", .strings, backends: .inVault,
            "What else of a reply is kept with the token; dots go deeper."),
        Field(
            "errors", .texts, backends: .inVault,
            "By the provider's error codes, in whatever case: permanent, misconfigured or transient."),
        Field(
            "errorPaths", .strings, backends: .inVault,
            "Where else a refusal has its code, tried first; dots go deeper, also to an array's elements, from 0."),
        Field(
            "errorMessages", .texts, backends: .inVault,
            "By what a refusal's words hold, in whatever case: permanent, misconfigured or transient."),
        Field(
            "refresh", .object(.refreshRules), backends: .inVault,
            "How tokens are refreshed; RFC 6749 section 6 by default."),
        Field(
            "callback", .object(.callbackRules), backends: .inVault,
            "What the provider's callback brings besides code, state and iss."),
        Field(
            "revocation", .object(.revocationRules), backends: .inVault,
            "How revocationUrl revokes tokens; RFC 7009 by default."),
    ]
}

extension ObjectType {
    /// A connection's settings: Descope's OutboundApp, and what the vault needs besides. Requests and answers have them.
    static let appSettings = ObjectType(
        "AppSettings", "A connection's settings: Descope's, and what the vault needs besides.", Field.appSettings)

    static let parameter = ObjectType(
        "Parameter", "A parameter of a URL or of a form.",
        [
            Field("key", .string(maxBytes: 128), required: true, "The parameter's name."),
            Field("value", .string(), required: true, "Its value."),
        ])

    fileprivate static let credential = ObjectType(
        "CredentialField", "Something that a user enters to connect to a service without OAuth.",
        [
            Field(
                "name", .string(maxBytes: 32), required: true, "Letters and underscores. \"apiKey\" is the key itself.",
                example: "apiKey"),
            Field("label", .string(maxBytes: 256), "For people; the name by default.", example: "API token"),
            Field("secret", .boolean, "Whether it is hidden as it is typed; true by default."),
            Field(
                "pattern", .string(maxBytes: 256),
                "What the whole value, of at most 1024 bytes, must match: a POSIX extended regular expression without "
                    + "back-references."),
            Field("hint", .string(maxBytes: 1024), "Shown below it."),
            Field("helpUrl", .redirectURL, "Where users find it."),
            Field("optional", .boolean, "Whether it may be left empty. \"apiKey\" may not."),
        ])

    fileprivate static let credentialCheck = ObjectType(
        "CredentialCheck",
        "A request that tells whether a service accepts a credential. In headers, userName and password, {name} stands for "
            + "what was entered.",
        [
            Field("url", .endpointURL, required: true, "Where to.", example: "https://api.example.com/me"),
            Field("method", .oneOf(.credentialCheckMethod), "GET by default."),
            Field("headers", .texts, "The headers, such as Authorization: Bearer {apiKey}."),
            Field("userName", .string(), "With HTTP Basic authentication: the user's name, such as {apiKey}."),
            Field("password", .string(), "With HTTP Basic authentication: the password. Empty by default."),
        ])

    fileprivate static let scopeRules = ObjectType(
        "ScopeRules", "What a provider makes of the names of scopes; in names, one * stands for any text.",
        [
            Field("aliases", .texts, "By other names of a scope, the name that it goes by."),
            Field("prefixes", .strings, "What a name may begin with that means nothing."),
            Field("implies", .texts, "By a scope, those that it covers, with spaces between them."),
            Field("unnamed", .strings, "Scopes that replies leave out: granted if they were asked for."),
            Field("ignoresCase", .boolean, "Names that differ in their letters' case are the same."),
            Field("complete", .boolean, "False: all that was asked for counts as granted, whatever a reply names."),
        ])

    fileprivate static let expiryRule = ObjectType(
        "ExpiryRule", "When a token expires if the reply does not say.",
        [
            Field(
                "rule", .oneOf(.expiryRule), required: true, "The token's own exp; so many seconds."),
            Field("seconds", .integer(1...315_360_000, .seconds), "With fixed: the access token's life."),
        ])

    fileprivate static let refreshRules = ObjectType(
        "RefreshRules", "How a provider's tokens are refreshed.",
        [
            Field("grantType", .string(maxBytes: 256), "The grant_type of a refresh request."),
            Field("tokenParameter", .string(maxBytes: 128), "The name that the token goes by in it."),
            Field("exchangesAccessToken", .boolean, "A live access token is exchanged for a new one."),
            Field("rotation", .oneOf(.rotation), "What becomes of a refresh token that is used."),
            Field("graceSeconds", .integer(0...86_400, .seconds), "How long a used refresh token works once more."),
            Field(
                "lifetimeSeconds", .integer(1...315_360_000, .seconds),
                "A refresh token's life if the reply does not say."),
        ])

    fileprivate static let callbackRules = ObjectType(
        "CallbackRules", "What a provider's callback brings besides code, state and iss.",
        [
            Field("metadata", .strings, "Parameters that must be there, and are kept with the token."),
            Field("scopes", .string(maxBytes: 128), "The parameter that names what was granted."),
            Field("signature", .string(maxBytes: 128), "The parameter that signs all others."),
            Field("issuer", .boolean, "True: iss is always there, and a callback without it is refused (RFC 9207)."),
        ])

    fileprivate static let revocationRules = ObjectType(
        "RevocationRules", "How a provider revokes tokens at revocationUrl.",
        [
            Field("method", .oneOf(.revocationMethod), "POST by default."),
            Field("bodyFormat", .oneOf(.bodyFormat), "form by default."),
            Field("authentication", .oneOf(.revocationAuthentication), "client by default."),
            Field("takes", .oneOf(.revocableToken), "any by default."),
            Field("tokenParameter", .string(maxBytes: 128), "The name that the token goes by; token."),
            Field("revokesGrant", .boolean, "Whether the user's whole grant goes with the token."),
        ])

    private static let app = ObjectType(
        "App", "A connection, never its secret. What is not set is absent from the vault's, and empty in the cloud's.",
        [
            Field("id", .string(), required: true, "The connection's id.", example: "google-contacts"),
            Field("tenantId", .string(), backends: .inCloud, "The tenant whose own it is."),
            Field("templateId", .string(), "The template that it was made from."),
            Field("hosts", .texts, backends: .inVault, "The values of the template's hosts, by name."),
            .settingsVersion,
        ], including: [appSettings])

    static let settingWarning = ObjectType(
        "SettingWarning", "What a connection or a flow lacks: until the field is set, it does not work.",
        [
            Field("field", .string(), required: true, "The missing setting.", example: "clientId"),
            Field("message", .string(), required: true, "What is wrong, for people."),
        ])

    static let savedApp = ObjectType(
        "SavedApp", "The connection as it is now.",
        [
            Field("app", .object(app), required: true, "The connection."),
            Field(
                "warnings", .objects(settingWarning), backends: .inVault,
                "What must be set before anybody can connect; absent if nothing is missing."),
        ])

    static let loadedApp = ObjectType(
        "LoadedApp", "A connection.", [Field("app", .object(app), required: true, "The connection.")])

    static let appList = ObjectType(
        "AppList", "All connections, or a page of them.",
        [
            Field("apps", .objects(app), required: true, "The connections, by their ids."),
            Field("next", .string(), backends: .inVault, "For after; absent when nothing follows."), .unreadable,
        ])

    private static let template = ObjectType(
        "Template", "A provider that a connection can be made for.",
        [
            Field("id", .string(), required: true, "For templateId.", example: "github"),
            Field("name", .string(), required: true, "For people.", example: "GitHub"),
            Field("hosts", .anyObject, "By the names to give as hosts, what each may be."),
            Field("notes", .string(), "What to know about this provider."),
        ])

    static let templateList = ObjectType(
        "TemplateList", "The catalogue.", [Field("templates", .objects(template), required: true, "The templates.")])

    static let loadedTemplate = ObjectType(
        "LoadedTemplate", "A provider's row of the catalogue.",
        [Field("template", .anyObject, required: true, "The row, as docs/providers.md describes it.")])
}

extension Enumeration {
    static let appType = Enumeration("AppType", "What a connection's tokens are.", ["oauth", "apikey"])
    fileprivate static let accessType = Enumeration("AccessType", "Google's access_type.", ["offline", "online"])
    fileprivate static let tokenEndpointAuthMethod = Enumeration(
        "TokenEndpointAuthMethod", "How a client proves itself (RFC 7591).",
        ["client_secret_basic", "client_secret_post", "client_secret_bearer", "none"])
    fileprivate static let credentialCheckMethod = Enumeration(
        "CredentialCheckMethod", "The HTTP method of a check.", ["GET", "POST"])
    fileprivate static let scopeSeparator = Enumeration("ScopeSeparator", "What stands between scopes.", [" ", ","])
    fileprivate static let bodyFormat = Enumeration("BodyFormat", "How a request's body is written.", ["form", "json"])
    fileprivate static let expiryRule = Enumeration(
        "ExpiryRuleName", "The token's own exp, a fixed number of seconds, or never.", ["jwt", "fixed", "never"])
    fileprivate static let rotation = Enumeration(
        "Rotation", "What becomes of a refresh token that is used.",
        ["single_use", "sliding", "fixed", "none", "unknown"])
    fileprivate static let revocationMethod = Enumeration(
        "RevocationMethod", "The HTTP method of a revocation.", ["POST", "DELETE"])
    fileprivate static let revocationAuthentication = Enumeration(
        "RevocationAuthentication", "How a client proves itself in a revocation.", ["client", "basic", "token"])
    fileprivate static let revocableToken = Enumeration(
        "RevocableToken", "Which tokens can be revoked.", ["any", "access_token", "refresh_token"])
}
