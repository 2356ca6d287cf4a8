internal import Connections
internal import JSON
internal import Runtime

/// What the API answers: always JSON, also where there is nothing to say, since the SDKs read it in any case.
struct Reply {
    private let status: Int
    /// Nil: there is none at all.
    private let body: JSON?
    private var retryAfter: Int?

    init(_ status: Int, _ body: JSON?) {
        self.status = status
        self.body = body
    }

    init(_ error: ConnError) {
        let row = Self.rows[error.code] ?? Row(500, "E011000")
        let isEndpoint = error.field == "path" || error.field == "method"
        status = isEndpoint ? (error.code == .notFound ? 404 : 405) : row.status
        body = .object([
            "errorCode": .string(isEndpoint ? "E011006" : Self.isMissing(error) ? "E011002" : row.code),
            "errorDescription": .string(error.message),
            "errorMessage": .string(error.errorDescription ?? error.message),
        ])
        if status == 429 { retryAfter = max(1, ((error.retryAfterMilliseconds ?? 1000) + 999) / 1000) }
    }

    private static func isMissing(_ error: ConnError) -> Bool {
        error.code == .invalidRequest && error.message.utf8.suffix(10).elementsEqual("is missing".utf8)
    }

    private struct Row {
        let status: Int
        let code: String

        init(_ status: Int, _ code: String) {
            self.status = status
            self.code = code
        }
    }

    /// Descope's codes, as far as they are known. 503 is for what passes by itself: the SDKs try it again for ten seconds.
    private static let rows: [ErrorCode: Row] = [
        .invalidRequest: Row(400, "E011004"), .unsupported: Row(400, "E011004"), .limit: Row(400, "E011003"),
        .unauthorized: Row(401, "E011008"), .forbidden: Row(403, "E011008"), .notFound: Row(404, "E111504"),
        .connectionRequired: Row(404, "E111504"), .conflict: Row(409, "E151001"), .rateLimited: Row(429, "E130429"),
        .providerError: Row(400, "E011003"), .unavailable: Row(503, "E011000"),
    ]

    /// An `HttpAnswer`.
    func json(_ more: [(name: String, value: String)] = []) -> JSON {
        let headers = JSON.object([
            "content-type": body == nil ? nil : .string("application/json"), "cache-control": .string("no-store"),
            "x-content-type-options": .string("nosniff"), "retry-after": retryAfter.map { .string(String($0)) },
        ])
        for header in more { headers.set(header.name, .string(header.value)) }
        return .object([
            "status": .integer(status), "headers": headers, "body": body?.asText ?? .string(""),
        ])
    }
}

extension JSON {
    /// A string node that holds this value's text.
    fileprivate var asText: JSON { secret.withBytes { JSON.string(bytes: $0) } ?? .string("{}") }
}
