internal import Connections
internal import JSON
internal import Runtime

/// `fetch`: a token that lives long enough, or else where the user grants access.
struct CloudFetch: Sendable {
    let endpoint: Endpoint
    let fields: JSON
    let config: CloudConfig
    let clock: Clock
    let statistics: Statistics

    /// - Throws: when Descope has no endpoint for it.
    init(_ fields: JSON, config: CloudConfig, clock: Clock, statistics: Statistics) throws(ConnError) {
        endpoint = try Endpoint.find(for: "fetch", fields)
        self.fields = fields
        self.config = config
        self.clock = clock
        self.statistics = statistics
    }

    private static let defaultMinTTLSeconds: Int64 = 60

    func begin() throws(ConnError) -> Step<JSON> {
        let token = try token(fields).then { (token) throws(ConnError) in try refreshedIfShort(token) }
        return try token.result { (result) throws(ConnError) in
            switch result {
            case .success(let token): return .done(.object(["token": token]))
            case .failure(let error): return try connect(after: error)
            }
        }
    }

    private func token(_ fields: JSON) throws(ConnError) -> Step<JSON> {
        let call = try CloudCall(endpoint, fields, config)
        let isRefresh = fields["options"]?["forceRefresh"]?.boolean == true
        return try call.send().result { (result) throws(ConnError) in
            if isRefresh { statistics.refreshes.add(at: result.refreshOutcome) }
            return .done(try call.token(in: try result.get(), fields))
        }
    }

    // MARK: - Time to live

    /// The token itself, or, when it ends too soon, what a forced refresh makes of it.
    private func refreshedIfShort(_ token: JSON) throws(ConnError) -> Step<JSON> {
        let minTTL = fields["minTtlSeconds"]?.integer ?? Self.defaultMinTTLSeconds
        let wasForced = fields["options"]?["forceRefresh"]?.boolean == true
        guard let left = secondsLeft(token), left < minTTL, !wasForced else { return .done(token) }
        guard token["hasRefreshToken"]?.boolean != false else {
            if left > 0 { return .done(token) }
            throw ConnError(
                .notFound, "the token has expired, and there is none to refresh it by", reason: .reauthorize)
        }
        let forced = fields.shallowCopy()
        let options = fields["options"]?.shallowCopy() ?? .object()
        options.set("forceRefresh", .boolean(true))
        forced.set("options", options)
        return try self.token(forced).result { (result) throws(ConnError) in
            // While the provider or Descope is failing, a token that still lives is better than none.
            if case .failure(let error) = result, error.code == .unavailable || error.code == .rateLimited,
                let left = secondsLeft(token), left > 0
            {
                return .done(token)
            }
            return .done(try result.get())
        }
    }

    /// Nil when the token's expiry is unknown.
    private func secondsLeft(_ token: JSON) -> Int64? {
        token["accessTokenExpiry"]?.integer.map { $0 - clock.seconds }
    }

    // MARK: - Adaptive Connect

    /// Where there is no token and the request says how to connect: `connection_required` with the URL. Any other error
    /// stays what it is; a policy's refusal is nothing that a grant mends. When no URL can be had, that is the error.
    private func connect(after error: ConnError) throws(ConnError) -> Step<JSON> {
        guard error.code == .notFound, error.errorCode != Refusal.userNotFound, let connect = fields["connect"] else {
            throw error
        }
        let obstacle: String? =
            if endpoint.level == .tenant {
                "Descope has no connect URL for a tenant"
            } else if fields["accessToken"] == nil {
                "a connect URL needs the user's accessToken"
            } else {
                nil
            }
        if let obstacle {
            var error = error
            error.message += " (\(obstacle))"
            throw error
        }
        // What the user then grants is what this fetch looks for.
        let options = connect.shallowCopy()
        for name in ["scopes", "externalIdentifier"] where options[name] == nil {
            if let value = fields[name] { options.set(name, value) }
        }
        let asking = JSON.object([
            "appId": fields["appId"], "accessToken": fields["accessToken"], "options": options,
        ])
        let call = try CloudCall(try .find(for: "connect", asking), asking, config)
        return try call.send().then { (reply) throws(ConnError) in
            throw error.connectionRequired(at: try call.url(in: reply), appID: fields["appId"]?.id ?? "")
        }
    }
}

extension Result where Failure == ConnError {
    /// What is counted of a refresh at Descope: `ok`, or what kind of failure it is, as the vault has them.
    fileprivate var refreshOutcome: String {
        switch self {
        case .success: "ok"
        case .failure(let error):
            switch error.code {
            case .unavailable, .rateLimited, .timeout: "transient"
            case .misconfigured, .unauthorized, .forbidden: "misconfigured"
            default: "permanent"
            }
        }
    }
}
