internal import Connections
internal import JSON
internal import Runtime

extension PagesBackend {
    /// Lists the connections.
    func consoleApps(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try found(SearchText(visit.query["q"]), after: visit.query["after"], visit).then {
            [self] (found) throws(ConnError) in
            let texts = visit.texts
            let apps = found.apps.map { (app: $0, key: SearchText.folded($0.shown.name)) }
                .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            var blocks: [Page.Block] = [
                .links([
                    Page.Link(
                        text: texts(.consoleNewConnection), url: visit.mount.url("/console/connections/new"),
                        style: .main)
                ]), .filter(search("/console/connections", visit)),
            ]
            blocks += visit.notices(ofUnreadable: found.unreadable)
            let page = PageRange(count: apps.count, next: found.next, visit)
            if apps.isEmpty {
                blocks.append(.paragraph(texts(found.next == nil ? .consoleNoConnections : .consoleNoneOnThisPage)))
            } else {
                let rows = apps[page.range].map { row(of: $0.app, visit) }
                let columns: [Texts.Name] = [.consoleConnection, .consoleConnectionId, .consoleKind, .consoleTokens]
                blocks.append(
                    .table(
                        Page.Table(
                            caption: texts(.consoleConnections), columns: columns.map { texts($0) }, rows: Array(rows)))
                )
            }
            blocks += page.blocks("/console/connections", visit.query["q"].map { [("q", $0)] } ?? [], visit)
            return .done(.page(console(.connections, visit, title: texts(.consoleConnections), blocks)))
        }
    }

    private struct FoundApps: Sendable {
        /// A search goes through so many blocks of connections before it is answered.
        static let maxBlocks = 10

        var apps: [ConsoleApp] = []
        var unreadable: Int64 = 0
        var blocks = 0
        var next: String?
    }

    /// The connections of a block; where something is looked for, those that fit among so many that it takes a moment.
    private func found(
        _ wanted: SearchText, _ before: FoundApps = FoundApps(), after: String?, _ visit: Visit
    ) throws(ConnError) -> Step<FoundApps> {
        try listing("apps.list", limit: PageRange.blockSize, after: after, visit).then {
            [self] (answer) throws(ConnError) in
            var found = before
            found.apps += (answer["apps"]?.elements ?? []).compactMap(ConsoleApp.init)
                .filter { wanted.isIn($0.shown.name, $0.shown.id.text) }
            found.unreadable += answer["unreadable"]?.integer ?? 0
            found.blocks += 1
            found.next = answer["next"]?.string
            guard let next = found.next, !wanted.isEmpty, found.blocks < FoundApps.maxBlocks,
                found.apps.count < PageRange.blockSize
            else { return .done(found) }
            return try self.found(wanted, found, after: next, visit)
        }
    }

    private func row(of app: ConsoleApp, _ visit: Visit) -> [Page.Cell] {
        let id = app.shown.id
        return [
            Page.Cell(app.shown.name, url: visit.mount.url("/console/connection", [("id", id.text)])),
            Page.Cell(id.text, isCode: true),
            Page.Cell(
                visit.texts(app.shown.takesKey ? .keyLabel : .consoleOAuth), note: app.json["templateId"]?.string),
            Page.Cell(visit.texts(.consoleShowTokens), url: visit.mount.url("/console/tokens", [("app", id.text)])),
        ]
    }

    private func search(_ path: StaticString, _ visit: Visit) -> Page.Filter {
        Page.Filter(
            action: visit.mount.url(path),
            fields: [
                Page.Input(name: "q", label: visit.texts(.consoleSearch), value: visit.query["q"], isRequired: false)
            ], submit: visit.texts(.consoleFind))
    }

    // MARK: - A new one

    /// Offers the catalogue, or asks for what a provider of it needs.
    func consoleNewApp(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        guard visit.query["kind"] != nil || visit.query["template"] != nil else { return try catalogue(visit) }
        return try withNewApp(visit) { [self] (wish) throws(ConnError) in
            .done(.page(newApp(wish, visit, user, UnsavedApp(settings: wish.suggested))))
        }
    }

    private func catalogue(_ visit: Visit) throws(ConnError) -> Step<Answer> {
        let texts = visit.texts
        let path: StaticString = "/console/connections/new"
        let others = [("oauth", Texts.Name.consoleCustom), ("apikey", .consoleKeyConnection)].map { kind, text in
            Page.Link(text: texts(text), url: visit.mount.url(path, [("kind", kind)]))
        }
        let custom = Page.Block.section(
            texts(.consoleOtherServices), [.paragraph(texts(.consoleOtherBody)), .links(others)])
        guard kind != .cloud else {
            return .done(.page(console(.connections, visit, title: texts(.consoleNewConnection), [custom])))
        }
        return try perform("templates.list", .object(), for: visit).then { [self] (answer) throws(ConnError) in
            let wanted = SearchText(visit.query["q"])
            let found = (answer["templates"]?.elements ?? []).filter { template in
                wanted.isIn(template["name"]?.string ?? "", template["id"]?.string ?? "")
            }
            let page = PageRange(count: found.count, visit)
            var blocks: [Page.Block] = [.filter(search(path, visit))]
            if found.isEmpty {
                blocks.append(.paragraph(texts(.consoleNoTemplates)))
            } else {
                let rows = found[page.range].map { template in
                    [
                        Page.Cell(
                            template["name"]?.string ?? "",
                            url: visit.mount.url(path, [("template", template["id"]?.string ?? "")])),
                        Page.Cell(template["notes"]?.string ?? "–"),
                    ]
                }
                let columns: [Texts.Name] = [.consoleService, .consoleNotes]
                blocks.append(
                    .table(
                        Page.Table(
                            caption: texts(.consoleCatalogue), columns: columns.map { texts($0) }, rows: Array(rows))))
                blocks += page.blocks(path, visit.query["q"].map { [("q", $0)] } ?? [], visit)
            }
            return .done(
                .page(console(.connections, visit, title: texts(.consoleNewConnection), blocks + [custom])))
        }
    }

