internal import Connections
internal import Runtime
internal import Store

extension RowReader {
    func app(_ id: ID) throws(ConnError) -> AppRecord { try app(id, try get(keys.app(id))) }

    /// The connection, which must be of this kind.
    func app(_ id: ID, _ kind: AppRecord.Kind) throws(ConnError) -> AppRecord {
        let app = try app(id)
        guard app.kind == kind else { throw .invalid("appId", "is a connection of type \(app.kind.rawValue)") }
        return app
    }

    private func app(_ id: ID, _ row: Row<AppRecord>?) throws(ConnError) -> AppRecord {
        guard let row, !row.value.isBeingDeleted else { throw .noSuchApp(id) }
        return row.value
    }

    /// A connection and a subject's tokens there, of one state of the store. Damaged ones are passed over.
    /// - Throws: `internal` when all of them are damaged: nobody is told then that there is no token.
    func tokens(of subject: Subject, at appID: ID) throws(ConnError) -> (app: AppRecord, tokens: [Row<TokenRecord>]) {
        let prefix = keys.tokens(of: subject, at: appID)
        let found = try read([.get(keys.app(appID)), .scan(prefix: prefix, limit: Self.pageSize)])
        var tokens = OpenedRows<TokenRecord>()
        for stored in found[1] { try tokens.add(stored, self) }
        if found[1].count == Self.pageSize, let last = found[1].last {
            try each(prefix, after: last.key) { (stored) throws(ConnError) in
                try tokens.add(stored, self)
                return true
            }
        }
        let row: Row<AppRecord>? = try found[0].first.map { (stored) throws(ConnError) in try open(stored) }
        let app = try app(appID, row)
        let whole = tokens.whole.filter { $0.value.subject == subject && $0.value.appID == appID }
        if tokens.whole.isEmpty, let damaged = tokens.damaged.first { _ = try open(damaged) as Row<TokenRecord> }
        return (app, try seen(whole, at: app))
    }

    /// A connection's own tokens; where it has none, those of before it moved.
    private func seen(_ tokens: [Row<TokenRecord>], at app: AppRecord) throws(ConnError) -> [Row<TokenRecord>] {
        let own = tokens.filter { app.has($0.value.incarnation) }
        guard own.isEmpty else { return own }
        var apps = KnownApps(self)
        var seen: [Row<TokenRecord>] = []
        for row in tokens {
            if let row = try apps.seen(row, at: app) { seen.append(row) }
        }
        return seen
    }
}

extension ConnError {
    static func noSuchApp(_ id: ID) -> ConnError {
        var error = ConnError(.notFound, "there is no connection \(id)", reason: .app)
        error.appID = id
        return error
    }
}
