internal import Connections
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

/// Keeps grants in their places, and removes them.
final class Grants: Sendable {
    let rows: Rows
    let clock: Clock
    let outbox: Outbox

    init(rows: Rows, clock: Clock, outbox: Outbox) {
        self.rows = rows
        self.clock = clock
        self.outbox = outbox
    }

    /// Keeps a grant in its place: over an earlier one of the same scopes, and instead of those of the same account that
    /// the provider refused and whose scopes it has. Others stay: a subject may hold several, each with its own scopes.
    /// - Parameters:
    ///   - app: the connection that it was granted to.
    ///   - isAgain: whether it was tried before, and may be there.
    ///   - others: adds what goes with it; asked again whenever a row has changed.
    func keep(
        _ record: TokenRecord, of app: AppRecord, for request: Request, isAgain: Bool = false,
        with others: @escaping @Sendable (inout Change) throws(ConnError) -> Void = { (_) throws(ConnError) in }
    ) throws(ConnError) -> Step<TokenLocation> {
        let location = place(of: record)
        var record = record
        record.incarnation = app.incarnation
        return rows.change { [self, record] (change) throws(ConnError) in
            if isAgain, try isKept(record, at: location, change.reader) { return location }
            try change.stand(app)
            try others(&change)
            change.writes += try writes(record, at: location, of: app, change.reader)
            change.events = [event(request, record, at: location)]
            return location
        }
    }

    private func isKept(
        _ record: TokenRecord, at location: TokenLocation, _ reader: RowReader
    ) throws(ConnError) -> Bool {
        guard let row: Row<TokenRecord> = try reader.readable(at: location.key), let token = record.accessToken else {
            return false
        }
        return row.value.incarnation == record.incarnation && row.value.accessToken?.equals(token) == true
    }

    func event(_ request: Request, _ record: TokenRecord, at location: TokenLocation) -> AuditEvent {
        AuditEvent(request, appID: record.appID, subject: record.subject, tokenID: location.id)
    }

    func place(of record: TokenRecord) -> TokenLocation {
        rows.keys.token(
            of: record.subject, at: record.appID, account: record.externalIdentifier, scopes: record.scopes,
            resources: record.resources)
    }

    /// - Parameter app: the connection that stands, whose the record is.
    func writes(
        _ record: TokenRecord, at location: TokenLocation, of app: AppRecord, _ reader: RowReader
    ) throws(ConnError) -> [StoreWrite] {
        var record = record
        let rules = app.scopeRules
        var version: UInt64?
        var others: [StoreWrite] = []
        var apps = KnownApps(reader)
        let present: OpenedRows<TokenRecord> = try reader.all(rows.keys.tokens(of: record.subject, at: record.appID))
        if let damaged = present.damaged.first(where: { $0.key == location.key }) { version = damaged.version }
        for row in present.whole {
            // The latest grant is the last that came, also within a millisecond or with a clock that was set back.
            record.grantedAt = max(record.grantedAt, row.value.grantedAt + 1)
            let isOwn = app.has(row.value.incarnation)
            let isRefused = !isOwn || row.value.refresh.refusal != nil
            if row.key == location.key {
                version = row.version
                if isOwn {
                    // Counting on tells those who wait for a newer token, or hold a lease on the old one, that it is there.
                    record.refresh.generation = row.value.refresh.generation + 1
                    record.refresh.fence = row.value.refresh.fence
                    record.remember(row.value, rules)
                }
            } else if row.value.externalIdentifier == record.externalIdentifier,
                Set(row.value.resources.map { ID($0) }) == Set(record.resources.map { ID($0) }), isRefused,
                rules.missing(row.value.scopes, from: record.grant).isEmpty,
                let old = TokenLocation(key: row.key)
            {
                others += removal(of: old, version: row.version)
            } else {
                continue
            }
            // The server that it came from learns by nothing else that nobody has it any more.
            guard !isOwn, let owner = try apps.owner(of: row.value),
                let late = try outbox.revocation(of: row.value, id: TokenLocation(key: row.key)?.id, at: owner, reader)
            else { continue }
            others.append(outbox.put(late, due: clock.milliseconds()).write)
        }
        return writes(record, at: location, over: version) + others
    }

    /// What puts a token in its place. A new one comes with the row by which its app's tokens are found.
    /// - Parameter version: of the row that is there; nil when none is.
    private func writes(_ record: TokenRecord, at location: TokenLocation, over version: UInt64?) -> [StoreWrite] {
        if let version { return [rows.seal(record, at: location.key, expecting: .version(version))] }
        return [
            rows.seal(record, at: location.key, expecting: .absent),
            rows.seal(PointerRecord(), at: location.appKey, expecting: .any),
        ]
    }

    func removal(of location: TokenLocation, version: UInt64) -> [StoreWrite] {
        [.remove(location.key, expecting: .version(version)), .remove(location.appKey, expecting: .any)]
    }
}

extension [StoreWrite] {
    /// One write for each key: several grants of a batch may replace the same refused one, or one may take its place.
    var settled: [StoreWrite] {
        var seen: Set<[UInt8]> = []
        return (filter { $0.value != nil } + filter { $0.value == nil }).filter { seen.insert($0.key).inserted }
    }
}
