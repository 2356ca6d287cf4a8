internal import Connections
internal import HTTP
internal import OAuth

extension VaultBackend {
    /// The connection's provider, with its endpoints from its discovery document where the settings name one.
    func provider(of app: AppRecord) throws(ConnError) -> Step<Provider> {
        var provider = app.provider(config)
        guard let discoveryURL = provider.discoveryURL else {
            provider.allowsPrivateAddresses = allows(provider.tokenURL)
            return .done(provider)
        }
        provider.allowsPrivateAddresses = allows(discoveryURL)
        let tokenURL = provider.tokenURL
        return try discoveries.fill(provider, from: discoveryURL, clock: clock).then {
            [self] (found) throws(ConnError) in
            var found = found
            found.allowsPrivateAddresses = allows(tokenURL)
            return .done(found)
        }
    }

    /// Whether a URL from a connection's own settings may lead to a private address: this machine may, since the
    /// operator wrote it. Nil: it comes from elsewhere.
    private func allows(_ url: String?) -> Bool {
        config.allowsPrivateAddresses || url.flatMap(URL.init)?.isLoopback == true
    }
}
