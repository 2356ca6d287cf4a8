internal import Connections
internal import HTTP
internal import Memory
internal import OAuth

extension VaultBackend {
    /// What a client of a provider is needed for.
    enum ClientUse: Sendable {
        /// New grants, by these redirect URIs. Where the latest client's secret has expired, or a redirect URI comes up
        /// that it does not have, another one is registered.
        case connecting([String])
        /// A grant of this client; nil: it is not known whose it is, and the latest has to do.
        case grant(of: ID?)
    }

    /// The provider with a client that it made for this connection.
    func registered(
        _ provider: Provider, for app: AppRecord, _ use: ClientUse
    ) throws(ConnError) -> Step<Provider> {
        guard app.registers else { return .done(provider) }
        let issuer = provider.issuer ?? provider.tokenURL.flatMap(URL.init)?.origin ?? app.id.text
        let key = rows.keys.registration(of: app.id, at: issuer)
        return rows.read { [self] (reader) throws(ConnError) in
            let row: Row<RegistrationRecord>? = try reader.get(key)
            switch use {
            case .grant(let id):
                guard let client = row?.value.client(id), client.isAlive(now: clock.seconds) else {
                    throw ConnError(
                        .misconfigured, "\(app.id) has no client of this grant at \(issuer) any more: connect again")
                }
                return .done(client.client(of: provider))
            case .connecting(let redirectURIs):
                return try connecting(redirectURIs, provider, for: app, row, at: key)
            }
        }
    }

    /// - Parameter row: the clients that there are.
    private func connecting(
        _ redirectURIs: [String], _ provider: Provider, for app: AppRecord, _ row: Row<RegistrationRecord>?,
        at key: [UInt8]
    ) throws(ConnError) -> Step<Provider> {
        let latest = row?.value.client(nil)
        if let latest, latest.isAlive(now: clock.seconds),
            Scopes.missing(redirectURIs, from: latest.redirectURIs).isEmpty
        {
            return .done(latest.client(of: provider))
        }
        // The ones it had stay, so that hosts with different redirect URIs do not register in turns.
        let wanted = Scopes.unique((latest?.redirectURIs ?? []) + redirectURIs)
        return try OAuth.register(
            name: app.name, redirectURIs: wanted, scopes: app.defaultScopes, provider: provider, clock: clock
        ).then { [self] (registration) throws(ConnError) in
            let made = RegisteredClient(registration, redirectURIs: wanted)
            let all = row?.value.adding(made) ?? RegistrationRecord(made)
            let expected = row.map { StoreWrite.Expectation.version($0.version) } ?? .absent
            return try rows.commit([rows.seal(all, at: key, expecting: expected)]).result {
                [self] (result) throws(ConnError) in
                .settled { [self] () throws(ConnError) in
                    if case .failure(let error) = result {
                        // Somebody else was faster: everybody uses that client, if it will do.
                        guard error.code == .conflict else { throw error }
                        return try registered(provider, for: app, .connecting(redirectURIs))
                    }
                    return .done(made.client(of: provider))
                }
            }
        }
    }

    /// Forgets the clients that providers made for a connection.
    func forgetRegistrations(of appID: ID) -> Step<Void> {
        rows.pages(rows.keys.registrations(of: appID), into: ()) { [self] (_, page, _) throws(ConnError) in
            rows.commit(page.map { .remove($0.key, expecting: .any) })
        }
    }
}
