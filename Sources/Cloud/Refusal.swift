internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// What an answer of Descope's that is no success means.
///
/// The body is `{"errorCode","errorDescription","errorMessage"}`; the status alone decides where it is not.
enum Refusal {
    /// The first row that fits decides. Nil fits anything.
    private static let rules: [(status: ClosedRange<Int>?, errorCode: String?, code: ErrorCode)] = [
        (401...401, nil, .unauthorized),
        (403...403, nil, .forbidden),
        (429...429, nil, .rateLimited),
        (500...599, nil, .unavailable),
        (nil, "E130429", .rateLimited),
        (nil, tokenNotFound, .notFound),
        (nil, userNotFound, .notFound),
        (nil, "E011006", .unsupported),  // no such endpoint: an older server, or a wrong baseUrl
        (nil, "E151001", .conflict),  // a connection of that id exists
        (nil, "E152006", .providerError),  // the provider refused the dynamic registration
        (404...404, nil, .notFound),
        (409...409, nil, .conflict),
        (400...499, nil, .invalidRequest),
        (nil, "E011001", .invalidRequest),
        (nil, "E011002", .invalidRequest),
        (nil, "E011003", .invalidRequest),
        (nil, "E011004", .invalidRequest),
        (nil, "E011008", .unauthorized),
        (nil, nil, .unavailable),
    ]

    static let tokenNotFound = "E111504"
    static let userNotFound = "E112102"

    static func code(status: Int, errorCode: String?) -> ErrorCode {
        let rule = rules.first { rule in
            rule.status?.contains(status) != false && (rule.errorCode == nil || rule.errorCode == errorCode)
        }
        return rule?.code ?? .unavailable
    }

    /// Seconds as a number (RFC 9110 section 10.2.3), in milliseconds. A date is not read: the clocks may differ.
    static func retryAfterMilliseconds(_ response: HTTPResponse) -> Int? {
        guard let seconds = response.headers["retry-after"].flatMap({ Int($0) }), (0...86400).contains(seconds) else {
            return nil
        }
        return seconds * 1000
    }
}
