import Cloud
import Connections
import HTTP
import JSON
import Runtime
import Synchronization
import TestSupport
import Testing

/// What is answered without asking Descope, and what must not be.
@Suite struct CacheTests {
    /// A client with a cache: what it sends is answered by `provider`, and time passes when a test says so.
    private struct Cached {
        let clock: MovableClock
        let provider: CannedProvider
        let statistics = Statistics()
        let backend: CloudBackend

        init(
            _ cache: JSON? = ["ttlSeconds": 600], clock: MovableClock = MovableClock(milliseconds: now * 1000),
            provider: CannedProvider = CannedProvider()
        ) throws {
            self.clock = clock
            self.provider = provider
            let config: JSON = ["backend": "cloud", "projectId": "\(projectID)", "managementKey": "\(managementKey)"]
            backend = CloudBackend(
                try CloudConfig(cache.map { config.with(["cache": $0]) } ?? config, environment: { _ in nil }),
                clock: clock.clock, statistics: statistics)
        }

        var asked: Int { provider.requests.count }
        var metrics: Metrics { Metrics(statistics, .cloud) }

        func begin(_ operation: String = "fetch", _ request: JSON) -> StepDriver {
            StepDriver(operation, request, of: backend, provider, clock)
        }

        /// The access token that a fetch is answered.
        func fetch(_ request: JSON = CacheTests.fetch) throws -> String? {
            try begin("fetch", request).finish()["token"]?["accessToken"]?.string
        }

        /// Exchanges that no reply was prepared for are answered a token each: `at-1`, `at-2` and so on.
        func numbered(_ more: JSON = [:]) {
            let count = Mutex(0)
            provider.otherwise { _ in
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                let token: JSON = ["id": "t", "accessToken": "at-\(number)"]
                return reply(200, (["token": token.with(more)] as JSON).text)
            }
        }
    }

    private static let fetch: JSON = ["appId": "google", "userId": "u"]

    // MARK: - Answering

