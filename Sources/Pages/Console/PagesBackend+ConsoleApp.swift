internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

extension PagesBackend {
    /// One connection.
    func consoleApp(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleApp(visit) { [self] (app) throws(ConnError) in .done(.page(consoleApp(app, visit, user))) }
    }

    /// What was typed and not saved.
    struct UnsavedApp: Sendable {
        /// An `App` as it was typed.
        let settings: JSON
        /// Why it was not saved.
        var problem: ConnError?
        /// The name of the field where typing goes on.
        var start: String?
    }

    /// - Parameter unsaved: stands in the form in place of the settings.
    func consoleApp(
        _ app: ConsoleApp, _ visit: Visit, _ user: Visit.User, notices: [Page.Block] = [], unsaved: UnsavedApp? = nil
    ) -> Page {
        let texts = visit.texts
        let id = app.shown.id.text
        let link = visit.mount.url(app.shown.takesKey ? "/key" : "/connect", [("app", id)])
        var facts: [Page.Fact] = [
            (texts(.consoleConnectionId), Page.Cell(id, isCode: true)),
            (texts(.consoleKind), Page.Cell(texts(app.shown.takesKey ? .keyLabel : .consoleOAuth))),
        ]
        if let template = app.json["templateId"]?.string {
            facts.append((texts(.consoleTemplate), Page.Cell(template, isCode: true)))
        }
        if !app.shown.takesKey, kind != .cloud {
            let redirect = app.json["defaultRedirectUrl"]?.string ?? visit.mount.url("/callback")
            facts.append(
                (texts(.consoleRedirect), Page.Cell(redirect, note: texts(.consoleRedirectHint), isCode: true)))
        }
        if kind != .cloud || app.shown.takesKey {
            facts.append((texts(.consoleConnectLink), Page.Cell(link, isCode: true)))
        }
        facts.append(
            (
                texts(.consoleTokens),
                Page.Cell(texts(.consoleShowTokens), url: visit.mount.url("/console/tokens", [("app", id)]))
            ))
        var blocks = notices + [.facts(facts)]
        if app.shown.takesKey == false, kind != .cloud {
            blocks.append(
                .section(
                    texts(.consoleTest),
                    [
                        .paragraph(texts(.consoleTestBody)),
                        form("/console/connection/test", [("id", id)], visit, user, submit: .consoleTest),
                    ]))
        }
        blocks.append(
            .section(
                texts(.consoleSettings),
                [
                    .paragraph(texts(.consoleSettingsBody)),
                    form(
                        "/console/connection", [("id", id), ("version", app.version)], visit, user,
                        asking: form(of: app), of: unsaved?.settings ?? app.json, problem: unsaved?.problem,
                        start: unsaved?.start, submit: .consoleSave),
                ]))
        blocks.append(
            .section(
                texts(.consoleDeleteConnection),
                [
                    .links([
                        Page.Link(
                            text: texts(.consoleDelete),
                            url: visit.mount.url("/console/connection/delete", [("id", id)]))
                    ])
                ]))
        return console(
            .connections, visit, title: app.shown.name, blocks, status: unsaved?.problem == nil ? 200 : 422)
    }

    private func form(of app: ConsoleApp) -> AppForm {
        AppForm(
            AppSetting.edited(takesKey: app.shown.takesKey), app.shown.takesKey ? AppGroup.ofKey : [],
            hosts: (app.json["hosts"]?.members ?? []).map { ($0.key, .object()) }, for: "apps.update", kind)
    }

    /// A form about a connection.
    func form(
        _ path: StaticString, _ parameters: [(String, String)], _ visit: Visit, _ user: Visit.User,
        asking asked: AppForm, of settings: JSON, problem: ConnError?, start: String?, submit: Texts.Name,
        cancel: Page.Link? = nil
    ) -> Page.Block {
        let texts = visit.texts
        var form = Page.Form(
            action: visit.mount.url(path, parameters),
            token: seal.token(user: user.id, action: ID(path.description), now: clock.seconds),
            fields: asked.fields(texts, of: settings, problem: problem), submit: texts(submit), cancel: cancel)
        form.groups = asked.groups(texts, of: settings, problem: problem)
        form.start = start
        if asked.withRow(settings).start != nil { form.otherSubmit = (AppForm.addName, texts(.consoleAddCredential)) }
        return .form(form)
    }

    /// Writes the form's settings over those that are there: `apps.update` replaces all of them.
    func consoleUpdateApp(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleApp(visit) { [self] (app) throws(ConnError) in
            let body = visit.body ?? Parameters("")
            let form = form(of: app)
            let typed = form.typed(body, over: app.unchanged(kind))
            guard visit.query["version"].map({ ID($0) }) == ID(app.version) else {
                return .done(.page(changedMeanwhile(app, typed, visit, user)))
            }
            if body.sent(ID(AppForm.addName.description)) != nil {
                let (settings, start) = form.withRow(typed)
                let unsaved = UnsavedApp(settings: settings, start: start)
                return .done(.page(consoleApp(app, visit, user, unsaved: unsaved)))
            }
            return try Step.attempt({ () throws(ConnError) in
                try perform("apps.update", form.settled(typed), for: visit)
            }) { [self] (result) throws(ConnError) in
                switch result {
                case .success(let saved):
                    guard let app = saved["app"].flatMap(ConsoleApp.init) else {
                        throw ConnError(.internal, "apps.update answered no connection")
                    }
                    return .done(.page(consoleApp(app, visit, user, notices: visit.notices(of: saved, .consoleSaved))))
                case .failure(let error):
                    if error.isOfVersion {
                        return try withConsoleApp(visit) { [self] (app) throws(ConnError) in
                            .done(.page(changedMeanwhile(app, typed, visit, user)))
                        }
                    }
                    guard error.code == .invalidRequest else { throw error }
                    let notices = form.shows(error, of: typed, visit.texts) ? [] : visit.notices(about: error)
                    let unsaved = UnsavedApp(settings: typed, problem: error)
                    return .done(.page(consoleApp(app, visit, user, notices: notices, unsaved: unsaved)))
                }
            }
        }
    }

