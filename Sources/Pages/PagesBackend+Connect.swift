internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

extension PagesBackend {
    /// Where connect URLs lead (`connectPageUrl`), by their ticket; or a connect that begins here, by the connection's id.
    ///
    /// The way on is a link, and not a form's answer: under `form-action`, browsers do not let a form end at another site.
    func connect(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        if let ticket = visit.query["ticket"] { return try open(ticket, visit, user) }
        guard let id = visit.query["app"] else { throw .invalid("app", "is missing") }
        let subject = try visit.subject(of: user)
        return try app(id, visit).then { [self] (app) throws(ConnError) in
            if app.takesKey { return .done(.seeOther(visit.url("/key", [("app", id)]))) }
            return try consent(
                visit, user, app, subject, scopes: visit.query["scopes"].flatMap(Visit.scopes),
                redirectURL: visit.url("/connected", [("app", id)])
            ).then { (page) throws(ConnError) in .done(.page(page)) }
        }
    }

    /// Begins a connect, and says what will be asked for.
    /// - Parameters:
    ///   - scopes: nil: the connection's own.
    ///   - redirectURL: where it ends.
    func consent(
        _ visit: Visit, _ user: Visit.User, _ app: ShownApp, _ subject: Subject, scopes: [String]?, redirectURL: String
    ) throws(ConnError) -> Step<Page> {
        let options = JSON.object(["redirectUrl": .string(redirectURL), "scopes": scopes.map(JSON.strings)])
        let fields = JSON.object(["appId": .string(app.id), "options": options])
        subject.set(in: fields)
        return try perform("connect", fields, for: visit).then { [self] (made) throws(ConnError) in
            let url = made["url"]?.string ?? ""
            let ours = visit.mount.url("/connect") + "?ticket="
            guard url.utf8.starts(with: ours.utf8) else {
                return try consent(visit, app, subject: subject, scopes: scopes ?? app.defaultScopes, url: url)
            }
            return try opened(String(url.dropFirst(ours.count)), of: app, visit, user).then {
                [self] (opened) throws(ConnError) in
                try consent(
                    visit, opened.app, subject: opened.subject, scopes: opened.scopes, url: opened.url ?? "")
            }
        }
    }

    private func consent(
        _ visit: Visit, _ app: ShownApp, subject: Subject, scopes: [String], url: String
    ) throws(ConnError) -> Step<Page> {
        try withScopeWords(app, visit).then { (app) throws(ConnError) in
            .done(visit.consent(app, subject: subject, scopes: scopes, url: url))
        }
    }

    private func open(_ ticket: String, _ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try opened(ticket, visit, user).then { [self] (opened) throws(ConnError) in
            guard let url = opened.url else {
                return .done(.page(keyForm(visit, user, KeyWish(opened.app, opened.subject, .ticket(ticket)))))
            }
            return try consent(visit, opened.app, subject: opened.subject, scopes: opened.scopes, url: url).then {
                (page) throws(ConnError) in .done(.page(page))
            }
        }
    }

    /// What a ticket is for.
    /// - Parameter known: its connection, where that is at hand.
    func opened(
        _ ticket: String, of known: ShownApp? = nil, _ visit: Visit, _ user: Visit.User
    ) throws(ConnError) -> Step<OpenedTicket> {
        let fields = JSON.object(["ticket": .string(ticket), "openedBy": user.opener])
        return try perform("open", fields, for: visit).then { [self] (opened) throws(ConnError) in
            let id = opened["appId"]?.id ?? ""
            let loaded = if let known, known.id == id { Step.done(known) } else { try app(id.text, visit) }
            return try loaded.then { (app) throws(ConnError) in
                .done(
                    OpenedTicket(
                        app: app,
                        subject: Subject(userID: opened["userId"]?.id, tenantID: opened["tenantId"]?.id)
                            ?? .user(user.id),
                        scopes: opened["scopes"]?.strings ?? [], url: opened["url"]?.string))
            }
        }
    }

    /// Where OAuth providers send the browser.
    func callback(_ visit: Visit) throws(ConnError) -> Step<Answer> {
        let fields = CallbackParameter.fields(of: visit.query)
        if let user = visit.user { fields.set("openedBy", user.opener) }
        return try Step.attempt({ () throws(ConnError) in try perform("complete", fields, for: visit) }) {
            [self] (result) throws(ConnError) in
            switch result {
            case .success(let completion):
                return try shown(completion["appId"]?.id, visit).then { [self] (app) throws(ConnError) in
                    guard let app else { return .done(visit.completed(completion, nil)) }
                    return try withScopeWords(app, visit).then { (app) throws(ConnError) in
                        .done(visit.completed(completion, app))
                    }
                }
            case .failure(let error):
                if visit.user == nil, error.field.map({ ID($0) }) == "openedBy" { return .done(visit.signIn) }
                guard ![.timeout, .cancelled].contains(error.code) else { throw error }
                return try shown(error.appID, visit).then { (app) throws(ConnError) in
                    .done(.page(visit.page(about: error, app)))
                }
            }
        }
    }

    /// A connection as people see it; nil when it is not known or gone.
    func shown(_ id: ID?, _ visit: Visit) throws(ConnError) -> Step<ShownApp?> {
        guard let id else { return .done(nil) }
        return try Step.attempt({ () throws(ConnError) in try app(id.text, visit) }) { (result) throws(ConnError) in
            .done((try? result.get()) ?? ShownApp(id: id))
        }
    }

