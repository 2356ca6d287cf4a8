import Connections
import JSON
import Runtime
import TestSupport
import Testing

/// What `list` tells of a token: its status, why, since when, and when it is refreshed next.
@Suite struct StatusTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
    }

    private func listed(_ user: String = "u1") throws -> JSON {
        try #require(try world.call("list", ["userId": "\(user)"])["tokens"]?.elements.first)
    }

    private func store(_ more: JSON) throws {
        _ = try world.call("store_token", (["appId": "google", "userId": "u1"] as JSON).with(more))
    }

    @Test func anActiveTokenSaysWhenItIsRefreshedNext() throws {
        try world.connect()
        let token = try listed()
        #expect(token["status"]?.string == "active")
        #expect(token["reason"] == nil && token["since"] == nil)
        #expect(token["nextRefreshTime"]?.integer == world.clock.seconds + 3540)
        world.clock.advance(seconds: 3541)
        world.provider.next(503, "")
        _ = try world.fetch()
        let failed = try listed()
        #expect(failed["status"]?.string == "active")
        #expect(failed["lastRefreshError"]?.string != nil)
        #expect(failed["nextRefreshTime"]?.integer == world.clock.seconds + 1)
        world.clock.advance(seconds: 2)
        world.provider.next(200, tokens("at-2", expiresIn: 600))
        _ = try world.fetch()
        let refreshed = try listed()
        #expect(refreshed["lastRefreshTime"]?.integer == world.clock.seconds)
        #expect(refreshed["lastRefreshError"] == nil)
        #expect(refreshed["nextRefreshTime"]?.integer == world.clock.seconds + 540)
    }

    @Test func aTokenThatOnlyTheUserCanRenewIsExpiring() throws {
        try store(["accessToken": "at", "accessTokenExpiry": .integer(world.clock.seconds + 100)])
        let token = try listed()
        #expect(token["status"]?.string == "expiring")
        #expect(token["reason"]?.string == "no_refresh_token")
        #expect(token["nextRefreshTime"] == nil)
        world.clock.advance(seconds: 100)
        let expired = try listed()
        #expect(expired["status"]?.string == "needs_reauthorization")
        #expect(expired["reason"]?.string == "expired")
        #expect(expired["since"]?.integer == world.clock.seconds)
    }

    @Test func aRefusedGrantSaysWhyAndSinceWhen() throws {
        try world.connect()
        world.clock.advance(seconds: 3600)
        let moment = world.clock.seconds
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.fetchError()?.reason == .reauthorize)
        world.clock.advance(seconds: 1000)
        let token = try listed()
        #expect(token["status"]?.string == "needs_reauthorization")
        #expect(token["reason"]?.string == "refused")
        #expect(token["since"]?.integer == moment)
        #expect(token["lastRefreshError"]?.string?.contains("invalid_grant") == true)
        #expect(token["nextRefreshTime"] == nil)
    }

    @Test func aTokenOfUnknownLifeHasNoNextRefresh() throws {
        try store(["accessToken": "at", "refreshToken": "rt"])
        #expect(try listed()["status"]?.string == "active")
        #expect(try listed()["nextRefreshTime"] == nil)
    }

    @Test func aRefreshTokenAloneIsRefreshedAtOnce() throws {
        try store(["refreshToken": "rt"])
        #expect(try listed()["nextRefreshTime"]?.integer == world.clock.seconds)
    }

    @Test func oneCallTellsAllThatASubjectHas() throws {
        try world.makeApp("github")
        try world.connect(["userId": "u1"], scopes: ["a"])
        try world.connect(["userId": "u1"], scopes: ["b"])
        try world.connect(["userId": "u1"], app: "github")
        try world.connect(["userId": "u2"])
        let tokens = try world.call("list", ["userId": "u1"])["tokens"]?.elements ?? []
        let told = tokens.map { "\($0["appId"]?.string ?? "") \($0["scopes"]?.strings?.joined() ?? "")" }
        #expect(Set(told) == ["google a", "google b", "github read"])
    }
}
