internal import Connections
internal import HTTP
internal import OAuth

extension VaultBackend {
    /// The provider with the client that it made for this connection: there is one for each issuer. It is registered
    /// again when its secret has expired, or when a redirect URI comes up that it does not have.
    /// - Parameter redirectURIs: what the client is needed for; nil: one that is there must do, such as for a refresh.
    func registered(
        _ provider: Provider, for app: AppRecord, redirectURIs: [String]?
    ) throws(ConnError) -> Step<Provider> {
        guard app.registers else { return .done(provider) }
        let issuer = provider.issuer ?? provider.tokenURL.flatMap(URL.init)?.origin ?? app.id
        let key = rows.keys.registration(of: app.id, at: issuer)
        let row: Row<RegistrationRecord>? = try rows.get(key)
        if let row, row.value.serves(redirectURIs ?? [], now: clock.seconds) {
            return .done(row.value.client(of: provider))
        }
        guard let redirectURIs else {
            throw ConnError(.misconfigured, "\(app.id) has no client at \(issuer): the next connect registers one")
        }
        // The ones it had stay, so that hosts with different redirect URIs do not drive out each other's client.
        let wanted = Scopes.unique((row?.value.redirectURIs ?? []) + redirectURIs)
        return try OAuth.register(
            name: app.name, redirectURIs: wanted, scopes: app.defaultScopes, provider: provider, clock: clock
        ).then { [self] (registration) throws(ConnError) in
            let made = RegistrationRecord(registration, redirectURIs: wanted)
            do throws(ConnError) {
                let expected = row.map { StoreWrite.Expectation.version($0.version) } ?? .absent
                try rows.commit([rows.seal(made, at: key, expecting: expected)])
                return .done(made.client(of: provider))
            } catch {
                // Somebody else was faster: everybody uses that client.
                guard error.code == .conflict, let winner: Row<RegistrationRecord> = try rows.get(key) else {
                    throw error
                }
                return .done(winner.value.client(of: provider))
            }
        }
    }

    /// Forgets the clients that providers made for a connection.
    func forgetRegistrations(of appID: String) throws(ConnError) {
        var writes: [StoreWrite] = []
        try rows.each(rows.keys.registrations(of: appID)) { (row) throws(ConnError) in
            writes.append(.remove(row.key, expecting: .any))
            return true
        }
        try rows.commit(writes)
    }
}