    /// Where connects end: whether the connection is there by now, or, where none is named, that all is done.
    func connected(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["app"] else {
            return .done(
                .page(
                    Page(
                        title: visit.texts(.doneTitle),
                        blocks: [.paragraph(visit.texts(.connectedClose))] + visit.wayHome)))
        }
        let subject = try visit.subject(of: user)
        return try app(id, visit).then { [self] (app) throws(ConnError) in
            try tokens(of: subject, at: app.id, visit).then { (tokens) throws(ConnError) in
                let isConnected = tokens.contains { $0.isOf(subject) && $0.status != .needsReauthorization }
                var page = Page(
                    title: visit.texts(isConnected ? .connectedTitle : .notConnectedTitle, ["service": app.name]),
                    blocks: isConnected ? [.paragraph(visit.texts(.connectedClose))] : [])
                page.ending = Page.Ending(isConnected: isConnected, appID: app.id.text)
                page.blocks += visit.wayHome
                return .done(.page(page))
            }
        }
    }
}

/// What a connect URL asks for.
struct OpenedTicket: Sendable {
    let app: ShownApp
    let subject: Subject
    let scopes: [String]
    /// The provider's; nil where a key is asked for.
    let url: String?
}

/// The callback's parameters that have a field of their own in `complete`.
private enum CallbackParameter {
    private static let fields: [ID: StaticString] = [
        "state": "state", "code": "code", "error": "error", "error_description": "errorDescription", "iss": "iss",
    ]

    static func fields(of query: Parameters) -> JSON {
        let fields = JSON.object()
        let others = JSON.object()
        for name in query.names {
            guard let value = query.foreign(name) else { continue }
            if let field = Self.fields[name] {
                fields.set(field.description, value)
            } else {
                others.set(name.text, value)
            }
        }
        fields.set("parameters", others)
        return fields
    }
}

extension Visit.User {
    /// For `openedBy`.
    var opener: JSON {
        .object(["userId": .string(id), "tenants": .strings(tenants.map(\.id.text))])
    }
}

extension Subject {
    /// Sets the members `userId` and `tenantId`.
    func set(in object: JSON) {
        if let userID { object.set("userId", .string(userID)) }
        if let tenantID { object.set("tenantId", .string(tenantID)) }
    }
}

extension Visit {
    /// Says what will be asked for, by whom and for whom, and leads on to the provider.
    fileprivate func consent(_ app: ShownApp, subject: Subject, scopes: [String], url: String) -> Page {
        let asks =
            product.map { texts(.connectAsks, ["product": $0, "service": app.name]) }
            ?? texts(.connectIsAsked, ["service": app.name])
        var page = Page(title: texts(.connectTitle, ["service": app.name]), blocks: [.paragraph(asks)])
        page.logo = app.logo
        if let tenant = subject.tenantID {
            page.blocks.append(.paragraph(texts(.connectForTenant, ["tenant": name(of: tenant)])))
        }
        if !scopes.isEmpty { page.blocks.append(.scopes(texts(.connectScopes), described(scopes, app))) }
        page.blocks += [
            .links([Page.Link(text: texts(.connectContinue, ["service": app.name]), url: url, style: .main)]),
            .paragraph(texts(.connectThere, ["service": app.name])), .paragraph(texts(.connectUnasked)),
        ]
        return page
    }

    /// Goes on to a URL, which is the host's. From a form to another origin a browser does not go by itself, because of
    /// `form-action`: there the user follows a link.
    func leave(for url: String, after app: ShownApp?) -> Answer {
        guard method == "POST", URL(url)?.webOrigin != mount.origin else { return .seeOther(url) }
        let link = Page.Link(text: texts(.connectedContinue), url: url, style: .main)
        return .page(
            Page(
                title: texts(.connectedTitle, ["service": app?.name ?? texts(.errorService)]),
                blocks: [.links([link])]))
    }

    private func described(_ scopes: [String], _ app: ShownApp?) -> [(name: String, description: String?)] {
        scopes.map { ($0, app?.description(of: $0, texts)) }
    }

    /// - Parameter completion: a `CompleteAnswer`.
    func completed(_ completion: JSON, _ app: ShownApp?) -> Answer {
        let service = app?.name ?? texts(.errorService)
        if let code = completion["code"]?.string {
            let minutes = String(max(1, (completion["expiresIn"]?.integer ?? 0) / 60))
            return .page(
                Page(
                    title: texts(.codeTitle, ["service": service]),
                    blocks: [
                        .paragraph(texts(.codeType)), .code(code),
                        .paragraph(texts(.codeMinutes, ["minutes": minutes])),
                    ]))
        }
        let next = completion["redirectUrl"]?.string
        let missing = completion["missingScopes"]?.strings ?? []
        if missing.isEmpty, let next { return leave(for: next, after: app) }
        var page: Page
        if missing.isEmpty {
            page = Page(
                title: texts(.connectedTitle, ["service": service]), blocks: [.paragraph(texts(.connectedClose))])
        } else {
            page = Page(
                title: texts(.narrowTitle, ["service": service]),
                blocks: [.scopes(texts(.narrowScopes), described(missing, app))])
        }
        if let next {
            page.blocks.append(.links([Page.Link(text: texts(.connectedContinue), url: next, style: .main)]))
        }
        if next.map(mount.isInFlow) != true { page.ending = Page.Ending(isConnected: true, appID: app?.id.text) }
        return .page(page)
    }
}
