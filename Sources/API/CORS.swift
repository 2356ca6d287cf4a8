internal import JSON
internal import Runtime

/// What browsers are told about calls from other origins (the Fetch standard, "CORS protocol"): the config's may call some
/// endpoints with what a user is signed in by, and nobody else may call any.
enum CORS {
    static let preflight = ID("OPTIONS")

    /// - Parameter origin: nil where it is none that may call.
    static func headers(_ origin: ID?) -> [(name: String, value: String)] {
        let vary = [("vary", "Origin")]
        guard let origin else { return vary }
        return vary + [
            ("access-control-allow-origin", origin.text), ("access-control-allow-credentials", "true"),
        ]
    }

    /// - Parameter method: the endpoint's.
    static func preflightHeaders(_ method: ID) -> [(name: String, value: String)] {
        [
            ("access-control-allow-methods", method.text), ("access-control-allow-headers", requestHeaders),
            ("access-control-max-age", "600"),
        ]
    }

    /// Those that Descope's web SDKs send.
    private static let requestHeaders = [
        "authorization", "content-type", "x-descope-sdk-name", "x-descope-sdk-version", "x-descope-sdk-session-id",
        "x-descope-sdk-node-version", "x-descope-project-id", "x-descope-refresh-cookie-name",
    ].joined(separator: ", ")
}
