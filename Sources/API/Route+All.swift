internal import Connections
internal import JSON
internal import Runtime

// The endpoints of Descope's API for connections, by its OpenAPI description and its SDKs, and a few that people ask for.

extension Route {
    private static let root = "/v1/mgmt/outbound"

    static let all: [Route] =
        tokens + connections + connects + [
            // Every SDK asks for it before its first call.
            Route("GET", "/v1/mgmt/license") { (_, _, _) throws(ConnError) in
                .done(.object(["rateLimitTier": .string("tier1")]))
            }
        ]

    private static let tokens: [Route] = [
        Route("POST", "\(root)/app/user/token", for: .users, fetch(ofUser: true)),
        Route("POST", "\(root)/app/user/token/latest", for: .users, fetch(ofUser: true)),
        Route("POST", "\(root)/app/tenant/token", for: .users, fetch(ofUser: false)),
        Route("POST", "\(root)/app/tenant/token/latest", for: .users, fetch(ofUser: false)),
        Route("POST", "\(root)/app/user/apikey/upload", store("store_api_key", ofUser: true)),
        Route("POST", "\(root)/app/tenant/apikey/upload", store("store_api_key", ofUser: false)),
        Route("POST", "\(root)/app/user/oauthtoken/upload", store("store_token", ofUser: true)),
        Route("POST", "\(root)/app/tenant/oauthtoken/upload", store("store_token", ofUser: false)),
        Route("POST", "\(root)/app/user/oauthtoken/batch/upload", storeBatch(ofUser: true)),
        Route("POST", "\(root)/app/tenant/oauthtoken/batch/upload", storeBatch(ofUser: false)),
        Route("DELETE", "\(root)/token", delete([("id", "tokenId")])),
        Route("DELETE", "\(root)/user/tokens", delete([("appId", "appId"), ("userId", "userId")])),
        Route("GET", "\(root)/apps-with-user-token", for: .browsers, appsWithToken("userId")),
        // Descope has none of these.
        Route("DELETE", "\(root)/tenant/tokens", delete([("appId", "appId"), ("tenantId", "tenantId")])),
        Route("GET", "\(root)/apps-with-tenant-token", for: .users, appsWithToken("tenantId")),
        Route("GET", "\(root)/tokens") { (host, call, _) throws(ConnError) in
            let fields = JSON.object([
                "appId": call["appId"], "userId": call["userId"], "tenantId": call["tenantId"], "after": call["after"],
            ])
            return try host.perform("list", fields, for: call).then { (page) throws(ConnError) in
                let tokens = (page["tokens"]?.elements ?? []).map(Wire.token)
                return .done(.object(["tokens": .array(tokens), "next": page["next"]]))
            }
        },
    ]

    private static let connections: [Route] = [
        // The widget asks with the user's token.
        Route("GET", "\(root)/apps", for: .browsers) { (host, call, caller) throws(ConnError) in
            try host.perform("apps.list", .object(), for: call).then { (list) throws(ConnError) in
                let apps = (list["apps"]?.elements ?? []).filter { app in
                    app["id"]?.id.map(caller.mayUse) ?? false
                }
                return .done(.object(["apps": .array(apps.map(caller.isManager ? Wire.app : Wire.publicApp))]))
            }
        },
        Route("POST", "\(root)/app/create") { (host, call, _) throws(ConnError) in
            try host.create(Wire.settings(try call.body()), call)
        },
        Route("POST", "\(root)/app/create/bytemplate") { (host, call, _) throws(ConnError) in
            let body = try call.body()
            let settings = Wire.settings(body["overrides"] ?? .object())
            for name in ["templateId", "id", "clientId", "clientSecret", "hosts"] {
                if let value = body[name] { settings.set(name, value) }
            }
            guard settings["templateId"] != nil else { throw .invalid("templateId", "is missing") }
            return try host.create(settings, call)
        },
        Route("POST", "\(root)/app/update") { (host, call, _) throws(ConnError) in try host.update(call) },
        Route("POST", "\(root)/app/delete") { (host, call, _) throws(ConnError) in
            try host.perform("apps.delete", try call.body().only(["id"]), for: call).then { (_) throws(ConnError) in
                .done(.object())
            }
        },
        // The Java SDK names it in the query.
        Route("GET", "\(root)/app") { (host, call, _) throws(ConnError) in try host.load(call["id"], call) },
        Route("GET", "\(root)/app/{id}") { (host, call, _) throws(ConnError) in
            try host.load(.string(call.id), call)
        },
        // Descope does not list them.
        Route("GET", "\(root)/templates") { (host, call, _) throws(ConnError) in
            try host.perform("templates.list", .object(), for: call)
        },
    ]

