internal import Connections
internal import JSON
internal import Runtime

extension PagesBackend {
    /// The form for a service's API key. A key that is there is not shown.
    func keyForm(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withKeyApp(visit, user) { [self] (app, _) throws(ConnError) in
            .done(.page(keyForm(visit, user, app, problem: nil)))
        }
    }

    func storeKey(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try withKeyApp(visit, user) { [self] (app, subject) throws(ConnError) in
            guard let key = visit.body?["key"].flatMap(Self.trimmed) else {
                return .done(.page(keyForm(visit, user, app, problem: .keyMissing)))
            }
            let fields = subject.fields
            fields.set("appId", .string(app.id))
            fields.set("apiKey", .string(key))
            return try Step.attempt({ () throws(ConnError) in try perform("store_api_key", fields, for: visit) }) {
                [self] (result) throws(ConnError) in
                if case .failure(let error) = result {
                    guard error.field.map({ ID($0) }) == "apiKey" else { throw error }
                    return .done(.page(keyForm(visit, user, app, problem: .keyWrong)))
                }
                return .done(.seeOther(visit.url("/connected", [("app", app.id.text)])))
            }
        }
    }

    private func withKeyApp(
        _ visit: Visit, _ user: Visit.User,
        _ next: @escaping @Sendable (ShownApp, Subject) throws(ConnError) -> Step<Answer>
    ) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["app"] else { throw .invalid("app", "is missing") }
        let subject = try visit.subject(of: user)
        return try app(id, visit).then { (app) throws(ConnError) in
            guard app.takesKey else { return .done(.seeOther(visit.url("/connect", [("app", id)]))) }
            return try next(app, subject)
        }
    }

    /// What people copy with a key is no part of it.
    private static func trimmed(_ text: String) -> String? {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\n" || $0 == "\r\n" || $0 == "\t" }
        var text = text.drop(while: isSpace)
        while text.last.map(isSpace) == true { text.removeLast() }
        return text.isEmpty ? nil : String(text)
    }

    private func keyForm(_ visit: Visit, _ user: Visit.User, _ app: ShownApp, problem: Texts.Name?) -> Page {
        let texts = visit.texts
        var page = Page(title: texts(.keyTitle, ["service": app.name]), blocks: [])
        page.logo = app.logo
        if problem != nil { page.status = 422 }
        if let tenant = visit.tenant {
            page.blocks.append(.paragraph(texts(.connectForTenant, ["tenant": visit.name(of: tenant)])))
        }
        page.blocks.append(
            .form(
                Page.Form(
                    action: visit.url("/key", [("app", app.id.text)]),
                    token: seal.token(user: user.id, action: visit.path, now: clock.seconds),
                    fields: [
                        Page.Input(
                            name: "key", label: texts(.keyLabel), hint: texts(.keyHint),
                            problem: problem.map { texts($0) })
                    ],
                    submit: texts(.keySave), cancel: Page.Link(text: texts(.back), url: visit.url("/")))))
        return page
    }
}
