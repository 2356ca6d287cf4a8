internal import Connections
internal import JSON
internal import Runtime

extension PagesBackend {
    /// Lists the flows.
    func consoleFlows(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try consoleFlows(visit, notices: [])
    }

    private func consoleFlows(_ visit: Visit, notices: [Page.Block]) throws(ConnError) -> Step<Answer> {
        try perform("flows.list", .object(), for: visit).then { [self] (answer) throws(ConnError) in
            let texts = visit.texts
            let flows = answer["flows"]?.elements ?? []
            let page = PageRange(count: flows.count, wanted: visit.query["page"])
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
            if let count = answer["unreadable"]?.integer {
                blocks.append(.notice(.bad, texts(.consoleUnreadable, ["count": String(count)])))
            }
            if rows.isEmpty {
                blocks.append(.paragraph(texts(.consoleNoFlows)))
            } else {
                let columns: [Texts.Name] = [.consoleFlow, .consoleFlowId, .consoleFlowActions]
                blocks.append(
                    .table(
                        Page.Table(
                            caption: texts(.consoleFlows), columns: columns.map { texts($0) }, rows: Array(rows))))
                blocks += page.blocks("/console/flows", [], visit)
            }
            return .done(.page(console(.flows, visit, title: texts(.consoleFlows), blocks)))
        }
    }

    /// One flow, as JSON to edit; a new one where the query names none.
    func consoleFlow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        guard let id = visit.query["id"] else {
            let action = JSON.object(["type": .string("connect"), "appId": .string("")])
            let flow = JSON.object(["id": .string(""), "actions": .array([action]), "redirectUrls": .array([])])
            return .done(.page(consoleFlow(nil, flow.indentedText, visit, user)))
        }
        return try perform("flows.load", .object(["id": .string(id)]), for: visit).then {
            [self] (answer) throws(ConnError) in
            .done(.page(consoleFlow(id, answer["flow"]?.indentedText ?? "", visit, user)))
        }
    }

    /// Saves what was edited. What is wrong with it leaves it as it was typed.
    func consoleSaveFlow(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        let id = visit.query["id"]
        let text = visit.body?["flow"] ?? ""
        return try Step.attempt({ () throws(ConnError) in try save(text, as: id, visit) }) {
            [self] (result) throws(ConnError) in
            switch result {
            case .success(let saved):
                let flow = saved["flow"] ?? .object()
                return .done(
                    .page(
                        consoleFlow(
                            flow["id"]?.string, flow.indentedText, visit, user,
                            notices: visit.notices(of: saved, .consoleFlowSaved))))
            case .failure(let error):
                guard [.invalidRequest, .conflict].contains(error.code) else { throw error }
                var page = consoleFlow(id, text, visit, user, notices: visit.notices(about: error))
                page.status = error.code == .conflict ? 409 : 422
                return .done(.page(page))
            }
        }
    }

    /// - Parameter id: nil: a new one's stands in the text.
    private func save(_ text: String, as id: String?, _ visit: Visit) throws(ConnError) -> Step<JSON> {
        let given: JSON
        do throws(JSONError) {
            given = try JSON.parse(text)
        } catch {
            throw ConnError(.invalidRequest, "the flow is not taken: \(error.message)", field: "flow")
        }
        guard given.kind == .object else { throw .invalid("flow", "must be a JSON object") }
        let fields = given.shallowCopy()
        if let id { fields.set("id", .string(id)) }
        if fields["id"]?.string?.isEmpty == true { fields.remove("id") }  // it is chosen
        return try perform(id == nil ? "flows.create" : "flows.update", fields, for: visit)
    }

    private func consoleFlow(
        _ id: String?, _ text: String, _ visit: Visit, _ user: Visit.User, notices: [Page.Block] = []
    ) -> Page {
        let texts = visit.texts
        let named = id.map { [("id", $0)] } ?? []
        let form = form(
            "/console/flow", named, visit, user,
            fields: [
                Page.Input(
                    name: "flow", label: texts(.consoleFlowJson), kind: .lines, value: text,
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
        return console(.flows, visit, title: id ?? texts(.consoleNewFlow), blocks)
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
