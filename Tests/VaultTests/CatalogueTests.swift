import Connections
import Foundation
import HTTP
import JSON
import OAuth
import Runtime
import TestSupport
import Testing

@testable import Vault

/// Connections made from the catalogue's templates, against a server that has the habits of the real providers and
/// refuses what they would not take.
@Suite(.serialized) struct CatalogueTests {
    private static let live = Result { try LiveVault(try TestServer("quirks")) }
    private static let clientSecret = "s3cret: +%/=&"

    struct Habits: Sendable, CustomTestStringConvertible {
        var name: String
        var expiresIn: Int64?
        var introspected: Int64?
        var refreshTokens: String
        var callback: [ID: String]
        var tellsWrongClients: Bool
        var revokes: Bool
        /// It says what it granted.
        var tellsScopes: Bool
        /// Scopes that its replies call otherwise, or leave out.
        var renamed: [String]

        var testDescription: String { name }
        var refreshes: Bool { refreshTokens != "none" }

        static func all() throws -> [Habits] {
            let answer = try CatalogueTests.live.get().control(.get, "providers")
            return try (answer["providers"]?.elements ?? []).map { row in
                Habits(
                    name: try #require(row["name"]?.string), expiresIn: row["expiresIn"]?.integer,
                    introspected: row["introspected"]?.integer,
                    refreshTokens: try #require(row["refreshTokens"]?.string),
                    callback: row["callback"]?.texts ?? [:],
                    tellsWrongClients: row["tellsWrongClients"]?.boolean == true,
                    revokes: row["revocation"] != nil,
                    tellsScopes: row["tellsScopes"]?.boolean == true || row["callbackTellsScopes"]?.boolean == true,
                    renamed: row["renamed"]?.strings ?? [])
            }
        }
    }

