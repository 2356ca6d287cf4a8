internal import Connections
internal import HTTP
internal import OAuth
internal import Runtime

/// The authorization server of a connection, as far as its settings say which one it is: by the issuer that they name, or
/// else by the token endpoint; and by the hosts that tokens are sent to.
struct AuthorizationServer: Sendable {
    private let issuer: ID?
    private let tokenEndpoint: ID?
    /// Origins of the places that tokens are sent to.
    private let hosts: Set<ID>
    private let issuerHost: ID?

    /// The settings do not say yet where tokens go.
    var isNowhere: Bool { hosts.isEmpty && issuerHost == nil }

    init(_ provider: Provider) {
        let issuer = provider.namedIssuer
        self.issuer = issuer.map { ID($0.hasSuffix("/") ? String($0.dropLast()) : $0) }
        issuerHost = issuer.flatMap(Self.origin)
        tokenEndpoint = provider.tokenURL.flatMap { text in
            guard let url = URL(text), let origin = Self.origin(of: text) else { return nil }
            return ID("\(origin)\(url.path)\(url.query.map { "?\($0)" } ?? "")")
        }
        let places = [
            provider.tokenURL, provider.refreshURL, provider.revocation?.url, provider.introspectionURL,
            provider.discoveryURL,
        ]
        hosts = Set(places.compactMap { $0 }.compactMap(Self.origin))
    }

    /// Whether tokens of the server before may be sent to this one. No host learns of them that did not before, and none
    /// goes to another issuer of the same host.
    func isSame(as before: AuthorizationServer) -> Bool {
        guard !isNowhere, !before.isNowhere else { return isNowhere && before.isNowhere }
        guard hosts.isSubset(of: before.hosts.union([before.issuerHost].compactMap { $0 })) else { return false }
        guard let issuer, let earlier = before.issuer else { return tokenEndpoint == before.tokenEndpoint }
        return issuer == earlier
    }

    private static func origin(of text: String) -> ID? {
        URL(text).map { url in
            let isUsual = url.port == (url.scheme == "https" ? 443 : 80)
            return ID("\(url.scheme)://\(url.host)\(isUsual ? "" : url.port.map { ":\($0)" } ?? "")")
        }
    }
}

extension AppRecord {
    func server(_ config: VaultConfig) throws(ConnError) -> AuthorizationServer {
        AuthorizationServer(try provider(config))
    }
}
