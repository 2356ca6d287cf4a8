package import JSON
package import Runtime

/// Why an operation failed: one shape for all of the library, made into JSON at the border.
///
/// The message is for people. It never holds a token, a key or a body.
package struct ConnError: Error, Sendable {
    /// Why there is no token to fetch; `error.reason` of `not_found` and `connection_required`.
    package enum Reason: String, Sendable, CaseIterable {
        /// The subject has not connected.
        case missing
        /// What it granted is too narrow; `missingScopes` says what lacks.
        case scopes
        /// The provider refused the grant for good.
        case reauthorize
        /// There is no such connection.
        case app
    }

    package var code: ErrorCode
    package var message: String
    /// The request's field, as a path: `options.redirectUrl`, `tokens[2].appId`.
    package var field: String?
    package var reason: Reason?
    package var missingScopes: [String]?
    /// Those of ``missingScopes`` that the user was asked for, and that the provider did not grant.
    package var declined: [String]?
    package var retryAfterMilliseconds: Int?
    /// The status that a server answered with.
    package var httpStatus: Int?
    /// Descope's or the provider's own code, such as `E111504` or `invalid_grant`.
    package var errorCode: String?
    /// Descope's or the provider's own words.
    package var errorDescription: String?
    package var appID: ID?
    /// Where the user grants access; only with `connection_required`.
    package var connectionURL: String?
    /// Where the connect that has failed would have ended. For the pages alone: it is not in ``json``.
    package var redirectURL: String?

    package init(_ code: ErrorCode, _ message: String, field: String? = nil, reason: Reason? = nil) {
        self.code = code
        self.message = message
        self.field = field
        self.reason = reason
    }

    /// `{"error":{...}}`
    package var json: JSON {
        .object([
            "error": .object([
                "code": .string(code.rawValue),
                "message": .string(message),
                "field": field.map(JSON.string),
                "reason": reason.map { .string($0.rawValue) },
                "requiresConnection": code == .connectionRequired ? .boolean(true) : nil,
                "connectionUrl": connectionURL.map(JSON.string),
                "appId": appID.map(JSON.string),
                "missingScopes": missingScopes.map(JSON.strings),
                "declined": declined.map(JSON.strings),
                "retryAfterMs": retryAfterMilliseconds.map { .integer($0) },
                "httpStatus": httpStatus.map { .integer($0) },
                "errorCode": errorCode.map(JSON.string),
                "errorDescription": errorDescription.map(JSON.string),
            ])
        ])
    }
}

extension ConnError {
    package static func invalid(_ field: String, _ problem: String) -> ConnError {
        ConnError(.invalidRequest, "\(field) \(problem)", field: field)
    }

    package static func invalidConfig(_ field: String, _ problem: String) -> ConnError {
        ConnError(.invalidConfig, "\(field) \(problem)", field: field)
    }
}

extension ConnError {
    /// Reads the inner object of ``json``, as a plugin answers it. An unknown code becomes `internal`.
    package init(reading object: JSON) {
        self.init(
            object["code"]?.string.flatMap(ErrorCode.init) ?? .internal,
            object["message"]?.string ?? "no reason was given",
            field: object["field"]?.string, reason: object["reason"]?.string.flatMap(Reason.init))
        missingScopes = object["missingScopes"]?.strings
        declined = object["declined"]?.strings
        retryAfterMilliseconds = object["retryAfterMs"]?.integer.flatMap { Int(exactly: $0) }
        httpStatus = object["httpStatus"]?.integer.flatMap { Int(exactly: $0) }
        errorCode = object["errorCode"]?.string
        errorDescription = object["errorDescription"]?.string
        appID = object["appId"]?.id
        connectionURL = object["connectionUrl"]?.string
    }
}
