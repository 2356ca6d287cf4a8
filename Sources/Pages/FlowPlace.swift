internal import Connections
internal import HTTP
internal import Runtime

/// Where somebody stands in a flow. All of it is in the page's URL, so that nothing is kept between two pages.
struct FlowPlace: Sendable {
    let flow: ShownFlow
    /// From 0; as many as there are actions when all are done.
    let index: Int
    /// The connection that the link asks for in place of the flow's own.
    let askedApp: ID?
    /// The scopes that the link asks for in place of the flow's own.
    let askedScopes: [String]?
    /// Where it ends, if the link says so.
    let redirectURL: String?
    /// The connection of the button that was chosen.
    let choice: ID?
    /// The user comes back from a connect.
    let isBack: Bool

    /// - Throws: `invalid_request` when the query does not fit the flow.
    init(_ flow: ShownFlow, _ query: Parameters) throws(ConnError) {
        self.flow = flow
        let step = query["step"].map { Int($0) ?? 0 } ?? 1
        guard (1...flow.actions.count + 1).contains(step) else { throw .invalid("step", "is none of the flow's") }
        index = step - 1
        redirectURL = query["redirectUrl"]
        if let redirectURL, !flow.redirectURLs.contains(where: { ID($0) == ID(redirectURL) }) {
            throw .invalid("redirectUrl", "is not among the flow's redirectUrls")
        }
        askedApp = query["app"].map { ID($0) }
        askedScopes = query["scopes"].flatMap(Visit.scopes)
        guard !flow.isFixed || askedApp == nil && askedScopes == nil else {
            throw .invalid("app", "and scopes cannot be asked for: the flow is fixed")
        }
        choice = query["choice"].map { ID($0) }
        isBack = query.first(Self.backName) != nil
    }

    /// Nil when all are done.
    var action: ShownFlow.Action? { index < flow.actions.count ? flow.actions[index] : nil }

    /// Whether the action is the first of its type: what the link asks for is for that one.
    var isForLink: Bool { action.map { flow.index(ofActionTakingKey: $0.takesKey) == index } ?? false }

    /// The scopes to ask for in place of the connection's.
    var scopes: [String]? {
        guard let action, !action.takesKey else { return nil }
        return (isForLink ? askedScopes : nil) ?? action.scopes
    }

    /// The URL of a step.
    func url(_ visit: Visit, step: Int? = nil, choice: ID? = nil, tenant: ID? = nil, isBack: Bool = false) -> String {
        let step = step ?? index
        let all: KeyValuePairs<String, String?> = [
            "id": flow.id.text, "step": step > 0 ? String(step + 1) : nil, "app": askedApp?.text,
            "scopes": askedScopes?.joined(separator: " "), "redirectUrl": redirectURL, "choice": choice?.text,
            "tenant": (tenant ?? visit.tenant)?.text, Self.backName.text: isBack ? "1" : nil,
        ]
        return visit.mount.url("/flow", all.compactMap { name, value in value.map { (name, $0) } })
    }

    private static let backName: ID = "back"

    /// The step from which somebody has not come back connected.
    /// - Parameter url: where a connect of the step would have ended.
    static func before(_ url: URL, _ mount: Mount) -> String {
        mount.url("/flow", Parameters(url.query ?? "").others(than: backName))
    }

    func next(_ visit: Visit) -> String { url(visit, step: index + 1) }
}

extension Visit {
    /// Scopes stand in URLs as they do in OAuth, with spaces between them (RFC 6749 section 3.3).
    /// - Returns: nil when there are none: the connection's own are asked for then.
    static func scopes(_ text: String) -> [String]? {
        let scopes = text.split(separator: " ").map(String.init)
        return scopes.isEmpty ? nil : scopes
    }
}
