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
        let key = rows.keys.app(id)
        _ = try finishDeletion(of: id, request)
        do throws(ConnError) {
            try rows.commit(
                [rows.seal(app, at: key, expecting: .absent)], recording: [event(request, appID: id)])
        } catch {
            throw error.code == .conflict ? ConnError(.conflict, "a connection of this id exists", field: "id") : error
        }
        return .done(.object(["app": app.answer]))
    }

    func updateApp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let key = rows.keys.app(try request.requiredID("id"))
        let updated = try retrying { () throws(ConnError) in
            guard let row: Row<AppRecord> = try rows.get(key), !row.value.isBeingDeleted else { throw noSuchApp }
            let updated = try row.value.updated(with: request.fields.withoutNulls)
            try rows.commit(
                [rows.seal(updated, at: key, expecting: .version(row.version))],
                recording: [event(request, appID: updated.id)])
            return updated
        }
        return .done(.object(["app": updated.answer]))
    }

    /// Marks the connection first, so that a deletion that is cut off shows no tokens and is finished by the next one,
    /// or before a new connection takes the id.
    func deleteApp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        let key = rows.keys.app(id)
        let revokes = request["revoke"]?.boolean ?? true
        try retrying { () throws(ConnError) in
            guard let row: Row<AppRecord> = try rows.get(key) else { throw noSuchApp }
            try rows.commit(
                [rows.seal(row.value.beingDeleted(revoking: revokes), at: key, expecting: .version(row.version))],
                recording: [event(request, appID: id)])
        }
        return try finish(try finishDeletion(of: id, request))
    }

    func loadApp(_ request: Request) throws(ConnError) -> Step<JSON> {
        let app = try app(try request.requiredID("id"))
        return .done(.object(["app": app.answer]))
    }

    func listApps() throws(ConnError) -> Step<JSON> {
        let found: [Row<AppRecord>] = try rows.all(RowKeys.apps)
        let apps = found.map(\.value).filter { !$0.isBeingDeleted }.sorted { $0.id < $1.id }
        return .done(.object(["apps": .array(apps.map(\.answer))]))
    }

    /// What has a commit go through only while the connection stands, so that no grant comes to one that is deleted
    /// meanwhile: it would never be taken back.
    /// - Throws: `not_found` when it is gone, or when another one has its id.
    func standing(_ app: AppRecord) throws(ConnError) -> StoreWrite {
        let key = rows.keys.app(app.id)
        guard let row: Row<AppRecord> = try rows.get(key), !row.value.isBeingDeleted,
            row.value.incarnation == app.incarnation
        else {
            var error = noSuchApp
            error.appID = app.id
            throw error
        }
        return .keep(key, expecting: .version(row.version))
    }

    private var noSuchApp: ConnError { ConnError(.notFound, "there is no connection of this id", reason: .app) }

    /// Removes what an earlier connection of this id, which is deleted or about to be, left behind: a grant may have been
    /// on its way. Leaves a living connection alone.
    private func finishDeletion(of id: ID, _ request: Request) throws(ConnError) -> Removal {
        let key = rows.keys.app(id)
        let row: Row<AppRecord>? = try rows.get(key)
        guard row?.value.isBeingDeleted ?? true else { return Removal(tally: nil) }
        let revokes = row?.value.revokes ?? true
        let set = TokenSet(appID: id, subject: nil)
        try dropPending(set, revoking: revokes)
        let removal = try remove(
            try locations(of: set), revoking: revokes, recording: event(request, appID: id))
        try forgetRegistrations(of: id)
        if let row { try rows.commit([.remove(key, expecting: .version(row.version))]) }
        return removal
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
