/// What a request is for.
enum Route: String, Sendable {
    case api, pages, callback, signIn = "sign_in", health, metrics, none

    /// - Parameters:
    ///   - path: of a request, as it came.
    ///   - isAdministration: whether it came to the administrators' listener.
    static func of(_ path: String, isAdministration: Bool) -> Route {
        if ["/healthz", "/readyz"].contains(path) { return .health }
        if path == "/metrics" { return isAdministration ? .metrics : .none }
        if path == "/sign-in" || path == "/sign-out" { return .signIn }
        if path == "/v1/outbound/oauth/callback" { return isAdministration ? .none : .callback }
        if path == ServiceSettings.pagesPath || path.hasPrefix(ServiceSettings.pagesPath + "/") { return .pages }
        if path.hasPrefix("/v1/") { return isAdministration ? .none : .api }
        return .none
    }
}