    func consoleCreateApp(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withNewApp(visit) { [self] (wish) throws(ConnError) in
            let body = visit.body ?? Parameters("")
            let typed = wish.form.typed(body, over: wish.given)
            if body.sent(ID(AppForm.addName.description)) != nil {
                let (settings, start) = wish.form.withRow(typed)
                return .done(.page(newApp(wish, visit, user, UnsavedApp(settings: settings, start: start))))
            }
            return try Step.attempt({ () throws(ConnError) in
                try perform("apps.create", wish.form.settled(typed), for: visit)
            }) { [self] (result) throws(ConnError) in
                switch result {
                case .success(let saved):
                    guard let app = saved["app"].flatMap(ConsoleApp.init) else {
                        throw ConnError(.internal, "apps.create answered no connection")
                    }
                    let notices = visit.notices(of: saved, .consoleCreated)
                    return .done(.page(consoleApp(app, visit, user, notices: notices)))
                case .failure(let error):
                    guard [.invalidRequest, .conflict].contains(error.code) else { throw error }
                    return .done(.page(newApp(wish, visit, user, UnsavedApp(settings: typed, problem: error))))
                }
            }
        }
    }

    /// A connection that is to be made: from which template or of which kind.
    private struct NewApp: Sendable {
        /// What the request to `apps.create` has besides what the form asks for.
        let given: JSON
        let form: AppForm
        let parameters: [(String, String)]
        let title: String
        var notes: String?
        /// Suggested as its id.
        var id: String?

        /// What stands in the form at first.
        var suggested: JSON { .object(["id": id.map(JSON.string)]) }
    }

    private func withNewApp(
        _ visit: Visit, _ next: @escaping @Sendable (NewApp) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        let texts = visit.texts
        guard let id = visit.query["template"] else {
            let takesKey = visit.query["kind"].map { ID($0) } == "apikey"
            return try next(
                NewApp(
                    given: .object(["appType": .string(takesKey ? "apikey" : "oauth")]),
                    form: takesKey
                        ? AppForm(AppSetting.ofKey, AppGroup.ofKey, for: "apps.create", kind)
                        : AppForm(AppSetting.ofCustom, for: "apps.create", kind),
                    parameters: [("kind", takesKey ? "apikey" : "oauth")],
                    title: texts(takesKey ? .consoleKeyConnection : .consoleCustom)))
        }
        return try perform("templates.load", .object(["id": .string(id)]), for: visit).then {
            [kind] (answer) throws(ConnError) in
            let template = answer["template"]
            return try next(
                NewApp(
                    given: .object(["templateId": .string(id)]),
                    form: AppForm(
                        AppSetting.ofTemplate,
                        hosts: (template?["hosts"]?.members ?? []).map { ($0.key, $0.value) }, for: "apps.create",
                        kind),
                    parameters: [("template", id)],
                    title: texts(.consoleNewOf, ["service": template?["name"]?.string ?? id]),
                    notes: template?["notes"]?.string, id: id))
        }
    }

    private func newApp(
        _ wish: NewApp, _ visit: Visit, _ user: Visit.User, _ unsaved: UnsavedApp
    ) -> Page {
        let texts = visit.texts
        let path: StaticString = "/console/connections/new"
        var blocks: [Page.Block] = []
        if let problem = unsaved.problem, !wish.form.shows(problem, of: unsaved.settings, texts) {
            blocks += visit.notices(about: problem)
        }
        if let notes = wish.notes { blocks.append(.paragraph(notes)) }
        if ID(wish.given["appType"]?.string ?? "") != "apikey" {
            blocks.append(.names(texts(.consoleRedirectNew), [visit.mount.url("/callback")]))
        }
        blocks.append(
            form(
                path, wish.parameters, visit, user, asking: wish.form, of: unsaved.settings, problem: unsaved.problem,
                start: unsaved.start, submit: .consoleCreate,
                cancel: Page.Link(text: texts(.consoleCancel), url: visit.mount.url(path))))
        return console(
            .connections, visit, title: wish.title, blocks, status: unsaved.problem == nil ? 200 : 422)
    }
}

extension Visit {
    /// What is said after a connection was saved.
    /// - Parameter saved: a `SavedApp`.
    func notices(of saved: JSON, _ done: Texts.Name) -> [Page.Block] {
        let warnings = (saved["warnings"]?.elements ?? []).compactMap { $0["message"]?.string }
        return [.notice(.good, texts(done))]
            + (warnings.isEmpty
                ? [] : [.notice(.warning, texts(.consoleWarnings))] + warnings.map(Page.Block.paragraph))
    }
}
