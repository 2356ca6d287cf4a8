import Connections
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

@Suite struct ImportTests {
    private let world: World

    init() throws {
        world = try World()
        try world.makeApp()
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
    }

    @Test func anImportedTokenIsFetchedAsItCame() throws {
        let expiry = world.clock.seconds + 500
        let id = try world.call(
            "store_token",
            [
                "appId": "google", "userId": "u1", "accessToken": "at", "refreshToken": "rt",
                "accessTokenExpiry": .integer(expiry), "scopes": ["a"], "grantedBy": "me",
            ]
        )["tokenId"]?.string
        let token = try world.fetch(["scopes": ["a"]])
        #expect(token["id"]?.string == id)
        #expect(token["accessTokenExpiry"]?.integer == expiry)
        #expect(token["accessTokenType"]?.string == "Bearer")
        #expect(token["grantedBy"]?.string == "me")
        world.clock.advance(seconds: 500)
        world.provider.next(200, tokens("at-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }

    @Test func aRefreshTokenAloneIsEnough() throws {
        _ = try world.call("store_token", ["appId": "google", "userId": "u1", "refreshToken": "rt"])
        world.provider.next(200, tokens("at-1"))
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
    }

    @Test func theTokensSubjectComesFromTheIDToken() throws {
        let payload = "eyJzdWIiOiJhY2NvdW50LTEifQ"  // {"sub":"account-1"}
        _ = try world.call(
            "store_token", ["appId": "google", "userId": "u1", "accessToken": "at", "idToken": "e30.\(payload).x"])
        #expect(try world.fetch()["tokenSub"]?.string == "account-1")
    }

    @Test func whatDoesNotVerifyIsNotKept() throws {
        let request: JSON = [
            "appId": "google", "userId": "u1", "refreshToken": "rt", "scopes": ["a"], "verifyRefresh": true,
        ]
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        let error = world.error("store_token", request)
        #expect(error?.code == .providerError)
        #expect(error?.errorCode == "invalid_grant")
        #expect(world.fetchError()?.reason == .missing)
        world.provider.next(200, tokens("at-1", refresh: "rt-2"))
        _ = try world.call("store_token", request)
        let token = try world.fetch(["options": ["withRefreshToken": true]])
        #expect(token["accessToken"]?.string == "at-1")
        #expect(token["refreshToken"]?.string == "rt-2")
        let bare: JSON = ["appId": "google", "userId": "u1", "accessToken": "at", "verifyRefresh": true]
        #expect(world.error("store_token", bare)?.field == "refreshToken")
    }

    private let verified: JSON =
        ["appId": "google", "userId": "u1", "refreshToken": "rt-1", "scopes": ["a"], "verifyRefresh": true]

    @Test func whatDoesNotVerifyReplacesNothing() throws {
        _ = try world.call("store_token", ["appId": "google", "userId": "u1", "accessToken": "old", "scopes": ["a"]])
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.error("store_token", verified)?.errorCode == "invalid_grant")
        #expect(try world.fetch()["accessToken"]?.string == "old")
        #expect(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 10).count == 1)
    }

    /// The refresh token is spent, and the store does not take the one that came for it.
    @Test func aVerifiedTokenThatFindsNoRoomIsNotLost() throws {
        let store = FailingStore()
        let world = try World(store: store)
        try world.makeApp()
        let call = world.begin("store_token", verified)
        #expect(call.isAtProvider)
        store.fail(after: 0)
        world.provider.next(200, tokens("at-1", refresh: "rt-2"))
        while !call.isDone { call.step() }
        #expect(throws: ConnError.self) { try call.result.get() }
        store.fail(after: nil)
        _ = try world.call("store_token", verified)
        #expect(try world.fetch(["options": ["withRefreshToken": true]])["refreshToken"]?.string == "rt-2")
        #expect(world.provider.refreshes.count == 1)
    }

    /// The file is locked for as long as the call tries, and free again when it gives up.
    @Test func aVerifiedTokenThatFindsTheFileLockedIsNotLost() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        let call = world.begin("store_token", verified)
        world.provider.next(200, tokens("at-1", refresh: "rt-2"))
        while !call.isDone {
            store.at(.commit) { () throws(ConnError) in throw ConnError(.unavailable, "the file is locked") }
            call.step()
        }
        #expect(throws: ConnError.self) { try call.result.get() }
        _ = try world.call("store_token", verified)
        #expect(try world.fetch(["options": ["withRefreshToken": true]])["refreshToken"]?.string == "rt-2")
        #expect(world.provider.refreshes.count == 1)
    }

    @Test func aVerificationThatEndedIsCarriedOnByTheNextCall() throws {
        let world = try World(config: ["allowExport": true])
        try world.makeApp()
        let call = world.begin("store_token", verified)
        call.leave()
        #expect(world.fetchError()?.reason == .missing)
        #expect(try world.answer("list", ["userId": "u1"]) == #"{"tokens":[]}"#)
        #expect(try world.answer("export", [:]) == #"{"tokens":[],"apiKeys":[]}"#)
        world.provider.next(200, tokens("at-1", refresh: "rt-2"))
        _ = try world.another().call("store_token", verified)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        #expect(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 10).count == 1)
    }

    @Test func ofTwoWhoBringOneTokenOneSpendsIt() throws {
        let first = world.begin("store_token", verified)
        let second = world.begin("store_token", verified)
        #expect(second.isWaitingForFlight)
        world.provider.next(200, tokens("at-1", refresh: "rt-2"))
        for call in [first, second] {
            while !call.isDone { #expect(call.step()) }
        }
        #expect(try first.result.get().text == second.result.get().text)
        #expect(world.provider.refreshes.count == 1)
    }

    @Test func whatNobodyCameBackForGoes() throws {
        world.begin("store_token", verified).leave()
        world.clock.advance(seconds: 90_000)
        world.provider.next(200, tokens("at-2"))
        _ = try world.call(
            "store_token", ["appId": "google", "userId": "u2", "refreshToken": "rt-2", "verifyRefresh": true])
        let left = try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 10)
        #expect(left.count == 1)
        #expect(try world.fetch(subject: ["userId": "u2"])["accessToken"]?.string == "at-2")
    }

    private func failures(_ items: [JSON]) throws -> [String] {
        let failures = try world.call("store_tokens", ["tokens": .array(items)])["failures"]?.elements ?? []
        return failures.map {
            "\($0["appId"]?.string ?? "") \($0["userId"]?.string ?? "") \($0["errorCode"]?.string ?? "")"
        }
    }

    @Test(arguments: 0..<3) func aBatchThatFindsNoRoomLeavesNothing(_ commits: Int) throws {
        let store = FailingStore()
        let world = try World(store: store)
        try world.makeApp()
        let items: [JSON] = (0..<3).map { ["appId": "google", "userId": "u\($0)", "accessToken": "at"] }
        store.fail(after: commits)
        let error = world.error("store_tokens", ["tokens": .array(items)])
        store.fail(after: nil)
        #expect(error?.code == (commits == 0 ? .unavailable : nil))
        let kept = try world.call("list", ["appId": "google"])["tokens"]?.elements.count
        #expect(kept == (commits == 0 ? 0 : 3))
    }

    @Test func aBatchIsKeptWholeOrNotAtAll() throws {
        let good: [JSON] = (0..<300).map { ["appId": "google", "userId": "u\($0)", "accessToken": "at-\($0)"] }
        let bad: [JSON] = [
            ["appId": "none", "userId": "x1", "accessToken": "at"],
            ["appId": "keys", "userId": "x2", "accessToken": "at"],
            ["appId": "google", "userId": "x3"],
            ["appId": "google", "userId": "u7", "accessToken": "twice"],
        ]
        #expect(
            try failures(good + bad) == [
                "none x1 not_found", "keys x2 invalid_request", "google x3 invalid_request", "google u7 conflict",
            ])
        #expect(try world.call("list", ["appId": "google"])["tokens"]?.elements.count == 0)
        #expect(try failures(good) == [])
        #expect(try world.fetch(subject: ["userId": "u299"])["accessToken"]?.string == "at-299")
        #expect(try world.call("list", ["appId": "google", "limit": 1000])["tokens"]?.elements.count == 300)
    }
}
