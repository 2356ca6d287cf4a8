// The pages that a host mounts: docs/pages.md.

extension Operation {
    static let pages: [Operation] = [
        Operation(
            "pages.handle", method: "handlePage",
            "Answers an HTTP request to the pages where users connect: the connect page, the OAuth callback, the form for an "
                + "API key, and the list of what a user or a tenant has connected. In the cloud, where Descope has pages to connect, "
                + "only the last two.",
            fields: [
                Field("method", .foreign(.string), required: true, "The request's method.", example: "GET"),
                Field(
                    "base", .endpointURL, required: true,
                    "The URL under which the pages are mounted, as browsers see it, without a final slash. Never take it "
                        + "from the request.",
                    example: "https://app.example.com/connections"),
                Field(
                    "path", .foreign(.string), required: true, "The request's path below base, decoded.",
                    example: "/connect"),
                Field("query", .foreign(.string), "The request's query, as it came, without the question mark."),
                Field(
                    "headers", .foreign(.object),
                    "By their names in lower case, the request's headers. Used are accept-language, content-type, origin, "
                        + "sec-fetch-site, and traceparent, which is passed on to the providers that are asked."),
                Field("body", .foreign(.string), "The request's body, of at most 64 KiB."),
                Field("user", .object(.pageUser), "Who is signed in, as the host's session says; nobody if absent."),
                Field(
                    "signInUrl", .redirectURL,
                    "Where the host signs users in. A page that needs a user leads there, with its own URL as the parameter "
                        + "next; without it, the answer is 401."),
                Field("signOutUrl", .redirectURL, "Where users sign out: every page links there."),
                Field("product", .string(maxBytes: 128), "What the host's product is called, for people."),
                Field(
                    "notice", .string(maxBytes: 512),
                    "Shown at the top of every page, such as that this is a system for tests."),
                Field(
                    "apps", .strings,
                    "The connections that users are offered; all by default. Links to others work all the same."),
                Field(
                    "exceptApps", .strings,
                    "Connections that users are not offered, such as the one by which the host signs them in."),
                Field(
                    "openerOrigin", .endpointURL,
                    "The origin of the windows that open these pages in a popup, and are told how it ended.",
                    example: "https://app.example.com"),
            ],
            answer: .httpAnswer)
    ]
}

extension ObjectType {
    private static let pageTenant = ObjectType(
        "PageTenant", "A tenant that a user may act for.",
        [
            Field("id", .string(maxBytes: 512), required: true, "The tenant's id."),
            Field("name", .string(maxBytes: 256), "What it is called, for people."),
        ])

    fileprivate static let pageUser = ObjectType(
        "PageUser", "Who is signed in at a page.",
        [
            Field("userId", .string(maxBytes: 512), required: true, "The user's id.", example: "U2abc"),
            Field("name", .string(maxBytes: 256), "What the user is called, for people."),
            Field(
                "tenants", .objects(pageTenant, maxCount: 256),
                "The tenants for which this user may connect, disconnect and store keys."),
            Field("locale", .string(maxBytes: 64), "The user's language; by default as accept-language asks."),
            Field(
                "administrator", .boolean,
                "Whether this user may use the console, which shows and changes what belongs to everybody. False by default."
            ),
        ])

    static let httpAnswer = ObjectType(
        "HttpAnswer", "What to answer an HTTP request.",
        [
            Field("status", .integer(200...599), required: true, "The status.", example: 200),
            Field("headers", .texts, required: true, "The headers, by their names in lower case. Send all of them."),
            Field("body", .secret, required: true, "The body, UTF-8. It may hold a typed code or a token."),
        ])
}
