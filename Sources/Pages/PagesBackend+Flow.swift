internal import Connections
internal import JSON
internal import Runtime

/// A connection that a flow has come to.
struct FlowTask: Sendable {
    let place: FlowPlace
    let action: ShownFlow.Action
    let app: ShownApp
    let subject: Subject
    /// Whether the subject has what the action is to bring.
    var isDone = false

    /// Whether a link has put the connection in the place of the action's: what the action says is not about it.
    var isAsked: Bool {
        app.id != action.appID && !action.buttons.contains { $0.appID == app.id }
    }
}

extension PagesBackend {
    /// A step of a flow: its buttons, or the connection that it has or that was chosen.
    func flow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withPlace(visit) { [self] (place) throws(ConnError) in
            guard let action = place.action else { return .done(visit.end(of: place)) }
            guard let subject = try visit.subject(of: action, user) else {
                return .done(.page(visit.tenants(of: user, place)))
            }
            return try Step.attempt({ () throws(ConnError) in
                try chosenApp(at: place, action, visit).then { [self] (app) throws(ConnError) in
                    guard let app else { return try buttons(at: place, action, subject, visit) }
                    return try show(FlowTask(place: place, action: action, app: app, subject: subject), visit, user)
                }
            }) { (result) throws(ConnError) in
                guard case .failure(let error) = result, action.isOptional,
                    error.reason == .app || error.code == .misconfigured
                else { return .done(try result.get()) }
                return .done(.page(visit.step(of: place, action, visit.page(about: error))))
            }
        }
    }

    /// Takes the form of a step that asks for a key.
    func storeKeyInFlow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withPlace(visit) { [self] (place) throws(ConnError) in
            guard let action = place.action, action.takesKey, let subject = try visit.subject(of: action, user) else {
                throw .invalid("step", "asks for no key")
            }
            return try chosenApp(at: place, action, visit).then { [self] (app) throws(ConnError) in
                guard let app else { throw .invalid("choice", "is missing") }
                let task = FlowTask(place: place, action: action, app: app, subject: subject)
                return try storeKey(visit, user, KeyWish(app, subject, .flow(task)))
            }
        }
    }

    private func withPlace(
        _ visit: Visit, _ next: @escaping @Sendable (FlowPlace) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["id"] else { throw .invalid("id", "is missing") }
        return try perform("flows.load", .object(["id": .string(id)]), for: visit).then { (answer) throws(ConnError) in
            guard let flow = answer["flow"].flatMap(ShownFlow.init) else {
                throw ConnError(.internal, "a flow has no actions")
            }
            return try next(FlowPlace(flow, visit.query))
        }
    }

    /// The connection that the link asks for, the action's own, or that of the button which was chosen; nil if none was.
    private func chosenApp(
        at place: FlowPlace, _ action: ShownFlow.Action, _ visit: Visit
    ) throws(ConnError) -> Step<ShownApp?> {
        if place.isForLink, let asked = place.askedApp {
            return try app(asked.text, visit).then { [self] (app) throws(ConnError) in
                if app.takesKey == action.takesKey { return .done(app) }
                guard place.flow.index(ofActionTakingKey: app.takesKey) != nil else {
                    throw .invalid("app", "is a connection of another type than the flow's")
                }
                // The link's is for a later action, or was for an earlier one.
                return try ownApp(at: place, action, visit)
            }
        }
        return try ownApp(at: place, action, visit)
    }

    private func ownApp(
        at place: FlowPlace, _ action: ShownFlow.Action, _ visit: Visit
    ) throws(ConnError) -> Step<ShownApp?> {
        guard let id = action.appID ?? place.choice else { return .done(nil) }
        guard id == action.appID || action.buttons.contains(where: { $0.appID == id }) else {
            throw .invalid("choice", "is none of the step's")
        }
        return try app(id.text, visit).then { (app) throws(ConnError) in
            guard app.takesKey == action.takesKey else {
                throw ConnError(.misconfigured, "\(id) is a connection of another type than the flow's action")
            }
            return .done(app)
        }
    }

    private func show(_ task: FlowTask, _ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        // Whoever comes back with less than was asked for has been told so, and has chosen to go on.
        let wanted = task.place.isBack ? [] : task.place.scopes
        return try hasToken(task.subject, task.app, scopes: wanted, visit).then { [self] (isDone) throws(ConnError) in
            if task.place.isBack, isDone { return .done(.seeOther(task.place.next(visit))) }
            var task = task
            task.isDone = isDone
            if task.app.takesKey {
                return .done(.page(keyForm(visit, user, KeyWish(task.app, task.subject, .flow(task)))))
            }
            let back = task.place.url(visit, choice: task.place.choice, isBack: true)
            return try consent(
                visit, user, task.app, task.subject, scopes: task.place.scopes, redirectURL: back
            ).then { [task] (page) throws(ConnError) in .done(.page(visit.step(of: task, page))) }
        }
    }

    /// Whether a fetch would find a token with these scopes, whatever the provider calls them.
    /// - Parameter scopes: nil: those that the connection asks for; none: any token.
    private func hasToken(
        _ subject: Subject, _ app: ShownApp, scopes: [String]?, _ visit: Visit
    ) throws(ConnError) -> Step<Bool> {
        let wanted = app.takesKey ? [] : scopes ?? app.defaultScopes
        let fields = JSON.object([
            "appId": .string(app.id), "scopes": wanted.isEmpty ? nil : .strings(wanted),
        ])
        subject.set(in: fields)
        return try Step.attempt({ () throws(ConnError) in try look(fields, for: visit) }) {
            (result) throws(ConnError) in
            switch result {
            case .success: .done(true)
            case .failure(let error):
                if error.code == .timeout || error.code == .cancelled { throw error } else { .done(false) }
            }
        }
    }

    /// The same of any of these connections.
    private func hasToken(
        _ subject: Subject, _ apps: ArraySlice<ShownApp>, scopes: [String]?, _ visit: Visit
    ) throws(ConnError) -> Step<Bool> {
        guard let app = apps.first else { return .done(false) }
        return try hasToken(subject, app, scopes: scopes, visit).then { [self] (isDone) throws(ConnError) in
            isDone ? .done(true) : try hasToken(subject, apps.dropFirst(), scopes: scopes, visit)
        }
    }

    private func buttons(
        at place: FlowPlace, _ action: ShownFlow.Action, _ subject: Subject, _ visit: Visit
    ) throws(ConnError) -> Step<Answer> {
        try apps(action.buttons.map(\.appID), visit).then { [self] (apps) throws(ConnError) in
            let fitting = apps.filter { $0.value.takesKey == action.takesKey }
            let shown = action.buttons.compactMap { button in fitting[button.appID].map { (button, $0) } }
            guard !shown.isEmpty else {
                throw ConnError(.misconfigured, "none of the connections of this step is there")
            }
            return try tokens(of: subject, at: nil, visit).then { [self] (tokens) throws(ConnError) in
                let connected = shown.map(\.1).filter { app in
                    tokens.contains { $0.isOf(subject) && $0.appID == app.id }
                }
                return try hasToken(subject, connected[...], scopes: place.scopes, visit).then {
                    (isDone) throws(ConnError) in
                    .done(.page(visit.choice(at: place, action, subject, shown, isDone: isDone)))
                }
            }
        }
    }
}

