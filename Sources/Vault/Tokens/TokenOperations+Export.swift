internal import Connections
internal import JSON
internal import Runtime
internal import Store

extension TokenOperations {
    /// Hands out tokens with all of their secrets, a page at a time: those of a connection, of a subject, or all. Rows that
    /// do not open are counted, and do not keep the others back.
    func export(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard config.allowsExport else {
            throw ConnError(.forbidden, "this vault was opened without allowExport")
        }
        let range = try TokenRange(request)
        let set = TokenSet(request)
        let isAll = set.appID == nil && set.subject == nil
        return rows.read { [self] (reader) throws(ConnError) in
            let locations = try reader.locations(
                of: isAll ? nil : set, after: range.after, limit: range.limit + 1)
            let (answer, events) = try exported(locations.prefix(range.limit), for: request, reader)
            if locations.count > range.limit { answer.set("next", .string(locations[range.limit - 1].id.text)) }
            return try rows.commit([], recording: events).then { () throws(ConnError) in .done(answer) }
        }
    }

    private func exported(
        _ locations: ArraySlice<TokenLocation>, for request: Request, _ reader: RowReader
    ) throws(ConnError) -> (JSON, [AuditEvent]) {
        let tokens = JSON.array([])
        let keys = JSON.array([])
        var events: [AuditEvent] = []
        var apps = KnownApps(reader)
        var unreadable = 0
        for (location, found) in zip(locations, try reader.read(locations.map { .get($0.key) })) {
            guard let stored = found.first else { continue }
            guard let row: Row<TokenRecord> = try reader.readable(stored) else {
                unreadable += 1
                continue
            }
            let appID = row.value.appID
            guard try apps.seen(row) != nil, let app = try apps.app(appID), app.has(row.value.incarnation) else {
                if apps.damaged.contains(appID) { unreadable += 1 }
                continue
            }
            switch app.kind {
            case .oauth: tokens.append(row.value.exported)
            case .apikey: keys.append(row.value.exportedKey)
            }
            events.append(AuditEvent(request, appID: appID, subject: row.value.subject, tokenID: location.id))
        }
        let answer = JSON.object(["tokens": tokens, "apiKeys": keys])
        answer.setUnreadable(unreadable)
        return (answer, events)
    }
}

extension TokenRecord {
    /// As `store_tokens` takes it, which is an item of Descope's batch upload.
    fileprivate var exported: JSON {
        let json = JSON.object([
            "appId": .string(appID),
            "refreshToken": refreshToken,
            "accessToken": accessToken,
            "accessTokenType": .string(accessTokenType),
            "accessTokenExpiry": accessTokenExpiry.flatMap(Int32.init(exactly:)).map { .integer(Int64($0)) },
            "scopes": .strings(scopes),
            "externalIdentifier": externalIdentifier.map(JSON.string),
            "grantedBy": grantedBy.map(JSON.string),
        ])
        json.setSubject(subject)
        return json
    }

    /// As `store_api_key` takes it.
    fileprivate var exportedKey: JSON {
        let json = JSON.object(["appId": .string(appID), "apiKey": accessToken, "credentials": credentials])
        json.setSubject(subject)
        return json
    }
}
