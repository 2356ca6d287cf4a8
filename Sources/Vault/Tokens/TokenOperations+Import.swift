internal import Connections
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

extension TokenOperations {
    func storeAPIKey(_ request: Request) throws(ConnError) -> Step<JSON> {
        let appID = try request.requiredID("appId")
        let subject = try request.requiredSubject()
        return rows.read { [self] (reader) throws(ConnError) in
            let app = try reader.app(appID, .apikey)
            let credential = try app.credential(request)
            return try app.check(credential, config).then { [self] () throws(ConnError) in
                var record = TokenRecord(appID: app.id, subject: subject, scopes: [], grantedAt: clock.milliseconds())
                record.take(credential)
                return try keepImported(record, of: app, for: request)
            }
        }
    }

    private func keepImported(
        _ record: TokenRecord, of app: AppRecord, for request: Request
    ) throws(ConnError) -> Step<JSON> {
        try grants.keep(record, of: app, for: request).then { (location) throws(ConnError) in
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
                    guard records.updateValue(record, forKey: grants.place(of: record)) == nil else {
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
                    change.writes += try grants.writes(record, at: location, of: app, change.reader)
                    change.events.append(grants.event(request, record, at: location))
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
