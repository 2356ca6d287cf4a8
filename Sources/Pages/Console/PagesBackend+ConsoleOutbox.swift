internal import Connections
internal import JSON
internal import Runtime

extension PagesBackend {
    /// Deleted tokens that their providers have not revoked yet.
    func consoleOutbox(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try consoleOutbox(visit, user, notices: [])
    }

    private func consoleOutbox(
        _ visit: Visit, _ user: Visit.User, notices: [Page.Block]
    ) throws(ConnError) -> Step<Answer> {
        let texts = visit.texts
        let fields = JSON.object(["limit": .integer(Self.consolePageSize)])
        if visit.method == "GET", let after = visit.query["after"] { fields.set("after", .string(after)) }
        return try perform("revocations.list", fields, for: visit).then { [self] (answer) throws(ConnError) in
            let waiting = answer["revocations"]?.elements ?? []
            var blocks = notices + [.paragraph(texts(.consoleOutboxBody))]
            if let count = answer["unreadable"]?.integer {
                blocks.append(.notice(.bad, texts(.consoleUnreadable, ["count": String(count)])))
            }
            if waiting.isEmpty {
                blocks.append(.paragraph(texts(.consoleOutboxEmpty)))
            } else {
                let columns: [Texts.Name] = [
                    .consoleConnection, .consoleSubject, .consoleWaitsSince, .consoleNextTry, .consoleFailures,
                ]
                blocks.append(
                    .table(
                        Page.Table(
                            caption: texts(.consoleOutbox), columns: columns.map { texts($0) },
                            rows: waiting.map { row(ofWaiting: $0, visit) })))
                blocks += visit.pager([
                    (
                        .consoleNext,
                        answer["next"]?.string.map { visit.mount.url("/console/outbox", [("after", $0)]) }
                    )
                ])
            }
            blocks.append(form("/console/outbox", [], visit, user, submit: .consoleRun))
            return .done(.page(console(.outbox, visit, title: texts(.consoleOutbox), blocks)))
        }
    }

    /// - Parameter waiting: a `WaitingRevocation`.
    private func row(ofWaiting waiting: JSON, _ visit: Visit) -> [Page.Cell] {
        let app = waiting["appId"]?.string ?? ""
        let subject = Subject(userID: waiting["userId"]?.id, tenantID: waiting["tenantId"]?.id)
        let due = waiting["nextTry"]?.integer ?? 0
        return [
            Page.Cell(app, url: visit.mount.url("/console/connection", [("id", app)])),
            subject.map { $0.cell(visit.texts) } ?? Page.Cell("–"), cell(waiting["since"]?.integer, visit),
            due > clock.seconds
                ? cell(due, visit) : Page.Cell(visit.texts(.consoleDue), note: Moment(due).text, tone: .warning),
            Page.Cell(String(waiting["failures"]?.integer ?? 0)),
        ]
    }

    /// Asks the providers of those that are due.
    func consoleRunOutbox(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try perform("revocations.run", .object(), for: visit).then { [self] (run) throws(ConnError) in
            let told: [(member: String, tone: Page.Tone, text: Texts.Name)] = [
                ("revoked", .good, .consoleRunRevoked), ("failed", .warning, .consoleRunFailed),
                ("pending", .warning, .consoleRunPending),
            ]
            let notices = told.compactMap { line -> Page.Block? in
                let count = run[line.member]?.integer ?? 0
                return count > 0 ? .notice(line.tone, visit.texts(line.text, ["count": String(count)])) : nil
            }
            return try consoleOutbox(
                visit, user, notices: notices.isEmpty ? [.notice(.good, visit.texts(.consoleRunNothing))] : notices)
        }
    }
}
