internal import Connections
internal import JSON
internal import Memory
internal import OAuth

// A refresh token that is brought along and is to be verified may be good for one use. So it is refreshed as every other
// one is, under a lease on a row of its own, where no fetch finds it; what comes of it moves into its place. A call that
// was cut off is carried on by the next one with the same token.

extension VaultBackend {
    /// The longest that a token is left which nobody came back for. Seconds.
    private static let unverifiedLifetime: Int64 = 86_400

    /// Keeps a token if its provider takes the refresh token.
    func verify(
        _ record: TokenRecord, _ refreshToken: JSON, of app: AppRecord, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        let location = rows.keys.unverified(refreshToken, for: place(of: record))
        return try keepUnverified(record, at: location, of: app).then { [self] () throws(ConnError) in
            supply(TokenDemand(target: .token(location)))
        }.result { [self] (result) throws(ConnError) in
            rows.read { [self] (reader) throws(ConnError) in
                guard let row: Row<TokenRecord> = try reader.get(location.key), app.has(row.value.incarnation) else {
                    return .done(try answerOfAnother(record, of: app, reader))
                }
                guard case .failure(let error) = result else {
                    return try keepVerified(row, grantedAt: record.grantedAt, of: app, for: request)
                }
                let state = row.value.refresh
                // The provider may have taken it, and what it gave may be on its way into the store.
                let isOpen = state.refusal == nil && (state.hasLostReply || state.lease != nil)
                let writes: [StoreWrite] = isOpen ? [] : [.remove(row.key, expecting: .version(row.version))]
                return try rows.commit(writes).then { () throws(ConnError) in
                    if let failure = state.lastFailure, state.refusal?.cause == .refused { throw failure.refusal }
                    throw error
                }
            }
        }
    }

    /// Without its access token, so that it is of no use to anybody before it is refreshed.
    private func keepUnverified(
        _ record: TokenRecord, at location: TokenLocation, of app: AppRecord
    ) throws(ConnError) -> Step<Void> {
        var unverified = record
        unverified.accessToken = nil
        unverified.accessTokenExpiry = nil
        unverified.incarnation = app.incarnation
        let expiry = clock.seconds + Self.unverifiedLifetime
        return rows.change { [self, unverified] (change) throws(ConnError) in
            let present: Row<TokenRecord>? = try change.reader.get(location.key)
            if let present, app.has(present.value.incarnation) { return }  // another call brings the same
            try stand(app, &change)
            // One that was being verified elsewhere is nothing to this connection; what came of it goes back where it is from.
            var apps = KnownApps(change.reader)
            if let present, let owner = try apps.owner(of: present.value), let late = present.value.refreshToken,
                record.refreshToken?.equals(late) != true
            {
                try discard(present.value, of: owner, &change)
            }
            let expected = present.map { StoreWrite.Expectation.version($0.version) } ?? .absent
            change.put(unverified, at: location.key, expecting: expected)
            change.put(PointerRecord(), at: location.unverifiedKey(expiry: expiry), expecting: .any)
            change.writes += try abandoned(change.reader).filter { $0.key != location.key }
        }
    }

    /// A few that nobody came back for: each new one removes some.
    private func abandoned(_ reader: RowReader) throws(ConnError) -> [StoreWrite] {
        var writes: [StoreWrite] = []
        for pointer in try reader.page(RowKeys.unverified, limit: 8) {
            guard RowKeys.expiry(pointer.key) + Self.clockMargin <= clock.seconds else { break }
            writes.append(.remove(pointer.key, expecting: .any))
            guard let location = TokenLocation(unverifiedKey: pointer.key) else { continue }
            // It may have been brought again since.
            let row: Row<TokenRecord>? = try? reader.get(location.key)
            if let row, row.value.grantedAt / 1000 + Self.unverifiedLifetime > clock.seconds { continue }
            writes.append(.remove(location.key, expecting: .any))
        }
        return writes
    }

    private func keepVerified(
        _ row: Row<TokenRecord>, grantedAt: Int64, of app: AppRecord, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        var verified = row.value
        verified.grantedAt = grantedAt
        verified.refresh = RefreshState.first()
        verified.refresh.lastTime = row.value.refresh.lastTime
        return try keepGrant(verified, of: app, for: request) { (change) throws(ConnError) in
            guard try change.reader.stored(row.key)?.version == row.version else {
                throw ConnError(.notFound, "another call has kept it")
            }
            change.remove(row.key, expecting: .version(row.version))
        }.result { [self, verified] (result) throws(ConnError) in
            switch result {
            case .success(let location):
                return .done(.object(["tokenId": .string(location.id.text)]))
            case .failure(let error):
                guard error.code == .notFound else { throw error }
                guard error.reason == .app else {
                    return rows.read { [self] (reader) throws(ConnError) in
                        .done(try answerOfAnother(verified, of: app, reader))
                    }
                }
                // The connection was deleted.
                return try rows.change { [self] (change) throws(ConnError) in
                    let present: Row<TokenRecord>? = try change.reader.get(row.key)
                    if let present, app.has(present.value.incarnation) {
                        change.remove(row.key, expecting: .version(present.version))
                    }
                    try discard(verified, of: app, &change)
                }.then { () throws(ConnError) in throw error }
            }
        }
    }

    /// Another call brought the same token at the same time, and was done first.
    private func answerOfAnother(
        _ record: TokenRecord, of app: AppRecord, _ reader: RowReader
    ) throws(ConnError) -> JSON {
        let location = place(of: record)
        guard let row: Row<TokenRecord> = try reader.get(location.key), app.has(row.value.incarnation),
            row.value.grantedAt >= record.grantedAt
        else {
            throw ConnError(.unavailable, "another call has tried the same refresh token: try again")
        }
        return .object(["tokenId": .string(location.id.text)])
    }
}

extension RefreshState.Failure {
    /// The error of a call that was told so.
    fileprivate var refusal: ConnError {
        var failure = TokenFailure(kind, message)
        failure.code = code
        failure.httpStatus = httpStatus
        return failure.asConnError
    }
}
