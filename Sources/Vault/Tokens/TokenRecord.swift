internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

/// A subject's token at a connection, and what is known of its refreshing. Members have their wire names where the wire
/// has them.
struct TokenRecord: Record {
    let appID: ID
    let subject: Subject
    let externalIdentifier: ID?
    /// String nodes, which pass from a reply into a row and into an answer without a copy in a Swift string.
    var accessToken: JSON?
    /// With an API key: what belongs to it, an object of strings.
    var credentials: JSON?
    var accessTokenType = "Bearer"
    /// Seconds since 1970; nil when unknown or never.
    var accessTokenExpiry: Int64?
    var refreshToken: JSON?
    /// Seconds since 1970; nil when unknown or never.
    var refreshTokenExpiry: Int64?
    /// What was granted, each once, by the provider's names.
    var scopes: [String]
    /// What was asked for when it was granted, each once; nil when nobody knows, as of a token from elsewhere.
    var requested: [String]?
    /// What earlier grants in its place were asked for, and did not bring.
    var declinedEarlier: [String] = []
    /// What a refresh did not bring that had been granted. The user is asked for it again once.
    var lost: [String] = []
    /// RFC 8707 resource indicators, which a refresh repeats.
    var resources: [String] = []
    /// Where the grant lives, where that is not at the connection's own hosts: by the template's names.
    var hosts: [ID: String] = [:]
    /// The client that it was granted to; nil when it came from elsewhere.
    var clientID: ID?
    /// That of the connection which it is for. Nil in what was kept before this was.
    var incarnation: ID?
    /// What the provider said besides, by its own names.
    var metadata: JSON?
    /// The subject's id at the provider.
    var tokenSub: String?
    var grantedBy: ID?
    /// When the grant was stored. Milliseconds since 1970.
    var grantedAt: Int64
    /// When it was last fetched, about; nil where nobody asks. Seconds since 1970.
    var lastFetchTime: Int64?
    var refresh: RefreshState

    init(
        appID: ID, subject: Subject, externalIdentifier: ID? = nil, scopes: [String], grantedAt: Int64,
        refresh: RefreshState = .first()
    ) {
        self.appID = appID
        self.subject = subject
        self.externalIdentifier = externalIdentifier
        self.scopes = Scopes.unique(scopes)
        self.grantedAt = grantedAt
        self.refresh = refresh
    }

    init?(json: JSON) {
        guard let appID = json["appId"]?.id, let subject = json.subject, let scopes = json["scopes"]?.strings,
            let grantedAt = json["grantedAt"]?.integer, let refresh = json["refresh"].flatMap(RefreshState.init)
        else { return nil }
        self.init(
            appID: appID, subject: subject, externalIdentifier: json["externalIdentifier"]?.id, scopes: scopes,
            grantedAt: grantedAt, refresh: refresh)
        accessToken = json["accessToken"]
        credentials = json["credentials"]
        accessTokenType = json["accessTokenType"]?.string ?? ""
        accessTokenExpiry = json["accessTokenExpiry"]?.integer
        refreshToken = json["refreshToken"]
        refreshTokenExpiry = json["refreshTokenExpiry"]?.integer
        requested = json["requestedScopes"]?.strings
        declinedEarlier = json["declinedScopes"]?.strings ?? []
        lost = json["lostScopes"]?.strings ?? []
        resources = json["resources"]?.strings ?? []
        hosts = json["hosts"]?.texts ?? [:]
        clientID = json["clientId"]?.id
        incarnation = json["incarnation"]?.id
        metadata = json["metadata"]
        tokenSub = json["tokenSub"]?.string
        grantedBy = json["grantedBy"]?.id
        lastFetchTime = json["lastFetchTime"]?.integer
    }

    var json: JSON {
        let json = description
        json.set("grantedAt", .integer(grantedAt))
        json.set("refresh", refresh.json)
        if let accessToken { json.set("accessToken", accessToken) }
        if let refreshToken { json.set("refreshToken", refreshToken) }
        if let credentials { json.set("credentials", credentials) }
        if !hosts.isEmpty { json.set("hosts", .texts(hosts)) }
        if let clientID { json.set("clientId", .string(clientID)) }
        if let incarnation { json.set("incarnation", .string(incarnation)) }
        if let requested { json.set("requestedScopes", .strings(requested)) }
        if !declinedEarlier.isEmpty { json.set("declinedScopes", .strings(declinedEarlier)) }
        if !lost.isEmpty { json.set("lostScopes", .strings(lost)) }
        if let lastFetchTime { json.set("lastFetchTime", .integer(lastFetchTime)) }
        return json
    }

    /// What may be told without the secrets.
    private var description: JSON {
        let json = JSON.object([
            "appId": .string(appID),
            "externalIdentifier": externalIdentifier.map(JSON.string),
            "accessTokenType": accessTokenType.isEmpty ? nil : .string(accessTokenType),
            "accessTokenExpiry": accessTokenExpiry.map { .integer($0) },
            "refreshTokenExpiry": refreshTokenExpiry.map { .integer($0) },
            "scopes": .strings(scopes),
            "resources": resources.isEmpty ? nil : .strings(resources),
            "metadata": metadata,
            "tokenSub": tokenSub.map(JSON.string),
            "grantedBy": grantedBy.map(JSON.string),
        ])
        json.setSubject(subject)
        return json
    }
}

// MARK: - Answers

extension TokenRecord {
    /// What `fetch` answers. Nil when there is no access token.
    /// - Parameter missing: scopes that were wanted, and that the token does not have.
    func answer(id: ID, withRefreshToken: Bool, missing: [String] = []) -> JSON? {
        let token = listing(id: id)
        if !missing.isEmpty { token.set("missingScopes", .strings(missing)) }
        if let accessToken { token.set("accessToken", accessToken) }
        if let refreshToken { token.set("refreshToken", refreshToken) }
        if let credentials { token.set("credentials", credentials) }
        return TokenAnswer.normalized(token, withRefreshToken: withRefreshToken)
    }

    /// What `list` answers: nothing secret.
    /// - Parameter missing: of the connection's default scopes.
    func answer(id: ID, status: TokenStatus, missing: [String]) -> JSON {
        let token = listing(id: id)
        if let requested, !requested.isEmpty { token.set("requestedScopes", .strings(requested)) }
        if !missing.isEmpty { token.set("missingScopes", .strings(missing)) }
        token.set("status", .string(status.name.rawValue))
        if let reason = status.reason { token.set("reason", .string(reason.rawValue)) }
        if let since = status.since { token.set("since", .integer(since)) }
        if let next = status.nextRefresh { token.set("nextRefreshTime", .integer(next)) }
        if let lastFetchTime { token.set("lastFetchTime", .integer(lastFetchTime)) }
        return token
    }

    private func listing(id: ID) -> JSON {
        let token = description
        token.set("id", .string(id))
        token.set("hasRefreshToken", .boolean(refreshToken != nil))
        if let time = refresh.lastTime { token.set("lastRefreshTime", .integer(time)) }
        if let failure = refresh.lastFailure { token.set("lastRefreshError", .string(failure.summary)) }
        return token
    }
}
