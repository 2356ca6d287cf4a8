package import Connections
package import HTTP
package import JSON
package import Runtime

/// The config of `open` for Descope's cloud, or for a server that speaks its API.
package struct CloudConfig: Sendable {
    package let projectID: String
    /// Nil: every call brings an access token.
    package let managementKey: Secret?
    /// Nil: the management key takes its place.
    package let stateKey: Secret?
    /// Without a slash at its end; paths of the API are appended.
    package let baseURL: String
    /// Bounds one exchange. Milliseconds.
    package let timeoutMilliseconds: Int
    /// How often one request is sent at most.
    package let attempts: Int
    /// Nil: every fetch asks Descope.
    package let cache: CacheLimits?
    package let http: HTTPOptions

    package static let fields: [Field] = [
        Field("backend", .literal(.text(BackendKind.cloud.rawValue)), required: true, "cloud"),
        Field("projectId", .string(maxBytes: 64), required: true, "At least 28 letters and digits."),
        Field("managementKey", .secret, "Absent: every call brings an accessToken."),
        Field(
            "stateKey", .secret,
            "Seals the requestState of mcp.answer, 32 characters or more. Absent: the managementKey does; without "
                + "that too, a key that only this process has."),
        Field("baseUrl", .endpointURL, "By default the host of the project's region. May have a path."),
        Field("timeoutMs", .integer(1...600_000), "Bounds one exchange. 10000 by default."),
        Field(
            "retry",
            .object(
                ObjectType(
                    "Retries", "How a request is repeated.",
                    [Field("attempts", .integer(1...10), "The most that it is sent. 3 by default.")])),
            "Requests that may be repeated are, on failures that may pass."),
        Field(
            "cache", .object(CacheLimits.type),
            "Keeps tokens in memory for a while. A change at Descope, such as of a policy, is not seen meanwhile."),
        Field("caFile", .string(), "PEM file of the certificate authorities to trust, in place of the system's."),
        Field("proxy", .clearableSecret, "A proxy's URL; \"\" is none. Absent: the usual environment variables."),
    ]

    /// Where absent fields come from: the first variable that is set.
    private static let variables: [(field: String, names: [String])] = [
        ("projectId", ["DESCOPE_PROJECT_ID"]),
        ("managementKey", ["DESCOPE_MANAGEMENT_KEY"]),
        ("stateKey", ["DESCOPE_CONN_STATE_KEY"]),
        ("baseUrl", ["DESCOPE_BASE_URL", "DESCOPE_BASE_URI"]),
    ]

    /// - Parameter environment: the value of a variable, nil when it is not set or empty.
    /// - Throws: `invalid_config`, with the field.
    package init(_ given: JSON, environment: (String) -> String?) throws(ConnError) {
        let config = given.shallowCopy()
        for (field, names) in Self.variables where config[field] == nil {
            if let value = names.lazy.compactMap(environment).first { config.set(field, .string(value)) }
        }
        try Field.checkConfig(config, against: Self.fields, backend: .cloud)

        let project = try Self.project(config)
        projectID = project.id
        managementKey = config["managementKey"]?.stringSecret
        if let managementKey, !managementKey.isCredential {
            throw .invalidConfig("managementKey", "holds a character that no key has")
        }
        stateKey = config["stateKey"]?.stringSecret
        if let stateKey, stateKey.count < 32 { throw .invalidConfig("stateKey", "is shorter than 32 characters") }
        baseURL = try Self.baseURL(config, project)
        timeoutMilliseconds = config["timeoutMs"]?.integer.flatMap(Int.init(exactly:)) ?? 10_000
        attempts = config["retry"]?["attempts"]?.integer.flatMap(Int.init(exactly:)) ?? 3
        cache = config["cache"].map(CacheLimits.init)
        http = HTTPOptions(caFile: config["caFile"]?.string, proxy: config["proxy"]?.string)
    }

    private static func project(_ config: JSON) throws(ConnError) -> DescopeProject {
        guard let project = DescopeProject(config["projectId"]?.string ?? "") else {
            throw .invalidConfig("projectId", "holds a character that is no ASCII letter or digit")
        }
        guard project.id.utf8.count >= 28 else {
            throw .invalidConfig("projectId", "is shorter than the 28 characters that Descope's ids have")
        }
        return project
    }

    private static func baseURL(_ config: JSON, _ project: DescopeProject) throws(ConnError) -> String {
        guard var url = config["baseUrl"]?.string else { return project.baseURL }
        guard URL(url)?.query == nil, !url.hasSuffix("?") else {
            throw .invalidConfig("baseUrl", "must have no query")
        }
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }
}