extension Visit {
    /// Whose connections an action is about; nil when the user has to say for which tenant.
    /// - Throws: `forbidden` when the user may act for no tenant, or not for the one that the URL names.
    fileprivate func subject(of action: ShownFlow.Action, _ user: User) throws(ConnError) -> Subject? {
        guard action.isOfTenant else { return .user(user.id) }
        if tenant != nil { return try subject(of: user) }
        guard let first = user.tenants.first else {
            throw ConnError(.forbidden, "the user may act for no tenant", field: "tenant")
        }
        return user.tenants.count == 1 ? .tenant(first.id) : nil
    }

    /// Where a step leads whose form was sent: to the next one, or to the flow's end.
    func afterForm(_ task: FlowTask) -> Answer {
        let place = task.place
        let end = place.redirectURL ?? place.flow.redirectURLs.first
        guard place.index + 1 == place.flow.actions.count, let end else { return .seeOther(place.next(self)) }
        return leave(for: end, after: task.app)
    }

    /// Where a flow ends.
    fileprivate func end(of place: FlowPlace) -> Answer {
        if let url = place.redirectURL ?? place.flow.redirectURLs.first { return .seeOther(url) }
        var page = Page(title: texts(.doneTitle), blocks: [.paragraph(texts(.connectedClose))] + wayHome)
        page.ending = Page.Ending(isConnected: true, appID: nil)
        return .page(page)
    }

    fileprivate func tenants(of user: User, _ place: FlowPlace) -> Page {
        let links = user.tenants.map { tenant in
            Page.Link(
                text: name(of: tenant.id), url: place.url(self, choice: place.choice, tenant: tenant.id))
        }
        return Page(title: texts(.flowTenant), blocks: count(of: place) + [.choices(links)])
    }

    fileprivate func choice(
        at place: FlowPlace, _ action: ShownFlow.Action, _ subject: Subject,
        _ shown: [(button: ShownFlow.Button, app: ShownApp)], isDone: Bool
    ) -> Page {
        var page = Page(title: action.title ?? texts(.flowChoose), blocks: [])
        if let tenant = subject.tenantID {
            page.blocks.append(.paragraph(texts(.connectForTenant, ["tenant": name(of: tenant)])))
        }
        page.blocks.append(
            .choices(
                shown.map { button, app in
                    Page.Link(
                        text: button.text ?? texts(.connectTitle, ["service": app.name]),
                        url: place.url(self, choice: app.id), style: button.style, logo: button.logo ?? app.logo)
                }))
        return step(of: place, action, page, notice: isDone ? texts(.flowDone) : nil, isDone: isDone)
    }

    /// A page of a connection, as a step of a flow.
    func step(of task: FlowTask, _ page: Page) -> Page {
        var page = page
        if let title = task.action.title, !task.isAsked {
            page.blocks.insert(.paragraph(page.title), at: 0)  // it names the service
            page.title = title
        }
        let notice: Texts.Name? = task.isDone ? .flowConnected : task.place.isBack ? .notConnectedTitle : nil
        return step(
            of: task.place, task.action, page, notice: notice.map { texts($0, ["service": task.app.name]) },
            isDone: task.isDone, isAsked: task.isAsked)
    }

    fileprivate func step(
        of place: FlowPlace, _ action: ShownFlow.Action, _ page: Page, notice: String? = nil, isDone: Bool = false,
        isAsked: Bool = false
    ) -> Page {
        var page = page
        var before = count(of: place)
        if let notice { before.append(.notice(isDone ? .good : .warning, notice)) }
        if let text = action.instructions ?? place.flow.instructions, !isAsked { before.append(.paragraph(text)) }
        page.blocks = before + page.blocks
        if isDone || action.isOptional {
            let way = texts(isDone ? .connectedContinue : .flowSkip)
            page.blocks.append(.links([Page.Link(text: way, url: place.next(self))]))
        }
        return page
    }

    private func count(of place: FlowPlace) -> [Page.Block] {
        let count = place.flow.actions.count
        guard count > 1 else { return [] }
        return [.quiet(texts(.flowStep, ["step": String(place.index + 1), "count": String(count)]))]
    }
}
