internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// A token of a subject's, as people see it.
struct ShownToken: Sendable {
    enum Status: String {
        case active, expiring
        case needsReauthorization = "needs_reauthorization"

        var words: (Page.Tone, Texts.Name) {
            switch self {
            case .active: (.good, .statusActive)
            case .expiring: (.warning, .statusExpiring)
            case .needsReauthorization: (.bad, .statusNeedsReauthorization)
            }
        }
    }

    /// Nil where the cloud does not say.
    let id: String?
    let appID: ID
    let subject: Subject?
    let status: Status
    let reason: ID?
    /// Whose account it is, as far as anybody knows.
    let account: String?
    let scopes: [String]
    /// What was asked for when it was granted, as far as anybody knows.
    let requestedScopes: [String]

    /// - Parameter json: a `TokenInfo`.
    init?(_ json: JSON) {
        guard let appID = json["appId"]?.id else { return nil }
        id = json["id"]?.string
        self.appID = appID
        subject = Subject(userID: json["userId"]?.id, tenantID: json["tenantId"]?.id)
        status = json["status"]?.string.flatMap(Status.init) ?? .active
        reason = json["reason"]?.id
        account = json["externalIdentifier"]?.string ?? json["tokenSub"]?.string
        scopes = json["scopes"]?.strings ?? []
        requestedScopes = json["requestedScopes"]?.strings ?? []
    }
}

extension ShownToken {
    static let reasons: [ID: Texts.Name] = [
        "no_refresh_token": .reasonNoRefreshToken, "expired": .reasonExpired, "refused": .reasonRefused,
        "uncertain": .reasonUncertain, "rejected": .reasonRejected, "moved": .reasonMoved,
    ]

    /// The cloud does not say whose it is, where it was asked for a subject.
    func isOf(_ other: Subject) -> Bool { subject == nil || subject == other }

    /// A user's page shows also what is the user's in a tenant; a tenant's page shows no user's.
    func isShown(to other: Subject) -> Bool {
        guard let subject, case .user(let user) = other else { return isOf(other) }
        return subject.userID == user
    }
}

extension PagesBackend {
    private static let pageSize = 50

    private var isPaged: Bool { kind != .cloud }

    /// What a user or a tenant has connected, and what else there is to connect.
    func home(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        let subject = try visit.subject(of: user)
        let fields = JSON.object(["limit": isPaged ? .integer(Self.pageSize) : nil])
        subject.set(in: fields)
        if let after = visit.query["after"] { fields.set("after", .string(after)) }
        return try offer(visit).then { [self] (offer) throws(ConnError) in
            try perform("list", fields, for: visit).then { [self] (answer) throws(ConnError) in
                let tokens = (answer["tokens"]?.elements ?? []).compactMap(ShownToken.init)
                    .filter { $0.isShown(to: subject) }
                let known = Dictionary(offer.apps.map { ($0.id, $0) }) { first, _ in first }
                let others = tokens.map(\.appID).filter { known[$0] == nil }
                return try apps(kind == .cloud ? [] : others, visit).then { [self] (others) throws(ConnError) in
                    let taken = Set(tokens.filter { $0.isOf(subject) }.map(\.appID))
                    let offered = offer.apps.filter { app in
                        !taken.contains(app.id) && !visit.exceptedApps.contains(app.id)
                            && (visit.offeredApps.map { $0.contains(app.id) } ?? true)
                            && (kind != .cloud || app.takesKey)  // others are connected at Descope's own pages
                    }
                    let all = known.merging(others) { first, _ in first }
                    return .done(
                        .page(
                            visit.home(
                                of: subject, user, tokens, all, (offered, offer.next), next: answer["next"]?.string)))
                }
            }
        }
    }

    /// The connections to offer, as many as a page has; those that the host names are few.
    private func offer(_ visit: Visit) throws(ConnError) -> Step<(apps: [ShownApp], next: String?)> {
        guard kind != .cloud, let named = visit.offeredApps else {
            return try apps(limit: Self.pageSize, after: visit.query[Visit.offerName], visit)
        }
        return try apps(named, visit).then { (apps) throws(ConnError) in .done((Array(apps.values), nil)) }
    }

    /// The subject's own, and those of the same user in tenants.
    /// - Parameter app: nil: at all connections, as far as one answer goes.
    func tokens(of subject: Subject, at app: ID?, _ visit: Visit) throws(ConnError) -> Step<[ShownToken]> {
        let fields = JSON.object(["appId": app.map(JSON.string), "limit": isPaged ? .integer(1000) : nil])
        subject.set(in: fields)
        return try perform("list", fields, for: visit).then { (answer) throws(ConnError) in
            .done((answer["tokens"]?.elements ?? []).compactMap(ShownToken.init).filter { $0.isShown(to: subject) })
        }
    }

    /// Asks once more, since a deletion cannot be undone.
    func askDisconnect(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withToken(visit, user) { [self] (token, app) throws(ConnError) in
            let texts = visit.texts
            var page = Page(
                title: texts(.disconnectTitle, ["service": app.name]),
                blocks: [.paragraph(texts(app.disconnectBody, ["service": app.name]))])
            if let account = token.account { page.blocks.append(.names(texts(.account), [account])) }
            page.logo = app.logo
            page.blocks.append(
                .form(
                    Page.Form(
                        action: visit.url("/disconnect", [("app", app.id.text), ("token", token.id ?? "")]),
                        token: seal.token(user: user.id, action: visit.path, now: clock.seconds),
                        submit: texts(.disconnect), isDangerous: true,
                        cancel: Page.Link(text: texts(.disconnectKeep), url: visit.url("/")))))
            return .done(.page(page))
        }
    }