    @Test(arguments: try Habits.all())
    func connectsAndFetches(_ habits: Habits) throws {
        let live = try Self.live.get()
        let app = try makeApp(habits)
        let before = Clock.system.seconds
        let done = try live.connect(app, ["scopes": ["a:read", "b"]])
        #expect(done["scopes"]?.strings.map(Set.init) == ["a:read", "b"])
        #expect(done["missingScopes"] == nil)
        let token = try #require(try fetch(app))
        #expect(token["accessToken"]?.string?.isEmpty == false)
        #expect(token["hasRefreshToken"]?.boolean == habits.refreshes)
        let lifetime = habits.expiresIn ?? habits.introspected
        if let lifetime {
            let expiry = try #require(token["accessTokenExpiry"]?.integer)
            #expect((before + lifetime...Clock.system.seconds + lifetime).contains(expiry))
        }
        let metadata = done["metadata"]
        for name in try #require(Template.named(ID(habits.name))).row["callback"]?["metadata"]?.strings ?? [] {
            #expect(metadata?[name]?.string == habits.callback[ID(name)])
            #expect(token["metadata"]?[name]?.string == habits.callback[ID(name)])
        }
    }

    private static let connect: JSON = ["connect": ["redirectUrl": "https://h.example/done"]]

    /// A user who grants all that he is asked for is asked once, whatever the provider calls it.
    @Test(arguments: try Habits.all())
    func whoGrantsAllIsAskedOnce(_ habits: Habits) throws {
        let app = try makeApp(habits)
        let scopes = JSON.strings(["a:read"] + habits.renamed.filter { $0 != "unticked" })
        let wanted = (["scopes": scopes] as JSON).with(Self.connect)
        let url = #expect(throws: ConnError.self) { try fetch(app, wanted) }?.connectionURL
        let done = try Self.live.get().complete(try Self.live.get().callback(of: url))
        #expect(done["missingScopes"] == nil)
        #expect(try fetch(app, wanted) != nil)
        guard habits.refreshes else { return }
        #expect(try fetch(app, (["options": ["forceRefresh": true]] as JSON).with(wanted)) != nil)
    }

    /// Whoever leaves one out is told where the provider tells, and is not asked again.
    @Test(arguments: try Habits.all())
    func whoUnticksAScopeIsNotAskedAgain(_ habits: Habits) throws {
        let app = try makeApp(habits)
        let wanted = (["scopes": ["a:read", "unticked"]] as JSON).with(Self.connect)
        let url = #expect(throws: ConnError.self) { try fetch(app, wanted) }?.connectionURL
        let done = try Self.live.get().complete(try Self.live.get().callback(of: url))
        guard habits.tellsScopes, !habits.renamed.contains("unticked") else {
            #expect(try fetch(app, wanted) != nil)
            return
        }
        #expect(done["missingScopes"]?.strings == ["unticked"])
        let error = #expect(throws: ConnError.self) { try fetch(app, wanted) }
        #expect(error?.code == .notFound)
        #expect(error?.declined == ["unticked"])
        let narrower = try fetch(app, (["options": ["acceptNarrower": true]] as JSON).with(wanted))
        #expect(narrower?["missingScopes"]?.strings == ["unticked"])
    }

    @Test(arguments: try Habits.all().filter(\.refreshes))
    func refreshesAgainAndAgain(_ habits: Habits) throws {
        let app = try makeApp(habits)
        try Self.live.get().connect(app)
        var seen = Set([try fetch(app)?["accessToken"]?.string])
        for _ in 0..<3 {
            let token = try fetch(app, ["options": ["forceRefresh": true]])
            let isNew = seen.insert(token?["accessToken"]?.string).inserted
            #expect(isNew)
            let hasExpiry = habits.expiresIn != nil || habits.introspected != nil || hasFixedLife(habits)
            #expect((token?["accessTokenExpiry"] != nil) == hasExpiry)
        }
    }

    @Test(arguments: try Habits.all().filter(\.refreshes))
    func deadGrantsAskForTheUser(_ habits: Habits) throws {
        let app = try makeApp(habits)
        try Self.live.get().connect(app)
        _ = try Self.live.get().control(.post, "kill", ["name": "\(habits.name)"])
        let error = #expect(throws: ConnError.self) { try fetch(app, ["options": ["forceRefresh": true]]) }
        #expect(error?.reason == .reauthorize)
        let listed = try Self.live.get().call("list", ["appId": "\(app)"])["tokens"]?.elements.first
        #expect(listed?["status"]?.string == "needs_reauthorization")
        try Self.live.get().connect(app)
        #expect(try fetch(app) != nil)
    }

    @Test(arguments: try Habits.all().filter { $0.refreshes && $0.tellsWrongClients })
    func wrongSecretsDoNotCostTheGrant(_ habits: Habits) throws {
        let app = try makeApp(habits)
        try Self.live.get().connect(app)
        let settings = try Self.live.get().call("apps.load", ["id": "\(app)"])["app"]
        let wrong = try #require(settings).shallowCopy()
        wrong.set("clientSecret", .string("another secret"))
        _ = try Self.live.get().call("apps.update", wrong)
        let error = #expect(throws: ConnError.self) { try fetch(app, ["options": ["forceRefresh": true]]) }
        #expect(error?.code == .misconfigured)
        #expect(try fetch(app) != nil)
    }

    /// As the vault asks for it: with the connection's own client and URLs.
    @Test(arguments: try Habits.all().filter(\.revokes))
    func takesTokensBack(_ habits: Habits) throws {
        let live = try Self.live.get()
        let app = try makeApp(habits)
        try live.connect(app)
        let token = try #require(try fetch(app, ["options": ["withRefreshToken": true]]))
        let provider = try provider(of: app)
        let isRefreshToken = provider.revocation?.takes != .accessToken
        let node = try #require(isRefreshToken ? token["refreshToken"] : token["accessToken"])
        let step = OAuth.revoke(token: node, isRefreshToken: isRefreshToken, provider: provider)
        guard case .http(let request, let then) = step,
            case .done(.revoked) = try then(.success(try live.exchange(request)))
        else {
            Issue.record("it was not revoked")
            return
        }
        guard habits.refreshes else { return }
        let error = #expect(throws: ConnError.self) { try fetch(app, ["options": ["forceRefresh": true]]) }
        #expect(error?.reason == .reauthorize)
    }

    /// Shopify: whoever changes a signed callback, or has none, gets nothing.
    @Test func signedCallbacks() throws {
        let live = try Self.live.get()
        let app = try makeApp(try #require(try Habits.all().first { $0.name == "shopify" }))
        let url = try live.connectURL(app)["url"]?.string
        let callback = try live.callback(of: url)
        let forgeries: [[URLQueryItem]] = [
            callback.filter { $0.name != "hmac" },
            callback.map { $0.name == "shop" ? .init(name: "shop", value: "evil.myshopify.com") : $0 },
            callback.map { $0.name == "code" ? .init(name: "code", value: "another") : $0 },
            callback.map { $0.name == "hmac" ? .init(name: "hmac", value: "00") : $0 },
            callback + [.init(name: "more", value: "1")],
        ]
        for forgery in forgeries {
            let error = #expect(throws: ConnError.self) { try live.complete(forgery) }
            #expect(error?.code == .providerError)
            #expect(error?.field == "parameters.hmac")
        }
        // None of them has used up the connect URL.
        #expect(try live.complete(callback)["tokenId"] != nil)
    }

    // MARK: - Doing it

    /// A connection by template, with the catalogue's URLs led to the server.
    private func makeApp(_ habits: Habits) throws -> String {
        let live = try Self.live.get()
        let template = try #require(Template.named(ID(habits.name)))
        let base = live.server.url("/\(habits.name)")
        let more = JSON.object([
            "clientId": .string("the client"),
            "clientSecret": .string(Self.clientSecret), "authorizationUrl": .string("\(base)/authorize"),
            "tokenUrl": .string("\(base)/token"),
            "refreshUrl": template.row["refreshUrl"].map { _ in .string("\(base)/refresh") },
            "revocationUrl": template.row["revocation"].map { _ in .string("\(base)/revoke") },
            "introspectionUrl": template.row["introspectionUrl"].map { _ in .string("\(base)/introspect") },
            "defaultScopes": .strings(["a:read", "b"]),
        ])
        let app = try live.call("apps.create", template.settings.with(more))["app"]
        #expect(app?["tokenUrl"]?.string == "\(base)/token")
        return try #require(app?["id"]?.string)
    }

    private func provider(of app: String) throws -> Provider {
        let settings = try #require(try Self.live.get().call("apps.load", ["id": "\(app)"])["app"]).shallowCopy()
        settings.set("clientSecret", .string(Self.clientSecret))
        let config = try World.config()
        var provider = try #require(AppRecord(json: settings)).provider(config)
        provider.allowsPrivateAddresses = true
        return provider
    }

    private func fetch(_ app: String, _ more: JSON = [:]) throws -> JSON? {
        try Self.live.get().call("fetch", (["appId": "\(app)", "userId": "u1"] as JSON).with(more))["token"]
    }

    private func hasFixedLife(_ habits: Habits) -> Bool {
        Template.named(ID(habits.name))?.row["expiry"]?["rule"]?.string == "fixed"
    }
}
