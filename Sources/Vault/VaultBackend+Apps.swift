internal import Connections
internal import Crypto
internal import JSON
internal import Memory

extension VaultBackend {
    func createApp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let settings = request.fields.shallowCopy()
        let id = request.id("id") ?? ID(Crypto.hex(Crypto.random(8)))
        settings.set("id", .string(id))
        settings.set(AppRecord.incarnationName, .string(Crypto.hex(Crypto.random(8))))
        settings.set("appType", .string(request.string("appType") ?? AppRecord.Kind.oauth.rawValue))
        guard let given = AppRecord(json: settings.withoutNulls) else { throw .invalid("appType", "is not known") }
        let app = try given.withoutTemplateValues()
        return try finishDeletion(of: id, request).then { [self] (_) throws(ConnError) in
            let write = rows.seal(app, at: rows.keys.app(app.id), expecting: .absent)
            return try rows.commit([write], recording: [event(request, appID: app.id)])
                .result { (result) throws(ConnError) in
                    if case .failure(let error) = result {
                        throw error.code == .conflict
                            ? ConnError(.conflict, "a connection of this id exists", field: "id") : error
                    }
                    return .done(.object(["app": app.answer]))
                }
        }
    }

    func updateApp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        return rows.change { [self] (change) throws(ConnError) in
            let key = rows.keys.app(id)
            guard let row: Row<AppRecord> = try change.reader.get(key), !row.value.isBeingDeleted else {
                throw .noSuchApp(id)
            }
            let updated = try row.value.updated(with: request.fields.withoutNulls)
            change.put(updated, at: key, expecting: .version(row.version))
            change.events = [event(request, appID: updated.id)]
            return .object(["app": updated.answer])
        }
    }

    /// Marks the connection first, so that a deletion that is cut off shows no tokens and is finished by the next one,
    /// or before a new connection takes the id.
    func deleteApp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        let revokes = request["revoke"]?.boolean ?? true
        return try rows.change { [self] (change) throws(ConnError) in
            let key = rows.keys.app(id)
            guard let stored = try change.reader.stored(key) else { throw .noSuchApp(id) }
            // Of a damaged one it is not known where its tokens would be taken back.
            let app = try change.reader.readable(stored)?.value ?? AppRecord(unknown: id)
            change.put(app.beingDeleted(revoking: revokes), at: key, expecting: .version(stored.version))
            change.events = [event(request, appID: id)]
        }.then { [self] () throws(ConnError) in
            try finishDeletion(of: id, request).then { [self] (removal) throws(ConnError) in try finish(removal) }
        }
    }

    func loadApp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        return rows.read { (reader) throws(ConnError) in .done(.object(["app": try reader.app(id).answer])) }
    }

    func listApps() throws(ConnError) -> Step<JSON> {
        try rows.pages(RowKeys.apps, into: AppList()) { (list, page, reader) throws(ConnError) in
            var list = list
            for stored in page {
                guard let row: Row<AppRecord> = try reader.readable(stored) else {
                    list.unreadable += 1
                    continue
                }
                if !row.value.isBeingDeleted { list.apps.append((row.value.id, row.value.answer)) }
            }
            return .done(list)
        }.then { (list) throws(ConnError) in
            let apps = list.apps.sorted { $0.id < $1.id }
            let answer = JSON.object(["apps": .array(apps.map(\.answer))])
            answer.setUnreadable(list.unreadable)
            return .done(answer)
        }
    }

    private struct AppList: Sendable {
        var apps: [(id: ID, answer: JSON)] = []
        var unreadable = 0
    }

    /// Has a commit go through only while the connection stands, so that no grant comes to one that is deleted meanwhile:
    /// it would never be taken back.
    /// - Throws: `not_found` when it is gone, or when another one has its id.
    func stand(_ app: AppRecord, _ change: inout Change) throws(ConnError) {
        let key = rows.keys.app(app.id)
        guard let row: Row<AppRecord> = try change.reader.get(key), !row.value.isBeingDeleted,
            row.value.incarnation == app.incarnation
        else { throw .noSuchApp(app.id) }
        change.writes.append(.keep(key, expecting: .version(row.version)))
    }

    /// Removes what an earlier connection of this id, which is deleted or about to be, left behind: a grant may have been
    /// on its way. What waited for its user is of no use at another one (``AppRecord/epoch``), and expires. Leaves a
    /// living connection alone.
    private func finishDeletion(of id: ID, _ request: Request) throws(ConnError) -> Step<Removal> {
        let key = rows.keys.app(id)
        return rows.read { [self] (reader) throws(ConnError) in
            let row: Row<AppRecord>? = try reader.get(key)
            guard row?.value.isBeingDeleted ?? true else { return .done(Removal(tally: nil)) }
            let revokes = row?.value.revokes ?? true
            let set = TokenSet(appID: id, subject: nil)
            return try dropHeld(set, revoking: revokes).then { [self] () throws(ConnError) in
                try remove(set, revoking: revokes, recording: event(request, appID: id))
            }.then { [self] (removal) throws(ConnError) in
                try forgetRegistrations(of: id).then { [self] () throws(ConnError) in
                    guard let row else { return .done(removal) }
                    return try rows.commit([.remove(key, expecting: .version(row.version))])
                        .then { () throws(ConnError) in .done(removal) }
                }
            }
        }
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
