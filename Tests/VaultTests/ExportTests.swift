import Cloud
import Connections
import HTTP
import JSON
import Runtime
import Store
import TestSupport
import Testing
import Vault

@Suite struct ExportTests {
    private static let allowed: JSON = ["allowExport": true, "redirectUrl": "https://h.example/callback"]

    private func export(_ world: World, _ request: JSON = [:]) throws -> (tokens: [JSON], keys: [JSON]) {
        var tokens: [JSON] = []
        var keys: [JSON] = []
        var after: JSON = [:]
        while true {
            let page = try world.call("export", (["limit": 7] as JSON).with(request).with(after))
            tokens += page["tokens"]?.elements ?? []
            keys += page["apiKeys"]?.elements ?? []
            guard let next = page["next"]?.string else { return (tokens, keys) }
            after = ["after": "\(next)"]
        }
    }

    /// Tokens of users, users in tenants and tenants, at two connections, and API keys.
    private func fill(_ world: World) throws {
        try world.makeApp("google")
        try world.makeApp("github")
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        let expiry = world.clock.seconds + 3000
        for number in 0..<20 {
            let more: JSON = [
                "accessToken": "at-\(number)", "refreshToken": "rt-\(number)", "accessTokenExpiry": .integer(expiry),
            ]
            let subjects: [JSON] = [
                ["userId": "u\(number)"], ["tenantId": "t\(number)"], ["userId": "u1", "tenantId": "t\(number)"],
            ]
            let subject = subjects[number % 3]
            let app = number.isMultiple(of: 2) ? "google" : "github"
            _ = try world.call(
                "store_token",
                (["appId": "\(app)", "scopes": ["s\(number)", "r"], "externalIdentifier": "e"] as JSON).with(subject)
                    .with(more))
        }
        _ = try world.call("store_api_key", ["appId": "keys", "userId": "u1", "apiKey": "secret-key"])
    }

    @Test func itNeedsTheConfigsWord() throws {
        let world = try World()
        try fill(world)
        #expect(world.error("export", [:])?.code == .forbidden)
    }

    @Test func aSetIsExportedInPages() throws {
        let world = try World(config: Self.allowed)
        try fill(world)
        let all = try export(world)
        #expect(all.tokens.count == 20 && all.keys.count == 1)
        #expect(Set(all.tokens.compactMap { $0["refreshToken"]?.string }).count == 20)
        #expect(try export(world, ["appId": "google"]).tokens.count == 10)
        #expect(try export(world, ["appId": "keys"]).keys.first?["apiKey"]?.string == "secret-key")
        #expect(try export(world, ["tenantId": "t1"]).tokens.map { $0["accessToken"]?.string } == ["at-1"])
        #expect(try export(world, ["userId": "u1"]).tokens.count == 6)
        #expect(world.error("export", ["after": "nonsense"])?.field == "after")
        let told = try world.call("audit.list", ["limit": 1000])["records"]?.elements ?? []
        #expect(told.filter { $0["op"]?.string == "export" }.count == 20 + 1 + 10 + 1 + 1 + 6 + 1)
    }

    /// Those that open are more than nothing, and nobody takes them for all.
    @Test func aRowThatDoesNotOpenDoesNotStopTheOthers() throws {
        let world = try World(config: Self.allowed)
        try fill(world)
        let some = try world.store.scan(prefix: Array("t".utf8), after: nil, limit: 2)
        try world.store.commit([.put(some[0].key, some[1].value, expecting: .any)])
        let answer = try world.call("export", [:])
        #expect((answer["tokens"]?.elements.count ?? 0) + (answer["apiKeys"]?.elements.count ?? 0) == 20)
        #expect(answer["unreadable"]?.integer == 1)
    }

