internal import Connections
internal import JSON

extension VaultBackend {
    /// Hands out tokens with all of their secrets, a page at a time: those of a connection, of a subject, or all.
    func export(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard config.allowsExport else {
            throw ConnError(.forbidden, "this vault was opened without allowExport")
        }
        let limit = request["limit"]?.integer.flatMap(Int.init(exactly:)) ?? 100
        let after = try request.string("after").map { (id) throws(ConnError) in
            guard let location = TokenLocation(id: id) else { throw .invalid("after", "is no place in an export") }
            return location
        }
        let set = TokenSet(request)
        let isAll = set.appID == nil && set.subject == nil
        let locations = try locations(of: isAll ? nil : set, after: after, limit: limit + 1)
        let tokens = JSON.array([])
        let keys = JSON.array([])
        var events: [AuditEvent] = []
        var kinds: [String: AppRecord.Kind] = [:]
        for location in locations.prefix(limit) {
            guard let row: Row<TokenRecord> = try rows.get(location.key) else { continue }
            let appID = row.value.appID
            let kind: AppRecord.Kind
            if let known = kinds[appID] { kind = known } else { kind = try app(appID).kind }
            kinds[appID] = kind
            switch kind {
            case .oauth: tokens.append(row.value.exported)
            case .apikey: keys.append(row.value.exportedKey)
            }
            events.append(event(request, appID: appID, subject: row.value.subject, tokenID: location.id))
        }
        try rows.commit([], recording: events)
        let answer = JSON.object(["tokens": tokens, "apiKeys": keys])
        if locations.count > limit { answer.set("next", .string(locations[limit - 1].id)) }
        return .done(answer)
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
        let json = JSON.object(["appId": .string(appID), "apiKey": accessToken])
        json.setSubject(subject)
        return json
    }
}
