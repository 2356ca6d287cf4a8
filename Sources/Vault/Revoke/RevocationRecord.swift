internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

/// A token that the vault has no use for any more, and that its provider is to revoke: with all that takes, since
/// its connection may be gone by then.
struct RevocationRecord: Record {
    /// After so many days of failures it is given up. Milliseconds.
    static let patience: Int64 = 7 * 86_400_000
    /// Milliseconds.
    private static let backoffs: ClosedRange<Int64> = 30_000...3_600_000
    /// Nothing is due later than after so long: after the longest backoff, with its jitter. Milliseconds.
    static let longestWait: Int64 = 3_600_000 / 4 * 5

    /// The connection as it was.
    let app: AppRecord
    /// A string node.
    let token: JSON
    let isRefreshToken: Bool
    /// Of a grant that lives elsewhere than the connection.
    let hosts: [ID: String]
    /// Whose token it was, for the audit.
    let subject: Subject
    /// Its id, for the audit; nil when it never had one.
    let tokenID: ID?
    /// Milliseconds since 1970.
    let since: Int64
    /// Failures so far.
    var failures: Int64 = 0
    /// Until it is due, by the clocks of whoever put it into its place. Nil in rows of earlier versions.
    var wait: Interval?

    /// - Returns: nil when there is nothing that the provider would take.
    init?(_ token: TokenRecord, id: ID?, of app: AppRecord, config: VaultConfig, now: Int64) {
        guard app.kind == .oauth, let provider = try? app.provider(config, hosts: token.hosts) else { return nil }
        guard provider.revocation != nil || !provider.discoveryURLs.isEmpty else { return nil }
        let takes = provider.revocation?.takes ?? .any
        // Of the two the refresh token is worth more, and takes the access token along (RFC 7009 section 2.1).
        let refreshToken = takes == .accessToken ? nil : token.refreshToken
        guard let node = refreshToken ?? (takes == .refreshToken ? nil : token.accessToken) else { return nil }
        self.app = app.forRevoking
        self.token = node
        isRefreshToken = refreshToken != nil
        hosts = token.hosts
        subject = token.subject
        tokenID = id
        since = now
    }

    init?(json: JSON) {
        guard let app = json["app"].flatMap(AppRecord.init), let token = json["token"],
            let isRefreshToken = json["isRefreshToken"]?.boolean, let subject = json.subject,
            let since = json["since"]?.integer,
            let failures = json["failures"]?.integer
        else { return nil }
        self.app = app
        self.token = token
        self.isRefreshToken = isRefreshToken
        hosts = json["hosts"]?.texts ?? [:]
        self.subject = subject
        tokenID = json["tokenId"]?.id
        self.since = since
        self.failures = failures
        wait = json["wait"].flatMap(Interval.init)
    }

    var json: JSON {
        let json = JSON.object([
            "app": app.json, "token": token, "isRefreshToken": .boolean(isRefreshToken), "since": .integer(since),
            "failures": .integer(failures), "hosts": hosts.isEmpty ? nil : .texts(hosts),
            "tokenId": tokenID.map(JSON.string), "wait": wait?.json,
        ])
        json.setSubject(subject)
        return json
    }

    /// What became of it, for the audit.
    func event(_ outcome: String) -> AuditEvent {
        AuditEvent("revocation", appID: app.id, subject: subject, tokenID: tokenID, outcome: outcome)
    }

    /// Keeps that it failed once more.
    /// - Parameter retryAfter: what the provider asked for. Milliseconds.
    /// - Returns: when to try again, in milliseconds since 1970; nil when it has been tried for long enough.
    mutating func fail(now: Int64, retryAfter: Int?, jitter: Jitter) -> Int64? {
        let backoff = min(Self.backoffs.lowerBound << min(failures, 20), Self.backoffs.upperBound)
        failures += 1
        let asked = min(Int64(retryAfter ?? 0), Self.backoffs.upperBound)
        return now - since < Self.patience ? now + jitter.lengthen(max(backoff, asked)) : nil
    }
}

/// What became of tokens at their providers.
struct RevocationTally: Sendable {
    /// Revoked by the provider.
    var revoked = 0
    /// Of these, those that are known to have taken the user's whole grant along.
    var grantRevoked = 0
    /// They stay in the outbox.
    var pending = 0
    /// The provider revokes none, or none such; or the token had nothing to show there.
    var unsupported = 0

    var json: JSON {
        .object([
            "revoked": .integer(revoked), "grantRevoked": .integer(grantRevoked), "pending": .integer(pending),
            "unsupported": .integer(unsupported),
        ])
    }
}
