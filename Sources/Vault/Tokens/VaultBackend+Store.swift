internal import Connections
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

extension VaultBackend {
    /// Keeps a grant in its place: over an earlier one of the same scopes, and instead of those of the same account that
    /// the provider refused and whose scopes it has. Others stay: a subject may hold several, each with its own scopes.
    /// - Parameters:
    ///   - app: the connection that it was granted to.
    ///   - isAgain: whether it was tried before, and may be there.
    ///   - others: adds what goes with it; asked again whenever a row has changed.
    func keepGrant(
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
            change.writes += try grantWrites(record, at: location, of: app, change.reader)
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

    private func event(_ request: Request, _ record: TokenRecord, at location: TokenLocation) -> AuditEvent {
        AuditEvent(request, appID: record.appID, subject: record.subject, tokenID: location.id)
    }

    func place(of record: TokenRecord) -> TokenLocation {
        rows.keys.token(
            of: record.subject, at: record.appID, account: record.externalIdentifier, scopes: record.scopes,
            resources: record.resources)
    }

    /// - Parameter app: the connection that stands, whose the record is.
    private func grantWrites(
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

    func storeAPIKey(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let subject = try request.requiredSubject()
        return rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(appID, .apikey)
            var record = TokenRecord(appID: app.id, subject: subject, scopes: [], grantedAt: clock.milliseconds())
            record.accessToken = request["apiKey"]
            record.accessTokenType = ""
            return try keepImported(record, of: app, for: request)
        }
    }

    private func keepImported(
        _ record: TokenRecord, of app: AppRecord, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        try keepGrant(record, of: app, for: request).then { (location) throws(ConnError) in
            .done(.object(["tokenId": .string(location.id.text)]))
        }
    }

    func storeToken(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let record = imported(request.fields, of: try request.requiredSubject())
        return rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(appID, .oauth)
            guard request["verifyRefresh"]?.boolean == true else {
                return try keepImported(record, of: app, for: request)
            }
            guard let refreshToken = record.refreshToken else {
                throw .invalid("refreshToken", "is missing, and verifyRefresh needs it")
            }
            return try verify(record, refreshToken, of: app, for: request)
        }
    }

    /// All of them, or none: what is refused is listed, and then nothing is kept.
    func storeTokens(_ request: Request) throws(ConnError) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            let failures = JSON.array([])
            var records: [TokenLocation: TokenRecord] = [:]
            var apps: [ID: AppRecord] = [:]
            for item in request["tokens"]?.elements ?? [] {
                do throws(ConnError) {
                    let (record, app) = try checkedImport(item, apps, reader)
                    apps[app.id] = app
                    guard records.updateValue(record, forKey: place(of: record)) == nil else {
                        throw ConnError(.conflict, "another token of the batch has the same place")
                    }
                } catch {
                    let failure = JSON.object([
                        "appId": item["appId"], "userId": item["userId"], "tenantId": item["tenantId"],
                        "errorCode": .string(error.code.rawValue), "reason": .string(error.message),
                    ])
                    failures.append(failure)
                }
            }
            let answer = JSON.object(["failures": failures])
            guard failures.elements.isEmpty else { return .done(answer) }
            return rows.change { [self, apps, records] (change) throws(ConnError) in
                for app in apps.values { try change.stand(app) }
                for (location, record) in records {
                    guard let app = apps[record.appID] else { continue }
                    change.writes += try grantWrites(record, at: location, of: app, change.reader)
                    change.events.append(event(request, record, at: location))
                }
                change.writes = change.writes.settled
                return answer
            }
        }
    }

    /// - Parameter apps: those that are known already.
    private func checkedImport(
        _ item: JSON, _ apps: [ID: AppRecord], _ reader: RowReader
    ) throws(ConnError) -> (TokenRecord, AppRecord) {
        guard let appID = item["appId"]?.id else { throw .invalid("appId", "is missing") }
        guard let subject = item.subject else { throw .invalid("userId", "or tenantId is missing") }
        guard item["accessToken"] != nil || item["refreshToken"] != nil else {
            throw .invalid("refreshToken", "or accessToken is missing")
        }
        let app = if let known = apps[appID] { known } else { try reader.app(appID, .oauth) }
        var record = imported(item, of: subject)
        record.incarnation = app.incarnation
        return (record, app)
    }

    /// A token brought from elsewhere. Whoever brings it without scopes gets it by a fetch without scopes alone.
    private func imported(_ item: JSON, of subject: Subject) -> TokenRecord {
        var record = TokenRecord(
            appID: item["appId"]?.id ?? "", subject: subject,
            externalIdentifier: item["externalIdentifier"]?.id,
            scopes: item["scopes"]?.strings ?? [], grantedAt: clock.milliseconds())
        record.accessToken = item["accessToken"]
        record.refreshToken = item["refreshToken"]
        record.accessTokenExpiry = item["accessTokenExpiry"]?.integer.flatMap { $0 == 0 ? nil : $0 }
        record.accessTokenType = item["accessTokenType"]?.string ?? "Bearer"
        record.grantedBy = item["grantedBy"]?.id
        record.tokenSub = item["idToken"].flatMap(JWT.claims)?["sub"]?.string
        return record
    }
}

extension [StoreWrite] {
    /// One write for each key: several grants of a batch may replace the same refused one, or one may take its place.
    fileprivate var settled: [StoreWrite] {
        var seen: Set<[UInt8]> = []
        return (filter { $0.value != nil } + filter { $0.value == nil }).filter { seen.insert($0.key).inserted }
    }
}
