internal import Connections
internal import JSON
internal import Runtime

extension PagesBackend {
    /// One token.
    func consoleToken(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleToken(visit) { [self] (token, app) throws(ConnError) in
            .done(.page(consoleToken(token, app, visit, user)))
        }
    }

    private func consoleToken(
        _ token: ConsoleToken, _ app: ConsoleApp, _ visit: Visit, _ user: Visit.User, notices: [Page.Block] = []
    ) -> Page {
        let texts = visit.texts
        var facts: [Page.Fact] = [
            (
                texts(.consoleConnection),
                Page.Cell(
                    app.shown.name, url: visit.mount.url("/console/connection", [("id", app.shown.id.text)]),
                    note: app.shown.id.text)
            ),
            (texts(.consoleSubject), token.subject(texts)), (texts(.consoleStatus), token.status(texts)),
            (texts(.account), Page.Cell(token.shown.account ?? "–")),
            (texts(.consoleExpires), cell(token.expiry, visit)),
            (texts(.consoleLastRefresh), lastRefresh(of: token, visit)),
        ]
        let times: [(Texts.Name, String)] = [
            (.consoleNextRefresh, "nextRefreshTime"), (.consoleRefreshExpires, "refreshTokenExpiry"),
            (.consoleLastFetch, "lastFetchTime"), (.consoleSince, "since"),
        ]
        for (name, member) in times {
            if let seconds = token.json[member]?.integer { facts.append((texts(name), cell(seconds, visit))) }
        }
        if let granter = token.json["grantedBy"]?.string {
            facts.append((texts(.consoleGrantedBy), Page.Cell(granter)))
        }
        if let id = token.shown.id { facts.append((texts(.consoleTokenId), Page.Cell(id, isCode: true))) }
        var blocks = notices + [.facts(facts)]
        if !app.shown.takesKey { blocks.append(.section(texts(.permissions), scopes(token, app, texts))) }
        blocks.append(
            .section(
                texts(.consoleRefresh),
                isRefreshable(token, app)
                    ? [
                        .paragraph(texts(.consoleRefreshBody)),
                        form("/console/token", token.parameters ?? [], visit, user, submit: .consoleRefresh),
                    ] : [.paragraph(texts(whyNotRefreshable(app)))]))
        blocks.append(.section(texts(.consoleLink), link(token, app, visit)))
        if let url = token.url("/console/token/delete", visit) {
            blocks.append(
                .section(
                    texts(.consoleDeleteToken), [.links([Page.Link(text: texts(.consoleDelete), url: url)])]))
        }
        return console(.tokens, visit, title: texts(.consoleTokenTitle, ["service": app.shown.name]), blocks)
    }

    /// What the connection asks for by default, and which of it the token has.
    private func scopes(_ token: ConsoleToken, _ app: ConsoleApp, _ texts: Texts) -> [Page.Block] {
        let required = app.shown.defaultScopes
        let granted = token.shown.scopes
        let missing = token.json["missingScopes"]?.strings ?? []
        let parts: [(Texts.Name, [String])] = [
            (.consoleRequired, required), (.consoleGranted, granted), (.consoleMissing, missing),
        ]
        return parts.map { name, scopes in
            scopes.isEmpty
                ? .paragraph("\(texts(name)) \(texts(.consoleNone))")
                : .names(texts(name), scopes)
        }
    }

    /// A fetch would delete what may be fetched only once.
    private func isRefreshable(_ token: ConsoleToken, _ app: ConsoleApp) -> Bool {
        token.isRefreshable && !app.isFetchedOnce && !app.shown.takesKey
    }

    private func whyNotRefreshable(_ app: ConsoleApp) -> Texts.Name {
        if app.shown.takesKey { return .consoleKeyHasNoRefresh }
        return app.isFetchedOnce ? .consoleFetchedOnce : .consoleNoRefreshToken
    }

    /// Where whoever the token belongs to connects again.
    private func link(_ token: ConsoleToken, _ app: ConsoleApp, _ visit: Visit) -> [Page.Block] {
        if case .userInTenant? = token.shown.subject { return [.paragraph(visit.texts(.consoleNoLink))] }
        let tenant = token.shown.subject?.tenantID.map { [("tenant", $0.text)] } ?? []
        let url = visit.mount.url(app.shown.takesKey ? "/key" : "/connect", [("app", app.shown.id.text)] + tenant)
        return [.names(visit.texts(tenant.isEmpty ? .consoleLinkBody : .consoleLinkOfTenant), [url])]
    }

    // MARK: - Refreshing

    /// Has the provider asked for a new access token, which is not shown.
    func consoleRefresh(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleToken(visit) { [self] (token, app) throws(ConnError) in
            guard isRefreshable(token, app) else {
                let notice = Page.Block.notice(.warning, visit.texts(whyNotRefreshable(app)))
                return .done(.page(consoleToken(token, app, visit, user, notices: [notice])))
            }
            // What the token has is also what finds it among others of the same user.
            let fields = JSON.object([
                "appId": .string(app.shown.id), "scopes": .strings(token.shown.scopes),
                "externalIdentifier": token.json["externalIdentifier"], "resources": token.json["resources"],
                "options": .object(["forceRefresh": .boolean(true)]),
            ])
            token.shown.subject?.set(in: fields)
            return try Step.attempt({ () throws(ConnError) in try perform("fetch", fields, for: visit) }) {
                [self] (result) throws(ConnError) in
                let notices = try notices(ofRefresh: result, token, visit)
                return try withConsoleToken(visit) { [self] (token, app) throws(ConnError) in
                    .done(.page(consoleToken(token, app, visit, user, notices: notices)))
                }
            }
        }
    }

