internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

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
    /// - Parameters:
    ///   - told: what the callback says was granted; nil when it does not say.
    ///   - now: milliseconds since 1970.
    func token(_ reply: TokenReply, told: [String]? = nil, now: Int64) -> TokenRecord {
        var record = TokenRecord(
            appID: appID, subject: subject, externalIdentifier: externalIdentifier, scopes: told ?? scopes,
            grantedAt: now)
        record.requested = Scopes.unique(scopes)
        record.resources = Scopes.unique(resources)
        record.grantedBy = subject.userID
        record.clientID = clientID
        record.take(reply)
        return record
    }
}

extension TokenRecord {
    /// What was asked for, and is not there.
    func declined(_ rules: ScopeRules) -> [String] { rules.missing(requested ?? [], from: grant) }

    /// What it did not bring, this grant and the one that it replaces, the user is not asked for again.
    mutating func remember(_ earlier: TokenRecord, _ rules: ScopeRules) {
        let declined = Scopes.unique(earlier.declined(rules) + earlier.declinedEarlier)
        declinedEarlier = Array(Scopes.missing(rules.missing(declined, from: grant), from: requested ?? []).prefix(256))
        lost = earlier.lost
    }

    var grant: ScopeRules.Grant { ScopeRules.Grant(scopes: scopes, requested: requested) }

    /// What those who complete a grant are told of it.
    /// - Parameters:
    ///   - rules: the provider's.
    ///   - redirectURL: where the user's browser ends up; nil where there is none.
    func grantAnswer(at location: TokenLocation, _ rules: ScopeRules, redirectURL: String? = nil) -> JSON {
        let declined = declined(rules)
        let answer = JSON.object([
            "tokenId": .string(location.id),
            "appId": .string(appID),
            "scopes": .strings(scopes),
            "missingScopes": declined.isEmpty ? nil : .strings(declined),
            "metadata": metadata,
            "redirectUrl": redirectURL.map(JSON.string),
        ])
        answer.setSubject(subject)
        return answer
    }
}
