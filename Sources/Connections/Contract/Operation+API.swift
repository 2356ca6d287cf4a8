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
                    "caller", .object(.apiCaller),
                    "Who asks, as the host knows from the Authorization header; nobody if absent. What it may do is decided "
                        + "by this alone."),
            ],
            answer: .httpAnswer)
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
}
