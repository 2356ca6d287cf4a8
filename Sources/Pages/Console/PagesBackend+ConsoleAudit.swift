internal import Connections
internal import JSON
internal import Runtime

/// What records of the audit are looked for: rows of a table.
private struct AuditCriterion: Sendable {
    /// As the URL has it.
    let name: StaticString
    /// As `audit.list` has it.
    let field: String
    let label: Texts.Name

    static let all = [
        AuditCriterion(name: "operation", field: "operation", label: .consoleOperation),
        AuditCriterion(name: "outcome", field: "outcome", label: .consoleOutcome),
        AuditCriterion(name: "actor", field: "byActor", label: .consoleActor),
        AuditCriterion(name: "app", field: "appId", label: .consoleConnectionId),
        AuditCriterion(name: "user", field: "userId", label: .consoleUser),
        AuditCriterion(name: "tenant", field: "tenantId", label: .consoleTenant),
        AuditCriterion(name: "token", field: "tokenId", label: .consoleTokenId),
    ]
}

extension PagesBackend {
    /// Who did what, the newest first.
    func consoleAudit(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        let texts = visit.texts
        let criteria = AuditCriterion.all.compactMap { criterion in
            visit.query[criterion.name].map { (criterion, value: $0) }
        }
        let fields = JSON.object(["limit": .integer(Self.consolePageSize), "newestFirst": .boolean(true)])
        for (criterion, value) in criteria { fields.set(criterion.field, .string(value)) }
        if let after = visit.query["after"] { fields.set("after", .string(after)) }
        let parameters = criteria.map { ($0.0.name.description, $0.value) }
        let head: [Page.Block] = [
            .filter(
                Page.Filter(
                    action: visit.mount.url("/console/audit"),
                    fields: AuditCriterion.all.map { criterion in
                        Page.Input(
                            name: criterion.name.description, label: texts(criterion.label),
                            value: visit.query[criterion.name], isRequired: false)
                    }, submit: texts(.consoleFind)))
        ]
        let verification = Page.Block.section(
            texts(.consoleVerify),
            [
                .paragraph(texts(.consoleVerifyBody)),
                form(
                    "/console/audit", [], visit, user,
                    fields: [
                        Page.Input(
                            name: "anchor", label: texts(.consoleAnchor), isRequired: false,
                            hint: texts(.consoleAnchorHint))
                    ], submit: .consoleVerify),
            ])
        let title = texts(.consoleAudit)
        return try Step.attempt({ () throws(ConnError) in try perform("audit.list", fields, for: visit) }) {
            [self] (result) throws(ConnError) in
            if case .failure(let error) = result, error.code == .invalidRequest {
                return .done(
                    .page(
                        console(
                            .audit, visit, title: title, head + visit.notices(about: error) + [verification],
                            status: 422)))
            }
            let answer = try result.get()
            let list = records(answer, parameters, visit)
            return .done(.page(console(.audit, visit, title: title, head + list + [verification])))
        }
    }

    private func records(_ answer: JSON, _ parameters: [(String, String)], _ visit: Visit) -> [Page.Block] {
        let texts = visit.texts
        let records = answer["records"]?.elements ?? []
        let path: StaticString = "/console/audit"
        var blocks: [Page.Block] = []
        if let count = answer["unreadable"]?.integer {
            blocks.append(.notice(.bad, texts(.consoleUnreadable, ["count": String(count)])))
        }
        if records.isEmpty {
            let text: Texts.Name = answer["next"] == nil ? .consoleNoRecords : .consoleNoneOnThisPage
            blocks.append(.paragraph(texts(text)))
        } else {
            let columns: [Texts.Name] = [
                .consoleTime, .consoleOperation, .consoleOutcome, .consoleActor, .consoleConnection, .consoleSubject,
                .consoleThing,
            ]
            blocks.append(
                .table(
                    Page.Table(
                        caption: texts(.consoleAudit), columns: columns.map { texts($0) },
                        rows: records.map { row(of: $0, visit) })))
        }
        return blocks
            + visit.pager([
                (.consoleNewest, visit.query["after"].map { _ in visit.mount.url(path, parameters) }),
                (.consoleOlder, answer["next"]?.string.map { visit.mount.url(path, parameters + [("after", $0)]) }),
            ])
    }

    /// - Parameter record: an `AuditRecord`.
    private func row(of record: JSON, _ visit: Visit) -> [Page.Cell] {
        let outcome = record["outcome"]?.string ?? ""
        let app = record["appId"]?.string
        let subject = Subject(userID: record["userId"]?.id, tenantID: record["tenantId"]?.id)
        return [
            time(record["timeMs"]?.integer ?? 0, visit), Page.Cell(record["op"]?.string ?? "", isCode: true),
            Page.Cell(outcome, tone: ID(outcome) == "ok" ? nil : .warning), Page.Cell(record["actor"]?.string ?? "–"),
            Page.Cell(app ?? "–", url: app.map { visit.mount.url("/console/connection", [("id", $0)]) }),
            subject.map { $0.cell(visit.texts) } ?? Page.Cell("–"),
            thing(of: record, visit),
        ]
    }

    private func time(_ milliseconds: Int64, _ visit: Visit) -> Page.Cell {
        let moment = Moment(milliseconds / 1000)
        return Page.Cell(moment.text(from: clock.seconds, visit.texts), note: moment.exactText)
    }

    /// The token, with the way to all that became of it; a key; or a flow.
    private func thing(of record: JSON, _ visit: Visit) -> Page.Cell {
        guard let id = record["tokenId"]?.string else {
            return Page.Cell(record["keyId"]?.string ?? record["flowId"]?.string ?? "–")
        }
        let short = id.count > 20 ? "\(id.prefix(6))…\(id.suffix(8))" : id
        return Page.Cell(short, url: visit.mount.url("/console/audit", [("token", id)]))
    }

    /// Verifies that the audit is whole.
    func consoleVerify(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        let texts = visit.texts
        let fields = JSON.object(["anchor": visit.body?["anchor"].map { .string(AppSetting.trimmed($0)) }])
        return try perform("audit.verify", fields, for: visit).then { [self] (verdict) throws(ConnError) in
            let count = String(verdict["verified"]?.integer ?? 0)
            var blocks: [Page.Block]
            if verdict["ok"]?.boolean == true {
                blocks = [
                    .notice(.good, texts(.consoleIntact, ["count": count])),
                    .names(texts(.consoleKeepAnchor), [verdict["anchor"]?.string ?? ""]),
                ]
            } else {
                blocks = [
                    .notice(.bad, texts(.consoleBroken, ["count": count])),
                    .facts([
                        (texts(.consoleChain), Page.Cell(String(verdict["chain"]?.integer ?? 0))),
                        (texts(.consoleBrokenAt), Page.Cell(String(verdict["brokenAt"]?.integer ?? 0))),
                        (texts(.consoleProblem), Page.Cell(verdict["problem"]?.string ?? "")),
                    ]),
                ]
            }
            blocks.append(.links([Page.Link(text: texts(.consoleAudit), url: visit.mount.url("/console/audit"))]))
            return .done(.page(console(.audit, visit, title: texts(.consoleVerified), blocks)))
        }
    }
}
