package import JSON

/// The token that `fetch` and `report_rejected` answer, whichever backend it comes from.
///
/// | member | |
/// |---|---|
/// | `id`, `appId`, `userId`, `tenantId` | whose it is; a tenant's own token has no `userId` |
/// | `tokenSub` | the subject's id at the provider |
/// | `accessToken` | the token, or the API key; always there |
/// | `accessTokenType` | such as `Bearer` |
/// | `accessTokenExpiry` | seconds since 1970, an integer; absent when unknown |
/// | `hasRefreshToken` | boolean |
/// | `refreshToken` | only when asked for |
/// | `credentials` | with an API key: what belongs to it, such as a user name; an object of strings |
/// | `lastRefreshTime`, `lastRefreshError` | seconds since 1970, an integer; the last failed refresh |
/// | `scopes` | array of strings |
/// | `missingScopes` | only with `acceptNarrower`: what was wanted and not granted; array of strings |
/// | `resources` | what the token is for (RFC 8707); array of strings |
/// | `metadata` | what the provider said besides, by its own names: an object |
/// | `grantedBy`, `externalIdentifier` | who granted it; which of the subject's accounts it is |
///
/// A member that is empty or unknown is absent.
package enum TokenAnswer {
    private enum Kind {
        case text, moment, boolean, texts, object
    }

    private static let members: [(name: String, kind: Kind)] = [
        ("id", .text), ("appId", .text), ("userId", .text), ("tenantId", .text), ("tokenSub", .text),
        ("accessToken", .text), ("accessTokenType", .text), ("accessTokenExpiry", .moment),
        ("hasRefreshToken", .boolean), ("refreshToken", .text), ("credentials", .object),
        ("lastRefreshTime", .moment), ("lastRefreshError", .text),
        ("scopes", .texts), ("missingScopes", .texts), ("resources", .texts), ("metadata", .object),
        ("grantedBy", .text),
        ("externalIdentifier", .text),
    ]

    /// Makes the answer from a token with these members in any of the forms that ``Timestamp`` reads, empty or not.
    /// Unknown members are dropped. Strings are shared with `token`, not copied.
    /// - Returns: nil when there is no access token in it.
    package static func normalized(_ token: JSON, withRefreshToken: Bool) -> JSON? {
        let answer = JSON.object()
        for (name, kind) in members where name != "refreshToken" || withRefreshToken {
            guard let value = token[name] else { continue }
            switch kind {
            case .text:
                if value.withStringBytes({ !$0.isEmpty }) == true { answer.set(name, value) }
            case .moment:
                if let seconds = Timestamp.read(value) { answer.set(name, .integer(seconds)) }
            case .boolean:
                if value.kind == .boolean { answer.set(name, value) }
            case .texts:
                if value.strings != nil { answer.set(name, value) }
            case .object:
                if value.kind == .object { answer.set(name, value) }
            }
        }
        return answer["accessToken"] == nil ? nil : answer
    }
}
