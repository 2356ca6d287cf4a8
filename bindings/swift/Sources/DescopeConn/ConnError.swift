import CDescopeConn
import FoundationEssentials

/// Why a call failed. The message is for people; it never holds a token, a key or a request.
public struct ConnError: Error, Sendable, Hashable {
    public var code: ErrorCode
    public var message: String
    /// The field, as a path such as `options.redirectUrl`.
    public var field: String?
    /// More about `not_found` and `connection_required`.
    public var reason: String?
    /// Where the user grants access; only with `connection_required`.
    public var connectionUrl: String?
    public var appId: String?
    /// What the grant lacks.
    public var missingScopes: [String]?
    /// Those of ``missingScopes`` that the user was asked for, and did not grant.
    public var declined: [String]?
    /// When to come back, in milliseconds, if the server said so.
    public var retryAfterMs: Int?
    /// What a server answered with.
    public var httpStatus: Int?
    /// Descope's or the provider's own code.
    public var errorCode: String?
    /// Descope's or the provider's own words.
    public var errorDescription: String?
}

extension ConnError: Decodable {
    init(code: ErrorCode, message: String) {
        self.code = code
        self.message = message
    }

    init(_ status: Int32, _ answer: Data) {
        struct Answer: Decodable { var error: ConnError }
        if let told = try? JSONDecoder().decode(Answer.self, from: answer) {
            self = told.error
        } else {
            switch status {
            case DESCOPE_CONN_E_HANDLE: self.init(code: .invalidRequest, message: "the client is closed")
            case DESCOPE_CONN_E_CANCELLED: self.init(code: .cancelled, message: "the client was closed")
            case DESCOPE_CONN_E_FORKED:
                self.init(code: .invalidRequest, message: "the client belongs to another process")
            case DESCOPE_CONN_E_LIMIT: self.init(code: .limit, message: "too large, or too many calls")
            default: self.init(code: .internal, message: "the library answered status \(status)")
            }
        }
    }

    static func encoding(_ value: some Encodable) throws(ConnError) -> Data {
        do {
            return try JSONEncoder().encode(value)
        } catch {
            throw ConnError(code: .invalidRequest, message: "the request is no JSON")
        }
    }
}
