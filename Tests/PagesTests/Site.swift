import Connections
import Foundation
import HTTP
import JSON
import MCP
import Runtime
import Store
import StoreSQLite
import TestSupport
import Testing

@testable import Pages
@testable import Vault

/// A site that has mounted the pages, over a vault in a temporary folder.
final class Site {
    static let base = "https://app.example.com/connections"

    private let folder: TemporaryFolder
    private let backend: PagesBackend
    let store: CountedStore
    /// What the pages ask.
    let asked: CountedBackend
    private let vault: VaultBackend
    let provider = CannedProvider()
    let clock = MovableClock()

    /// - Parameter pageIsKnown: connect URLs lead to the pages, and not to the provider.
    init(pageIsKnown: Bool = true) throws {
        folder = try TemporaryFolder()
        let config: JSON = [
            "backend": "vault", "path": .string(folder.file("vault.db")),
            "key": ["bytes": .string(String(repeating: "5a", count: 32))],
            "redirectUrl": .string("\(Self.base)/callback"), "audit": "all",
        ]
        if pageIsKnown { config.set("connectPageUrl", .string("\(Self.base)/connect")) }
        store = CountedStore(try SQLiteStore(path: folder.file("vault.db")))
        vault = try VaultBackend(
            store: store,
            config: try VaultConfig(config, environment: { _ in nil }), clock: clock.clock)
        asked = CountedBackend(MCPBackend(vault, clock: clock.clock))
        backend = PagesBackend(asked, clock: clock.clock)
        try run(
            "apps.create",
            [
                "id": "crm", "name": "A <b>CRM</b>", "clientId": "c", "clientSecret": "s",
                "authorizationUrl": "https://crm.example/authorize", "tokenUrl": "https://crm.example/token",
                "defaultScopes": ["read", "write"],
            ])
        try run(
            "apps.create",
            [
                "id": "weather2", "name": "Second", "clientId": "c", "clientSecret": "s",
                "authorizationUrl": "https://second.example/authorize", "tokenUrl": "https://second.example/token",
            ])
        try run("apps.create", ["id": "weather", "name": "Weather", "appType": "apikey"])
    }

    deinit { backend.close() }

    /// Makes so many connections at once: `many-0`, called `One of many 0`, and so on.
    func makeMany(_ count: Int) throws {
        let rows = vault.rows
        try store.commit(
            (0..<count).map { number in
                let settings: JSON = [
                    "id": .string("many-\(number)"), "name": .string("One of many \(number)"), "appType": "apikey",
                    "incarnation": .string("i\(number)"),
                ]
                let app = try #require(AppRecord(json: settings))
                return rows.seal(app, at: rows.keys.app(app.id), expecting: .absent)
            })
    }

    @discardableResult
    func run(_ operation: String, _ request: JSON = [:]) throws -> JSON {
        try StepDriver(operation, request, of: backend, provider, clock).finish()
    }

    static let alice: JSON = [
        "userId": "alice", "name": "Alice", "tenants": [["id": "t1", "name": "Acme & Sons"]],
    ]
    static let mallory: JSON = ["userId": "mallory"]
    static let administrator: JSON = ["userId": "root", "name": "Root", "administrator": true]

    /// A page, as a browser loads it.
    /// - Parameter more: of the request to `pages.handle`.
    func get(
        _ path: String, _ query: [(String, String)] = [], as user: JSON? = alice, more: JSON = [:]
    ) throws -> Shown {
        try send("GET", path, query, as: user, more: more)
    }

    func send(
        _ method: String, _ path: String, _ query: [(String, String)] = [], as user: JSON? = alice, more: JSON = [:]
    ) throws -> Shown {
        let request: JSON = [
            "method": .string(method), "base": .string(Self.base), "path": .string(path),
            "query": .string(HTTP.URL.query(query)),
        ]
        if let user { request.set("user", user) }
        return Shown(try run("pages.handle", request.with(more)))
    }

    /// Loads a page and sends its form.
    /// - Parameters:
    ///   - fields: what the user types.
    ///   - headers: in place of those of a form that was sent from this site.
    func submit(
        _ path: String, _ query: [(String, String)] = [], as user: JSON? = alice, _ fields: [(String, String)] = [],
        headers: JSON = formHeaders
    ) throws -> Shown {
        let token = try get(path, query, as: user).formToken
        let body = HTTP.URL.query([("form", token ?? "")] + fields)
        return try send("POST", path, query, as: user, more: ["headers": headers, "body": .string(body)])
    }

    /// Sends one of the forms of a page, as a browser does: with all that stands in it.
    /// - Parameters:
    ///   - action: how the path and query of the form begin.
    ///   - typed: in place of what stands in these fields.
    func send(form action: String, of page: Shown, as user: JSON? = alice, _ typed: [(String, String)]) throws -> Shown
    {
        let form = try #require(page.forms.first { $0.action.hasPrefix(Self.base + action) })
        let names = typed.map(\.0)
        let body = HTTP.URL.query(form.fields.filter { !names.contains($0.0) } + typed)
        let parts = form.action.dropFirst(Self.base.count).split(separator: "?", maxSplits: 1)
        return try send(
            "POST", String(parts[0]), as: user,
            more: [
                "query": .string(parts.count == 2 ? String(parts[1]) : ""), "headers": Self.formHeaders,
                "body": .string(body),
            ])
    }

