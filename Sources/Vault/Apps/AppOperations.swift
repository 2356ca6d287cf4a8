internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// The operations on connections.
final class AppOperations: Sendable {
    let rows: Rows
    let config: VaultConfig
    let clock: Clock
    let pending: PendingGrants
    let remover: TokenRemover

    init(rows: Rows, config: VaultConfig, clock: Clock, pending: PendingGrants, remover: TokenRemover) {
        self.rows = rows
        self.config = config
        self.clock = clock
        self.pending = pending
        self.remover = remover
    }

    func create(_ request: Request) throws(ConnError) -> Step<JSON> {
        let settings = request.fields.shallowCopy()
        settings.remove("version")
        let id = request.id("id") ?? ID(Crypto.hex(Crypto.random(8)))
        settings.set("id", .string(id))
        settings.set(AppRecord.incarnationName, .string(Crypto.hex(Crypto.random(8))))
        // Whatever does not say whose it is was kept before this connection was there.
        settings.set(AppRecord.firstIncarnationName, .string(""))
        settings.set("appType", .string(request.string("appType") ?? AppRecord.Kind.oauth.rawValue))
        guard let given = AppRecord(json: settings.withoutNulls) else { throw .invalid("appType", "is not known") }
        let app = try given.withoutTemplateValues()
        return rows.read { [self] (reader) throws(ConnError) in
            guard let row: Row<AppRecord> = try reader.get(rows.keys.app(id)) else {
                return try keepNew(app, for: request)
            }
            guard row.value.isBeingDeleted else { throw exists }
            // Its deletion was cut off.
            return try finishDeletion(of: row.value, request).then { [self] (_) throws(ConnError) in
                try keepNew(app, for: request)
            }
        }
    }

    private var exists: ConnError { ConnError(.conflict, "a connection of this id exists", field: "id") }

    private func keepNew(_ app: AppRecord, for request: Request) throws(ConnError) -> Step<JSON> {
        let write = rows.seal(app, at: rows.keys.app(app.id), expecting: .absent)
        return try rows.commit([write], recording: [AuditEvent(request, appID: app.id)])
            .result { [self] (result) throws(ConnError) in
                if case .failure(let error) = result { throw error.code == .conflict ? exists : error }
                return .done(app.saved(rows.keys, app.warnings(config)))
            }
    }

    func update(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        let settings = request.fields.withoutNulls
        let isSameProvider = request["sameProvider"]?.boolean ?? false
        let version = request.id("version")
        for name in ["sameProvider", "version"] { settings.remove(name) }
        return rows.change { [self] (change) throws(ConnError) in
            let key = rows.keys.app(id)
            guard let row: Row<AppRecord> = try change.reader.get(key), !row.value.isBeingDeleted else {
                throw .noSuchApp(id)
            }
            guard version.map({ $0 == ID(row.value.version(change.keys)) }) ?? true else {
                throw .changedMeanwhile("connection")
            }
            var updated = try row.value.updated(with: settings)
            if !isSameProvider, updated.kind == .oauth {
                updated = try move(row.value, to: updated, namesSecret: settings["clientSecret"] != nil, &change)
            }
            change.put(updated, at: key, expecting: .version(row.version))
            change.events = [AuditEvent(request, appID: updated.id)]
            return updated.saved(change.keys, updated.warnings(config, after: row.value))
        }
    }

