package import Connections
internal import Crypto
internal import HTTP
package import JSON
package import Runtime

/// Any backend, with the pages where users connect above it: they are made of its own operations.
package final class PagesBackend: BackendLayer {
    package let backend: any Backend
    let clock: Clock
    let seal: FormSeal

    package init(_ backend: any Backend, clock: Clock = .system) {
        self.backend = backend
        self.clock = clock
        seal = FormSeal(secret: backend.sharedSecret ?? Crypto.randomSecret(32))
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard ID(request.operation) == "pages.handle" else { return try backend.begin(request) }
        let visit = try Visit(request)
        return try Step.attempt({ () throws(ConnError) in try answer(visit) }) { [self] (result) throws(ConnError) in
            switch result {
            case .success(let answer): .done(answer.json(visit))
            case .failure(let error):
                switch error.code {
                case .timeout, .cancelled: throw error  // nobody waits for a page any more
                default: .done(Answer.page(page(about: error, visit)).json(visit))
                }
            }
        }
    }

    /// Performs an operation of the backend's for whoever is at the page.
    func perform(_ operation: String, _ fields: JSON, for visit: Visit) throws(ConnError) -> Step<JSON> {
        try perform(operation, fields, actor: visit.actor ?? visit.user?.id.text)
    }

    /// Whether whoever is at the page has a token.
    func look(_ fields: JSON, for visit: Visit) throws(ConnError) -> Step<Void> {
        try look(fields, actor: visit.actor ?? visit.user?.id.text).then { (_) throws(ConnError) in .done(()) }
    }
}

/// What a request to a page is answered.
enum Answer: Sendable {
    case page(Page)
    /// Go there with GET.
    case seeOther(String)
    case asset(Asset)
}

// MARK: - Which page

/// A page: a row of the table.
struct Route: Sendable {
    typealias Handler = @Sendable (PagesBackend, Visit, Visit.User) throws(ConnError) -> Step<Answer>

    let path: ID
    let get: Handler
    /// What the page's form does.
    var post: Handler?
    /// The part of the console that it belongs to; nil where anybody may go.
    var section: ConsoleSection?

    static let all = ofUsers + console

    private static let ofUsers: [Route] = [
        Route(path: "/", get: { (host, visit, user) throws(ConnError) in try host.home(visit, user) }),
        Route(path: "/connect", get: { (host, visit, user) throws(ConnError) in try host.connect(visit, user) }),
        Route(path: "/connected", get: { (host, visit, user) throws(ConnError) in try host.connected(visit, user) }),
        Route(
            path: "/key", get: { (host, visit, user) throws(ConnError) in try host.keyForm(visit, user) },
            post: { (host, visit, user) throws(ConnError) in try host.storeKey(visit, user) }),
        Route(
            path: "/flow", get: { (host, visit, user) throws(ConnError) in try host.flow(visit, user) },
            post: { (host, visit, user) throws(ConnError) in try host.storeKeyInFlow(visit, user) }),
        Route(
            path: "/disconnect", get: { (host, visit, user) throws(ConnError) in try host.askDisconnect(visit, user) },
            post: { (host, visit, user) throws(ConnError) in try host.disconnect(visit, user) }),
    ]
}

extension PagesBackend {
    /// Where OAuth providers send the browser. It needs no user where the connect asked for a typed code.
    private static let callbackPath: ID = "/callback"

    private func answer(_ visit: Visit) throws(ConnError) -> Step<Answer> {
        // A HEAD of a page would do what the page does, and show nobody what came of it.
        let isReading = visit.method == "GET"
        if let asset = Asset.at(visit.path) {
            let isTaken = isReading || visit.method == "HEAD"
            return .done(isTaken ? .asset(asset) : .page(visit.methodNotAllowed("GET, HEAD")))
        }
        if visit.path == Self.callbackPath {
            return isReading ? try callback(visit) : .done(.page(visit.methodNotAllowed("GET")))
        }
        guard let route = Route.all.first(where: { $0.path == visit.path }) else {
            return .done(.page(visit.failure(404, .errorPage)))
        }
        guard isReading || visit.method == "POST" && route.post != nil else {
            return .done(.page(visit.methodNotAllowed(route.post == nil ? "GET" : "GET, POST")))
        }
        guard let user = visit.user else { return .done(visit.signIn) }
        if let section = route.section, let refusal = refusal(of: section, visit, user) {
            return .done(.page(refusal))
        }
        guard !isReading, let post = route.post else { return try route.get(self, visit, user) }
        if let refusal = refusal(ofFormIn: visit, user) { return .done(.page(refusal)) }
        return try post(self, visit, user)
    }

    /// Why a form is not taken: it must be one of these pages', shown to this user.
    private func refusal(ofFormIn visit: Visit, _ user: Visit.User) -> Page? {
        guard let body = visit.body, !body.isCut else { return visit.failure(413, .errorTooLarge) }
        let type = visit.header("content-type").map { $0.prefix { $0 != ";" && $0 != " " }.lowercased() }
        guard type.map({ ID($0) }) == "application/x-www-form-urlencoded" else {
            return visit.failure(415, .errorForm)
        }
        let isFromHere: Bool
        if let origin = visit.header("origin") {
            isFromHere = ID(origin) == ID(visit.mount.origin)
        } else {
            isFromHere = visit.header("sec-fetch-site").map { ID($0) } == "same-origin"
        }
        guard isFromHere,
            seal.isGenuine(body[Page.Form.tokenName] ?? "", user: user.id, action: visit.path, now: clock.seconds)
        else { return visit.failure(403, .errorForm) }
        return nil
    }
}

extension Visit {
    func header(_ name: String) -> String? { headers[name]?.string }

    func methodNotAllowed(_ allowed: String) -> Page {
        var page = failure(405, .errorMethod)
        page.allowedMethods = allowed
        return page
    }

    /// Leads to where the host signs users in, and from there back here.
    var signIn: Answer {
        guard let signInURL, method == "GET" else {
            var page = Page(title: texts(.signInTitle), blocks: [.paragraph(texts(.signInBody))])
            page.status = 401
            return .page(page)
        }
        let here = mount.path + path.text
        let next = rawQuery.isEmpty ? here : "\(here)?\(rawQuery)"
        return .seeOther(URL.appending([("next", next)], to: signInURL))
    }
}
