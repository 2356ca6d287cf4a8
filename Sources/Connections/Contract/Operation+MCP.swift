// What MCP servers need.

extension Operation {
    static let mcp: [Operation] = [
        Operation(
            "mcp.answer",
            "Makes what an MCP server answers a request that needs connections, in the shape that its client understands.",
            fields: Field.mcpCall + [
                Field("protocolVersion", .foreign(.string), required: true, "The client's, such as 2026-07-28."),
                Field("capabilities", .foreign(.object), "What the client declared; nothing if absent."),
                Field(
                    "clientInfo", .foreign(.object),
                    "The client's name and version, as it says. What is known of it overrides what it declares."),
                Field(
                    "connections",
                    .objects(.missingConnection, maxCount: 16), required: true,
                    "What is missing. All of it goes into the one answer."),
                Field("ttlSeconds", .integer(10...86400, .seconds), "How long requestState lives. 600 by default."),
            ],
            atLeastOneOf: subject,
            answer: .mcpAnswer),
        Operation(
            "mcp.card",
            "Answers the card that shows a tool's user where to connect, for clients with the extension MCP Apps.",
            answer: .mcpCard),
        Operation(
            "mcp.resume",
            "Waits for the grants that a requestState names, when the request comes again with it, and answers whether it may go on.",
            fields: Field.mcpCall + [
                .accessToken,
                Field("requestState", .foreign(.string), required: true, "As the client echoed it."),
                Field("inputResponses", .foreign(.object), "As the client sent them."),
                Field(
                    "waitMs", .integer(0...600_000, .milliseconds),
                    "How long to wait for the grants; give the call more time than that. 20 seconds by default."),
            ],
            atLeastOneOf: subject,
            answer: .mcpResumeAnswer,
            errors: [.notFound, .conflict, .forbidden, .unauthorized, .misconfigured]),
    ]
}

extension Field {
    /// The MCP request that is being answered, and whose.
    static let mcpCall: [Field] = [
        Field("method", .string(maxBytes: 64), required: true, "The request's method, such as tools/call."),
        Field("name", .foreign(.string), required: true, "The tool's or prompt's name, or the resource's URI."),
        Field(
            "arguments", .foreign(.object),
            "The request's arguments, as the client sent them. Only their digest is used."),
        Field(
            "argumentsDigest", .string(maxBytes: 64),
            "In place of arguments: SHA-256 of their canonical form (docs/mcp.md), in base64url."),
        Field("userId", .string(maxBytes: 512), "The user whose request it is, as the verified token says."),
        Field("tenantId", .string(maxBytes: 512), "The tenant whose token is needed, or in which the user's lives."),
    ]
}

extension ObjectType {
    fileprivate static let missingConnection = ObjectType(
        "MissingConnection", "A connection that a request needs, and where its user grants it.",
        [
            .appID,
            Field(
                "connectionUrl", .string(maxBytes: 16384), required: true,
                "Where the user grants access, as the error connection_required has it: https, or this machine."),
            .scopes, .externalIdentifier,
            Field(
                "confirmation", .boolean, backends: .inVault,
                "Its grant is held back until the user has typed a code, for which the answer asks too."),
            Field("acceptNarrower", .boolean, backends: .inVault, "As in the fetch that found it missing."),
        ])

    private static let mcpError = ObjectType(
        "McpError", "A JSON-RPC error.",
        [
            Field("code", .integer(Int64.min...Int64.max), required: true, "The error's number.", example: -32042),
            Field("message", .string(), required: true, "What is wrong, for people."),
            Field("data", .anyObject, "What is wrong, for programs."),
        ])

    private static let mcpResponse = ObjectType(
        "McpResponse", "What stands in a JSON-RPC response beside jsonrpc and id: one of the two.",
        [
            Field("result", .anyObject, "The request's result."),
            Field("error", .object(mcpError), "The request's error."),
        ])

    private static let mcpCompletion = ObjectType(
        "McpCompletion", "An elicitation whose end the client is told.",
        [
            Field("elicitationId", .string(), required: true, "For notifications/elicitation/complete."),
            Field("requestState", .secret, required: true, "For mcp.resume: when it is ready, tell the client."),
        ])

    static let mcpAnswer = ObjectType(
        "McpAnswer", "What an MCP server answers.",
        [
            Field("shape", .oneOf(.mcpShape), required: true, "How the client is told that the user must act first."),
            Field("response", .object(mcpResponse), required: true, "The JSON-RPC response's result or error."),
            Field(
                "completions", .objects(mcpCompletion), "With the error of MCP 2025-11-25: one for each elicitation."),
        ])

    private static let mcpReady = ObjectType(
        "McpReady", "All grants are there.",
        [Field("state", .literal("ready"), required: true, "The request may go on.")])

    private static let mcpWaiting = ObjectType(
        "McpWaiting", "Some grants are missing.",
        [Field("state", .oneOf(.mcpState), required: true, "Whether waiting may still help.")], including: [mcpAnswer])

    static let mcpResumeAnswer = ObjectType(
        "McpResumeAnswer", "Whether the request may go on; if not, what to answer.", oneOf: [mcpReady, mcpWaiting])

    static let mcpCard = ObjectType(
        "McpCard", "The card that shows a tool's user where to connect.",
        [
            Field("uri", .string(), required: true, "The resource's URI.", example: "ui://descope-conn/connect"),
            Field("name", .string(), required: true, "The resource's name.", example: "connect"),
            Field("mimeType", .string(), required: true, "The resource's type."),
            Field("text", .string(), required: true, "The HTML document."),
            Field("toolMeta", .anyObject, required: true, "The _meta of the tools that it is for."),
        ])
}

extension Enumeration {
    fileprivate static let mcpShape = Enumeration(
        "McpShape", "How a client is told that the user must act first.", ["input_required", "error", "app", "result"])
    fileprivate static let mcpState = Enumeration(
        "McpState", "pending: ask again. declined: the user has decided.", ["pending", "declined"])
}
