// Descope's REST API, answered from the vault: docs/api.md.

extension Operation {
    static let api: [Operation] = [
        Operation(
            "api.handle", method: "handleApi",
            "Answers an HTTP request of Descope's REST API for connections, as its SDKs send it.",
            backends: .inVault,
            fields: [
                Field("method", .foreign(.string), required: true, "The request's method.", example: "POST"),
                Field(
                    "path", .foreign(.string), required: true, "The request's path, decoded.",
                    example: "/v1/mgmt/outbound/app/user/token"),
                Field("query", .foreign(.string), "The request's query, as it came, without the question mark."),
                Field(
                    "body", .foreign(.string), "The request's body, of at most 1 MiB less what the other fields take."),
                Field(
                    "authorization", .foreign(.secretString),
                    "The request's Authorization header: a management key, or a JWT of one of the config's issuers."),
                Field(
                    "sessionCookie", .foreign(.secretString),
                    "The value of the cookie DS, with which browsers may call some endpoints from the config's origins."
                ),
                Field("address", .foreign(.string), "The IP address of who asks.", example: "192.0.2.7"),
                Field("origin", .foreign(.string), "The request's Origin header."),
                Field(
                    "traceparent", .foreign(.string),
                    "The request's traceparent header, which is passed on to the providers that are asked."),
                Field(
                    "caller", .object(.apiCaller),
                    "Who asks, where the host knows it by other means. In place of authorization and sessionCookie."),
            ],
            answer: .httpAnswer),
        Operation(
            "jwt.verify", method: "verifyJwt",
            "Answers the claims of a JWT of one of the config's issuers. Whatever is wrong with it, the error is unauthorized.",
            backends: [.vault], fields: [Field("jwt", .foreign(.secretString), required: true, "The JWT.")],
            answer: .verifiedJWT, errors: [.unauthorized]),
    ]
}

extension ObjectType {
    fileprivate static let apiCaller = ObjectType(
        "ApiCaller", "Who calls the API: somebody with a management key, or a user.",
        [
            Field("manager", .boolean, "True: it has a management key, and may do everything."),
            Field("userId", .string(maxBytes: 512), "The user whose token it has brought."),
            Field(
                "tenantIds", .strings, "The tenants whose own tokens it may fetch, and that it may connect for."),
        ])

    fileprivate static let verifiedJWT = ObjectType(
        "VerifiedJwt", "What a JWT says.",
        [
            Field("claims", .anyObject, required: true, "All of its claims."),
            Field("userId", .string(), "The user: dsub, or else sub; absent where it is a client's own."),
            Field("clientId", .string(), "The client: azp, or else client_id."),
            Field("tenantIds", .strings, required: true, "The tenants that it names."),
            Field("roles", .strings, required: true, "Its roles, in the project and in its current tenant."),
            Field("scopes", .strings, required: true, "Its scopes."),
        ])

    /// The vault's config has it as `api`.
    package static let apiSettings = ObjectType(
        "ApiSettings", "Who may use the REST API, and what for.",
        [
            Field("projectId", .string(maxBytes: 64), "What the SDKs must send as their project; anything by default."),
            Field("issuers", .objects(apiIssuer, maxCount: 16), "Whose JWTs are taken; nobody's by default."),
            Field(
                "policies", .objects(apiPolicy, maxCount: 256),
                "What JWTs may have; absent: users their own tokens, and clients those of their tenants."),
            Field("origins", .strings, "The origins of browser applications that may call the API."),
        ])

    private static let apiIssuer = ObjectType(
        "ApiIssuer", "An issuer of JWTs: a Descope project, or any other.",
        [
            Field("projectId", .string(maxBytes: 64), "A Descope project, in place of issuer."),
            Field("baseUrl", .endpointURL, "That project's API; that of its region by default."),
            Field("issuer", .string(), "What iss must be."),
            Field("jwksUrl", .endpointURL, "Where its keys are (RFC 7517). A project has them below its baseUrl."),
            Field("jwks", .anyObject, "The keys themselves, in place of jwksUrl."),
            Field(
                "audiences", .strings,
                "One of them must be in aud. Without any, aud must be absent or name the project."),
            Field(
                "requiredScope", .string(), "A scope that a JWT must have to be taken, such as outbound.token.fetch."),
        ])

    private static let apiPolicy = ObjectType(
        "ApiPolicy",
        "Allows something. It is about JWTs that have one of each of the things that it names, and all of its scopes.",
        [
            Field("name", .string(maxBytes: 256), required: true, "What it allows, for people."),
            Field("users", .strings, "User ids."),
            Field("clients", .strings, "Client ids: azp, or else client_id."),
            Field("roles", .strings, "Roles, in the project or in the current tenant."),
            Field("tenants", .strings, "Tenants that the JWT names."),
            Field("scopes", .strings, "Scopes of the JWT, all of which it must have."),
            Field("connections", .strings, "What may be fetched and connected; every connection by default."),
            Field(
                "connectionScopes", .strings,
                "All that a token may be good for that is given out. A token with other scopes, or of unknown ones, is not."
            ),
            Field(
                "tenantTokens", .boolean,
                "True: also the tokens of the JWT's tenants themselves. False by default: only the user's."),
        ])
}
