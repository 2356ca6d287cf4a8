internal import Connections
internal import JSON
internal import Runtime

/// Whose tokens are looked for.
private struct TokenFilter {
    let user, tenant, app, status: String?

    init(_ query: Parameters) {
        user = query["user"]
        tenant = query["tenant"]
        app = query["app"]
        status = query["status"]
    }

    var isEmpty: Bool { user == nil && tenant == nil && app == nil }

    /// As the URL has them.
    var parameters: [(String, String)] {
        [("user", user), ("tenant", tenant), ("app", app), ("status", status)]
            .compactMap { name, value in value.map { (name, $0) } }
    }

    /// As `list` has them.
    var fields: JSON {
        .object([
            "userId": user.map(JSON.string), "tenantId": tenant.map(JSON.string), "appId": app.map(JSON.string),
            "status": status.map(JSON.string),
        ])
    }
}

extension PagesBackend {
    /// Finds the tokens of a user, a tenant or a connection.
    func consoleTokens(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        let filter = TokenFilter(visit.query)
        let head: [Page.Block] = [.filter(form(filter, visit))]
        let title = visit.texts(.consoleTokens)
        guard !filter.isEmpty else {
            return .done(
                .page(console(.tokens, visit, title: title, head + [.paragraph(visit.texts(.consoleTokensHint))])))
        }
        let fields = filter.fields
        if kind != .cloud { fields.set("limit", .integer(Self.consolePageSize)) }
        if let after = visit.query["after"] { fields.set("after", .string(after)) }
        return try Step.attempt({ () throws(ConnError) in try perform("list", fields, for: visit) }) {
            [self] (result) throws(ConnError) in
            if case .failure(let error) = result, error.code == .invalidRequest {
                return .done(
                    .page(console(.tokens, visit, title: title, head + visit.notices(about: error), status: 422)))
            }
            let answer = try result.get()
            let tokens = (answer["tokens"]?.elements ?? []).compactMap(ConsoleToken.init)
            return try apps(tokens.map(\.shown.appID), visit).then { [self] (apps) throws(ConnError) in
                .done(
                    .page(
                        console(
                            .tokens, visit, title: title, head + table(tokens, apps, answer["next"]?.string, visit))))
            }
        }
    }

    private func form(_ filter: TokenFilter, _ visit: Visit) -> Page.Filter {
        let texts = visit.texts
        let statuses: [(value: String, label: String)] = [
            ("", texts(.consoleAnyStatus)), ("active", texts(.statusActive)), ("expiring", texts(.statusExpiring)),
            ("needs_reauthorization", texts(.statusNeedsReauthorization)),
        ]
        let typed: [(String, Texts.Name, String?)] = [
            ("user", .consoleUser, filter.user), ("tenant", .consoleTenant, filter.tenant),
            ("app", .consoleConnectionId, filter.app),
        ]
        var fields = typed.map { name, label, value in
            Page.Input(name: name, label: texts(label), value: value, isRequired: false)
        }
        if kind != .cloud {
            fields.append(
                Page.Input(
                    name: "status", label: texts(.consoleStatus), kind: .choice(statuses), value: filter.status ?? "",
                    isRequired: false))
        }
        return Page.Filter(action: visit.mount.url("/console/tokens"), fields: fields, submit: texts(.consoleFind))
    }

    private func table(
        _ tokens: [ConsoleToken], _ apps: [ID: ShownApp], _ next: String?, _ visit: Visit
    ) -> [Page.Block] {
        let texts = visit.texts
        let parameters = TokenFilter(visit.query).parameters
        let more = next.map { visit.mount.url("/console/tokens", parameters + [("after", $0)]) }
        guard !tokens.isEmpty else {
            let text: Texts.Name = next == nil ? .consoleNoTokens : .consoleNoneOnThisPage
            return [.paragraph(texts(text))] + visit.pager([(.consoleNext, more)])
        }
        let columns: [Texts.Name] = [
            .consoleConnection, .consoleSubject, .account, .permissions, .consoleExpires, .consoleLastRefresh,
            .consoleStatus,
        ]
        let rows = tokens.map { token in
            let shown = token.shown
            let app = apps[shown.appID] ?? ShownApp(id: shown.appID)
            return [
                Page.Cell(app.name, url: token.url("/console/token", visit)), token.subject(texts),
                Page.Cell(shown.account ?? "–"),
                Page.Cell(shown.scopes.isEmpty ? "–" : shown.scopes.joined(separator: ", ")),
                cell(token.expiry, visit), lastRefresh(of: token, visit), token.status(texts),
            ]
        }
        let table = Page.Table(caption: texts(.consoleTokens), columns: columns.map { texts($0) }, rows: rows)
        return [.table(table)] + visit.pager([(.consoleNext, more)])
    }

    /// When it was last refreshed, or why that failed.
    func lastRefresh(of token: ConsoleToken, _ visit: Visit) -> Page.Cell {
        var cell = cell(token.json["lastRefreshTime"]?.integer, visit)
        if let problem = token.json["lastRefreshError"]?.string {
            cell.note = [cell.note, problem].compactMap { $0 }.joined(separator: " · ")
            cell.tone = .bad
        }
        return cell
    }
}
