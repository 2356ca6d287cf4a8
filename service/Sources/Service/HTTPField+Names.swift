import HTTPTypes

extension HTTPField.Name {
    static let fetchSite = named("sec-fetch-site")
    static let forwarded = named("forwarded")
    static let forwardedFor = named("x-forwarded-for")
    static let host = named("host")
    static let referrerPolicy = named("referrer-policy")
    static let traceParent = named("traceparent")

    private static func named(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("no header has such a name") }
        return name
    }
}