    private static let connects: [Route] = [
        Route("POST", "\(root)/app/connect", for: .users, connect),
        // What the web SDKs call.
        Route("POST", "/v1/outbound/oauth/connect", for: .browsers, connect),
    ]

    // MARK: - What they do

    /// Whose token a body is about: the user's, in a tenant if it names one, or the tenant's.
    private static func subject(_ body: JSON, ofUser: Bool) throws(ConnError) -> JSON {
        let required = ofUser ? "userId" : "tenantId"
        guard body[required] != nil else { throw .invalid(required, "is missing") }
        return body.only(ofUser ? ["userId", "tenantId"] : ["tenantId"])
    }

    private static func fetch(ofUser: Bool) -> Handler {
        { (host, call, caller) throws(ConnError) in
            let body = try call.body()
            let fields = try subject(body, ofUser: ofUser)
            for name in ["appId", "scopes", "externalIdentifier"] {
                if let value = body[name] { fields.set(name, value) }
            }
            try caller.mayHave(fields)
            let options = (body["options"] ?? .object()).only(["withRefreshToken", "forceRefresh"])
            // It outlives what a user's token may do here.
            if !caller.isManager { options.remove("withRefreshToken") }
            if !options.members.isEmpty { fields.set("options", options) }
            @Sendable func given(_ answer: JSON) throws(ConnError) {
                try caller.mayBeGiven(answer["token"]?["scopes"]?.strings ?? [], of: fields)
            }
            let fetch: @Sendable () throws(ConnError) -> Step<JSON> = { () throws(ConnError) in
                try host.perform("fetch", fields, for: call).then { (answer) throws(ConnError) in
                    try given(answer)
                    return .done(.object(["token": answer["token"].map(Wire.token)]))
                }
            }
            if caller.mayBeGivenAny(of: fields) { return try fetch() }
            // What may not be given out must not count as fetched, nor be deleted after it.
            return try host.look(fields, actor: call.actor).then { (answer) throws(ConnError) in
                try given(answer)
                // It is refreshed already, if that was asked for.
                fields["options"]?.remove("forceRefresh")
                return try fetch()
            }
        }
    }

    private static let grant = [
        "appId", "refreshToken", "accessToken", "accessTokenExpiry", "accessTokenType", "scopes",
        "externalIdentifier", "idToken", "grantedBy",
    ]

    private static func item(_ body: JSON, ofUser: Bool, _ names: [String]) throws(ConnError) -> JSON {
        let fields = try subject(body, ofUser: ofUser)
        for name in names {
            if let value = body[name] { fields.set(name, value) }
        }
        return fields
    }

    private static func store(_ operation: String, ofUser: Bool) -> Handler {
        let names = operation == "store_token" ? grant + ["verifyRefresh"] : ["appId", "apiKey", "credentials"]
        return { (host, call, _) throws(ConnError) in
            try host.perform(operation, try item(try call.body(), ofUser: ofUser, names), for: call)
                .then { (_) throws(ConnError) in .done(.object()) }
        }
    }

    private static func storeBatch(ofUser: Bool) -> Handler {
        { (host, call, _) throws(ConnError) in
            var tokens: [JSON] = []
            for body in try call.body()["tokens"]?.elements ?? [] {
                tokens.append(try item(body, ofUser: ofUser, grant))
            }
            return try host.perform("store_tokens", .object(["tokens": .array(tokens)]), for: call).then {
                (answer) throws(ConnError) in
                let failures = (answer["failures"]?.elements ?? []).map { failure in
                    let shown = failure.only(["appId", ofUser ? "userId" : "tenantId", "reason"])
                    shown.set("errorCode", .string("E152110"))
                    return shown
                }
                return .done(.object(["failures": .array(failures)]))
            }
        }
    }

    /// - Parameter names: of the query, and what the operation calls them. One of them must be there.
    private static func delete(_ names: [(query: StaticString, field: String)]) -> Handler {
        { (host, call, _) throws(ConnError) in
            let fields = JSON.object()
            for name in names {
                if let value = call[name.query] { fields.set(name.field, value) }
            }
            return try host.perform("delete", fields, for: call).then { (_) throws(ConnError) in .done(.object()) }
        }
    }

