// Tokens: fetched, stored, listed, reported and deleted.

extension Operation {
    static let tokens: [Operation] = [
        Operation(
            "fetch", method: "fetchToken",
            "Answers a fresh token of a user, of a user in a tenant, or of a tenant. Without scopes it is the latest token, "
                + "whatever its scopes.",
            fields: [
                .appID, .userID, .tenantID, .scopes, .externalIdentifier, .accessToken,
                Field(
                    "resources", .strings, backends: .inVault,
                    "Only a token that is for all of these (RFC 8707)."),
                Field(
                    "minTtlSeconds", .integer(0...86400, .seconds),
                    "The token must live at least this long; it is refreshed otherwise. 60 by default."),
                Field(
                    "options", .object(.fetchOptions), "How to fetch."),
                Field(
                    "connect", .object(.fetchConnectOptions),
                    "Adaptive Connect: when the user must grant access first, answer connection_required with a URL. Its "
                        + "missingScopes are what lacks, and declined those of them that the user was asked for and did not "
                        + "grant. When all were declined, the error is not_found and has no URL."),
            ],
            atLeastOneOf: subject,
            answer: .tokenAnswer,
            errors: [.notFound, .connectionRequired, .unauthorized, .forbidden, .providerError, .misconfigured]),
        Operation(
            "store_api_key", "Keeps a subject's API key at a connection of type apikey, in place of an earlier one.",
            fields: [
                .appID, .userID, .tenantID,
                Field("apiKey", .secret, required: true, "The key.", example: "sk-..."), .credentials,
            ],
            atLeastOneOf: subject, answer: .stored,
            errors: [.notFound, .unauthorized, .forbidden, .providerError, .misconfigured]),
        Operation(
            "store_token", "Keeps an OAuth token brought from elsewhere.",
            fields: [
                Field("verifyRefresh", .boolean, "Refresh it at the provider first, and keep nothing if that fails.")
            ], including: [.newToken],
            atLeastOneOf: subject + [["refreshToken", "accessToken"]], answer: .stored,
            errors: [.notFound, .unauthorized, .forbidden, .providerError]),
        Operation(
            "store_tokens", "Keeps many OAuth tokens: all of them, or none when there are failures.",
            fields: [Field("tokens", .objects(.newToken, maxCount: 1000), required: true, "As store_token.")],
            answer: .storeTokensAnswer,
            errors: [.unauthorized, .forbidden]),
        Operation(
            "delete", method: "deleteTokens",
            "Deletes tokens: one by its id, or all of a connection, of a subject, or of a subject at a connection. Nothing "
                + "deletes everything: at least one field is needed.",
            fields: [
                Field("tokenId", .string(maxBytes: 256), "One token."),
                Field("appId", .string(maxBytes: 256), "All of this connection."),
                .userID, .tenantID, revoke,
            ],
            atLeastOneOf: [["tokenId", "appId", "userId", "tenantId"]], alone: ["tokenId"],
            answer: .deletion,
            errors: [.unauthorized, .forbidden]),
        Operation(
            "list", method: "listTokens",
            "Lists what is connected, without secrets: of a subject, of a connection, or both.",
            fields: [
                Field("appId", .string(maxBytes: 256), "Only this connection."), .userID, .tenantID,
                Field(
                    "status", .oneOf(.tokenStatus), backends: .inVault,
                    "Only tokens of this status. A page may then hold few of them, or none, and still have a next."),
                limit, after,
                Field(
                    "count", .boolean, backends: .inVault,
                    "Count them all, which goes through all of them. Not beside status."),
            ],
            atLeastOneOf: [["appId", "userId", "tenantId"]],
            answer: .tokenPage,
            errors: [.unauthorized, .forbidden]),
        Operation(
            "report_rejected",
            "Reports that a service refused a subject's access token. It is refreshed once, if it is still the current one.",
            backends: .inVault,
            fields: [
                Field("tokenId", .string(maxBytes: 256), required: true, "The token's id.", example: "T2x"),
                Field(
                    "tokenHash", .string(maxBytes: 64), required: true,
                    "SHA-256 of the refused access token, in hexadecimal digits.", example: "9f86d081884c7d65..."),
                .userID, .tenantID,
            ],
            atLeastOneOf: subject, answer: .tokenAnswer, errors: [.notFound, .providerError, .misconfigured]),
        Operation(
            "revocations.run", method: "runRevocations",
            "Revokes at their providers the deleted tokens that are due. Other calls do some of it on the way.",
            backends: .inVault,
            fields: [
                Field("limit", .integer(1...1000), "The most that are tried. 100 by default."),
                Field(
                    "waitMs", .integer(0...600_000, .milliseconds),
                    "How long to go on with what falls due. By default 0: only what is due now."),
            ],
            answer: .revocationRun),
        Operation(
            "revocations.list", method: "listRevocations",
            "Lists the deleted tokens that are still to be revoked at their providers, the one that is due first at the "
                + "beginning.",
            backends: .inVault,
            fields: [limit, after], answer: .revocationPage),
    ]
}

