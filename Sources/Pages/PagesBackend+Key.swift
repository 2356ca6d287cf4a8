internal import Connections
internal import JSON
internal import Runtime

/// A key that a user is asked for.
struct KeyWish: Sendable {
    let app: ShownApp
    let subject: Subject
    /// Of the connect URL that asks for it; nil where the user came without one.
    let ticket: String?

    init(_ app: ShownApp, _ subject: Subject, ticket: String?) {
        self.app = app
        self.subject = subject
        self.ticket = ticket
    }
}

extension PagesBackend {
    /// The form for a service's API key. A key that is there is not shown.
    func keyForm(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withWish(visit, user) { [self] (wish) throws(ConnError) in
            .done(.page(keyForm(visit, user, wish, problem: nil)))
        }
    }

    func storeKey(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withWish(visit, user) { [self] (wish) throws(ConnError) in
            guard let key = visit.body?["key"].flatMap(Self.trimmed) else {
                return .done(.page(keyForm(visit, user, wish, problem: .keyMissing)))
            }
            return try Step.attempt({ () throws(ConnError) in try store(key, wish, visit, user) }) {
                [self] (result) throws(ConnError) in
                guard case .failure(let error) = result, error.field.map({ ID($0) }) == "apiKey" else {
                    return .done(try result.get())
                }
                return .done(.page(keyForm(visit, user, wish, problem: .keyWrong)))
            }
        }
    }

    private func store(
        _ key: String, _ wish: KeyWish, _ visit: Visit, _ user: Visit.User
    ) throws(ConnError) -> Step<Answer> {
        let fields = JSON.object(["apiKey": .string(key)])
        if let ticket = wish.ticket {
            fields.set("ticket", .string(ticket))
            fields.set("openedBy", user.opener)
            return try perform("complete", fields, for: visit).then { (completion) throws(ConnError) in
                .done(visit.completed(completion, wish.app))
            }
        }
        fields.set("appId", .string(wish.app.id))
        wish.subject.set(in: fields)
        return try perform("store_api_key", fields, for: visit).then { (_) throws(ConnError) in
            .done(.seeOther(visit.url("/connected", [("app", wish.app.id.text)])))
        }
    }

    private func withWish(
        _ visit: Visit, _ user: Visit.User,
        _ next: @escaping @Sendable (KeyWish) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        if let ticket = visit.query["ticket"] {
            return try opened(ticket, visit, user).then { (opened) throws(ConnError) in
                guard opened.url == nil else { return .done(.seeOther(visit.url("/connect", [("ticket", ticket)]))) }
                return try next(KeyWish(opened.app, opened.subject, ticket: ticket))
            }
        }
        guard let id = visit.query["app"] else { throw .invalid("app", "is missing") }
        let subject = try visit.subject(of: user)
        return try app(id, visit).then { (app) throws(ConnError) in
            guard app.takesKey else { return .done(.seeOther(visit.url("/connect", [("app", id)]))) }
            return try next(KeyWish(app, subject, ticket: nil))
        }
    }

    /// What people copy with a key is no part of it.
    private static func trimmed(_ text: String) -> String? {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\n" || $0 == "\r\n" || $0 == "\t" }
        var text = text.drop(while: isSpace)
        while text.last.map(isSpace) == true { text.removeLast() }
        return text.isEmpty ? nil : String(text)
    }

    func keyForm(_ visit: Visit, _ user: Visit.User, _ wish: KeyWish, problem: Texts.Name?) -> Page {
        let texts = visit.texts
        let tenant = wish.subject.tenantID.map(visit.name(of:))
        var page = Page(
            title: tenant.map { texts(.keyTitleOfTenant, ["tenant": $0, "service": wish.app.name]) }
                ?? texts(.keyTitle, ["service": wish.app.name]), blocks: [])
        page.logo = wish.app.logo
        if problem != nil { page.status = 422 }
        if wish.ticket != nil, let product = visit.product {
            page.blocks.append(
                .paragraph(texts(.connectAsks, ["product": product, "service": wish.app.name])))
        }
        if let tenant { page.blocks.append(.paragraph(texts(.keyForTenant, ["tenant": tenant]))) }
        let named = wish.ticket.map { ("ticket", $0) } ?? ("app", wish.app.id.text)
        page.blocks.append(
            .form(
                Page.Form(
                    action: visit.url("/key", [named]),
                    token: seal.token(user: user.id, action: "/key", now: clock.seconds),
                    fields: [
                        Page.Input(
                            name: "key", label: texts(.keyLabel), kind: .secret, hint: texts(.keyHint),
                            problem: problem.map { texts($0) })
                    ],
                    submit: texts(.keySave), cancel: Page.Link(text: texts(.back), url: visit.url("/")))))
        return page
    }
}