    @Test func anExportHoldsAllThatATokenHas() throws {
        let world = try World(config: Self.allowed)
        try world.makeApp("google")
        let expiry = world.clock.seconds + 100
        let token: JSON = [
            "appId": "google", "refreshToken": "rt", "accessToken": "at", "accessTokenType": "Bearer",
            "accessTokenExpiry": .integer(expiry), "scopes": ["a", "b"], "externalIdentifier": "e",
            "grantedBy": "me", "userId": "u1", "tenantId": "t",
        ]
        _ = try world.call("store_token", token)
        #expect(try export(world).tokens == [token])
    }

    /// What a vault exports, another vault takes as it is.
    @Test func aVaultMovesIntoAnother() throws {
        let world = try World(config: Self.allowed)
        try fill(world)
        let other = try World(clock: world.clock, config: Self.allowed)
        try other.makeApp("google")
        try other.makeApp("github")
        _ = try other.call("apps.create", ["id": "keys", "appType": "apikey"])
        let exported = try export(world)
        let batch = JSON.object(["tokens": .array(exported.tokens)])
        #expect(try other.answer("store_tokens", batch) == #"{"failures":[]}"#)
        for key in exported.keys { _ = try other.call("store_api_key", key) }
        #expect(try sorted(export(other).tokens) == sorted(exported.tokens))
        #expect(try export(other).keys.map(\.text) == exported.keys.map(\.text))
    }

    private func sorted(_ tokens: [JSON]) -> [String] { tokens.map(\.text).sorted() }

    /// A vault's tokens go to Descope, and come back.
    @Test func aVaultMovesToDescopeAndBack() throws {
        // The server goes by the real time.
        let world = try World(clock: MovableClock(milliseconds: Clock.system.milliseconds()), config: Self.allowed)
        try fill(world)
        let cloud = try Descope()
        for app in ["google", "github"] {
            _ = try cloud.call("apps.create", ["id": "\(app)", "name": "\(app)", "appType": "oauth"])
        }
        let exported = try export(world).tokens
        // Descope takes users' and tenants' own tokens apart.
        for isUsers in [true, false] {
            let some = exported.filter { ($0["userId"] != nil) == isUsers }
            let batch = JSON.object(["tokens": .array(some)])
            #expect(try cloud.call("store_tokens", batch).text == #"{"failures":[]}"#)
        }

        var returned: [JSON] = []
        for token in exported {
            let request = JSON.object([
                "appId": token["appId"], "userId": token["userId"], "tenantId": token["tenantId"],
                "scopes": token["scopes"], "externalIdentifier": token["externalIdentifier"],
                "options": .object(["withRefreshToken": .boolean(true)]),
            ])
            let there = try #require(try cloud.call("fetch", request)["token"])
            returned.append(
                .object([
                    "appId": there["appId"], "refreshToken": there["refreshToken"], "accessToken": there["accessToken"],
                    "accessTokenType": there["accessTokenType"], "accessTokenExpiry": there["accessTokenExpiry"],
                    "scopes": there["scopes"], "externalIdentifier": token["externalIdentifier"],
                    "userId": there["userId"], "tenantId": there["tenantId"],
                ]))
        }
        let other = try World(clock: world.clock, config: Self.allowed)
        try other.makeApp("google")
        try other.makeApp("github")
        let back = JSON.object(["tokens": .array(returned)])
        #expect(try other.answer("store_tokens", back) == #"{"failures":[]}"#)
        #expect(try sorted(export(other).tokens) == sorted(exported))
    }
}

/// The strict Descope server, and a client of ours that speaks with it.
private final class Descope {
    private let server: TestServer
    private let client: Client

    init() throws {
        server = try TestServer("descope")
        let config = try CloudConfig([
            "backend": "cloud", "projectId": "P2testtesttesttesttesttest01", "managementKey": "K2testmanagementkey",
            "baseUrl": .string(server.url("/")), "proxy": "",
        ]) { _ in nil }
        client = try Client(CloudBackend(config), http: config.http)
    }

    func call(_ operation: String, _ request: JSON) throws(ConnError) -> JSON { try client.call(operation, request) }
}
