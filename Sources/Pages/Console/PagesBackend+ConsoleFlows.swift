internal import Connections
internal import JSON
internal import Runtime

extension PagesBackend {
    /// Lists the flows.
    func consoleFlows(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try consoleFlows(visit, notices: [])
    }

    private func consoleFlows(_ visit: Visit, notices: [Page.Block]) throws(ConnError) -> Step<Answer> {
        try listing("flows.list", limit: PageRange.blockSize, after: visit.query["after"], visit).then {
            [self] (answer) throws(ConnError) in
            let texts = visit.texts
            let flows = answer["flows"]?.elements ?? []
            let page = PageRange(count: flows.count, next: answer["next"]?.string, visit)
            let rows = flows[page.range].map { flow in
                let id = flow["id"]?.string ?? ""
                return [
                    Page.Cell(flow["name"]?.string ?? id, url: visit.mount.url("/console/flow", [("id", id)])),
                    Page.Cell(id, isCode: true), Page.Cell(String(flow["actions"]?.elements.count ?? 0)),
                ]
            }
            var blocks =
                notices + [
                    .links([
                        Page.Link(
                            text: texts(.consoleNewFlow), url: visit.mount.url("/console/flow"), style: .main)
                    ])
                ]
            blocks += visit.notices(ofUnreadable: answer["unreadable"]?.integer)
            if rows.isEmpty {
                blocks.append(.paragraph(texts(.consoleNoFlows)))
            } else {
                let columns: [Texts.Name] = [.consoleFlow, .consoleFlowId, .consoleFlowActions]
                blocks.append(
                    .table(
                        Page.Table(
                            caption: texts(.consoleFlows), columns: columns.map { texts($0) }, rows: Array(rows))))
            }
            if !rows.isEmpty || !page.isOnlyOne { blocks += page.blocks("/console/flows", [], visit) }
            return .done(.page(console(.flows, visit, title: texts(.consoleFlows), blocks)))
        }
    }

    /// A flow as it is edited.
    private struct EditedFlow: Sendable {
        /// Nil: it is a new one, whose id stands in the text.
        var id: String?
        /// What `flows.update` compares.
        var version: String?
        var text: String

        /// - Parameter flow: a `Flow`.
        init(_ flow: JSON) {
            id = flow["id"]?.string
            version = flow["version"]?.string
            let settings = flow.shallowCopy()
            settings.remove("version")
            text = settings.indentedText
        }

        init(id: String? = nil, version: String? = nil, text: String) {
            self.id = id
            self.version = version
            self.text = text
        }

        /// In the address of its form.
        var parameters: [(String, String)] {
            [("id", id), ("version", version)].compactMap { name, value in value.map { (name, $0) } }
        }
    }

