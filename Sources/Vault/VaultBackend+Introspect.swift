internal import Connections
internal import OAuth

extension VaultBackend {
    /// Asks the provider when a token expires, where nothing else told. The token is kept by then, so that nothing but
    /// the answer can get lost.
    func learnExpiry(at key: [UInt8], _ provider: Provider) throws(ConnError) -> Step<Void> {
        guard provider.introspectionURL != nil, let row: Row<TokenRecord> = try rows.get(key),
            row.value.accessTokenExpiry == nil, let token = row.value.accessToken
        else { return .done(()) }
        let generation = row.value.refresh.generation
        return try OAuth.expiry(of: token, provider: provider, clock: clock).then { [self] (expiry) throws(ConnError) in
            guard let expiry else { return .done(()) }
            try retrying { () throws(ConnError) in
                guard let row: Row<TokenRecord> = try rows.get(key), row.value.refresh.generation == generation else {
                    return
                }
                var record = row.value
                record.accessTokenExpiry = expiry
                try rows.commit([rows.seal(record, at: key, expecting: .version(row.version))])
            }
            return .done(())
        }
    }
}