extension ObjectType {
    static let fetchOptions = ObjectType(
        "FetchOptions", "How to fetch.",
        [
            Field("withRefreshToken", .boolean, "Also answer the refresh token."),
            Field("forceRefresh", .boolean, "Refresh even a fresh token."),
            Field(
                "acceptNarrower", .boolean, backends: .inVault,
                "Accept a token without the scopes that the user was asked for and did not grant; its missingScopes are "
                    + "those."),
        ])

    static let fetchConnectOptions = ObjectType(
        "FetchConnectOptions", "What a fetch asks the user for.",
        connectOptions(scopes: "The scopes to ask for; by default the fetch's.") + [
            Field(
                "askDeclined", .boolean, backends: .inVault,
                "Ask also for scopes that the user was asked for before and did not grant.")
        ])

    /// One OAuth token brought from elsewhere.
    static let newToken = ObjectType(
        "NewToken", "One OAuth token brought from elsewhere. At least one of refreshToken and accessToken is needed.",
        [
            .appID, .userID, .tenantID,
            Field("refreshToken", .secret, "At least one of refreshToken and accessToken.", example: "1//0g..."),
            Field("accessToken", .secret, "At least one of refreshToken and accessToken."),
            Field(
                "accessTokenExpiry", .integer(0...Int64(Int32.max), .epochSeconds),
                "When the access token expires; 0 is unknown."),
            Field("accessTokenType", .string(maxBytes: 64), "Bearer by default."),
            .scopes, .externalIdentifier,
            Field("idToken", .secret, "The OpenID token that came with it."),
            Field("grantedBy", .string(maxBytes: 512), "Who granted it."),
        ])

    private static let described: [Field] = [
        Field("tokenSub", .string(), "The subject's id at the provider."),
        Field("accessTokenType", .string(), "Such as Bearer; an API key has none.", example: "Bearer"),
        Field(
            "accessTokenExpiry", .epochSeconds, "When the access token expires. Absent: unknown, or never.",
            example: 1_800_000_000),
        Field("hasRefreshToken", .boolean, "Whether it can be refreshed."),
        Field("lastRefreshTime", .epochSeconds, "When it was last refreshed."),
        Field("lastRefreshError", .string(), "What the last refresh failed with, if it failed."),
        Field("scopes", .strings, "What was granted."),
        Field("resources", .strings, "What it is for (RFC 8707)."),
        Field("metadata", .anyObject, "What else the provider said, under its own names."),
        Field("grantedBy", .string(), "Who granted it."),
        .externalIdentifier,
    ]

    static let token = ObjectType(
        "Token", "A token to call a third party with.",
        [
            Field("id", .string(), "For delete and report_rejected; a plugin may have none.", example: "T2x"),
            .appID, .userID, .tenantID,
            Field("accessToken", .secret, required: true, "The access token, or the API key.", example: "ya29.a0..."),
            Field("refreshToken", .secret, "Only with options.withRefreshToken."),
            Field(
                "credentials", .secrets, backends: .inVault,
                "With an API key: what belongs to it, such as a user name, by the names of the connection's credentials."
            ),
            Field("missingScopes", .strings, "With acceptNarrower: the wanted scopes that the user did not grant."),
        ] + described)

    static let tokenAnswer = ObjectType(
        "TokenAnswer", "A token.", [Field("token", .object(token), required: true, "The token.")])

