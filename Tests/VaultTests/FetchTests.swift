import Connections
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct FetchTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
    }

    @Test func whyThereIsNoToken() throws {
        #expect(world.fetchError(app: "none")?.reason == .app)
        #expect(world.fetchError()?.reason == .missing)
        try world.connect(scopes: ["read"])
        let error = world.fetchError(["scopes": ["read", "write", "admin"]])
        #expect(error?.code == .notFound)
        #expect(error?.reason == .scopes)
        #expect(error?.missingScopes == ["write", "admin"])
        #expect(world.fetchError(subject: ["userId": "u1", "tenantId": "t"])?.reason == .missing)
        #expect(world.fetchError(subject: ["tenantId": "u1"])?.reason == .missing)
    }

    @Test func theSmallestTokenThatHasTheScopes() throws {
        try world.connect(scopes: ["a", "b", "c"], reply: tokens("abc"))
        world.clock.advance(seconds: 1)
        try world.connect(scopes: ["a", "b"], reply: tokens("ab"))
        world.clock.advance(seconds: 1)
        try world.connect(scopes: ["d"], reply: tokens("d"))
        #expect(try world.fetch(["scopes": ["a"]])["accessToken"]?.string == "ab")
        #expect(try world.fetch(["scopes": ["c", "a"]])["accessToken"]?.string == "abc")
        #expect(try world.fetch()["accessToken"]?.string == "d")
        #expect(try world.fetch(["scopes": []])["accessToken"]?.string == "d")
        #expect(world.fetchError(["scopes": ["a", "d"]])?.missingScopes?.count == 1)
    }

    @Test func adaptiveConnectAsksForWhatLacksAndWhatIsThere() throws {
        let connect: JSON = ["connect": ["redirectUrl": "https://h.example/done"]]
        let missing = world.fetchError((["scopes": ["read"]] as JSON).with(connect))
        #expect(missing?.code == .connectionRequired)
        #expect(missing?.reason == .missing)
        #expect(query(missing?.connectionURL, "scope") == "read")
        try world.connect(scopes: ["read"])
        let wider = world.fetchError((["scopes": ["write"]] as JSON).with(connect))
        #expect(wider?.code == .connectionRequired)
        #expect(wider?.missingScopes == ["write"])
        #expect(query(wider?.connectionURL, "scope") == "write read")
        #expect(wider?.appID == "google")
        world.provider.next(200, tokens("at-2"))
        let state = query(wider?.connectionURL, "state") ?? ""
        _ = try world.call("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
        #expect(
            try world.fetch((["scopes": ["write", "read"]] as JSON).with(connect))["accessToken"]?.string == "at-2")
        let app = world.fetchError(connect, app: "none")
        #expect(app?.code == .notFound)
        #expect(app?.reason == .app)
    }

    @Test func apiKeysAreTokensWithoutAnExpiry() throws {
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        let request: JSON = ["appId": "keys", "tenantId": "t1", "apiKey": "k-1"]
        let first = try world.call("store_api_key", request)["tokenId"]?.string
        world.clock.advance(seconds: 1_000_000)
        let token = try world.fetch(subject: ["tenantId": "t1"], app: "keys")
        #expect(token["accessToken"]?.string == "k-1")
        #expect(token["accessTokenExpiry"] == nil)
        let second = try world.call("store_api_key", ["appId": "keys", "tenantId": "t1", "apiKey": "k-2"])
        #expect(second["tokenId"]?.string == first)
        #expect(try world.fetch(subject: ["tenantId": "t1"], app: "keys")["accessToken"]?.string == "k-2")
        #expect(world.error("store_api_key", ["appId": "google", "userId": "u", "apiKey": "k"])?.field == "appId")
        #expect(world.error("connect", ["appId": "keys", "userId": "u"])?.field == "appId")
        let error = world.fetchError(["connect": ["redirectUrl": "https://h.example/done"]], app: "keys")
        #expect(error?.code == .notFound)
    }

    @Test func aTokenThatNeedsTheUserGivesWayToOneThatDoesNot() throws {
        try world.connect(scopes: ["a"], reply: tokens("small", refresh: "rt-s", expiresIn: 60))
        try world.connect(scopes: ["a", "b"], reply: tokens("large", refresh: "rt-l", expiresIn: 7200))
        world.clock.advance(seconds: 100)
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(try world.fetch(["scopes": ["a"]])["accessToken"]?.string == "large")
        try world.connect(scopes: ["a", "b", "c"], reply: tokens("largest"))
        // The refused one, which the new grant covers, went with it.
        #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.count == 2)
    }
}
