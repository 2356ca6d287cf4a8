internal import Connections
internal import Runtime

/// Connections as the store has them, those too that are being deleted, each looked up once. A damaged one is nil, as if
/// it were not there.
struct KnownApps {
    private let reader: RowReader
    /// Nil stands for one that is not there.
    private var apps: [ID: AppRecord?] = [:]
    /// By their incarnations.
    private var earlier: [ID: AppRecord?] = [:]
    /// Those of which a row is damaged.
    private(set) var damaged: Set<ID> = []

    init(_ reader: RowReader) { self.reader = reader }

    mutating func app(_ id: ID) throws(ConnError) -> AppRecord? {
        if let known = apps[id] { return known }
        var app: AppRecord?
        if let stored = try reader.stored(reader.keys.app(id)) {
            app = try reader.readable(stored)?.value
            if app == nil { damaged.insert(id) }
        }
        apps[id] = .some(app)
        return app
    }

    /// Whose a token is: the connection that stands, or that as it was before it moved. Nil: nobody's who is known.
    mutating func owner(of token: TokenRecord) throws(ConnError) -> AppRecord? {
        guard let app = try app(token.appID) else { return nil }
        return app.has(token.incarnation) ? app : try owner(of: token, before: app)
    }

    private mutating func owner(of token: TokenRecord, before app: AppRecord) throws(ConnError) -> AppRecord? {
        guard let incarnation = token.incarnation ?? app.firstIncarnation else { return nil }
        if let known = earlier[incarnation] { return known }
        var owner: AppRecord?
        if let stored = try reader.stored(reader.keys.earlier(app.id, incarnation)) {
            owner = try reader.readable(stored)?.value
            if owner == nil { damaged.insert(app.id) }
        }
        earlier[incarnation] = .some(owner)
        return owner
    }

    /// A token as it is for those who ask for it. One of before its connection moved needs a new grant.
    /// - Returns: nil when the connection is gone, or when the token is not that of this place.
    mutating func seen(_ row: Row<TokenRecord>) throws(ConnError) -> Row<TokenRecord>? {
        let token = row.value
        guard let app = try app(token.appID), !app.isBeingDeleted,
            row.key.starts(with: reader.keys.tokens(of: token.subject, at: token.appID))
        else { return nil }
        return try seen(row, at: app)
    }

    /// The same of a connection and a place that are known.
    mutating func seen(_ row: Row<TokenRecord>, at app: AppRecord) throws(ConnError) -> Row<TokenRecord>? {
        if app.has(row.value.incarnation) { return row }
        guard let owner = try owner(of: row.value, before: app) else { return nil }
        var row = row
        row.value.refresh.refusal = RefreshState.Refusal(cause: .moved, since: owner.movedAt ?? 0)
        return row
    }
}
