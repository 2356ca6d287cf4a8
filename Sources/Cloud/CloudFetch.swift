internal import Connections
internal import JSON
internal import Runtime

/// `fetch`: a token that lives long enough, or else where the user grants access.
struct CloudFetch: Sendable {
    let fields: JSON
    let config: CloudConfig
    let clock: Clock
    let statistics: Statistics
    /// Nil: Descope is asked, whatever was fetched before.
    private let cache: TokenCache?
    private let question: Question?

    init(_ request: Request, config: CloudConfig, clock: Clock, cache: TokenCache?, statistics: Statistics) {
        fields = request.fields
        self.cache = cache
        question = cache?.question(request)
        self.config = config
        self.clock = clock
        self.statistics = statistics
    }

    private static let defaultMinTTLSeconds: Int64 = 60

    func begin() throws(ConnError) -> Step<JSON> {
        return try supply().result { (result) throws(ConnError) in
            switch result {
            case .success(let token): return .done(.object(["token": token]))
            case .failure(let error): return try connect(after: error)
            }
        }
    }

    var isForced: Bool { fields["options"]?["forceRefresh"]?.boolean == true }

    private var minTTL: Int64 { fields["minTtlSeconds"]?.integer ?? Self.defaultMinTTLSeconds }

    // MARK: - The token

    /// The token, from the cache if there is one that will do, or from Descope.
    /// - Parameter joins: whether it waits for somebody who asks the same.
    private func supply(joins: Bool = true) throws(ConnError) -> Step<JSON> {
        guard let cache, let question else { return try ask() }
        // Where a user may have been sent to connect, the grant is to be seen at once.
        let isPatient = fields["connect"] == nil
        switch cache.find(question, minTTL: minTTL, takesMissing: isPatient, joins: joins) {
        case .kept(let answer):
            return .done(try answer.get())
        case .asked(let asked):
            return .join(asked.flight) { () throws(ConnError) in
                // Whoever asked has left, or was content with a shorter life.
                guard let answer = asked.answer else { return try supply() }
                let token = try answer.get()
                return cache.lives(token, minTTL) ? .done(token) : try supply(joins: false)
            }
        case .missing(let asked, let leader):
            return try Step.attempt(ask) { (result) throws(ConnError) in
                try withExtendedLifetime(leader) { () throws(ConnError) in
                    cache.keep(result, of: asked, keepsMissing: isPatient)
                    return .done(try result.get())
                }
            }
        }
    }

    /// The token from Descope.
    private func ask() throws(ConnError) -> Step<JSON> {
        try token(fields).then { (token) throws(ConnError) in try refreshedIfShort(token) }
    }

    private func token(_ fields: JSON) throws(ConnError) -> Step<JSON> {
        let call = try CloudCall(try Endpoint.find(for: "fetch", fields), fields, config)
        let isRefresh = fields["options"]?["forceRefresh"]?.boolean == true
        return try call.send().result { (result) throws(ConnError) in
            if isRefresh { statistics.refreshes.add(at: result.refreshOutcome) }
            return .done(try call.token(in: try result.get(), fields))
        }
    }

    // MARK: - Time to live

    /// The token itself, or, when it ends too soon, what a forced refresh makes of it.
    private func refreshedIfShort(_ token: JSON) throws(ConnError) -> Step<JSON> {
        guard let left = secondsLeft(token), left < minTTL, !isForced else { return .done(token) }
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
            if fields["userId"] == nil {
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
            let appID = fields["appId"]?.id ?? ""
            cache?.clearMissing(appID)
            throw error.connectionRequired(at: try call.url(in: reply), appID: appID)
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
