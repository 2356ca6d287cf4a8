package import Connections
package import JSON
internal import JWT
package import Runtime

/// Any backend, with Descope's REST API above it.
package final class APIBackend: BackendLayer {
    package let backend: any Backend
    private let settings: APISettings
    private let verifier: JWTVerifier

    /// - Parameter clock: by which JWTs expire.
    package init(_ backend: any Backend, _ settings: APISettings, clock: Clock = .system) {
        self.backend = backend
        self.settings = settings
        verifier = JWTVerifier(settings.issuers, clock: clock)
    }

    package func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        switch request.operation {
        case "api.handle": try handle(request)
        case "jwt.verify":
            try verifier.verify(request["jwt"] ?? .string("")).then { (found) throws(ConnError) in
                .done(Identity(found.claims).json(found.claims))
            }
        default: try backend.begin(request)
        }
    }

    private func handle(_ request: Request) throws(ConnError) -> Step<JSON> {
        let call = Call(request)
        let routes = Route.all.compactMap { route in route.path.match(Path(call.path)).map { (route, $0) } }
        let origin = request["origin"]?.id
        // Whoever is signed in by a cookie does not know that another site makes the call.
        let isBrowsers = routes.contains { $0.0.access == .browsers }
        let allowed = isBrowsers && settings.allows(origin) ? origin : nil
        let headers = isBrowsers ? CORS.headers(allowed) : []
        if call.method == CORS.preflight, let route = routes.first(where: { $0.0.access == .browsers })?.0 {
            let more = allowed == nil ? [] : CORS.preflightHeaders(route.method)
            return .done(Reply(204, nil).json(headers + more))
        }
        return try Step.attempt({ () throws(ConnError) in
            let (route, id) = try self.route(of: call, among: routes)
            return try caller(of: request, fromAllowedOrigin: allowed != nil).then {
                [self] (caller) throws(ConnError) in
                guard route.access != .managers || caller.isManager else {
                    throw ConnError(.forbidden, "this needs a management key")
                }
                return try route.perform(self, call.by(caller).at(id), caller)
            }
        }) { (result) throws(ConnError) in
            switch result {
            case .success(let body): return .done(Reply(200, body).json(headers))
            case .failure(let error):
                // Nobody waits for an answer any more.
                if [.timeout, .cancelled].contains(error.code) { throw error }
                return .done(Reply(error).json(headers))
            }
        }
    }

    private func route(of call: Call, among fitting: [(Route, String)]) throws(ConnError) -> (Route, String) {
        guard !fitting.isEmpty else { throw ConnError(.notFound, "there is no such endpoint", field: "path") }
        guard let found = fitting.first(where: { $0.0.method == call.method }) else {
            throw ConnError(.unsupported, "the endpoint has no such method", field: "method")
        }
        return found
    }

    /// - Throws: `unauthorized` for nobody, and for whatever is wrong with what somebody has brought.
    private func caller(
        of request: Request, fromAllowedOrigin: Bool
    ) throws(ConnError) -> Step<Caller> {
        if let caller = request["caller"] { return .done(Caller(caller)) }
        let header = request["authorization"].flatMap(Authorization.init)
        if let project = settings.projectID, let given = header?.projectID, given != project {
            throw ConnError(.unauthorized, "this is another project")
        }
        switch header?.credential {
        case .managementKey(let key)?:
            let fields = JSON.object(["key": key, "address": request["address"]])
            return try perform("management_keys.verify", fields, actor: nil).then { (found) throws(ConnError) in
                .done(Caller(managementKey: found))
            }
        case .jwt(let jwt)?:
            return try caller(with: jwt)
        case nil:
            guard fromAllowedOrigin, let jwt = request["sessionCookie"] else {
                throw ConnError(.unauthorized, "nobody is signed in")
            }
            return try caller(with: jwt)
        }
    }

    private func caller(with jwt: JSON) throws(ConnError) -> Step<Caller> {
        try verifier.verify(jwt).then { [settings] (found) throws(ConnError) in
            let identity = Identity(found.claims)
            if let scope = found.issuer.requiredScope, !identity.scopes.contains(scope) {
                throw ConnError(.forbidden, "the token lacks the scope \(scope)")
            }
            return .done(Caller(identity, policies: settings.policies))
        }
    }

    func perform(_ operation: String, _ fields: JSON, for call: Call) throws(ConnError) -> Step<JSON> {
        try perform(operation, fields, actor: call.actor)
    }
}
