internal import Connections
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

// A refresh token that is brought along and is to be verified may be good for one use. So it is refreshed as every other
// one is, under a lease on a row of its own, where no fetch finds it; what comes of it moves into its place. A call that
// was cut off is carried on by the next one with the same token. Where none comes, the row goes with a deletion of its
// subject or connection, or after a day.

extension TokenOperations {
    /// Keeps a token if its provider takes the refresh token.
    func verify(
        _ record: TokenRecord, _ refreshToken: JSON, of app: AppRecord, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        let location = rows.keys.unverified(refreshToken, for: grants.place(of: record))
        return try keepUnverified(record, at: location, of: app).then { [self] () throws(ConnError) in
            supplier.supply(TokenDemand(target: .token(location)))
        }.result { [self] (result) throws(ConnError) in
            rows.read { [self] (reader) throws(ConnError) in
                guard let row: Row<TokenRecord> = try reader.get(location.key), app.has(row.value.incarnation) else {
                    return .done(try answerOfAnother(record, of: app, reader))
                }
                guard case .failure(let error) = result else {
                    return try keepVerified(row, grantedAt: record.grantedAt, of: app, for: request)
                }
                let state = row.value.refresh
                // What the provider gave for it may be on its way into the store, or is in the row.
                let isOpen = state.refusal == nil && state.mayBeUsed
                return try rows.commit(isOpen ? [] : removal(ofUnverified: row)).then { () throws(ConnError) in
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
        let name = RowKeys.expiry(of: location.key, at: record.unverifiedUntil)
        return rows.change { [self, unverified] (change) throws(ConnError) in
            let present: Row<TokenRecord>? = try change.reader.get(location.key)
            if let present, app.has(present.value.incarnation) { return }  // another call brings the same
            try change.stand(app)
            // One that was being verified elsewhere is nothing to this connection; what came of it goes back where it is from.
            var apps = KnownApps(change.reader)
            if let present, let owner = try apps.owner(of: present.value), let late = present.value.refreshToken,
                record.refreshToken?.equals(late) != true
            {
                try outbox.discard(present.value, of: owner, &change)
            }
            let expected = present.map { StoreWrite.Expectation.version($0.version) } ?? .absent
            change.put(unverified, at: location.key, expecting: expected)
            change.put(PointerRecord(), at: name, expecting: .any)
            if present == nil { try expiry.expire(&change) }  // that one may have expired
        }
    }

    private func removal(ofUnverified row: Row<TokenRecord>) -> [StoreWrite] {
        [
            .remove(row.key, expecting: .version(row.version)),
            .remove(RowKeys.expiry(of: row.key, at: row.value.unverifiedUntil), expecting: .any),
        ]
    }

    private func keepVerified(
        _ row: Row<TokenRecord>, grantedAt: Int64, of app: AppRecord, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        var verified = row.value
        verified.grantedAt = grantedAt
        verified.refresh = RefreshState.first()
        verified.refresh.lastTime = row.value.refresh.lastTime
        return try grants.keep(verified, of: app, for: request) { [self] (change) throws(ConnError) in
            guard try change.reader.stored(row.key)?.version == row.version else {
                throw ConnError(.notFound, "another call has kept it, or it was deleted")
            }
            change.writes += removal(ofUnverified: row)
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
                // The connection was deleted, perhaps before the row came there, or has moved.
                return try rows.change { [self] (change) throws(ConnError) in
                    guard let present: Row<TokenRecord> = try change.reader.readable(at: row.key),
                        app.has(present.value.incarnation)
                    else { return }
                    change.writes += removal(ofUnverified: present)
                    try outbox.discard(present.value, of: app, &change)
                }.then { () throws(ConnError) in throw error }
            }
        }
    }

    /// Another call brought the same token at the same time, and was done first.
    private func answerOfAnother(
        _ record: TokenRecord, of app: AppRecord, _ reader: RowReader
    ) throws(ConnError) -> JSON {
        let location = grants.place(of: record)
        guard let row: Row<TokenRecord> = try reader.get(location.key), app.has(row.value.incarnation),
            row.value.grantedAt >= record.grantedAt
        else {
            throw ConnError(.unavailable, "another call has tried the same refresh token: try again")
        }
        return .object(["tokenId": .string(location.id.text)])
    }
}

extension TokenRecord {
    /// When a token that is being verified goes, if nobody comes back for it. Seconds since 1970.
    var unverifiedUntil: Int64 { grantedAt / 1000 + 86_400 }
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
