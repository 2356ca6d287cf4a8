internal import Connections
internal import OAuth
internal import Store

extension Providers {
    /// Asks the provider when a token expires, where nothing else told. The token is kept by then, so that nothing but
    /// the answer can get lost.
    func learnExpiry(at key: [UInt8], of app: AppRecord, _ provider: Provider) -> Step<Void> {
        guard provider.introspectionURL != nil else { return .done(()) }
        return rows.read { [self] (reader) throws(ConnError) in
            guard let row: Row<TokenRecord> = try reader.get(key), app.has(row.value.incarnation),
                row.value.accessTokenExpiry == nil, let token = row.value.accessToken
            else { return .done(()) }
            let generation = row.value.refresh.generation
            return try OAuth.expiry(of: token, provider: provider, clock: clock).then {
                [self] (expiry) throws(ConnError) in
                guard let expiry else { return .done(()) }
                return rows.change { (change) throws(ConnError) in
                    guard let row: Row<TokenRecord> = try change.reader.get(key),
                        row.value.refresh.generation == generation
                    else { return }
                    var record = row.value
                    record.accessTokenExpiry = expiry
                    change.put(record, at: key, expecting: .version(row.version))
                }
            }
        }
    }
}
