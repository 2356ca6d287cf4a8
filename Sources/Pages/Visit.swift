internal import Connections
internal import HTTP
internal import JSON
internal import Runtime

/// One request to a page, and who is there.
struct Visit: Sendable {
    let method: ID
    /// Below the base; it begins with a slash.
    let path: ID
    let query: Parameters
    let rawQuery: String
    /// Nil when it was too long.
    let body: Parameters?
    let headers: JSON
    let mount: Mount
    let user: User?
    let texts: Texts
    let product: String?
    let notice: String?
    /// Nil: all.
    let offeredApps: [ID]?
    let exceptedApps: [ID]
    let signInURL: String?
    let signOutURL: String?
    let openerOrigin: String?
    let actor: String?

    struct User: Sendable {
        let id: ID
        let name: String?
        let tenants: [(id: ID, name: String?)]
        var isAdministrator = false
    }

    private static let maxBodyBytes = 65536

    /// - Parameter request: fits the table of `pages.handle`.
    init(_ request: Request) throws(ConnError) {
        method = ID(request.string("method") ?? "")
        let path = request.string("path") ?? ""
        self.path = ID(path.isEmpty ? "/" : path)
        rawQuery = request.string("query") ?? ""
        query = Parameters(rawQuery)
        let text = request.string("body") ?? ""
        body = text.utf8.count > Self.maxBodyBytes ? nil : Parameters(text)
        headers = request["headers"] ?? .object()
        mount = try Mount(request.required("base"))
        user = request["user"].map { user in
            User(
                id: ID(user["userId"]?.string ?? ""), name: user["name"]?.string,
                tenants: (user["tenants"]?.elements ?? []).map {
                    (ID($0["id"]?.string ?? ""), $0["name"]?.string)
                },
                isAdministrator: user["administrator"]?.boolean ?? false)
        }
        texts = Texts(Self.languages(request["user"]?["locale"]?.string, headers["accept-language"]?.string))
        product = request.string("product")
        notice = request.string("notice")
        offeredApps = request["apps"]?.strings?.map { ID($0) }
        exceptedApps = (request["exceptApps"]?.strings ?? []).map { ID($0) }
        signInURL = request.string("signInUrl")
        signOutURL = request.string("signOutUrl")
        openerOrigin = request.string("openerOrigin").flatMap(URL.init)?.webOrigin
        actor = request.actor
    }

    /// The tags of RFC 9110's Accept-Language, the dearest first, after the user's own.
    private static func languages(_ own: String?, _ accepted: String?) -> [String] {
        let ranges = (accepted ?? "").prefix(512).split(separator: ",").map { range in
            let parts = range.split(separator: ";")
            let weight = parts.dropFirst().lazy.compactMap { part -> Double? in
                let pair = part.split(separator: "=")
                guard pair.count == 2, trimmed(pair[0]) == "q" else { return nil }
                return Double(trimmed(pair[1]))
            }.first
            return (tag: trimmed(parts.first ?? ""), weight: weight ?? 1)
        }
        // Swift's sort keeps the order of equals.
        return (own.map { [$0] } ?? []) + ranges.filter { $0.weight > 0 }.sorted { $0.weight > $1.weight }.map(\.tag)
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.prefix { $0 != " " })
    }
}

extension Visit {
    /// The tenant that the page is about, where the URL names one.
    var tenant: ID? { query["tenant"].map { ID($0) } }

    /// Whose connections the page is about: the user's own, or a tenant's.
    /// - Throws: `forbidden` when the user may not act for the tenant.
    func subject(of user: User) throws(ConnError) -> Subject {
        guard let tenant else { return .user(user.id) }
        guard user.tenants.contains(where: { $0.id == tenant }) else {
            throw ConnError(.forbidden, "the user may not act for this tenant", field: "tenant")
        }
        return .tenant(tenant)
    }

    /// What a tenant is called.
    func name(of tenant: ID) -> String { user?.tenants.first { $0.id == tenant }?.name ?? tenant.text }

    /// The URL of a page about the same subject.
    func url(_ path: StaticString, _ parameters: [(String, String)] = []) -> String {
        let tenant = tenant.map { [("tenant", $0.text)] } ?? []
        return mount.url(path, parameters + tenant)
    }
}

/// Where the pages are mounted.
struct Mount: Sendable {
    /// Without a final slash.
    let base: String
    /// The path of the base, without a final slash.
    let path: String
    let origin: String

    init(_ base: String) throws(ConnError) {
        guard let url = URL(base), url.query == nil else { throw .invalid("base", "is not a URL without a query") }
        // It stands in headers, between spaces, semicolons and commas.
        guard base.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x2C && $0 != 0x3B }) else {
            throw .invalid("base", "holds a character that a URL in a header cannot have")
        }
        self.base = base.utf8.last == UInt8(ascii: "/") ? String(base.dropLast()) : base
        path = url.path.utf8.last == UInt8(ascii: "/") ? String(url.path.dropLast()) : url.path
        origin = url.webOrigin
    }

    func url(_ path: StaticString, _ parameters: [(String, String)] = []) -> String {
        URL.appending(parameters, to: base + path.description)
    }

    /// Whether a connect that ends at this URL is a step of a flow, which goes on from there.
    func isInFlow(_ url: String) -> Bool { url.utf8.starts(with: (base + "/flow?").utf8) }
}
