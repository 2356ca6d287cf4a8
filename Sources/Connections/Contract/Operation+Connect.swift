// The way to a grant in the browser.

extension Operation {
    static let connecting: [Operation] = [
        Operation(
            "connect",
            "Answers a URL where the user grants access to the connection. Hand it to that user only. The cloud binds it to "
                + "whoever accessToken names, the vault to userId and tenantId.",
            fields: [
                .appID, .userID, .tenantID, .accessToken,
                Field(
                    "options",
                    .object(.connectOptions),
                    "What to ask for, and where the browser ends up."),
            ],
            answer: .connectURL,
            errors: [.notFound, .misconfigured, .unauthorized, .forbidden]),
        Operation(
            "open", method: "openConnect",
            "Answers the provider's URL for a connect URL that leads to a page of your own, once the page knows who is there. "
                + "Each call answers another one. For a connection of type apikey there is none: ask for the key, and pass it to "
                + "complete.",
            backends: .inVault,
            fields: [
                Field("ticket", .string(maxBytes: 512), required: true, "The query's ticket.", example: "AAAAAGsI..."),
                Field(
                    "openedBy", .object(.opener), required: true,
                    "Who is signed in where the page was opened. It must be who the URL was made for."),
            ],
            answer: .openedConnect,
            errors: [.notFound, .misconfigured, .forbidden]),
        Operation(
            "complete",
            "Takes the provider's answer, as it came to the redirect URI's query, and keeps the grant. A parameter may hold any "
                + "text, or an array of texts where it stood more than once. The same callback again is answered the same. Or "
                + "takes the API key that a ticket asks for.",
            backends: .inVault,
            fields: [
                Field("state", .foreign(.text), "The query's state. Without it, only a refusal is understood."),
                Field("code", .foreign(.secret), "The query's code."),
                Field("error", .foreign(.text), "The query's error, when the user or provider refused."),
                Field("errorDescription", .foreign(.text), "The query's error_description."),
                Field("iss", .foreign(.text), "The query's iss (RFC 9207)."),
                Field(
                    "parameters", .foreign(.texts),
                    "The query's other parameters, decoded: providers sign them, and say there whose account it is, or "
                        + "why they refuse."),
                Field("ticket", .string(maxBytes: 512), "With apiKey: the ticket of the connect URL that asks for it."),
                Field("apiKey", .secret, "With ticket: the key that the user has entered."), .credentials,
                Field(
                    "openedBy", .object(.opener),
                    "Who is signed in where the callback arrived. It must be who the URL was made for, and may be absent "
                        + "only where requireOpener is false or the connect asked for a confirmation."),
            ],
            answer: .completeAnswer,
            errors: [.notFound, .providerError, .misconfigured, .forbidden]),
        Operation(
            "confirm",
            "Releases a grant that was held back: whoever the connect was for has typed the code that the "
                + "browser showed. Five wrong codes throw the grant away.",
            backends: .inVault,
            fields: [
                .appID, .userID, .tenantID,
                Field(
                    "code", .foreign(.digits), required: true,
                    "What the user has typed: six digits, however they are separated, or the number that they are.",
                    example: "483920"),
            ],
            atLeastOneOf: subject, answer: .completion,
            errors: [.notFound, .forbidden]),
    ]
}

extension ObjectType {
    /// What a connect URL may ask for (Descope's `options` of Adaptive Connect).
    static let connectOptions = ObjectType(
        "ConnectOptions", "What a connect URL asks for.",
        connectOptions(scopes: "The scopes to ask for; by default the connection's."))

    static func connectOptions(scopes: String) -> [Field] {
        [
            Field(
                "redirectUrl", .redirectURL, required: true, "Where the user's browser ends up.",
                example: "https://app.example.com/connected"),
            Field("scopes", .strings, scopes),
            Field("prompt", .strings, "OpenID prompt values: none, login, consent, select_account."),
            Field("loginHint", .string(), "The account to preselect at the provider."),
            Field("resources", .strings, "RFC 8707 resource indicators."),
            .externalIdentifier,
            Field(
                "confirmation", .boolean, backends: .inVault,
                "Hold the grant back until the user that it is for has typed the code that complete returns; see confirm."
            ),
        ]
    }

    static let connectURL = ObjectType(
        "ConnectURL", "Where to send the user's browser.",
        [
            Field(
                "url", .redirectURL, required: true, "For this user alone.",
                example: "https://accounts.example.com/authorize?..."),
            Field(
                "expiresIn", .seconds, required: true, backends: .inVault, "How long it can be opened.", example: 600),
        ])

    fileprivate static let openedConnect = ObjectType(
        "OpenedConnect", "Where to send the user's browser, and what the user will be asked for.",
        [
            .appID, .userID, .tenantID,
            Field(
                "url", .redirectURL, "The provider's URL, for this user alone. Absent where an API key is asked for.",
                example: "https://accounts.example.com/authorize?..."),
            Field(
                "expiresIn", .seconds, required: true, backends: .inVault,
                "How long the URL can be opened, or the key be passed to complete.", example: 600),
            Field("scopes", .strings, required: true, "The scopes that will be asked for."),
            .externalIdentifier,
        ])

    private static let granted: [Field] = [
        Field("tokenId", .string(), required: true, "The token's id.", example: "T2x"), .appID, .userID, .tenantID,
        Field("scopes", .strings, required: true, "What was granted."),
        Field("missingScopes", .strings, "What the user was asked for and did not grant; absent if nothing."),
        Field("metadata", .anyObject, "What else the provider said, under its own names."),
        Field("redirectUrl", .redirectURL, "Where to send the user's browser next; absent if the connect did not say."),
    ]

    static let completion = ObjectType("Completion", "A grant that was kept.", granted)

    private static let confirmationCode = ObjectType(
        "ConfirmationCode", "A grant that is held back until confirm has the code.",
        [
            Field("confirmationRequired", .literal(true), required: true, "It is held back."),
            Field(
                "code", .secret, required: true, "To show to the person at the browser, and to nobody else.",
                example: "483-920"),
            .appID,
            Field("expiresIn", .seconds, required: true, "How long the code is valid.", example: 600),
        ])

    static let completeAnswer = ObjectType(
        "CompleteAnswer", "The grant, or the code that releases it.", oneOf: [completion, confirmationCode])
}
