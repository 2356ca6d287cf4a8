import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

@testable import OAuth

/// The catalogue's providers against a server that has the habits of the real ones, and refuses what they would not take.
@Suite(.serialized) struct QuirkTests {
    private static let server = Result { try TestServer("quirks") }
    private static let transport = Result { try CurlTransport(options: HTTPOptions(proxy: "")) }
    private static let clientID = "the client"
    private static let clientSecret = "s3cret: +%/=&"

    /// What the server tells of a provider.
    struct Habits: Sendable, CustomTestStringConvertible {
        var name: String
        var expiresIn: Int64?
        var refreshTokens: String
        var tellsScopes: Bool
        var revocation: String?
        var tellsWrongClients: Bool

        var testDescription: String { name }

        static func all() throws -> [Habits] {
            let answer = try QuirkTests.control(.get, "providers")
            return try (answer["providers"]?.elements ?? []).map { row in
                Habits(
                    name: try #require(row["name"]?.string), expiresIn: row["expiresIn"]?.integer,
                    refreshTokens: try #require(row["refreshTokens"]?.string),
                    tellsScopes: row["tellsScopes"]?.boolean == true, revocation: row["revocation"]?.string,
                    tellsWrongClients: row["tellsWrongClients"]?.boolean == true)
            }
        }
    }

    // MARK: - Tests

