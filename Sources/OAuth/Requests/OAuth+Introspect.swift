package import Connections
package import JSON
package import Runtime

extension OAuth {
    /// When an access token expires, as the provider itself says (RFC 7662). Nil when it does not say.
    /// - Returns: seconds since 1970.
    package static func expiry(of accessToken: JSON, provider: Provider, clock: Clock) throws(ConnError) -> Step<Int64?>
    {
        guard let url = provider.introspectionURL else { return .done(nil) }
        let request = TokenRequest(
            [("token", .node(accessToken)), ("token_type_hint", .text("access_token"))], provider: provider)
        return try ask(request, url: url, provider, clock, mustFinish: true).then { (answer) throws(ConnError) in
            guard case .success(let answer) = answer, answer["active"]?.boolean == true,
                let expiry = TokenReply.moment(answer["exp"], now: clock.seconds)
            else { return .done(nil) }
            return .done(expiry)
        }
    }
}