    private func notices(
        ofRefresh result: Result<JSON, ConnError>, _ token: ConsoleToken, _ visit: Visit
    ) throws(ConnError) -> [Page.Block] {
        switch result {
        case .success(let answer):
            let fetched = answer["token"]
            if fetched?["id"]?.id != token.shown.id.map({ ID($0) }) {
                return [.notice(.warning, visit.texts(.consoleOtherRefreshed))]
            }
            guard let problem = fetched?["lastRefreshError"]?.string else {
                return [.notice(.good, visit.texts(.consoleRefreshed))]
            }
            return [
                .notice(.warning, visit.texts(.consoleNotRefreshed)),
                .details(visit.texts(.consoleDetails), [problem]),
            ]
        case .failure(let error):
            switch error.code {
            case .timeout, .cancelled: throw error
            case .notFound, .connectionRequired:
                return [
                    .notice(.bad, visit.texts(.consoleRefreshRefused)),
                    .details(
                        visit.texts(.consoleDetails),
                        [error.message, error.errorCode, error.errorDescription].compactMap { $0 }),
                ]
            default: return visit.notices(about: error)
            }
        }
    }

    // MARK: - Deleting

    func consoleAskDelete(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleToken(visit) { [self] (token, app) throws(ConnError) in
            let texts = visit.texts
            let body: Texts.Name =
                app.shown.takesKey
                ? .consoleDeleteKeyBody : app.shown.canRevoke ? .consoleDeleteBody : .consoleDeleteHereBody
            let blocks: [Page.Block] = [
                .paragraph(texts(body, ["service": app.shown.name])),
                .facts([
                    (texts(.consoleSubject), token.subject(texts)),
                    (texts(.account), Page.Cell(token.shown.account ?? "–")),
                ]),
                form(
                    "/console/token/delete", token.parameters ?? [], visit, user, submit: .consoleDelete,
                    isDangerous: true,
                    cancel: token.url("/console/token", visit).map { Page.Link(text: texts(.disconnectKeep), url: $0) }),
            ]
            return .done(
                .page(
                    console(
                        .tokens, visit, title: texts(.consoleDeleteTokenTitle, ["service": app.shown.name]), blocks)))
        }
    }

    func consoleDelete(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleToken(visit) { [self] (token, app) throws(ConnError) in
            let fields = JSON.object(["tokenId": token.shown.id.map(JSON.string)])
            return try perform("delete", fields, for: visit).then { [self] (deletion) throws(ConnError) in
                let subject = token.parameters?.filter { $0.0 == "user" || $0.0 == "tenant" } ?? []
                let back = Page.Link(
                    text: visit.texts(.consoleTokens), url: visit.mount.url("/console/tokens", subject))
                return .done(
                    .page(
                        console(
                            .tokens, visit, title: visit.texts(.consoleDeleted),
                            visit.notices(ofDeletion: deletion, app.shown) + [.links([back])])))
            }
        }
    }

    /// Goes on with the token that the query names.
    private func withConsoleToken(
        _ visit: Visit, _ next: @escaping @Sendable (ConsoleToken, ConsoleApp) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        guard let appID = visit.query["app"], let id = visit.query["token"],
            let subject = Subject(
                userID: visit.query["user"].map { ID($0) }, tenantID: visit.query["tenant"].map { ID($0) })
        else { throw .invalid("token", "is not named by app, token, and user or tenant") }
        return try consoleApp(appID, visit).then { [self] (app) throws(ConnError) in
            try find(ID(id), of: subject, at: app, after: nil, visit).then { [self] (token) throws(ConnError) in
                guard let token else {
                    return .done(
                        .page(
                            console(
                                .tokens, visit, title: visit.texts(.goneTitle),
                                [.notice(.warning, visit.texts(.consoleNotFound))], status: 404)))
                }
                return try next(token, app)
            }
        }
    }

    private func find(
        _ id: ID, of subject: Subject, at app: ConsoleApp, after: String?, _ visit: Visit
    ) throws(ConnError) -> Step<ConsoleToken?> {
        let fields = JSON.object([
            "appId": .string(app.shown.id), "limit": kind == .cloud ? nil : .integer(1000),
            "after": after.map(JSON.string),
        ])
        subject.set(in: fields)
        return try perform("list", fields, for: visit).then { [self] (answer) throws(ConnError) in
            let tokens = (answer["tokens"]?.elements ?? []).lazy.compactMap(ConsoleToken.init)
            if let found = tokens.first(where: { $0.shown.id.map { ID($0) } == id && $0.shown.subject == subject }) {
                return .done(found)
            }
            guard let next = answer["next"]?.string else { return .done(nil) }
            return try find(id, of: subject, at: app, after: next, visit)
        }
    }
}

extension Visit {
    /// What an administrator is told of a deletion: what became of the tokens at their provider.
    /// - Parameter deletion: a `Deletion`.
    func notices(ofDeletion deletion: JSON, _ app: ShownApp) -> [Page.Block] {
        let outcomes: [(member: String, tone: Page.Tone, text: Texts.Name)] = [
            ("revoked", .good, .consoleRevoked), ("pending", .warning, .consolePending),
            ("unsupported", .warning, .consoleUnsupported),
        ]
        let told = outcomes.compactMap { outcome -> Page.Block? in
            let count = deletion["revocations"]?[outcome.member]?.integer ?? 0
            return count > 0
                ? .notice(outcome.tone, texts(outcome.text, ["service": app.name, "count": String(count)])) : nil
        }
        return told.isEmpty ? [.notice(.good, texts(.consoleDeletedHere))] : told
    }
}
