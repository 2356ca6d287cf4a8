internal import Connections
internal import JSON
internal import Runtime

/// A token as administrators see it: never its secrets.
struct ConsoleToken: Sendable {
    let shown: ShownToken
    /// A `TokenInfo`.
    let json: JSON

    init?(_ json: JSON) {
        guard let shown = ShownToken(json) else { return nil }
        self.shown = shown
        self.json = json
    }

    /// Seconds since 1970; nil: unknown, or never.
    var expiry: Int64? { json["accessTokenExpiry"]?.integer }

    var isRefreshable: Bool { json["hasRefreshToken"]?.boolean ?? false }

    func subject(_ texts: Texts) -> Page.Cell {
        shown.subject.map { $0.cell(texts) } ?? Page.Cell("–")
    }

    func status(_ texts: Texts) -> Page.Cell {
        let (tone, text) = shown.status.words
        return Page.Cell(
            texts(text), note: shown.reason.flatMap { ShownToken.reasons[$0] }.map { texts($0) }, tone: tone)
    }

    /// Names the token in a URL; nil where the cloud does not say which it is.
    var parameters: [(String, String)]? {
        guard let id = shown.id, let subject = shown.subject else { return nil }
        return [("app", shown.appID.text)]
            + [("user", subject.userID), ("tenant", subject.tenantID)].compactMap { name, id in
                id.map { (name, $0.text) }
            } + [("token", id)]
    }

    func url(_ path: StaticString, _ visit: Visit) -> String? {
        parameters.map { visit.mount.url(path, $0) }
    }
}

extension Subject {
    func cell(_ texts: Texts) -> Page.Cell {
        switch self {
        case .user(let user): Page.Cell(user.text)
        case .userInTenant(let user, let tenant):
            Page.Cell(user.text, note: texts(.consoleInTenant, ["tenant": tenant.text]))
        case .tenant(let tenant): Page.Cell(tenant.text, note: texts(.tenant))
        }
    }
}
