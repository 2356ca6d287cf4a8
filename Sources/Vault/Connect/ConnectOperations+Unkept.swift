internal import Connections
internal import OAuth
internal import Runtime

extension ConnectOperations {
    /// Has a first grant revoked that could not be kept, and fails with `error`: with `not_found` its connection or its
    /// subject was deleted, and with anything else the store did not take it. Nobody else has it, so that it is lost.
    func revokeUnkept<Value>(
        _ token: TokenRecord, of app: AppRecord, _ provider: Provider, because error: ConnError
    ) throws(ConnError) -> Step<Value> {
        let isWanted = error.code != .notFound
        let record = RevocationRecord(token, id: nil, of: app, config: config, now: clock.milliseconds())
        guard isWanted || record != nil else { throw error }
        return try isAlone(token, at: provider, isWanted: isWanted).then { [self] (isAlone) throws(ConnError) in
            guard isAlone, let record else { return .done(false) }
            return try enqueue(token, of: app, isWanted: isWanted).result { [self] (result) throws(ConnError) in
                if case .success = result { return .done(true) }
                return try revokeAtOnce(record, provider)
            }
        }.then { (isRevoked: Bool) throws(ConnError) -> Step<Value> in
            let rest = isRevoked ? "its token is revoked" : "its token stays valid at the provider"
            if isWanted || !isRevoked {
                Log.write(.error, "a grant of \(app.id) is lost (\(error.message)); \(rest)")
            }
            guard isWanted else { throw error }
            var error = error
            error.message += ". The grant is lost, and the user connects again; \(rest)"
            throw error
        }
    }

    /// Whether nothing that is kept goes with a token that is revoked.
    private func isAlone(
        _ token: TokenRecord, at provider: Provider, isWanted: Bool
    ) throws(ConnError) -> Step<Bool> {
        guard isWanted, provider.revocation?.revokesGrant == true else { return .done(true) }
        return try rows.read { [self] (reader) throws(ConnError) in
            .done(try reader.page(rows.keys.tokens(of: token.subject, at: token.appID), limit: 1).isEmpty)
        }.result { (result) throws(ConnError) in .done((try? result.get()) ?? false) }
    }

    /// Puts it into the outbox. What the store did not take for so long, it most likely does not take now either.
    private func enqueue(_ token: TokenRecord, of app: AppRecord, isWanted: Bool) throws(ConnError) -> Step<Void> {
        let write: @Sendable (Bool) throws(ConnError) -> Step<Void> = { [self] (_) throws(ConnError) in
            rows.change { [self] (change) throws(ConnError) in try outbox.discard(token, of: app, &change) }
        }
        return isWanted ? try write(false) : try rows.retrying(write)
    }

    /// Asks the provider without the outbox, once.
    private func revokeAtOnce(_ record: RevocationRecord, _ provider: Provider) throws(ConnError) -> Step<Bool> {
        try OAuth.revoke(
            token: record.token, isRefreshToken: record.isRefreshToken, provider: provider, clock: clock
        ).then { (result) throws(ConnError) in
            if case .revoked = result { .done(true) } else { .done(false) }
        }
    }
}
