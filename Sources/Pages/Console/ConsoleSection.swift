internal import Connections
internal import Runtime

/// A part of the console: a row of its navigation.
struct ConsoleSection: Sendable {
    let path: StaticString
    let name: Texts.Name
    /// Whether Descope's cloud has what it needs.
    var isInCloud = false

    static let overview = ConsoleSection(path: "/console", name: .consoleOverview, isInCloud: true)
    static let tokens = ConsoleSection(path: "/console/tokens", name: .consoleTokens, isInCloud: true)
    static let connections = ConsoleSection(
        path: "/console/connections", name: .consoleConnections, isInCloud: true)
    static let flows = ConsoleSection(path: "/console/flows", name: .consoleFlows)
    static let audit = ConsoleSection(path: "/console/audit", name: .consoleAudit)
    static let keys = ConsoleSection(path: "/console/keys", name: .consoleKeys)
    static let outbox = ConsoleSection(path: "/console/outbox", name: .consoleOutbox)

    /// In their order.
    static let all = [overview, tokens, connections, flows, audit, keys, outbox]
}

extension Route {
    static let console: [Route] =
        [
            Route(
                path: "/console",
                get: { (host, visit, user) throws(ConnError) in try host.consoleOverview(visit, user) },
                section: .overview),
            Route(
                path: "/console/tokens",
                get: { (host, visit, user) throws(ConnError) in try host.consoleTokens(visit, user) }, section: .tokens),
            Route(
                path: "/console/token",
                get: { (host, visit, user) throws(ConnError) in try host.consoleToken(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleRefresh(visit, user) },
                section: .tokens),
            Route(
                path: "/console/token/delete",
                get: { (host, visit, user) throws(ConnError) in try host.consoleAskDelete(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleDelete(visit, user) }, section: .tokens
            ),
            Route(
                path: "/console/connections",
                get: { (host, visit, user) throws(ConnError) in try host.consoleApps(visit, user) },
                section: .connections),
            Route(
                path: "/console/connections/new",
                get: { (host, visit, user) throws(ConnError) in try host.consoleNewApp(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleCreateApp(visit, user) },
                section: .connections),
            Route(
                path: "/console/connection",
                get: { (host, visit, user) throws(ConnError) in try host.consoleApp(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleUpdateApp(visit, user) },
                section: .connections),
            Route(
                path: "/console/connection/test",
                get: { (host, visit, user) throws(ConnError) in try host.consoleApp(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleTestApp(visit, user) },
                section: .connections),
            Route(
                path: "/console/connection/delete",
                get: { (host, visit, user) throws(ConnError) in try host.consoleAskDeleteApp(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleDeleteApp(visit, user) },
                section: .connections),
            Route(
                path: "/console/flows",
                get: { (host, visit, user) throws(ConnError) in try host.consoleFlows(visit, user) }, section: .flows),
            Route(
                path: "/console/flow",
                get: { (host, visit, user) throws(ConnError) in try host.consoleFlow(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleSaveFlow(visit, user) },
                section: .flows),
            Route(
                path: "/console/flow/delete",
                get: { (host, visit, user) throws(ConnError) in try host.consoleAskDeleteFlow(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleDeleteFlow(visit, user) },
                section: .flows),
            Route(
                path: "/console/audit",
                get: { (host, visit, user) throws(ConnError) in try host.consoleAudit(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleVerify(visit, user) }, section: .audit),
            Route(
                path: "/console/keys",
                get: { (host, visit, user) throws(ConnError) in try host.consoleKeys(visit, user) },
                section: .keys),
            Route(
                path: "/console/outbox",
                get: { (host, visit, user) throws(ConnError) in try host.consoleOutbox(visit, user) },
                post: { (host, visit, user) throws(ConnError) in try host.consoleRunOutbox(visit, user) },
                section: .outbox),
        ] + KeyAction.all.map(\.route)
}

// MARK: - What its pages have in common

extension PagesBackend {
    /// The records of a page.
    static let consolePageSize = 50

    /// A page of the console.
    func console(
        _ section: ConsoleSection?, _ visit: Visit, title: String, _ blocks: [Page.Block], status: Int = 200
    ) -> Page {
        var page = Page(status: status, title: title, blocks: blocks)
        page.navigation = Page.Navigation(
            label: visit.texts(.console),
            links: ConsoleSection.all.filter { kind != .cloud || $0.isInCloud }.map { part in
                (
                    visit.texts(part.name), visit.mount.url(part.path),
                    ID(part.path.description) == section.map { ID($0.path.description) }
                )
            })
        return page
    }

    /// Why nobody gets to see a part of the console.
    func refusal(of section: ConsoleSection, _ visit: Visit, _ user: Visit.User) -> Page? {
        guard user.isAdministrator else { return visit.failure(403, .consoleForbidden) }
        guard kind != .cloud || section.isInCloud else {
            return console(
                nil, visit, title: visit.texts(section.name),
                [.notice(.warning, visit.texts(.consoleNotInCloud))], status: 501)
        }
        return nil
    }

    func page(about error: ConnError, _ visit: Visit) -> Page {
        let section = Route.console.first { $0.path == visit.path }?.section
        guard let section, visit.user?.isAdministrator == true else { return visit.page(about: error) }
        return console(
            section, visit, title: visit.texts(.errorTitle), visit.notices(about: error),
            status: error.code == .conflict ? 409 : visit.page(about: error).status)
    }

    /// A form of the console: it leads to another path than the page that it is on, or to the same.
    func form(
        _ path: StaticString, _ parameters: [(String, String)], _ visit: Visit, _ user: Visit.User,
        fields: [Page.Input] = [], submit: Texts.Name, isDangerous: Bool = false, cancel: Page.Link? = nil
    ) -> Page.Block {
        .form(
            Page.Form(
                action: visit.mount.url(path, parameters),
                token: seal.token(user: user.id, action: ID(path.description), now: clock.seconds), fields: fields,
                submit: visit.texts(submit), isDangerous: isDangerous, cancel: cancel))
    }

    /// - Parameter seconds: since 1970; nil: nobody knows.
    func cell(_ seconds: Int64?, _ visit: Visit) -> Page.Cell {
        guard let seconds else { return Page.Cell("–") }
        let moment = Moment(seconds)
        return Page.Cell(moment.text(from: clock.seconds, visit.texts), note: moment.text)
    }
}

extension ConnError {
    /// What was edited has changed meanwhile.
    var isOfVersion: Bool { code == .conflict && field.map { ID($0) } == "version" }
}

extension Visit {
    /// What an administrator is told of an error: in words, and what those who made the parts say.
    func notices(about error: ConnError) -> [Page.Block] {
        let name: Texts.Name =
            switch (error.code, error.reason) {
            case (.notFound, .app): .consoleNoConnection
            case (.notFound, _): .consoleNotFound
            case (.invalidRequest, _): .consoleInvalid
            case (.conflict, _): .consoleConflict
            case (.misconfigured, _): .consoleMisconfigured
            case (.providerError, _): .consoleProviderError
            case (.unavailable, _): .errorUnavailable
            case (.rateLimited, _), (.limit, _): .consoleLimit
            case (.unsupported, _): .errorUnsupported
            default: .consoleFailed
            }
        let details: [String?] = [error.code.rawValue, error.message, error.errorCode, error.errorDescription]
        return [.notice(.bad, texts(name)), .details(texts(.consoleDetails), details.compactMap { $0 })]
    }

    /// How many records cannot be shown, if any.
    func notices(ofUnreadable count: Int64?) -> [Page.Block] {
        guard let count, count > 0 else { return [] }
        return [.notice(.bad, texts(.consoleUnreadable, ["count": String(count)]))]
    }

    /// Leads to what comes before and after a page of records.
    func pager(_ links: [(Texts.Name, String?)]) -> [Page.Block] {
        let links = links.compactMap { name, url in url.map { Page.Link(text: texts(name), url: $0) } }
        return links.isEmpty ? [] : [.links(links)]
    }
}