    func disconnect(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withToken(visit, user) { [self] (token, app) throws(ConnError) in
            try perform("delete", .object(["tokenId": token.id.map(JSON.string)]), for: visit).then {
                (deletion) throws(ConnError) in
                let revocations = deletion["revocations"]
                let told: [(member: String, tone: Page.Tone, text: Texts.Name)] = [
                    ("revoked", .good, .revoked), ("pending", .warning, .revocationPending),
                    ("unsupported", .warning, .revocationUnsupported),
                ]
                let outcome = told.first { (revocations?[$0.member]?.integer ?? 0) > 0 }
                return .done(
                    .page(
                        Page(
                            title: visit.texts(.disconnectedTitle, ["service": app.name]),
                            blocks: [
                                .notice(
                                    outcome?.tone ?? .good,
                                    visit.texts(outcome?.text ?? .disconnectedGone, ["service": app.name]))
                            ] + visit.wayHome)))
            }
        }
    }

    /// Goes on with the token that the query names, if it is the subject's.
    private func withToken(
        _ visit: Visit, _ user: Visit.User,
        _ next: @escaping @Sendable (ShownToken, ShownApp) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        guard let appID = visit.query["app"], let tokenID = visit.query["token"] else {
            throw .invalid("token", "is missing")
        }
        let subject = try visit.subject(of: user)
        return try app(appID, visit).then { [self] (app) throws(ConnError) in
            try tokens(of: subject, at: app.id, visit).then { (tokens) throws(ConnError) in
                guard let token = tokens.first(where: { $0.id.map { ID($0) } == ID(tokenID) }) else {
                    return .done(
                        .page(
                            Page(
                                title: visit.texts(.goneTitle),
                                blocks: [.notice(.warning, visit.texts(.disconnectedGone))] + visit.wayHome)))
                }
                return try next(token, app)
            }
        }
    }
}

extension Visit {
    /// Where the connections that are offered go on.
    fileprivate static let offerName: StaticString = "offer"

    fileprivate func home(
        of subject: Subject, _ user: User, _ tokens: [ShownToken], _ apps: [ID: ShownApp],
        _ offer: (apps: [ShownApp], next: String?), next: String?
    ) -> Page {
        let connected = tokens.map { token in
            card(of: token, of: subject, at: apps[token.appID] ?? ShownApp(id: token.appID))
        }
        var page = Page(
            title: tenant.map { texts(.homeOfTenant, ["tenant": name(of: $0)]) } ?? texts(.home),
            blocks: [
                .section(
                    texts(.homeConnected),
                    connected.isEmpty ? [.paragraph(texts(.homeNone))] : connected.map(Page.Block.card))
            ])
        if let next { page.blocks.append(.links([Page.Link(text: texts(.more), url: url("/", [("after", next)]))])) }
        let sorted = offer.apps.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let more = offer.next.map { next in
            Page.Link(
                text: texts(.more), url: url("/", [(Self.offerName.description, next)]), about: texts(.homeOffered))
        }
        if !sorted.isEmpty || more != nil {
            page.blocks.append(
                .section(
                    texts(.homeOffered), sorted.map { .card(card(offering: $0)) } + (more.map { [.links([$0])] } ?? []))
            )
        }
        if tenant == nil, !user.tenants.isEmpty {
            let links = user.tenants.map { tenant in
                Page.Link(
                    text: name(of: tenant.id), url: mount.url("/", [("tenant", tenant.id.text)]))
            }
            page.blocks.append(.section(texts(.homeTenants), [.links(links)]))
        } else if tenant != nil {
            page.blocks.append(.links([Page.Link(text: texts(.home), url: mount.url("/"))]))
        }
        return page
    }

    private func card(offering app: ShownApp) -> Page.Card {
        var card = Page.Card(title: app.name, logo: app.logo)
        let way: (StaticString, Texts.Name) = app.takesKey ? ("/key", .enterKey) : ("/connect", .connect)
        card.links = [
            Page.Link(text: texts(way.1), url: url(way.0, [("app", app.id.text)]), about: app.name, style: .main)
        ]
        return card
    }

    private func card(of token: ShownToken, of subject: Subject, at app: ShownApp) -> Page.Card {
        let (tone, status) = token.status.words
        var card = Page.Card(title: app.name, logo: app.logo, tone: tone, status: texts(status))
        if let reason = token.reason, let text = ShownToken.reasons[reason] { card.note = texts(text) }
        if let account = token.account { card.facts.append((texts(.account), account)) }
        if !token.scopes.isEmpty { card.facts.append((texts(.permissions), token.scopes.joined(separator: ", "))) }
        if !token.isOf(subject), let tenant = token.subject?.tenantID {
            card.facts.append((texts(.tenant), name(of: tenant)))
        }
        guard let id = token.id else { return card }
        let way: (StaticString, Texts.Name) = app.takesKey ? ("/key", .replaceKey) : ("/connect", .reconnect)
        // What it was granted for is asked for again, and what the connection wants by now. Providers do not name all of it.
        var wanted = token.requestedScopes.isEmpty ? token.scopes : token.requestedScopes
        wanted += app.defaultScopes.filter { scope in !wanted.contains { ID($0) == ID(scope) } }
        let scopes = app.takesKey || wanted.isEmpty ? [] : [("scopes", wanted.joined(separator: " "))]
        // What is the user's in a tenant is connected where it was asked for.
        if token.isOf(subject) {
            card.links.append(
                Page.Link(
                    text: texts(way.1), url: url(way.0, [("app", app.id.text)] + scopes), about: app.name,
                    style: token.status == .needsReauthorization ? .main : .outline))
        }
        card.links.append(
            Page.Link(
                text: texts(.disconnect), url: url("/disconnect", [("app", app.id.text), ("token", id)]),
                about: app.name))
        return card
    }
}
