// The way to a grant on another device.

extension Operation {
    static let device: [Operation] = [
        Operation(
            "device.start",
            "Begins a grant for a user whose browser is on another device (RFC 8628). Show the user what it answers.",
            backends: .inVault,
            fields: [
                .appID, .userID, .tenantID,
                Field("scopes", .strings, "The scopes to ask for; the default ones if absent."),
                Field("resources", .strings, "RFC 8707 resource indicators."), .externalIdentifier,
            ],
            atLeastOneOf: subject,
            answer: .deviceFlow,
            errors: [.notFound, .misconfigured, .providerError]),
        Operation(
            "device.poll", "Asks whether the user has granted access by now, and keeps the grant if so.",
            backends: .inVault,
            fields: [
                Field(
                    "flow", .string(maxBytes: 512), required: true, "What device.start answered.",
                    example: "AAAAAGsI..."),
                Field(
                    "waitMs", .integer(0...3_600_000, .milliseconds),
                    "How long to wait for the user. By default 0: look once."),
            ],
            answer: .devicePollAnswer,
            errors: [.notFound, .providerError, .misconfigured]),
    ]
}

extension ObjectType {
    static let deviceFlow = ObjectType(
        "DeviceFlow", "What to show the user, and the flow to poll with.",
        [
            Field("flow", .secret, required: true, "For device.poll."),
            Field(
                "userCode", .string(), required: true, "What the user types at verificationUri.", example: "WDJB-MJHT"),
            Field(
                "verificationUri", .redirectURL, required: true, "Where the user goes.",
                example: "https://github.com/login/device"),
            Field("verificationUriComplete", .redirectURL, "The same with the user code in it."),
            Field("expiresIn", .seconds, required: true, "How long the user has.", example: 900),
            Field("interval", .seconds, required: true, "The provider's pause between two polls.", example: 5),
        ])

    private static let devicePending = ObjectType(
        "DevicePending", "The user has not decided yet.",
        [
            Field("status", .literal("pending"), required: true, "The user has not decided yet."),
            Field(
                "retryAfterMs", .integer(0...Int64.max, .milliseconds), required: true, "When to poll again.",
                example: 5000),
        ])

    private static let deviceCompletion = ObjectType(
        "DeviceCompletion", "The user has granted access.",
        [Field("status", .literal("complete"), required: true, "The grant is kept.")], including: [completion])

    static let devicePollAnswer = ObjectType(
        "DevicePollAnswer", "Whether the user has decided.", oneOf: [deviceCompletion, devicePending])
}