    /// Answers the connections at which a subject has a token that works, or may be made to.
    private static func appsWithToken(_ owner: StaticString) -> Handler {
        { (host, call, caller) throws(ConnError) in
            guard let id = call[owner] else { throw .invalid(owner.description, "is missing") }
            let fields = JSON.object([owner.description: id, "tenantId": call["tenantId"], "limit": .integer(1000)])
            try caller.mayHave(fields)
            let (isOfTenants, wantsTenant) = (fields["userId"] == nil, call["tenantId"] != nil)
            return try host.pages("list", fields, for: call, into: []) { (apps: [ID], page) in
                let tokens = page["tokens"]?.elements ?? []
                return apps
                    + tokens.compactMap { token in
                        let isOwn = token["userId"] == nil || wantsTenant == (token["tenantId"] != nil)
                        return isOwn && token["status"]?.id != "needs_reauthorization" ? token["appId"]?.id : nil
                    }
            }.then { (apps) throws(ConnError) in
                .done(
                    .object([
                        "appIds": .strings(
                            Set(apps).filter { caller.mayUse($0, ofTenant: isOfTenants) }.sorted().map(\.text))
                    ]))
            }
        }
    }

    /// The URL is for the user who asks: a management key names nobody.
    private static let connect: Handler = { (host, call, caller) throws(ConnError) in
        guard let user = caller.userID else {
            throw ConnError(.forbidden, "a connect URL is for a user: call with the user's token")
        }
        let body = try call.body()
        let fields = body.only(["appId", "tenantId"])
        guard fields["appId"] != nil else { throw .invalid("appId", "is missing") }
        if body["tenantLevel"]?.boolean != true { fields.set("userId", .string(user)) }
        try caller.mayHave(fields)
        if let given = body["options"] {
            let options = given.only([
                "redirectUrl", "scopes", "prompt", "loginHint", "resources", "externalIdentifier",
            ])
            // Some callers write the array as a text.
            if let text = given["scopes"]?.string { options.set("scopes", (try? JSON.parse(text)) ?? .string(text)) }
            fields.set("options", options)
            // A token that may not be given out would be of no use.
            if let scopes = options["scopes"]?.strings, !scopes.isEmpty { try caller.mayBeGiven(scopes, of: fields) }
        }
        return try host.perform("connect", fields, for: call).then { (made) throws(ConnError) in
            .done(made.only(["url"]))
        }
    }
}

extension APIBackend {
    fileprivate func create(_ settings: JSON, _ call: Call) throws(ConnError) -> Step<JSON> {
        if settings["clientSecret"]?.withStringBytes({ $0.isEmpty }) == true { settings.remove("clientSecret") }
        return try perform("apps.create", settings, for: call).then { (made) throws(ConnError) in
            .done(.object(["app": made["app"].map(Wire.app)]))
        }
    }

    fileprivate func load(_ id: JSON?, _ call: Call) throws(ConnError) -> Step<JSON> {
        try perform("apps.load", .object(["id": id]), for: call).then { (loaded) throws(ConnError) in
            .done(.object(["app": loaded["app"].map(Wire.app)]))
        }
    }

    /// Replaces what Descope's API has of a connection. What the vault has besides stays: no SDK could write it back.
    fileprivate func update(_ call: Call) throws(ConnError) -> Step<JSON> {
        let body = try call.body()
        let given = Wire.settings(body["app"] ?? body)  // the Java SDK does not nest it
        return try perform("apps.load", given.only(["id"]), for: call).then { [self] (loaded) throws(ConnError) in
            let settings = (loaded["app"] ?? .object()).shallowCopy()
            for name in Wire.appNames where ID(name) != "templateId" { settings.remove(name) }
            for (name, value) in given.members { settings.set(name, value) }
            return try perform("apps.update", settings, for: call).then { (made) throws(ConnError) in
                .done(.object(["app": made["app"].map(Wire.app)]))
            }
        }
    }

    /// Gathers what all pages of a list hold.
    fileprivate func pages<Gathered: Sendable>(
        _ operation: String, _ fields: JSON, for call: Call, into gathered: Gathered,
        _ add: @escaping @Sendable (Gathered, JSON) -> Gathered
    ) throws(ConnError) -> Step<Gathered> {
        try perform(operation, fields, for: call).then { [self] (page) throws(ConnError) in
            let gathered = add(gathered, page)
            guard let next = page["next"] else { return .done(gathered) }
            let more = fields.shallowCopy()
            more.set("after", next)
            return try pages(operation, more, for: call, into: gathered, add)
        }
    }
}