    /// One flow, as JSON to edit; a new one where the query names none.
    func consoleFlow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["id"] else {
            let action = JSON.object(["type": .string("connect"), "appId": .string("")])
            let flow = JSON.object(["id": .string(""), "actions": .array([action]), "redirectUrls": .array([])])
            return .done(.page(consoleFlow(EditedFlow(text: flow.indentedText), visit, user)))
        }
        return try perform("flows.load", .object(["id": .string(id)]), for: visit).then {
            [self] (answer) throws(ConnError) in
            .done(.page(consoleFlow(EditedFlow(answer["flow"] ?? .object()), visit, user)))
        }
    }

    /// Saves what was edited. What is wrong with it leaves it as it was typed.
    func consoleSaveFlow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        let typed = EditedFlow(
            id: visit.query["id"], version: visit.query["version"], text: visit.body?["flow"] ?? "")
        return try Step.attempt({ () throws(ConnError) in try save(typed, visit) }) {
            [self] (result) throws(ConnError) in
            switch result {
            case .success(let saved):
                let notices = visit.notices(of: saved, .consoleFlowSaved)
                return .done(.page(consoleFlow(EditedFlow(saved["flow"] ?? .object()), visit, user, notices: notices)))
            case .failure(let error):
                if error.isOfVersion, let id = typed.id { return try changedMeanwhile(typed, id, visit, user) }
                let statuses: [ErrorCode: Int] = [.invalidRequest: 422, .conflict: 409, .notFound: 404]
                guard let status = statuses[error.code] else { throw error }
                var page = consoleFlow(typed, visit, user, notices: visit.notices(about: error))
                page.status = status
                return .done(.page(page))
            }
        }
    }

    /// Shows what was typed again, and the flow as it is now.
    private func changedMeanwhile(
        _ typed: EditedFlow, _ id: String, _ visit: Visit, _ user: Visit.User
    ) throws(ConnError) -> Step<Answer> {
        try perform("flows.load", .object(["id": .string(id)]), for: visit).then { [self] (answer) throws(ConnError) in
            let now = EditedFlow(answer["flow"] ?? .object())
            let notices: [Page.Block] = [
                .notice(.bad, visit.texts(.consoleFlowChangedMeanwhile)),
                .section(visit.texts(.consoleSavedNow), [.listing(now.text)]),
            ]
            let edited = EditedFlow(id: id, version: now.version, text: typed.text)
            var page = consoleFlow(edited, visit, user, notices: notices)
            page.status = 409
            return .done(.page(page))
        }
    }

    private func save(_ typed: EditedFlow, _ visit: Visit) throws(ConnError) -> Step<JSON> {
        let given: JSON
        do throws(JSONError) {
            given = try JSON.parse(typed.text)
        } catch {
            throw ConnError(.invalidRequest, "the flow is not taken: \(error.message)", field: "flow")
        }
        guard given.kind == .object else { throw .invalid("flow", "must be a JSON object") }
        let fields = given.shallowCopy()
        for (name, value) in typed.parameters { fields.set(name, .string(value)) }
        if fields["id"]?.string?.isEmpty == true { fields.remove("id") }  // it is chosen
        return try perform(typed.id == nil ? "flows.create" : "flows.update", fields, for: visit)
    }

    private func consoleFlow(
        _ edited: EditedFlow, _ visit: Visit, _ user: Visit.User, notices: [Page.Block] = []
    ) -> Page {
        let texts = visit.texts
        let named = edited.id.map { [("id", $0)] } ?? []
        let form = form(
            "/console/flow", edited.parameters, visit, user,
            fields: [
                Page.Input(
                    name: "flow", label: texts(.consoleFlowJson), kind: .lines, value: edited.text,
                    hint: texts(.consoleFlowHint))
            ],
            submit: .consoleSave,
            cancel: Page.Link(text: texts(.consoleCancel), url: visit.mount.url("/console/flows")))
        var blocks = notices
        if !named.isEmpty {
            let link = visit.mount.url("/flow", named)
            blocks.append(.facts([(texts(.consoleFlowLink), Page.Cell(link, url: link, isCode: true))]))
        }
        blocks.append(form)
        if !named.isEmpty {
            blocks.append(
                .links([
                    Page.Link(text: texts(.consoleDeleteFlow), url: visit.mount.url("/console/flow/delete", named))
                ]))
        }
        return console(.flows, visit, title: edited.id ?? texts(.consoleNewFlow), blocks)
    }

    func consoleAskDeleteFlow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["id"] else { throw .invalid("id", "is missing") }
        let texts = visit.texts
        return .done(
            .page(
                console(
                    .flows, visit, title: texts(.consoleDeleteFlow),
                    [
                        .paragraph(texts(.consoleDeleteFlowBody)), .names(texts(.consoleFlowId), [id]),
                        form(
                            "/console/flow/delete", [("id", id)], visit, user, submit: .consoleDelete,
                            isDangerous: true,
                            cancel: Page.Link(text: texts(.consoleCancel), url: visit.mount.url("/console/flows"))),
                    ])))
    }

    func consoleDeleteFlow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["id"] else { throw .invalid("id", "is missing") }
        return try perform("flows.delete", .object(["id": .string(id)]), for: visit).then {
            [self] (_) throws(ConnError) in
            try consoleFlows(visit, notices: [.notice(.good, visit.texts(.consoleFlowDeleted))])
        }
    }
}
