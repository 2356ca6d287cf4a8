internal import Connections
internal import JSON
internal import Runtime

/// A key that a user is asked for.
struct KeyWish: Sendable {
    let app: ShownApp
    let subject: Subject
    let origin: Origin

    /// What has led the user to the form.
    enum Origin: Sendable {
        /// A page of these, by the connection's id.
        case app
        /// A connect URL.
        case ticket(String)
        case flow(FlowTask)
    }

    init(_ app: ShownApp, _ subject: Subject, _ origin: Origin) {
        self.app = app
        self.subject = subject
        self.origin = origin
    }
}

extension PagesBackend {
    /// The form for a service's API key. A key that is there is not shown.
    func keyForm(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withWish(visit, user) { [self] (wish) throws(ConnError) in .done(.page(keyForm(visit, user, wish))) }
    }

    func storeKey(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withWish(visit, user) { [self] (wish) throws(ConnError) in try storeKey(visit, user, wish) }
    }

    /// Takes what the form of a wish has brought.
    func storeKey(_ visit: Visit, _ user: Visit.User, _ wish: KeyWish) throws(ConnError) -> Step<Answer> {
        let given = wish.app.inputs.map { ($0, visit.body?.first(ID($0.inputName)).flatMap(Self.trimmed)) }
        if let missing = given.first(where: { !$0.0.isOptional && $0.1 == nil }) {
            return .done(.page(keyForm(visit, user, wish, Problem(field: missing.0.field, text: .keyMissing))))
        }
        return try Step.attempt({ () throws(ConnError) in try store(given, wish, visit, user) }) {
            [self] (result) throws(ConnError) in
            guard case .failure(let error) = result, let field = error.field.map({ ID($0) }),
                wish.app.inputs.contains(where: { $0.field == field })
            else { return .done(try result.get()) }
            let problem = Problem(field: field, text: Self.problems[error.code] ?? .keyWrong, code: error.code)
            return .done(.page(keyForm(visit, user, wish, problem)))
        }
    }

    /// Why a key was not kept.
    struct Problem: Sendable {
        /// Where what is wrong was entered.
        let field: ID
        let text: Texts.Name
        var code = ErrorCode.invalidRequest

        /// What the user entered is not to blame.
        var isElsewhere: Bool { code != .invalidRequest && code != .providerError }
    }

    private static let problems: [ErrorCode: Texts.Name] = [
        .providerError: .keyRefused, .unavailable: .keyUnchecked, .rateLimited: .keyUnchecked,
        .misconfigured: .errorSetting,
    ]

    private func store(
        _ given: [(ShownCredential, String?)], _ wish: KeyWish, _ visit: Visit, _ user: Visit.User
    ) throws(ConnError) -> Step<Answer> {
        let fields = JSON.object()
        let others = JSON.object()
        for case let (credential, value?) in given {
            if credential.name == CredentialName.key {
                fields.set(CredentialName.key.text, .string(value))
            } else {
                others.set(credential.name.text, .string(value))
            }
        }
        if !others.members.isEmpty { fields.set("credentials", others) }
        if case .ticket(let ticket) = wish.origin {
            fields.set("ticket", .string(ticket))
            fields.set("openedBy", user.opener)
            return try perform("complete", fields, for: visit).then { (completion) throws(ConnError) in
                .done(visit.completed(completion, wish.app))
            }
        }
        fields.set("appId", .string(wish.app.id))
        wish.subject.set(in: fields)
        return try perform("store_api_key", fields, for: visit).then { (_) throws(ConnError) in
            guard case .flow(let task) = wish.origin else {
                return .done(.seeOther(visit.url("/connected", [("app", wish.app.id.text)])))
            }
            return .done(visit.afterForm(task))
        }
    }

    private func withWish(
        _ visit: Visit, _ user: Visit.User,
        _ next: @escaping @Sendable (KeyWish) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        if let ticket = visit.query["ticket"] {
            return try opened(ticket, visit, user).then { (opened) throws(ConnError) in
                guard opened.url == nil else { return .done(.seeOther(visit.url("/connect", [("ticket", ticket)]))) }
                return try next(KeyWish(opened.app, opened.subject, .ticket(ticket)))
            }
        }
        guard let id = visit.query["app"] else { throw .invalid("app", "is missing") }
        let subject = try visit.subject(of: user)
        return try app(id, visit).then { (app) throws(ConnError) in
            guard app.takesKey else { return .done(.seeOther(visit.url("/connect", [("app", id)]))) }
            return try next(KeyWish(app, subject, .app))
        }
    }

    /// What people copy with a key is no part of it.
    private static func trimmed(_ text: String) -> String? {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\n" || $0 == "\r\n" || $0 == "\t" }
        var text = text.drop(while: isSpace)
        while text.last.map(isSpace) == true { text.removeLast() }
        return text.isEmpty ? nil : String(text)
    }

    func keyForm(_ visit: Visit, _ user: Visit.User, _ wish: KeyWish, _ problem: Problem? = nil) -> Page {
        let texts = visit.texts
        let tenant = wish.subject.tenantID.map(visit.name(of:))
        var page = Page(
            title: tenant.map { texts(.keyTitleOfTenant, ["tenant": $0, "service": wish.app.name]) }
                ?? texts(.keyTitle, ["service": wish.app.name]), blocks: [])
        page.logo = wish.app.logo
        if let problem { page.status = problem.isElsewhere ? 503 : 422 }
        if case .ticket = wish.origin, let product = visit.product {
            page.blocks.append(
                .paragraph(texts(.connectAsks, ["product": product, "service": wish.app.name])))
        }
        if let tenant { page.blocks.append(.paragraph(texts(.keyForTenant, ["tenant": tenant]))) }
        let action: String
        switch wish.origin {
        case .app: action = visit.url("/key", [("app", wish.app.id.text)])
        case .ticket(let ticket): action = visit.url("/key", [("ticket", ticket)])
        // The form is for the tenant that the page named, whoever the user acts for by then.
        case .flow(let task):
            action = task.place.url(visit, choice: task.place.choice, tenant: task.subject.tenantID)
        }
        let path: ID = if case .flow = wish.origin { "/flow" } else { "/key" }
        page.blocks.append(
            .form(
                Page.Form(
                    action: action, token: seal.token(user: user.id, action: path, now: clock.seconds),
                    fields: wish.app.inputs.map { input($0, wish.app, visit, problem) },
                    submit: texts(.keySave), cancel: Page.Link(text: texts(.back), url: visit.url("/")))))
        if case .flow(let task) = wish.origin { return visit.step(of: task, page) }
        return page
    }

    /// A field of the form. What is no secret need not be typed again after a mistake.
    private func input(
        _ credential: ShownCredential, _ app: ShownApp, _ visit: Visit, _ problem: Problem?
    ) -> Page.Input {
        let texts = visit.texts
        let isKey = credential.name == CredentialName.key
        var input = Page.Input(
            name: credential.inputName, label: credential.label ?? (isKey ? texts(.keyLabel) : credential.name.text),
            kind: credential.isSecret ? .secret : .text)
        if !credential.isSecret, !isKey { input.value = visit.body?.first(ID(input.name)) }
        input.isRequired = !credential.isOptional
        input.hint = credential.hint ?? (isKey ? texts(.keyHint) : nil)
        input.help = credential.helpURL.map { Page.Link(text: texts(.keyHelp, ["service": app.name]), url: $0) }
        if let problem, problem.field == credential.field {
            input.problem = texts(problem.text, ["service": app.name])
        }
        return input
    }
}
