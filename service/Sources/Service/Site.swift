import DescopeConn
import HTTPTypes
import Hummingbird

/// What is behind a listener: the pages, the API, and how users sign in.
struct Site: Sendable {
    /// A longer body is refused.
    private static let maxPageBytes = 65536
    private static let maxAPIBytes = 900_000

    let client: Client
    let settings: ServiceSettings
    let visitors: Visitors
    let signIn: SignIn?
    let metrics: Metrics
    let state: ServiceState
    let isAdministration: Bool
    let url: PublicURL

    func answer(_ asked: Asked, _ route: Route) async throws -> Response {
        switch route {
        case .api: try await api(asked)
        case .pages: try await page(asked)
        case .callback: try await callback(asked)
        case .signIn: try await sign(asked)
        case .health: await health(asked)
        case .metrics: try await allMetrics()
        case .none:
            asked.path == "/" && asked.method == "GET"
                ? .leading(to: url.text + ServiceSettings.pagesPath + (isAdministration ? "/console" : "/"))
                : .error(.notFound, "E011006", "there is nothing here")
        }
    }

    // MARK: - The API

    private func api(_ asked: Asked) async throws -> Response {
        Response(
            try await client.handleApi(
                method: asked.method, path: asked.path, query: asked.query,
                body: try await asked.body(Self.maxAPIBytes),
                authorization: asked.fields[.authorization].map { Secret($0) },
                sessionCookie: Cookie.value(of: "DS", in: asked.fields).map { Secret($0) }, address: asked.address,
                origin: asked.fields[.origin], traceparent: asked.fields[.traceParent]))
    }

    // MARK: - The pages

    private func page(_ asked: Asked) async throws -> Response {
        let below = String(asked.path.dropFirst(ServiceSettings.pagesPath.count))
        if below == "/callback", let signedIn = try await signIn?.end(asked.query, asked.fields) { return signedIn }
        return try await page(asked, below)
    }

    /// Where Descope has its callback: whoever moves from there need not register another one.
    private func callback(_ asked: Asked) async throws -> Response {
        if let signedIn = try await signIn?.end(asked.query, asked.fields) { return signedIn }
        return try await page(asked, "/callback")
    }

    private func page(_ asked: Asked, _ below: String) async throws -> Response {
        let visitor = try await visitors.find(asked.fields)
        let user = visitor.map { visitor in
            PageUser(
                userId: visitor.user, name: visitor.name, tenants: visitor.tenants.map { PageTenant(id: $0) },
                administrator: visitor.isAdministrator && (isAdministration || settings.isConsolePublic))
        }
        var headers: [String: JSON] = [:]
        for name in ["accept-language", "content-type", "origin", "sec-fetch-site", "traceparent"] {
            if let field = HTTPField.Name(name), let value = asked.fields[field] { headers[name] = .string(value) }
        }
        return Response(
            try await client.handlePage(
                method: asked.method, base: url.text + ServiceSettings.pagesPath, path: below, query: asked.query,
                headers: headers, body: try await asked.body(Self.maxPageBytes), user: user, signInUrl: signInURL,
                signOutUrl: visitor?.isOurs == true ? "\(url.text)/sign-out" : nil, product: settings.product,
                notice: settings.isDevelopment ? "For development: whoever opens this page is signed in as dev." : nil,
                apps: settings.apps.flatMap(\.strings),
                exceptApps: settings.signIn.connection.map { [$0] }, openerOrigin: settings.openerOrigin))
    }

    private var signInURL: String? {
        if isAdministration || signIn != nil { return "\(url.text)/sign-in" }
        return settings.signIn.url
    }

    // MARK: - Signing in

    private func sign(_ asked: Asked) async throws -> Response {
        if asked.path == "/sign-out" { return signOut(asked) }
        if isAdministration { return try await signInWithKey(asked) }
        guard let signIn else { return SignPage.failure(.notFound, "Nobody signs in here.").response }
        guard asked.method == "GET" else {
            return SignPage.failure(.methodNotAllowed, "This is a page, and no form.").response
        }
        return try await signIn.begin(next: Query(asked.query)["next"])
    }

    /// Only by a form: another site's link signs nobody out.
    private func signOut(_ asked: Asked) -> Response {
        guard asked.method == "POST" else { return SignPage.signOut.response }
        guard asked.isSameOrigin(url) else {
            return SignPage.failure(.forbidden, "The form is not of this site.").response
        }
        if let key = visitors.cookie.value(in: asked.fields) { visitors.sessions.take(key) }
        var response = SignPage.signedOut.response
        response.headers[.setCookie] = visitors.cookie.setting("", seconds: 0)
        return response
    }

    /// Administrators prove who they are by a management key.
    private func signInWithKey(_ asked: Asked) async throws -> Response {
        let next = SignIn.own(Query(asked.query)["next"])
        guard asked.method == "POST" else { return SignPage.managementKey(next: next, isRefused: false).response }
        guard asked.isSameOrigin(url) else {
            return SignPage.failure(.forbidden, "The form is not of this site.").response
        }
        let form = Query(try await asked.body(Self.maxPageBytes))
        do {
            let key = try await client.managementKeys.verify(key: Secret(form["key"] ?? "-"), address: asked.address)
            let session = RandomText.make()
            visitors.sessions.keep(
                SignedIn(
                    user: "management key \(key.id)", name: key.name, isOurs: true, managementKey: key.id,
                    isAdministrator: true),
                at: session)
            return .leading(
                to: url.text + next,
                cookies: [visitors.cookie.setting(session, seconds: visitors.sessions.seconds)])
        } catch {
            guard error.code == .unauthorized else { throw error }
            return SignPage.managementKey(next: next, isRefused: true).response
        }
    }

    // MARK: - What is counted

    /// The service's own, and those of the library.
    private func allMetrics() async throws -> Response {
        let library = try await client.stats().metrics.flatMap(\.prometheus)
        return .text(
            metrics.text + library.map { $0 + "\n" }.joined(), type: "text/plain; version=0.0.4; charset=utf-8")
    }

    // MARK: - Health

    private func health(_ asked: Asked) async -> Response {
        guard asked.path == "/readyz" else { return .text("ok\n") }
        guard !state.isStopping else { return .text("stopping\n", .serviceUnavailable) }
        do {
            _ = try await client.apps.load(id: "readyz", timeout: .seconds(2))
        } catch {
            // That there is no such connection is what the store has answered.
            guard error.code == .notFound else { return .text("the vault does not answer\n", .serviceUnavailable) }
        }
        return .text("ok\n")
    }
}

extension JSON {
    fileprivate var strings: [String]? {
        guard case .array(let elements) = self else { return nil }
        return elements.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}
