internal import Connections
internal import JSON
internal import Memory
internal import OAuth

/// What a grant that somebody waits for will be.
protocol PendingGrant: Waiting {
    var externalIdentifier: ID? { get }
    /// What is asked for; granted, unless the provider's reply says otherwise (RFC 6749 section 5.1).
    var scopes: [String] { get }
    var resources: [String] { get }
    /// The client that asks; nil in what was kept before this was.
    var clientID: ID? { get }
}

extension PendingGrant {
    /// - Parameter now: milliseconds since 1970.
    func token(_ reply: TokenReply, now: Int64) -> TokenRecord {
        var record = TokenRecord(
            appID: appID, subject: subject, externalIdentifier: externalIdentifier, scopes: scopes, grantedAt: now)
        record.resources = Scopes.unique(resources)
        record.grantedBy = subject.userID
        record.clientID = clientID
        record.take(reply)
        return record
    }
}

extension TokenRecord {
    /// What those who complete a grant are told of it.
    /// - Parameter redirectURL: where the user's browser ends up; nil where there is none.
    func grantAnswer(at location: TokenLocation, redirectURL: String? = nil) -> JSON {
        let answer = JSON.object([
            "tokenId": .string(location.id),
            "appId": .string(appID),
            "scopes": .strings(scopes),
            "metadata": metadata,
            "redirectUrl": redirectURL.map(JSON.string),
        ])
        answer.setSubject(subject)
        return answer
    }
}