    /// Shows what was typed again, and where the connection as it is now differs from it.
    private func changedMeanwhile(_ app: ConsoleApp, _ typed: JSON, _ visit: Visit, _ user: Visit.User) -> Page {
        let texts = visit.texts
        var blocks: [Page.Block] = [.notice(.bad, texts(.consoleChangedMeanwhile))]
        let rows = form(of: app).differences(texts, typed, from: app.json).map { difference in
            [Page.Cell(difference.label), Page.Cell(difference.saved), Page.Cell(difference.typed)]
        }
        if rows.isEmpty {
            blocks.append(.paragraph(texts(.consoleNoDifference)))
        } else {
            let columns: [Texts.Name] = [.consoleSetting, .consoleSavedNow, .consoleTyped]
            let table = Page.Table(caption: texts(.consoleDifferences), columns: columns.map { texts($0) }, rows: rows)
            blocks.append(.table(table))
        }
        var page = consoleApp(app, visit, user, notices: blocks, unsaved: UnsavedApp(settings: typed))
        page.status = 409
        return page
    }

    // MARK: - Testing

    /// Begins a connect for the administrator, and goes as far as that is possible without a browser: what is missing, and
    /// a discovery that fails, are found on the way.
    func consoleTestApp(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleApp(visit) { [self] (app) throws(ConnError) in
            try Step.attempt({ () throws(ConnError) in try wayToProvider(of: app, visit, user) }) {
                [self] (result) throws(ConnError) in
                let notices: [Page.Block]
                switch result {
                case .success(let url): notices = visit.notices(ofWay: url)
                case .failure(let error):
                    if [.timeout, .cancelled].contains(error.code) { throw error }
                    notices = visit.notices(about: error)
                }
                return .done(.page(consoleApp(app, visit, user, notices: notices)))
            }
        }
    }

    private func wayToProvider(
        of app: ConsoleApp, _ visit: Visit, _ user: Visit.User
    ) throws(ConnError) -> Step<String> {
        let fields = JSON.object([
            "appId": .string(app.shown.id), "userId": .string(user.id),
            "options": .object(["redirectUrl": .string(visit.mount.url("/connected"))]),
        ])
        return try perform("connect", fields, for: visit).then { [self] (made) throws(ConnError) in
            let url = made["url"]?.string ?? ""
            guard let ticket = URL(url).flatMap({ Parameters($0.query ?? "")["ticket"] }) else { return .done(url) }
            let opening = JSON.object(["ticket": .string(ticket), "openedBy": .object(["userId": .string(user.id)])])
            return try perform("open", opening, for: visit).then { (opened) throws(ConnError) in
                .done(opened["url"]?.string ?? url)
            }
        }
    }

    // MARK: - Deleting

    func consoleAskDeleteApp(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleApp(visit) { [self] (app) throws(ConnError) in
            let id = app.shown.id.text
            let page: @Sendable (Int64?) -> Page = { [self] count in
                let texts = visit.texts
                let body =
                    count.map { texts(.consoleDeleteAppBody, ["count": String($0)]) } ?? texts(.consoleDeleteAppCloud)
                return console(
                    .connections, visit, title: texts(.consoleDeleteAppTitle, ["service": app.shown.name]),
                    [
                        .paragraph(body),
                        form(
                            "/console/connection/delete", [("id", id)], visit, user, submit: .consoleDelete,
                            isDangerous: true,
                            cancel: Page.Link(
                                text: texts(.disconnectKeep), url: visit.mount.url("/console/connection", [("id", id)]))
                        ),
                    ])
            }
            guard kind != .cloud else { return .done(.page(page(nil))) }
            let fields = JSON.object(["appId": .string(id), "limit": .integer(1), "count": .boolean(true)])
            return try perform("list", fields, for: visit).then { (answer) throws(ConnError) in
                .done(.page(page(answer["total"]?.integer ?? 0)))
            }
        }
    }

    func consoleDeleteApp(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withConsoleApp(visit) { [self] (app) throws(ConnError) in
            try perform("apps.delete", .object(["id": .string(app.shown.id)]), for: visit).then {
                [self] (deletion) throws(ConnError) in
                let back = Page.Link(
                    text: visit.texts(.consoleConnections), url: visit.mount.url("/console/connections"))
                return .done(
                    .page(
                        console(
                            .connections, visit, title: visit.texts(.consoleDeleted),
                            visit.notices(ofDeletion: deletion, app.shown) + [.links([back])])))
            }
        }
    }

    private func withConsoleApp(
        _ visit: Visit, _ next: @escaping @Sendable (ConsoleApp) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["id"] else { throw .invalid("id", "is missing") }
        return try consoleApp(id, visit).then(next)
    }
}

extension Visit {
    /// What a test has found: where users would be sent, and with what.
    fileprivate func notices(ofWay url: String) -> [Page.Block] {
        let parameters = Parameters(URL(url)?.query ?? "")
        var facts: [Page.Fact] = [(texts(.consoleLeadsTo), Page.Cell(URL(url)?.webOrigin ?? url, isCode: true))]
        for (label, value) in [
            (Texts.Name.consoleRedirect, parameters["redirect_uri"]), (.permissions, parameters["scope"]),
        ] {
            if let value { facts.append((texts(label), Page.Cell(value, isCode: true))) }
        }
        return [.notice(.good, texts(.consoleTestGood)), .facts(facts)]
    }
}