    /// Marks the connection first, so that a deletion that is cut off shows no tokens and is finished by the next one,
    /// or before a new connection takes the id.
    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        let revokes = request["revoke"]?.boolean ?? true
        return rows.read { [self] (reader) throws(ConnError) in
            guard let decided = try reader.connection(id) else { throw .noSuchApp(id) }
            return try rows.change { (change) throws(ConnError) in
                guard let row = try change.reader.connection(id), row.value.isSame(as: decided.value) else {
                    throw .noSuchApp(id)
                }
                let marked = row.value.beingDeleted(revoking: revokes)
                change.put(marked, at: row.key, expecting: .version(row.version))
                change.events = [AuditEvent(request, appID: id)]
                return marked
            }.then { [self] (marked) throws(ConnError) in
                try finishDeletion(of: marked, request).then { [self] (removal) throws(ConnError) in
                    try remover.finish(removal)
                }
            }
        }
    }

    func load(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        return rows.read { (reader) throws(ConnError) in
            let app = try reader.app(id)
            return .done(.object(["app": app.versioned(reader.keys)]))
        }
    }

    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        try rows.list(RowKeys.apps, "apps", request) { (app: AppRecord) in
            app.isBeingDeleted ? nil : (app.id, app.answer)
        }
    }

    /// Carries on the deletion of a connection that is marked for it. Each of its commits goes through only while that one
    /// is there: once another process has finished it, another connection may have the id. What waited for its user is of
    /// no use at that one (``AppRecord/epoch``), and expires.
    private func finishDeletion(of app: AppRecord, _ request: Request) throws(ConnError) -> Step<Removal> {
        let set = TokenSet(appID: app.id, subject: nil)
        return try pending.dropHeld(set, revoking: app.revokes, deleting: app).then { [self] () throws(ConnError) in
            try remover.remove(set, revoking: app.revokes, recording: AuditEvent(request, appID: app.id), deleting: app)
        }.then { [self] (removal) throws(ConnError) in
            let keys = rows.keys
            let rest = [
                keys.clients(of: app.id), keys.clientChoices(of: app.id), keys.registrations(of: app.id),
                keys.earlier(of: app.id),
            ]
            return try remove(rest[...], deleting: app).then { [self] () throws(ConnError) in
                rows.change { (change) throws(ConnError) in
                    guard let version = try change.reader.version(deleting: app) else { return removal }
                    change.remove(change.keys.app(app.id), expecting: .version(version))
                    return removal
                }
            }
        }
    }

    /// Removes all rows with these prefixes.
    private func remove(_ prefixes: ArraySlice<[UInt8]>, deleting app: AppRecord) throws(ConnError) -> Step<Void> {
        guard let prefix = prefixes.first else { return .done(()) }
        return try rows.pages(prefix, into: ()) { [self] (_, page, _) throws(ConnError) in
            rows.change { (change) throws(ConnError) in
                guard !page.isEmpty, try change.isDeleting(app) else { return }
                for row in page { change.remove(row.key, expecting: .any) }
            }
        }.then { [self] () throws(ConnError) in try remove(prefixes.dropFirst(), deleting: app) }
    }
}

extension AppRecord {
    /// What the operations answer that write it.
    fileprivate func saved(_ keys: RowKeys, _ warnings: JSON?) -> JSON {
        .object(["app": versioned(keys), "warnings": warnings])
    }

    fileprivate func versioned(_ keys: RowKeys) -> JSON {
        let answer = answer.shallowCopy()
        answer.set("version", .string(version(keys)))
        return answer
    }
}

extension Change {
    /// Has a commit go through only while the connection stands, so that no grant comes to one that is deleted meanwhile:
    /// it would never be revoked.
    /// - Throws: `not_found` when it is gone, has moved to another server, or when another one has its id.
    mutating func stand(_ app: AppRecord) throws(ConnError) {
        let key = keys.app(app.id)
        guard let row: Row<AppRecord> = try reader.get(key), !row.value.isBeingDeleted,
            row.value.isSame(as: app)
        else { throw .noSuchApp(app.id) }
        writes.append(.keep(key, expecting: .version(row.version)))
    }

    /// Has a commit of a deletion go through only while its connection is there.
    /// - Parameter app: nil: no connection is being deleted.
    /// - Returns: false when another process has finished the deletion.
    mutating func isDeleting(_ app: AppRecord?) throws(ConnError) -> Bool {
        guard let app else { return true }
        guard let version = try reader.version(deleting: app) else { return false }
        writes.append(.keep(keys.app(app.id), expecting: .version(version)))
        return true
    }
}

extension RowReader {
    /// A connection, to delete it. Of a damaged one it is not known where its tokens would be revoked.
    fileprivate func connection(_ id: ID) throws(ConnError) -> Row<AppRecord>? {
        guard let stored = try stored(keys.app(id)) else { return nil }
        if let row: Row<AppRecord> = try readable(stored) { return row }
        return Row(key: stored.key, value: AppRecord(unknown: id), version: stored.version)
    }

    /// The version of the row of a connection that is being deleted; nil when it is deleted.
    fileprivate func version(deleting app: AppRecord) throws(ConnError) -> UInt64? {
        let row: Row<AppRecord>? = try get(keys.app(app.id))
        return row.flatMap { $0.value.isBeingDeleted && $0.value.isSame(as: app) ? $0.version : nil }
    }
}

extension ConnError {
    /// - Parameter what: was to be replaced.
    static func changedMeanwhile(_ what: StaticString) -> ConnError {
        ConnError(.conflict, "the \(what) has changed since the version that was edited", field: "version")
    }
}

extension JSON {
    /// The same object without its null members, which mean the same as absent ones.
    var withoutNulls: JSON {
        let object = JSON.object()
        for (key, value) in members where value.kind != .null { object.set(key, value) }
        return object
    }
}
