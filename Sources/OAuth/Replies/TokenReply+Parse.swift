import Connections
import JSON

extension TokenReply {
    /// Moments further away than this are cut: ten years, in seconds.
    static let maxLifetime: Int64 = 10 * 365 * 86_400

    /// - Parameter now: seconds since 1970.
    /// - Returns: nil when there is no access token at the provider's paths. Whatever else is missing or wrong costs itself
    ///   alone.
    init?(_ answer: Answer, provider: Provider, now: Int64) {
        guard let object = answer.object, let (token, around) = Self.token(in: answer, provider.tokenPaths) else {
            return nil
        }
        accessToken = token
        tokenType = around["token_type"].flatMap { $0.isToken(maxBytes: 64) ? $0.string : nil } ?? "Bearer"
        let next = provider.accessTokenRefreshes ? token : around["refresh_token"]
        refreshToken = next.flatMap { $0.isToken() ? $0 : nil }
        idToken = around["id_token"].flatMap { $0.isToken() ? $0 : nil }
        scopes = Self.scopes(around[provider.replyScopeName], separators: provider.replyScopeSeparators)
        expiresAt = Self.expiry(of: token, around, provider, now: now)
        refreshExpiresAt =
            provider.accessTokenRefreshes
            ? expiresAt : refreshToken == nil ? nil : Self.refreshExpiry(around, provider, now: now)
        subject = idToken.flatMap(JWT.claims)?["sub"].flatMap { Self.subject($0) }
        metadata = Self.metadata(object, paths: provider.replyMetadata)
    }

    /// The token, and the object it stands in. Where one stands twice, with different values, there is none, at other paths
    /// either: that would be another one.
    private static func token(in answer: Answer, _ paths: [String]) -> (token: JSON, around: JSON)? {
        guard let object = answer.object else { return nil }
        for path in paths {
            if answer.isAmbiguous(path) { return nil }
            guard let token = object[path: path], token.isToken() else { continue }
            let parent = path.split(separator: ".").dropLast().joined(separator: ".")
            guard let around = object[path: parent] else { continue }
            return (token, around)
        }
        return nil
    }

    /// An empty text is no scope (RFC 6749 section 3.3), so it says nothing; an empty list says that there is none.
    private static func scopes(_ node: JSON?, separators: String) -> [String]? {
        guard let texts = node?.strings ?? node?.string.map({ [$0] }) else { return nil }
        let scopes = Scopes.unique(texts.flatMap { Scopes.parse(reply: $0, separators: separators) })
        return scopes.isEmpty && !texts.isEmpty ? nil : scopes
    }

    /// OpenID Connect Core section 2 allows 255 characters.
    private static func subject(_ node: JSON) -> String? {
        guard let subject = node.string, (1...255).contains(subject.utf8.count) else { return nil }
        return subject
    }

    private static func metadata(_ object: JSON, paths: [String]) -> JSON? {
        let found = JSON.object()
        for path in paths {
            // It is kept inside of other objects, of which the whole must not be nested too deep.
            if let value = object[path: path], value.isNested(atMost: 8) { found.set(path, value) }
        }
        return found.members.isEmpty ? nil : found
    }
}

// MARK: - Expiry

extension TokenReply {
    /// The first that says something: `expires_in_sec`, which Zoho sends beside an `expires_in` in milliseconds,
    /// `expires_in`, `expires_at`, the provider's rule.
    private static func expiry(of token: JSON, _ object: JSON, _ provider: Provider, now: Int64) -> Int64? {
        if let stated = lifetime(object["expires_in_sec"]) { return moment(after: stated, now: now) }
        if let stated = lifetime(object["expires_in"], unit: provider.expiresInMilliseconds ? 1000 : 1) {
            return moment(after: stated, now: now)
        }
        if let stated = moment(object["expires_at"], now: now) { return stated }
        switch provider.expiryRule {
        case .jwt: return JWT.claims(token).flatMap { moment($0["exp"], now: now) }
        case .fixed(let seconds): return moment(after: seconds, now: now)
        case .never: return nil
        }
    }

    /// The names that providers have for it; no standard has one.
    private static func refreshExpiry(_ object: JSON, _ provider: Provider, now: Int64) -> Int64? {
        let names = ["refresh_token_expires_in", "refresh_expires_in", "x_refresh_token_expires_in"]
        let stated = names.compactMap { lifetime(object[$0]) }.first
        return (stated ?? provider.refreshLifetimeSeconds).map { moment(after: $0, now: now) }
    }

    /// Whole seconds. 0 and less say that nothing is known: a token that is born dead would be refreshed at each fetch.
    /// - Parameter unit: so many make a second.
    private static func lifetime(_ node: JSON?, unit: Int64 = 1) -> Int64? {
        node?.wholeNumber.map { $0 / unit }.flatMap { $0 > 0 ? $0 : nil }
    }

    private static func moment(after seconds: Int64, now: Int64) -> Int64 { now + min(seconds, maxLifetime) }

    /// A moment in seconds since 1970, in milliseconds or microseconds when it is that large, or as RFC 3339 has it. One that is over says
    /// nothing: the provider would not hand out a dead token, but clocks differ.
    static func moment(_ node: JSON?, now: Int64) -> Int64? {
        let stated = node?.wholeNumber.map { value in
            switch value {
            case ..<100_000_000_000: value
            case ..<100_000_000_000_000: value / 1000
            default: value / 1_000_000
            }
        }
        guard let seconds = stated ?? Timestamp.read(node) else { return nil }
        return seconds > now ? min(seconds, now + maxLifetime) : nil
    }
}
