internal import Connections
internal import JSON
internal import Runtime

/// What is done to the keys that seal the vault: a row of the table, and a page that asks first.
struct KeyAction: Sendable {
    let path: StaticString
    let operation: String
    let name: Texts.Name
    /// What it does.
    let body: Texts.Name
    let done: Texts.Name
    /// Whether it is about one key.
    var isOfKey = false
    var isDangerous = false

    static let all = [
        KeyAction(
            path: "/console/keys/add", operation: "keys.add", name: .consoleKeyAdd, body: .consoleKeyAddBody,
            done: .consoleKeyAdded),
        KeyAction(
            path: "/console/keys/activate", operation: "keys.activate", name: .consoleKeyActivate,
            body: .consoleKeyActivateBody, done: .consoleKeyActivated, isOfKey: true),
        KeyAction(
            path: "/console/keys/reseal", operation: "keys.reseal", name: .consoleKeyReseal,
            body: .consoleKeyResealBody, done: .consoleKeyResealed),
        KeyAction(
            path: "/console/keys/drop", operation: "keys.drop", name: .consoleKeyDrop, body: .consoleKeyDropBody,
            done: .consoleKeyDropped, isOfKey: true, isDangerous: true),
    ]

    var route: Route {
        Route(
            path: ID(path.description),
            get: { (host, visit, user) throws(ConnError) in try host.ask(self, visit, user) },
            post: { (host, visit, user) throws(ConnError) in try host.perform(self, visit, user) }, section: .keys)
    }
}

extension PagesBackend {
    /// The keys that seal the vault.
    func consoleKeys(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try consoleKeys(visit, notices: [])
    }

    private func consoleKeys(_ visit: Visit, notices: [Page.Block]) throws(ConnError) -> Step<Answer> {
        let texts = visit.texts
        return try perform("keys.list", .object(), for: visit).then { [self] (answer) throws(ConnError) in
            let columns: [Texts.Name] =
                [.consoleKeyId, .consoleStatus, .consoleKeyAge, .consoleKeyRows]
                + KeyAction.all.filter(\.isOfKey).map(\.name)
            let rows = (answer["keys"]?.elements ?? []).map { key in
                let id = key["id"]?.string ?? ""
                let isActive = key["active"]?.boolean ?? false
                let isEmpty = key["rows"]?.integer == 0
                return [
                    Page.Cell(id, isCode: true),
                    Page.Cell(texts(isActive ? .consoleKeyActive : .consoleKeyOther), tone: isActive ? .good : nil),
                    cell(key["addedAt"]?.integer, visit), Page.Cell(String(key["rows"]?.integer ?? 0)),
                ]
                    + KeyAction.all.filter(\.isOfKey).map { action in
                        let isOffered = !isActive && (!action.isDangerous || isEmpty)
                        return isOffered
                            ? Page.Cell(texts(action.name), url: visit.mount.url(action.path, [("id", id)]))
                            : Page.Cell("–")
                    }
            }
            let links = KeyAction.all.filter { !$0.isOfKey }.map { action in
                Page.Link(text: texts(action.name), url: visit.mount.url(action.path))
            }
            return .done(
                .page(
                    console(
                        .keys, visit, title: texts(.consoleKeys),
                        notices + [
                            .paragraph(texts(.consoleKeysBody)),
                            .table(
                                Page.Table(
                                    caption: texts(.consoleKeys), columns: columns.map { texts($0) }, rows: rows)),
                            .links(links),
                            .facts([
                                (
                                    texts(.consoleMasterKey),
                                    Page.Cell(
                                        answer["masterKey"]?.string ?? "", note: texts(.consoleMasterKeyHint),
                                        isCode: true)
                                )
                            ]),
                        ])))
        }
    }

    fileprivate func ask(_ action: KeyAction, _ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        let texts = visit.texts
        let id = action.isOfKey ? visit.query["id"] : nil
        if action.isOfKey, id == nil { throw .invalid("id", "is missing") }
        return .done(
            .page(
                console(
                    .keys, visit, title: texts(action.name),
                    [.paragraph(texts(action.body))] + (id.map { [.names(texts(.consoleKeyId), [$0])] } ?? [])
                        + [
                            form(
                                action.path, id.map { [("id", $0)] } ?? [], visit, user, submit: action.name,
                                isDangerous: action.isDangerous,
                                cancel: Page.Link(text: texts(.consoleCancel), url: visit.mount.url("/console/keys")))
                        ])))
    }

    fileprivate func perform(
        _ action: KeyAction, _ visit: Visit, _ user: Visit.User
    ) throws(ConnError) -> Step<Answer> {
        let fields = JSON.object(["id": action.isOfKey ? visit.query["id"].map(JSON.string) : nil])
        return try perform(action.operation, fields, for: visit).then { [self] (answer) throws(ConnError) in
            var notices: [Page.Block] = [
                .notice(
                    .good,
                    visit.texts(
                        action.done,
                        ["id": answer["id"]?.string ?? "", "count": String(answer["resealed"]?.integer ?? 0)]))
            ]
            if let count = answer["unreadable"]?.integer, count > 0 {
                notices.append(.notice(.bad, visit.texts(.consoleKeyUnreadable, ["count": String(count)])))
            }
            return try consoleKeys(visit, notices: notices)
        }
    }
}