    @Test func everyPlayedProviderIsInTheCatalogue() throws {
        let names = try Habits.all().map(\.name)
        #expect(names.count >= 25)
        for name in names { #expect(Template.named(ID(name)) != nil, "\(name)") }
    }

    @Test(arguments: try Habits.all())
    func grantsTokens(_ habits: Habits) throws {
        let reply = try grant(try provider(habits))
        #expect(reply.accessToken.isToken())
        #expect(reply.scopes == (habits.tellsScopes ? ["a:read", "b"] : nil))
        #expect((reply.refreshToken != nil) == (habits.refreshTokens != "none"))
        if let expiresIn = habits.expiresIn { #expect(reply.expiresAt == now + expiresIn) }
    }

    /// As the vault does it: a reply without a refresh token leaves the one that there is.
    @Test(arguments: try Habits.all().filter { $0.refreshTokens != "none" })
    func refreshesAgainAndAgain(_ habits: Habits) throws {
        let provider = try provider(habits)
        var reply = try grant(provider)
        var token = try #require(reply.refreshToken)
        for _ in 0..<3 {
            reply = try refreshed(token, provider).get()
            #expect((reply.refreshToken == nil) == (habits.refreshTokens == "keep"))
            token = reply.refreshToken ?? token
        }
    }

    @Test(arguments: try Habits.all().filter { $0.refreshTokens != "none" })
    func deadGrantsAreDead(_ habits: Habits) throws {
        let provider = try provider(habits)
        let token = try #require(try grant(provider).refreshToken)
        _ = try Self.control(.post, "kill", .object(["name": .string(habits.name)]))
        let failure = try #require(throws: TokenFailure.self) { try refreshed(token, provider).get() }
        #expect(failure.kind == .permanent, "\(failure.code ?? "no code")")
        #expect(!failure.mayHaveArrived)
    }

    @Test(arguments: try Habits.all().filter { ["rotate", "exchange"].contains($0.refreshTokens) })
    func usedRefreshTokensAreDead(_ habits: Habits) throws {
        let provider = try provider(habits)
        let token = try #require(try grant(provider).refreshToken)
        _ = try refreshed(token, provider).get()
        let failure = try #require(throws: TokenFailure.self) { try refreshed(token, provider).get() }
        #expect(failure.kind == .permanent)
    }

    @Test(arguments: try Habits.all().filter(\.tellsWrongClients))
    func wrongSecretsAreTheOperatorsFault(_ habits: Habits) throws {
        var provider = try provider(habits)
        provider.clientSecret = Secret("another secret")
        let failure = try #require(throws: TokenFailure.self) { try grant(provider) }
        #expect(failure.kind == .misconfigured, "\(failure.code ?? "no code")")
    }

    @Test(arguments: try Habits.all().filter { $0.revocation != nil })
    func takesTokensBack(_ habits: Habits) throws {
        let provider = try provider(habits)
        let reply = try grant(provider)
        let isRefreshToken = provider.revocation?.takes != .accessToken
        let token = try isRefreshToken ? #require(reply.refreshToken) : reply.accessToken
        let result = try perform(OAuth.revoke(token: token, isRefreshToken: isRefreshToken, provider: provider))
        guard case .revoked = result else {
            Issue.record("\(result)")
            return
        }
        guard let refreshToken = reply.refreshToken else { return }
        let failure = try #require(throws: TokenFailure.self) { try refreshed(refreshToken, provider).get() }
        #expect(failure.kind == .permanent)
    }

    /// The provider has done its work, and nobody learns of it: whoever keeps the token must know.
    @Test func lostReply() throws {
        let provider = try provider(try #require(try Habits.all().first { $0.name == "box" }))
        let token = try #require(try grant(provider).refreshToken)
        let fault = JSON.object([
            "path": .string("/box/token"), "close": .string("reset"), "process": .boolean(true),
        ])
        _ = try Self.control(.post, "faults", fault)
        let failure = try #require(throws: TokenFailure.self) { try refreshed(token, provider).get() }
        #expect(failure.kind == .transient)
        #expect(failure.mayHaveArrived)
    }

    // MARK: - Doing it

    /// The catalogue's provider with its endpoints on the server.
    private func provider(_ habits: Habits) throws -> Provider {
        let template = try #require(Template.named(ID(habits.name)))
        var provider = try template.provider(
            clientID: Self.clientID, clientSecret: Secret(Self.clientSecret), hosts: sample(template))
        let base = try Self.server.get().url("/\(habits.name)")
        provider.authorizationURL = "\(base)/authorize"
        provider.tokenURL = "\(base)/token"
        if provider.refreshURL != nil { provider.refreshURL = "\(base)/refresh" }
        provider.revocation?.url = "\(base)/revoke"
        provider.allowsPrivateAddresses = true
        return provider
    }

    private func grant(_ provider: Provider) throws -> TokenReply {
        let redirectURI = "https://app.example/callback"
        let request = try perform(
            AuthorizationRequest.build(
                provider, redirectURI: redirectURI, state: "the state", scopes: ["a:read", "b"], clock: clock))
        let answer = try Self.exchange(HTTPRequest(.get, request.url, timeoutMilliseconds: 30_000))
        let location = answer.headers["location"]
        let query = try #require(location.flatMap(URL.init)?.query, "\(text(answer.body))")
        let parameters = try query.withParameters()
        #expect(parameters["state"]?.string == "the state")
        let code = try #require(parameters["code"]?.string)
        return try perform(
            OAuth.exchange(
                code: Secret(code), verifier: request.verifier, redirectURI: redirectURI, provider: provider,
                clock: clock)
        ).get()
    }

    private func refreshed(_ token: JSON, _ provider: Provider) throws -> Result<TokenReply, TokenFailure> {
        try perform(OAuth.refresh(refreshToken: token, scopes: nil, provider: provider, clock: clock))
    }

    private func perform<Value>(_ step: Step<Value>) throws -> Value {
        try run(step) { request in
            try Self.transport.get().perform(request, deadline: .never, cancellation: Cancellation())
        }
    }

    private static func exchange(_ request: HTTPRequest) throws -> HTTPResponse {
        try transport.get().perform(request, deadline: .never, cancellation: Cancellation()).get()
    }

    private static func control(_ method: HTTPRequest.Method, _ name: String, _ body: JSON? = nil) throws -> JSON {
        let request = HTTPRequest(
            method, try server.get().url("/control/\(name)"), body: body?.secret, timeoutMilliseconds: 30_000)
        let answer = try exchange(request)
        #expect(answer.status == 200)
        return try answer.body.withBytes { (bytes) throws(JSONError) in try JSON.parse(bytes) }
    }
}

/// Something for each host that must be given.
func sample(_ template: Template) -> [ID: String] {
    Dictionary(uniqueKeysWithValues: template.hosts.filter { $0.fallback == nil }.map { (ID($0.name), "acme") })
}

extension String {
    /// A query's parameters.
    fileprivate func withParameters() throws -> JSON {
        var text = self
        return try #require(text.withUTF8 { JSON.form(UnsafeRawBufferPointer($0)) }).value
    }
}
