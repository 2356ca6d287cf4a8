internal import Connections
internal import JSON
internal import Runtime

/// How the tokens of a connection are, or of several.
struct TokenHealth: Sendable {
    /// Of a connection, so many are looked at.
    static let maxTokens = 200
    /// Of those that expire, the days that are told apart.
    static let days = 14

    var tokens = 0
    /// They live, and their last refresh failed.
    var failing = 0
    /// They live, and nothing will replace them.
    var expiring = 0
    /// Only connecting again helps.
    var ended = 0
    /// Those that expire within so many days, by the day.
    var expiringByDay = [Int](repeating: 0, count: days)
    /// There are more than were looked at.
    var isPartial = false

    var needsAttention: Bool { failing + expiring + ended > 0 }
    var good: Int { tokens - failing - expiring - ended }

    mutating func add(_ token: ConsoleToken, now: Int64) {
        tokens += 1
        switch token.shown.status {
        case .needsReauthorization: ended += 1
        case .expiring:
            expiring += 1
            let day = token.expiry.map { ($0 - now) / 86400 } ?? -1
            if day >= 0, day < Int64(Self.days) { expiringByDay[Int(day)] += 1 }
        case .active: if token.json["lastRefreshError"] != nil { failing += 1 }
        }
    }

    static func + (left: TokenHealth, right: TokenHealth) -> TokenHealth {
        var sum = left
        sum.tokens += right.tokens
        sum.failing += right.failing
        sum.expiring += right.expiring
        sum.ended += right.ended
        for (day, count) in right.expiringByDay.enumerated() { sum.expiringByDay[day] += count }
        sum.isPartial = left.isPartial || right.isPartial
        return sum
    }
}

extension PagesBackend {
    /// What there is, and what needs attention.
    func consoleOverview(_ visit: Visit, _ user: Visit.User) throws(ConnError) -> Step<Answer> {
        try listing("apps.list", limit: PageRange.blockSize, after: visit.query["after"], visit).then {
            [self] (answer) throws(ConnError) in
            let apps = (answer["apps"]?.elements ?? []).compactMap(ConsoleApp.init)
            let page = PageRange(count: apps.count, next: answer["next"]?.string, visit)
            let count = Page.Block.paragraph(visit.texts(.consoleConnectionCount, ["count": String(apps.count)]))
            guard kind != .cloud, !(apps.isEmpty && page.isOnlyOne) else {
                let way = Page.Link(
                    text: visit.texts(.consoleNewConnection), url: visit.mount.url("/console/connections/new"),
                    style: .main)
                return .done(
                    .page(console(.overview, visit, title: visit.texts(.consoleOverview), [count, .links([way])])))
            }
            return try health(of: apps[page.range], [], visit).then { [self] (found) throws(ConnError) in
                .done(
                    .page(
                        console(
                            .overview, visit, title: visit.texts(.consoleOverview),
                            [count] + overview(found, visit)
                                + (page.isOnlyOne ? [] : page.blocks("/console", [], visit)))))
            }
        }
    }

    private func health(
        of apps: ArraySlice<ConsoleApp>, _ before: [(ConsoleApp, TokenHealth)], _ visit: Visit
    ) throws(ConnError) -> Step<[(ConsoleApp, TokenHealth)]> {
        guard let app = apps.first else { return .done(before) }
        let fields = JSON.object(["appId": .string(app.shown.id), "limit": .integer(TokenHealth.maxTokens)])
        return try perform("list", fields, for: visit).then { [self] (answer) throws(ConnError) in
            var health = TokenHealth()
            for token in (answer["tokens"]?.elements ?? []).compactMap(ConsoleToken.init) {
                health.add(token, now: clock.seconds)
            }
            health.isPartial = answer["next"] != nil
            return try self.health(of: apps.dropFirst(), before + [(app, health)], visit)
        }
    }

    private func overview(_ found: [(ConsoleApp, TokenHealth)], _ visit: Visit) -> [Page.Block] {
        let texts = visit.texts
        let sum = found.map(\.1).reduce(TokenHealth(), +)
        var blocks: [Page.Block] = []
        if sum.isPartial {
            blocks.append(.paragraph(texts(.consolePartial, ["count": String(TokenHealth.maxTokens)])))
        }
        let parts: [(Page.Tone, Int, Texts.Name)] = [
            (.good, sum.good, .consoleHealthGood), (.warning, sum.failing + sum.expiring, .consoleHealthWarning),
            (.bad, sum.ended, .consoleHealthBad),
        ]
        blocks.append(
            .section(
                texts(.consoleHealth),
                [
                    .picture(
                        Page.Picture(
                            shape: .parts(parts.map { ($0.0, $0.1) }),
                            lines: parts.map { tone, count, name in (tone, texts(name, ["count": String(count)])) }))
                ]))
        let today = clock.seconds
        let lines = sum.expiringByDay.enumerated().filter { $0.element > 0 }.map { day, count in
            (Page.Tone.warning, "\(Moment(today + Int64(day) * 86400).day): \(count)")
        }
        blocks.append(
            .section(
                texts(.consoleExpiring, ["days": String(TokenHealth.days)]),
                [.picture(Page.Picture(shape: .columns(sum.expiringByDay), lines: lines))]
                    + (lines.isEmpty ? [.paragraph(texts(.consoleExpiringNone))] : [])))
        let rows = found.filter { $0.1.needsAttention }.sorted { $0.1.ended > $1.1.ended }.map { app, health in
            row(of: app, health, visit)
        }
        let columns: [Texts.Name] = [
            .consoleConnection, .consoleHealthBadShort, .consoleExpiringShort, .consoleFailing, .consoleTokens,
        ]
        blocks.append(
            .section(
                texts(.consoleAttention),
                [
                    rows.isEmpty
                        ? .paragraph(texts(.consoleNoAttention))
                        : .table(
                            Page.Table(
                                caption: texts(.consoleAttention), columns: columns.map { texts($0) }, rows: rows))
                ]))
        return blocks
    }

    private func row(of app: ConsoleApp, _ health: TokenHealth, _ visit: Visit) -> [Page.Cell] {
        let id = app.shown.id.text
        let counted: (Int, String?) -> Page.Cell = { count, status in
            guard count > 0 else { return Page.Cell("0") }
            let filter = status.map { [("status", $0)] } ?? []
            return Page.Cell(String(count), url: visit.mount.url("/console/tokens", [("app", id)] + filter))
        }
        return [
            Page.Cell(app.shown.name, url: visit.mount.url("/console/connection", [("id", id)])),
            counted(health.ended, "needs_reauthorization"), counted(health.expiring, "expiring"),
            counted(health.failing, "active"), counted(health.tokens, nil),
        ]
    }
}
