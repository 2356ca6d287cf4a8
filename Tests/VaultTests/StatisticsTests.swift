import Connections
import JSON
import TestSupport
import Testing

@testable import Vault

/// What `stats` tells of a vault is what has happened.
@Suite struct StatisticsTests {
    private let world: World
    private let loop: LoopVault

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        loop = LoopVault(world)
    }

    private var metrics: Metrics {
        get throws { Metrics(try loop.call("stats")) }
    }

    @Test func callsAndFetchesAreCountedByWhatCameOfThem() throws {
        defer { loop.close() }
        try loop.call("apps.create", ["id": "k", "appType": "apikey"])
        try loop.call("store_api_key", ["appId": "k", "userId": "u1", "apiKey": "key"])
        for _ in 0..<3 { try loop.call("fetch", ["appId": "k", "userId": "u1"]) }
        #expect(throws: ConnError.self) { try loop.call("fetch", ["appId": "k", "userId": "u2"]) }
        // Refused before it is a fetch.
        #expect(throws: ConnError.self) { try loop.call("fetch", ["appId": "k", "unknown": true]) }
        #expect(throws: ConnError.self) { try loop.call("fetsch", [:]) }

        let metrics = try metrics
        #expect(metrics["calls_total", ["op": "fetch", "outcome": "ok"]] == 3)
        #expect(metrics["calls_total", ["op": "fetch", "outcome": "not_found"]] == 1)
        #expect(metrics["calls_total", ["op": "fetch", "outcome": "invalid_request"]] == 1)
        #expect(metrics["calls_total", ["op": "other", "outcome": "invalid_request"]] == 1)
        #expect(metrics["call_duration_microseconds", ["op": "fetch"], member: "count"] == 5)
        #expect(metrics["fetches_total", ["outcome": "ok"]] == 3)
        #expect(metrics["fetches_total", ["outcome": "not_found"]] == 1)
        #expect(metrics["fetch_duration_microseconds", member: "count"] == 4)
        #expect(metrics["calls_in_flight"] ?? 0 >= 1, "that of stats itself")
        #expect(metrics["store_reads_total", ["outcome": "ok"]] ?? 0 >= 4)
        #expect(metrics["store_commits_total", ["outcome": "ok"]] ?? 0 >= 2)
        #expect(metrics["store_changes_total"] ?? 0 >= 2)
    }

    @Test func refreshesAreCountedAndThoseWhoWaitForThemToo() throws {
        defer { loop.close() }
        try world.makeApp()
        try world.connect()
        let fetch: JSON = ["appId": "google", "userId": "u1", "options": ["forceRefresh": true]]
        let first = world.begin("fetch", fetch)
        let second = world.begin("fetch", fetch)
        #expect(second.isWaitingForFlight)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        try first.finish()
        try second.finish()
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.error("fetch", fetch)?.reason == .reauthorize)

        let metrics = try metrics
        #expect(metrics["refreshes_total", ["outcome": "ok"]] == 1)
        #expect(metrics["refreshes_total", ["outcome": "permanent"]] == 1)
        #expect(metrics["refreshes_joined_total"] == 1)
        #expect(metrics["fetches_total", ["outcome": "ok"]] == 2)
    }

    /// A look for a grant hands nothing out.
    @Test func aLookIsNoFetch() throws {
        defer { loop.close() }
        try world.makeApp()
        try world.connect()
        let look = Request(
            operation: "fetch", fields: ["appId": "google", "userId": "u1"], look: Request.Look(askedAt: nil))
        _ = try world.vault.begin(look).performed(.unbounded)
        #expect(try metrics["fetch_duration_microseconds", member: "count"] == 0)
    }

    @Test func whatTheOutboxDoesIsCounted() throws {
        defer { loop.close() }
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        for user in ["u1", "u2"] { try world.connect(["userId": "\(user)"]) }
        world.provider.next(200, "")
        world.provider.next(503, "")
        try world.call("delete", ["appId": "google"])

        let metrics = try metrics
        #expect(metrics["revocations_total", ["outcome": "revoked"]] == 1)
        #expect(metrics["revocations_total", ["outcome": "pending"]] == 1)
    }
}
