import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// What the vault makes of a refresh whose reply was lost, as the provider's habits have it.
@Suite struct RecoveryTests {
    private let world: World

    init() throws { world = try World(config: ["redirectUrl": "https://h.example/callback"]) }

    private func connect(_ template: String) throws {
        _ = try world.call(
            "apps.create", ["id": "a", "templateId": "\(template)", "clientId": "c", "clientSecret": "s3cret"])
        try world.connect(app: "a")
    }

    private let forced: JSON = ["options": ["forceRefresh": true]]

    /// A process ends while the provider is asked; one before it may have done so too, and its lease is waited out.
    private func crash() throws {
        let call = try world.another().begin("fetch", (["appId": "a", "userId": "u1"] as JSON).with(forced))
        while call.isPaused { call.step() }
        #expect(call.isAtProvider)
        call.leave()
    }

    /// Atlassian takes a spent refresh token once more for ten minutes: a token that still lives does not stop that.
    @Test func aLostReplyIsRecoveredWithinTheGrace() throws {
        try connect("atlassian")
        try crash()
        #expect(try world.fetch(app: "a")["accessToken"]?.string == "at-1", "the other may still be at it")
        world.clock.advance(seconds: 30)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch(app: "a")["accessToken"]?.string == "at-2")
        #expect(try world.fetch(app: "a")["accessToken"]?.string == "at-2")
        #expect(world.provider.refreshes.count == 1)
    }

    @Test func withinTheGraceItIsTriedAsOftenAsNeeded() throws {
        try connect("atlassian")
        for _ in 0..<3 { try crash() }
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.another().fetch(forced, app: "a")["accessToken"]?.string == "at-2")
    }

    /// The grace counts from the first try; afterwards a token that lives is left in peace.
    @Test func afterTheGraceATokenThatLivesIsServed() throws {
        try connect("atlassian")
        try crash()
        _ = try world.fetch(app: "a")
        world.clock.advance(seconds: 600)
        #expect(try world.fetch(app: "a")["accessToken"]?.string == "at-1")
        #expect(world.provider.refreshes.isEmpty)
    }

    @Test func aLostReplyWithoutACrash() throws {
        try connect("atlassian")
        world.provider.nextIsLost()
        #expect(world.fetchError(forced, app: "a")?.code == .unavailable)
        world.clock.advance(seconds: 2)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch(app: "a")["accessToken"]?.string == "at-2")
    }

    /// Dropbox's refresh tokens stay: however many replies are lost, nothing is.
    @Test func aRefreshTokenThatStaysLosesNothing() throws {
        try connect("dropbox")
        for _ in 0..<4 { try crash() }
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(try world.another().fetchError(forced, app: "a")?.reason == .reauthorize)
        let listed = try world.call("list", ["appId": "a"])["tokens"]?.elements.first
        #expect(listed?["reason"]?.string == "refused", "nothing about it is uncertain")
    }

    /// How long a refresh token lives is told. Past that it is tried once yet: only the provider knows.
    @Test func aRefreshTokensLifeIsKnown() throws {
        try connect("box")
        #expect(try listed["refreshTokenExpiry"]?.integer == world.clock.seconds + 5_184_000)
        world.clock.advance(seconds: 5_184_001)
        #expect(try listed["status"]?.string == "needs_reauthorization")
        #expect(try listed["reason"]?.string == "expired")
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        for _ in 0..<3 { #expect(world.fetchError(app: "a")?.reason == .reauthorize) }
        #expect(world.provider.refreshes.count == 1)
        #expect(try listed["reason"]?.string == "refused")
    }

    @Test func aRefreshTokenThatLivesLongerThanWasKnownIsUsed() throws {
        try connect("box")
        world.clock.advance(seconds: 5_184_001)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch(app: "a")["accessToken"]?.string == "at-2")
        #expect(try listed["status"]?.string == "active")
        #expect(try listed["refreshTokenExpiry"]?.integer == world.clock.seconds + 5_184_000)
    }

    /// A reply without a new refresh token shows that the old one works yet: a guess that is over says nothing more.
    @Test func aLifeThatWasGuessedWrongIsForgotten() throws {
        try connect("docusign")
        world.clock.advance(seconds: 2_592_001)
        world.provider.next(200, tokens("at-2"))
        #expect(try world.fetch(app: "a")["accessToken"]?.string == "at-2")
        #expect(try listed["status"]?.string == "active")
        #expect(try listed["refreshTokenExpiry"] == nil)
    }

    private var listed: JSON {
        get throws { try world.call("list", ["appId": "a"])["tokens"]?.elements.first ?? .object() }
    }
}