    static let tokenInfo = ObjectType(
        "TokenInfo", "A token without its secrets. From the cloud only the connection and the subject.",
        [
            Field("id", .string(), required: true, backends: .inVault, "For delete.", example: "T2x"),
            .appID, .userID, .tenantID,
            Field("status", .oneOf(.tokenStatus), required: true, "Its status."),
            Field("reason", .oneOf(.statusReason), backends: .inVault, "Why the status is not active."),
            Field("since", .epochSeconds, backends: .inVault, "Since when it has been so."),
            Field("nextRefreshTime", .epochSeconds, backends: .inVault, "From when on a fetch refreshes it."),
            Field(
                "lastFetchTime", .epochSeconds, backends: .inVault,
                "Approximate. Present only if the connection has maxIdleSeconds."),
            Field("refreshTokenExpiry", .epochSeconds, backends: .inVault, "When the refresh token expires, if known."),
            Field(
                "requestedScopes", .strings, backends: .inVault,
                "What the user was asked for when it was granted; absent if nobody knows."),
            Field(
                "missingScopes", .strings, backends: .inVault,
                "Of the connection's defaultScopes, those that it does not have under any of their names."),
        ] + described)

    static let tokenPage = ObjectType(
        "TokenPage", "Some of the tokens.",
        [
            Field("tokens", .objects(tokenInfo), required: true, "Those of this page. It may be short, or empty."),
            Field("next", .string(), backends: .inVault, "Where the next page begins, if there is one."),
            Field("total", .count, backends: .inVault, "How many there are in all, where count asked for it."),
            .unreadable,
        ])

    static let stored = ObjectType(
        "StoredToken", "What was kept.",
        [
            Field(
                "tokenId", .string(), required: true, backends: .inVault, "The token's id, where known.", example: "T2x"
            )
        ])

    private static let storeFailure = ObjectType(
        "StoreFailure", "A token that was refused, and with it its whole batch.",
        [
            .appID, .userID, .tenantID,
            Field("errorCode", .string(), "The error's code.", example: "not_found"),
            Field("reason", .string(), "Why it was refused, for people."),
        ])

    static let storeTokensAnswer = ObjectType(
        "StoreTokensAnswer", "The result of the batch.",
        [Field("failures", .objects(storeFailure), required: true, "Empty: all were kept. Otherwise none was.")])

    private static let revocations = ObjectType(
        "Revocations", "How many of the deleted tokens their providers revoked.",
        [
            Field("revoked", .count, required: true, "Revoked by the provider.", example: 1),
            Field(
                "grantRevoked", .count, required: true,
                "Of these, those whose whole grant is known to be gone. Others may still be listed in the user's account."
            ),
            Field("pending", .count, required: true, "The provider did not answer. They are tried again."),
            Field("unsupported", .count, required: true, "The provider cannot revoke tokens."),
        ])

    static let deletion = ObjectType(
        "Deletion", "What was deleted.",
        [
            Field("deleted", .count, required: true, backends: .inVault, "How many tokens, where known.", example: 1),
            Field(
                "revocations", .object(revocations), backends: .inVault,
                "Whether their providers revoked them; absent if revoke was false."),
        ])

    static let revocationRun = ObjectType(
        "RevocationRun", "What was done, and what is left to do.",
        [
            Field("revoked", .count, required: true, "How many were revoked now."),
            Field("pending", .count, required: true, "How many are still to be revoked."),
            Field("failed", .count, required: true, "How many were given up."),
        ])

    private static let waitingRevocation = ObjectType(
        "WaitingRevocation", "A deleted token that is to be revoked.",
        [
            .appID, .userID, .tenantID,
            Field("tokenId", .string(), "The id that it had."),
            Field("since", .epochSeconds, required: true, "When it was deleted.", example: 1_760_000_000),
            Field("nextTry", .epochSeconds, required: true, "When it is tried next.", example: 1_760_000_060),
            Field("failures", .count, required: true, "How often its provider was asked in vain.", example: 2),
        ])

    static let revocationPage = ObjectType(
        "RevocationPage", "Some of the tokens that are to be revoked.",
        [
            Field("revocations", .objects(waitingRevocation), required: true, "Those of this page."),
            Field("next", .string(), "Where the next page begins, if there is one."), .unreadable,
        ])
}

extension Enumeration {
    static let tokenStatus = Enumeration(
        "TokenStatus",
        "expiring: it lives, and nothing will replace it. needs_reauthorization: only a new grant helps.",
        ["active", "expiring", "needs_reauthorization"])
    static let statusReason = Enumeration(
        "StatusReason", "Why a token's status is not active.",
        ["no_refresh_token", "expired", "refused", "uncertain", "rejected", "moved"])
}
