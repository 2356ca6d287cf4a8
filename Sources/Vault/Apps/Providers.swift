internal import Connections
internal import OAuth
internal import Runtime

/// The providers of connections, as they are to be asked right now.
final class Providers: Sendable {
    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let discoveries = Discoveries()

    init(rows: Rows, config: VaultConfig, clock: Clock) {
        self.rows = rows
        self.config = config
        self.clock = clock
    }

    /// The connection's provider, with its endpoints from its discovery document where the settings name one, and with
    /// the client that it made for us where the settings want that.
    /// - Parameters:
    ///   - hosts: of a grant that lives elsewhere than the connection.
    ///   - use: which of its clients, where there may be several.
    func provider(
        of app: AppRecord, hosts: [ID: String] = [:], client use: ClientUse = .grant(of: nil)
    ) throws(ConnError) -> Step<Provider> {
        try discovered(app, hosts).then { [self] (provider) throws(ConnError) in
            try registered(provider, for: app, use)
        }
    }

    /// The connection's provider for new grants.
    /// - Throws: `misconfigured` when it lacks what they need.
    func provider(
        of app: AppRecord, for use: Provider.Use, _ redirectURIs: [String]
    ) throws(ConnError) -> Step<Provider> {
        try app.checkIsComplete(try app.provider(config), for: use, isFilled: false)
        return try provider(of: app, client: .connecting(redirectURIs)).then { (provider) throws(ConnError) in
            try app.checkIsComplete(provider, for: use)
            return .done(provider)
        }
    }

    private func discovered(_ app: AppRecord, _ hosts: [ID: String]) throws(ConnError) -> Step<Provider> {
        var provider = try app.provider(config, hosts: hosts)
        provider.allowsPrivateAddresses = config.allowsPrivateAddresses
        guard !provider.discoveryURLs.isEmpty else { return .done(provider) }
        return try discoveries.fill(provider, clock: clock)
    }
}