    @Test func aTokenIsFetchedOnce() throws {
        let cached = try Cached()
        cached.provider.next(token())
        for _ in 0..<5 { #expect(try cached.fetch() == "ya29") }
        #expect(cached.asked == 1)
        #expect(cached.metrics["cache_lookups_total", ["outcome": "hit"]] == 4)
        #expect(cached.metrics["cache_lookups_total", ["outcome": "miss"]] == 1)
        #expect(cached.metrics["cache_entries"] == 1)
    }

    @Test func withoutTheSettingEveryFetchAsks() throws {
        let plain = try Cached(nil)
        for _ in 0..<3 { plain.provider.next(token()) }
        for _ in 0..<3 { _ = try plain.fetch() }
        #expect(plain.asked == 3)
        #expect(plain.metrics["cache_lookups_total", ["outcome": "miss"]] == nil)
    }

    @Test func itIsKeptForItsTimeToLive() throws {
        let cached = try Cached()
        for _ in 0..<2 { cached.provider.next(token()) }
        _ = try cached.fetch()
        cached.clock.advance(milliseconds: 599_999)
        // Whoever sets the time of day does not prolong it.
        cached.clock.step(seconds: -86_400)
        _ = try cached.fetch()
        #expect(cached.asked == 1)
        cached.clock.advance(milliseconds: 1)
        _ = try cached.fetch()
        #expect(cached.asked == 2)
    }

    @Test func itIsNeverAnsweredInItsLastMinute() throws {
        let cached = try Cached(["ttlSeconds": 3600])
        for seconds in [120, 1000] as [Int64] {
            cached.provider.next(token(#","hasRefreshToken":true,"accessTokenExpiry":"\#(now + seconds)""#))
        }
        _ = try cached.fetch()
        cached.clock.advance(seconds: 60)
        _ = try cached.fetch()
        #expect(cached.asked == 1)
        cached.clock.advance(seconds: 1)
        _ = try cached.fetch(Self.fetch.with(["minTtlSeconds": 0]))
        #expect(cached.asked == 2)
        _ = try cached.fetch()
        #expect(cached.asked == 2)
    }

    @Test func whoWantsALongerLifeAsks() throws {
        let cached = try Cached()
        cached.numbered(["hasRefreshToken": true, "accessTokenExpiry": .integer(now + 500)])
        #expect(try cached.fetch() == "at-1")
        #expect(try cached.fetch(Self.fetch.with(["minTtlSeconds": 500])) == "at-1")
        // What comes lives no longer, so that it is refreshed.
        #expect(try cached.fetch(Self.fetch.with(["minTtlSeconds": 501])) == "at-3")
    }

    // MARK: - Whose it is

    @Test func whatAnotherCredentialFetchedIsNotAnswered() throws {
        let cached = try Cached()
        cached.numbered()
        let requests = [
            Self.fetch, Self.fetch.with(["accessToken": "\(userToken)"]),
            Self.fetch.with(["accessToken": "eyJ.another.user"]),
            Self.fetch.with(["accessToken": "\(managementKey)"]),
        ]
        for _ in 0..<2 {
            for (index, request) in requests.enumerated() { #expect(try cached.fetch(request) == "at-\(index + 1)") }
        }
        #expect(cached.asked == requests.count)
        let sent = Set(cached.provider.requests.compactMap { $0.header("authorization") })
        #expect(sent.count == 3)  // the last one is the management key, as an access token
    }

    @Test func subjectsAreNotMixedUp() throws {
        let cached = try Cached(["ttlSeconds": 600])
        cached.numbered()
        let requests: [JSON] = [
            ["appId": "a", "userId": "u"], ["appId": "a", "userId": "t"], ["appId": "a", "tenantId": "t"],
            ["appId": "a", "tenantId": "u"], ["appId": "a", "userId": "u", "tenantId": "t"],
            ["appId": "a", "userId": "t", "tenantId": "u"], ["appId": "au", "userId": "u"],
            ["appId": "a", "userId": "uu"], ["appId": "a", "userId": "u", "externalIdentifier": "t"],
            ["appId": "a", "userId": "u\",\"t"], ["appId": "a", "userId": "jos\u{e9}"],
            ["appId": "a", "userId": "jose\u{301}"],
        ]
        for _ in 0..<2 {
            for (index, request) in requests.enumerated() { #expect(try cached.fetch(request) == "at-\(index + 1)") }
        }
    }

    /// RFC 6749 section 3.3.
    @Test func scopesAreASet() throws {
        let cached = try Cached()
        cached.numbered()
        let sets: [[JSON]] = [
            [["read", "write"], ["write", "read"], ["read", "write", "read"]], [["read write"]], [["read"]],
            [["readwrite"]], [[], .null], [["Read"]],
        ]
        for (index, alike) in sets.enumerated() {
            for scopes in alike {
                #expect(try cached.fetch(Self.fetch.with(["scopes": scopes])) == "at-\(index + 1)")
            }
        }
        #expect(try cached.fetch() == "at-5")
    }

    // MARK: - What is missing

    @Test func aMissingTokenCostsOneCallForAShortWhile() throws {
        let cached = try Cached(["ttlSeconds": 600, "missingTtlSeconds": 5])
        for _ in 0..<2 { cached.provider.next(noToken) }
        for _ in 0..<3 { #expect(cached.begin("fetch", Self.fetch).error()?.reason == .missing) }
        #expect(cached.asked == 1)
        #expect(cached.metrics["cache_lookups_total", ["outcome": "hit_missing"]] == 2)
        cached.clock.advance(seconds: 5)
        _ = cached.begin("fetch", Self.fetch).error()
        #expect(cached.asked == 2)
    }

    @Test(arguments: [0, 1] as [Int64]) func itIsNotRememberedLongerThanTheSettingsSay(_ seconds: Int64) throws {
        // As long as a token at most.
        let cached = try Cached(["ttlSeconds": 1, "missingTtlSeconds": .integer(seconds * 60)])
        for _ in 0..<2 { cached.provider.next(noToken) }
        _ = cached.begin("fetch", Self.fetch).error()
        cached.clock.advance(seconds: seconds)
        _ = cached.begin("fetch", Self.fetch).error()
        #expect(cached.asked == 2)
    }

    @Test func onlyWhatIsMissingIsRemembered() throws {
        for failure in [reply(500, "{}"), reply(403, "{}"), reply(429, "{}"), reply(401, "{}"), reply(200, "x")] {
            let cached = try Cached()
            for _ in 0..<2 { cached.provider.next(failure) }
            for _ in 0..<2 { #expect(cached.begin("fetch", Self.fetch).error() != nil) }
            #expect(cached.asked == 2)
        }
    }

    /// A user who has just connected is not sent to connect again.
    @Test func whoSaysHowToConnectSeesTheGrantAtOnce() throws {
        let cached = try Cached()
        let connecting = Self.fetch.with([
            "accessToken": "\(userToken)", "connect": ["redirectUrl": "https://h.example/done"],
        ])
        let plain = Self.fetch.with(["accessToken": "\(userToken)"])
        cached.provider.next(noToken)
        #expect(cached.begin("fetch", plain).error()?.code == .notFound)
        cached.provider.next(noToken)
        cached.provider.next(reply(200, #"{"url":"https://d.example/connect"}"#))
        #expect(cached.begin("fetch", connecting).error()?.code == .connectionRequired)
        cached.provider.next(token())
        #expect(try cached.fetch(plain) == "ya29")
        #expect(try cached.fetch(connecting) == "ya29")
        #expect(cached.asked == 4)
    }

    @Test func aLookForAGrantAsks() throws {
        let cached = try Cached()
        cached.provider.next(noToken)
        _ = cached.begin("fetch", Self.fetch).error()
        cached.provider.next(token())
        let look = Request(operation: "fetch", fields: Self.fetch, look: Request.Look(askedAt: nil))
        guard case .http(let request, let then) = try cached.backend.begin(look) else {
            Issue.record("it did not ask")
            return
        }
        _ = try then(cached.provider.answer(request))
    }

    // MARK: - At the same time

    @Test func thoseWhoAskTheSameSendOneRequest() throws {
        let cached = try Cached()
        let calls = (0..<3).map { _ in cached.begin("fetch", Self.fetch) }
        #expect(calls.map(\.isAtProvider) == [true, false, false])
        cached.provider.next(token())
        for call in calls { #expect(try call.finish()["token"]?["accessToken"]?.string == "ya29") }
        #expect(cached.asked == 1)
        #expect(cached.metrics["cache_lookups_total", ["outcome": "joined"]] == 2)
    }

    @Test func theyShareAFailureToo() throws {
        let cached = try Cached()
        let calls = (0..<3).map { _ in cached.begin("fetch", Self.fetch) }
        cached.provider.next(reply(500, "{}"))
        for call in calls { #expect(call.error()?.code == .unavailable) }
        #expect(cached.asked == 1)
    }

    @Test func anotherAsksWhenTheFirstHasLeft() throws {
        let cached = try Cached()
        let (first, second) = (cached.begin("fetch", Self.fetch), cached.begin("fetch", Self.fetch))
        #expect(second.isWaitingForFlight)
        first.cancel()
        cached.provider.next(token())
        #expect(try second.finish()["token"] != nil)
        #expect(cached.asked == 1)
    }

    @Test func whoWantsALongerLifeThanTheFirstAsksAgain() throws {
        let cached = try Cached()
        let first = cached.begin("fetch", Self.fetch)
        let second = cached.begin("fetch", Self.fetch.with(["minTtlSeconds": 900]))
        cached.provider.next(token(#","hasRefreshToken":true,"accessTokenExpiry":"\#(now + 600)""#))
        try first.finish()
        cached.provider.next(token(#","hasRefreshToken":true,"accessTokenExpiry":"\#(now + 3600)""#))
        #expect(try second.finish()["token"]?["accessTokenExpiry"]?.integer == now + 3600)
    }

    @Test func differentCredentialsDoNotWaitForOneAnother() throws {
        let cached = try Cached()
        let calls = ["a.b.c", "d.e.f"].map { cached.begin("fetch", Self.fetch.with(["accessToken": "\($0)"])) }
        #expect(calls.map(\.isAtProvider) == [true, true])
    }

    // MARK: - Clearing

    private static let changes: [(operation: String, request: JSON, reply: String)] = [
        ("delete", ["tokenId": "t1"], ""), ("delete", ["userId": "u"], ""), ("delete", ["appId": "google"], ""),
        ("delete", ["appId": "google", "userId": "another name of u"], ""),
        ("store_api_key", ["appId": "google", "userId": "u", "apiKey": "k"], ""),
        ("store_token", ["appId": "google", "tenantId": "t", "refreshToken": "r"], ""),
        ("store_tokens", ["tokens": [["appId": "google", "userId": "u", "refreshToken": "r"]]], "{}"),
        ("apps.update", ["id": "google", "name": "n"], #"{"app":{"id":"google"}}"#),
        ("apps.delete", ["id": "google"], ""), ("apps.create", ["id": "google"], #"{"app":{"id":"google"}}"#),
    ]

    @Test(arguments: changes.indices) func whatAChangeTouchesIsAskedFor(_ index: Int) throws {
        let (operation, request, answer) = Self.changes[index]
        let cached = try Cached()
        cached.numbered()
        #expect(try cached.fetch() == "at-1")
        let change = cached.begin(operation, request)
        // Asked before the change has come to its end, and perhaps before it has begun at Descope.
        let (early, late) = (
            cached.begin("fetch", Self.fetch), cached.begin("fetch", Self.fetch.with(["scopes": ["s"]]))
        )
        cached.provider.next(reply(200, answer))
        try change.finish()
        try early.finish()
        try late.finish()
        #expect(try cached.fetch() == "at-4")
        #expect(try cached.fetch(Self.fetch.with(["scopes": ["s"]])) == "at-5")
    }

    @Test func whoseCallerHasLeftIsClearedAllTheSame() throws {
        let cached = try Cached()
        cached.numbered()
        let deletion = cached.begin("delete", ["appId": "google", "userId": "u"])
        #expect(try cached.fetch() == "at-1")
        deletion.cancel()
        #expect(try cached.fetch() == "at-2")
    }

    @Test func anotherConnectionsTokensStay() throws {
        let cached = try Cached()
        cached.numbered()
        let other: JSON = ["appId": "github", "userId": "u"]
        #expect(try cached.fetch(other) == "at-1")
        cached.provider.next(reply(200, ""))
        _ = try cached.begin("delete", ["appId": "google", "userId": "u"]).finish()
        #expect(try cached.fetch(other) == "at-1")
    }

    @Test func whatOnlyReadsClearsNothing() throws {
        let cached = try Cached()
        cached.numbered()
        _ = try cached.fetch()
        for (operation, request, answer) in [
            ("list", ["userId": "u"], "{}"), ("apps.load", ["id": "google"], #"{"app":{"id":"google"}}"#),
            ("apps.list", [:], "{}"),
        ] as [(String, JSON, String)] {
            cached.provider.next(reply(200, answer))
            _ = try cached.begin(operation, request).finish()
        }
        #expect(try cached.fetch() == "at-1")
    }

    @Test func aForcedRefreshAsksAndClears() throws {
        let cached = try Cached()
        cached.numbered()
        #expect(try cached.fetch() == "at-1")
        #expect(try cached.fetch(Self.fetch.with(["options": ["forceRefresh": true]])) == "at-2")
        #expect(try cached.fetch() == "at-3")
        #expect(cached.metrics["refreshes_total", ["outcome": "ok"]] == 1)
    }

    @Test func refreshTokensAreKeptNowhere() throws {
        let cached = try Cached()
        cached.numbered(["refreshToken": "rt"])
        let whole = Self.fetch.with(["options": ["withRefreshToken": true]])
        #expect(try cached.fetch(whole) == "at-1")
        #expect(try cached.fetch(whole) == "at-2")
        _ = try cached.fetch()
        #expect(try cached.begin("fetch", Self.fetch).finish()["token"]?["refreshToken"] == nil)
    }

    /// As docs/configuration.md says.
    @Test func whatAnotherClientDeletesIsAnsweredForAWhile() throws {
        let cached = try Cached(["ttlSeconds": 60])
        let other = try Cached(clock: cached.clock, provider: cached.provider)
        cached.provider.next(token())
        _ = try cached.fetch()
        cached.provider.next(reply(200, ""))
        _ = try other.begin("delete", ["appId": "google", "userId": "u"]).finish()
        #expect(try cached.fetch() == "ya29")
        cached.clock.advance(seconds: 60)
        cached.provider.next(noToken)
        #expect(cached.begin("fetch", Self.fetch).error()?.code == .notFound)
    }

    // MARK: - Bounds

    @Test func noMoreIsKeptThanTheSettingsSay() throws {
        let cached = try Cached(["ttlSeconds": 600, "maxEntries": 2])
        cached.numbered()
        for user in ["a", "b", "c"] {
            _ = try cached.fetch(Self.fetch.with(["userId": "\(user)"]))
            cached.clock.advance(seconds: 1)
        }
        #expect(cached.metrics["cache_entries"] == 2)
        #expect(try cached.fetch(Self.fetch.with(["userId": "b"])) == "at-2")
        #expect(try cached.fetch(Self.fetch.with(["userId": "a"])) == "at-4")
    }

    @Test func whatIsOverGoesThoughNobodyAsksForIt() throws {
        let cached = try Cached()
        cached.numbered()
        for user in ["a", "b", "c"] { _ = try cached.fetch(Self.fetch.with(["userId": "\(user)"])) }
        cached.clock.advance(seconds: 601)
        _ = try cached.fetch(Self.fetch.with(["userId": "d"]))
        #expect(cached.metrics["cache_entries"] == 1)
    }

    @Test func nothingIsLeftAfterTheClose() throws {
        let cached = try Cached()
        cached.numbered()
        _ = try cached.fetch()
        let late = cached.begin("fetch", Self.fetch.with(["userId": "late"]))
        cached.backend.close()
        try late.finish()
        #expect(cached.metrics["cache_entries"] == 0)
    }

    // MARK: - Settings

    @Test(arguments: [
        ("{}", "cache.ttlSeconds"), (#"{"ttlSeconds":0}"#, "cache.ttlSeconds"),
        (#"{"ttlSeconds":3601}"#, "cache.ttlSeconds"), (#"{"ttlSeconds":1,"maxEntries":0}"#, "cache.maxEntries"),
        (#"{"ttlSeconds":1,"maxEntries":10001}"#, "cache.maxEntries"),
        (#"{"ttlSeconds":1,"missingTtlSeconds":61}"#, "cache.missingTtlSeconds"),
        (#"{"ttlSeconds":1,"ttl":1}"#, "cache.ttl"), ("[]", "cache"),
    ])
    func aWrongSettingIsRefused(_ cache: String, field: String) throws {
        let error = #expect(throws: ConnError.self) { try Cached(try JSON.parse(cache)) }
        #expect(error?.code == .invalidConfig)
        #expect(error?.field == field)
    }

    // MARK: - Over libcurl

    @Test func overTheNetworkItIsOneRequestToo() throws {
        let server = try DescopeServer(cache: #"{"ttlSeconds":600}"#)
        try server.control(
            .post, "seed",
            #"""
            {"apps":[{"id":"google","name":"g","appType":"oauth"}],
            "tokens":[{"appId":"google","userId":"u","accessToken":"a","scopes":[],"accessTokenExpiry":"0"}]}
            """#
        )
        try server.control(.delete, "requests")
        for _ in 0..<5 { _ = try server.call("fetch", #"{"appId":"google","userId":"u"}"#) }
        #expect(try server.control(.get, "requests")["requests"]?.elements.count == 1)
        _ = try server.call("delete", #"{"appId":"google","userId":"u"}"#)
        #expect(server.error("fetch", #"{"appId":"google","userId":"u"}"#)?.code == .notFound)
    }
}