    /// Removes a record of the audit behind the vault's back.
    /// - Parameter record: an `AuditRecord`.
    func removeAuditRecord(_ record: JSON) throws {
        let place = AuditPlace(Int(record["chain"]?.integer ?? 0), record["sequence"]?.integer ?? 0)
        try store.commit([.remove(place.rowKey, expecting: .any)])
    }

    /// What proves a form of the page to be the user's, wherever it was shown.
    func formToken(for path: String, as user: ID = "root") throws -> String {
        let secret = try #require(backend.sharedSecret)
        return FormSeal(secret: secret).token(user: user, action: ID(path), now: clock.clock.seconds)
    }

    /// A page by a link of another one.
    func follow(_ link: String, as user: JSON? = alice) throws -> Shown {
        let parts = link.dropFirst(Self.base.count).split(separator: "?", maxSplits: 1)
        let query = parts.count == 2 ? String(parts[1]) : ""
        return try send("GET", String(parts[0]), as: user, more: ["query": .string(query)])
    }

    static let formHeaders: JSON = [
        "origin": "https://app.example.com", "content-type": "application/x-www-form-urlencoded",
    ]

    /// The user goes to the provider by a page's link, and comes back.
    /// - Parameter granted: the reply of the provider's token endpoint.
    func callback(_ page: Shown, granting granted: String, as user: JSON? = alice) throws -> Shown {
        provider.next(200, granted)
        let state = page.mainLink.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value
        return try get("/callback", [("state", state ?? ""), ("code", "abc")], as: user)
    }

    func tokens(_ subject: JSON = ["userId": "alice"]) throws -> [JSON] {
        try run("list", subject)["tokens"]?.elements ?? []
    }
}

/// What a browser was answered.
struct Shown {
    let status: Int64
    let body: String
    private let headers: JSON

    init(_ answer: JSON) {
        status = answer["status"]?.integer ?? 0
        body = answer["body"]?.string ?? ""
        headers = answer["headers"] ?? [:]
    }

    func header(_ name: String) -> String? { headers[name]?.string }

    var location: String? { header("location") }

    var title: String? { text(between: "<h1>", "</h1>") }

    var formToken: String? { text(between: "name=\"form\" value=\"", "\"") }

    /// Where the page's main link leads.
    var mainLink: String? {
        text(between: "class=\"button main\" href=\"", "\"")?.replacingOccurrences(of: "&amp;", with: "&")
    }

    /// The forms that are posted, with what stands in their fields.
    var forms: [(action: String, fields: [(String, String)])] {
        body.components(separatedBy: "<form method=\"post\" action=\"").dropFirst().map { part in
            let form = part.components(separatedBy: "</form>")[0]
            let inputs = form.components(separatedBy: "<input").dropFirst().compactMap { input -> (String, String)? in
                let tag = input.prefix { $0 != ">" }
                guard let name = Self.attribute("name", of: tag) else { return nil }
                if tag.contains("type=\"checkbox\"") { return tag.hasSuffix(" checked") ? (name, "on") : nil }
                return (name, Self.attribute("value", of: tag) ?? "")
            }
            let choices = form.components(separatedBy: "<select").dropFirst().compactMap { part -> (String, String)? in
                let chosen = part.components(separatedBy: "<option").dropFirst().map { $0.prefix { $0 != ">" } }
                    .first { $0.hasSuffix(" selected") }
                guard let name = Self.attribute("name", of: part.prefix { $0 != ">" }), let chosen else { return nil }
                return (name, Self.attribute("value", of: chosen) ?? "")
            }
            let areas = form.components(separatedBy: "<textarea").dropFirst().compactMap { area -> (String, String)? in
                let tag = area.prefix { $0 != ">" }
                let text = area.dropFirst(tag.count + 1).components(separatedBy: "</textarea>")[0]
                return Self.attribute("name", of: tag).map { ($0, Self.plain(text)) }
            }
            return (Self.plain(String(form.prefix { $0 != "\"" })), inputs + choices + areas)
        }
    }

    private static func attribute(_ name: String, of tag: Substring) -> String? {
        guard let start = tag.range(of: " \(name)=\"") else { return nil }
        return plain(String(tag[start.upperBound...].prefix { $0 != "\"" }))
    }

    private static func plain(_ text: String) -> String {
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        return entities.reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }

    /// Where a link of this text leads.
    func link(_ text: String) -> String? {
        guard let end = body.range(of: "\(text)</a>"),
            let start = body[..<end.lowerBound].range(of: "href=\"", options: .backwards)
        else { return nil }
        return body[start.upperBound...].prefix { $0 != "\"" }.replacingOccurrences(of: "&amp;", with: "&")
    }

    /// The items of the first list after a text.
    func list(after text: String) -> [String] {
        guard let start = body.range(of: text), let end = body[start.upperBound...].range(of: "</ul>"),
            body[start.upperBound..<end.lowerBound].components(separatedBy: "<ul").count == 2
        else { return [] }
        return body[start.upperBound..<end.lowerBound].components(separatedBy: "<code>").dropFirst()
            .compactMap { $0.components(separatedBy: "</code>").first }
    }

    private func text(between start: String, _ end: String) -> String? {
        guard let from = body.range(of: start), let to = body[from.upperBound...].range(of: end) else { return nil }
        return String(body[from.upperBound..<to.lowerBound])
    }
}
