import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing
import Vault

@Suite struct RefreshTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
        try world.connect(reply: tokens("at-1", refresh: "rt-1", expiresIn: 3600))
    }

    private var listed: JSON {
        get throws { try world.call("list", ["userId": "u1"])["tokens"]?.elements.first ?? .object() }
    }

    @Test func aTokenThatLivesLongEnoughIsNotRefreshed() throws {
        world.clock.advance(seconds: 3540)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        #expect(world.provider.refreshes.isEmpty)
    }

    @Test func oneThatDoesNotIsRefreshedOnce() throws {
        world.clock.advance(seconds: 3541)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        let token = try world.fetch(["options": ["withRefreshToken": true]])
        #expect(token["accessToken"]?.string == "at-2")
        #expect(token["refreshToken"]?.string == "rt-2")
        #expect(token["lastRefreshTime"]?.integer == world.clock.seconds)
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
        #expect(world.provider.refreshes.count == 1)
        #expect(world.provider.refreshes.first?.contains("refresh_token=rt-1") == true)
        #expect(world.provider.requests.last?.mustFinish == true)
    }

    @Test func theCallerSaysHowLongItMustLive() throws {
        world.provider.next(200, tokens("at-2", refresh: "rt-2", expiresIn: 3600))
        #expect(try world.fetch(["minTtlSeconds": 7200])["accessToken"]?.string == "at-2")
        // It lives shorter than wanted: refreshed once for each fetch, and not forever.
        #expect(world.provider.refreshes.count == 1)
        world.clock.advance(seconds: 3600 - 10)
        #expect(try world.fetch(["minTtlSeconds": 5])["accessToken"]?.string == "at-2")
    }

    @Test func aReplyWithoutARefreshTokenKeepsTheOldOne() throws {
        for number in 2...4 {
            world.provider.next(200, tokens("at-\(number)"))
            let token = try world.fetch(["options": ["forceRefresh": true, "withRefreshToken": true]])
            #expect(token["accessToken"]?.string == "at-\(number)")
            #expect(token["refreshToken"]?.string == "rt-1")
        }
        #expect(world.provider.refreshes.count == 3)
    }

    @Test func aTokenWithoutAnExpiryIsNotRefreshedUnasked() throws {
        try world.connect(["userId": "u2"], reply: tokens("at-x", refresh: "rt-x", expiresIn: nil))
        world.clock.advance(seconds: 100_000_000)
        #expect(try world.fetch(subject: ["userId": "u2"])["accessToken"]?.string == "at-x")
        #expect(world.provider.refreshes.isEmpty)
    }

    @Test func anExpiredTokenIsNeverAnswered() throws {
        try world.connect(["userId": "u2"], reply: tokens("at-x", expiresIn: 100))
        world.clock.advance(seconds: 100)
        #expect(world.fetchError(subject: ["userId": "u2"])?.reason == .reauthorize)
        let row = try world.call("list", ["userId": "u2"])["tokens"]?.elements.first
        #expect(row?["status"]?.string == "needs_reauthorization")
        #expect(row?["reason"]?.string == "expired")
    }

    // MARK: - Failures

    @Test func whileItLivesATokenOutlivesAnOutage() throws {
        world.clock.advance(seconds: 3550)
        world.provider.next(503, "<html>")
        let token = try world.fetch()
        #expect(token["accessToken"]?.string == "at-1")
        #expect(token["lastRefreshError"] != nil)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        #expect(world.provider.refreshes.count == 1)  // backed off
        world.clock.advance(seconds: 1)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        let healed = try world.fetch()
        #expect(healed["accessToken"]?.string == "at-2")
        #expect(healed["lastRefreshError"] == nil)
    }

    @Test func afterItsEndTheOutageIsTold() throws {
        world.clock.advance(seconds: 3600)
        world.provider.next(503, "{}")
        let error = world.fetchError(["connect": ["redirectUrl": "https://h.example/done"]])
        #expect(error?.code == .unavailable)
        #expect(error?.httpStatus == 503)
        #expect((error?.retryAfterMilliseconds ?? 0) > 0)
        #expect(try listed["status"]?.string == "active")
    }

    @Test func theProvidersRetryAfterIsKept() throws {
        world.clock.advance(seconds: 3600)
        world.provider.next(429, "{}", headers: ["retry-after": "120"])
        #expect(world.fetchError()?.code == .rateLimited)
        world.clock.advance(seconds: 119)
        #expect(world.fetchError()?.code == .rateLimited)
        #expect(world.provider.refreshes.count == 1)
        world.clock.advance(seconds: 1)
        world.provider.next(200, tokens("at-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }

    @Test func aRefusedGrantIsNotTriedAgainUntilANewOne() throws {
        world.clock.advance(seconds: 3600)
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        let error = world.fetchError()
        #expect(error?.code == .notFound)
        #expect(error?.reason == .reauthorize)
        #expect(error?.errorCode == "invalid_grant")
        #expect(world.fetchError(["options": ["forceRefresh": true]])?.reason == .reauthorize)
        let required = world.fetchError(["connect": ["redirectUrl": "https://h.example/done"]])
        #expect(required?.code == .connectionRequired)
        #expect(query(required?.connectionURL, "scope") == "read")
        #expect(world.provider.refreshes.count == 1)
        #expect(try listed["status"]?.string == "needs_reauthorization")
        #expect(try listed["reason"]?.string == "refused")
        #expect(try listed["since"]?.integer == world.clock.seconds)
        try world.connect(reply: tokens("at-9", refresh: "rt-9"))
        #expect(try world.fetch()["accessToken"]?.string == "at-9")
        #expect(try listed["status"]?.string == "active")
    }

    @Test func theOperatorsFaultIsNotTheUsers() throws {
        world.clock.advance(seconds: 3600)
        world.provider.next(401, #"{"error":"invalid_client"}"#)
        let error = world.fetchError(["connect": ["redirectUrl": "https://h.example/done"]])
        #expect(error?.code == .misconfigured)
        #expect(error?.errorCode == "invalid_client")
        #expect(try listed["status"]?.string == "active")
        world.clock.advance(seconds: 10)
        world.provider.next(200, tokens("at-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }

    /// Many who failed together do not come back together, and none before its time.
    @Test(arguments: [(503, "{}", 1000), (429, "{}", 120_000), (401, #"{"error":"invalid_client"}"#, 10_000)])
    func aFailureIsWaitedOutForUpToAQuarterLonger(_ status: Int, _ body: String, _ wait: Int64) throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"], jitter: Jitter { 255 })
        try world.makeApp()
        try world.connect()
        world.clock.advance(seconds: 3600)
        world.provider.next(status, body, headers: status == 429 ? ["retry-after": "120"] : [:])
        #expect(world.fetchError() != nil)
        world.clock.advance(milliseconds: wait + wait / 4 - 1)
        #expect(world.fetchError() != nil)
        #expect(world.provider.refreshes.count == 1)
        world.clock.advance(milliseconds: 1)
        world.provider.next(200, tokens("at-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }

    @Test func aForcedRefreshThatFailsSaysSoAndHarmsNothing() throws {
        world.provider.next(500, "{}")
        #expect(world.fetchError(["options": ["forceRefresh": true]])?.code == .unavailable)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        #expect(try listed["status"]?.string == "active")
    }

    @Test func scopesThatARefreshTookAwayAreMissed() throws {
        world.provider.next(200, tokens("at-2", scope: "other"))
        let error = world.fetchError(["scopes": ["read"], "options": ["forceRefresh": true]])
        #expect(error?.reason == .scopes)
        #expect(error?.missingScopes == ["read"])
    }

    // MARK: - Rejected tokens

    private func report(_ token: String) -> JSON {
        let id = (try? world.fetch()["id"]?.string) ?? ""
        return ["tokenId": "\(id)", "tokenHash": "\(sha256(token))", "userId": "u1"]
    }

    @Test func aRejectedTokenIsReplacedOnce() throws {
        let report = report("at-1")
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.call("report_rejected", report)["token"]?["accessToken"]?.string == "at-2")
        // The next one to report the old token gets the new one without a refresh.
        #expect(try world.call("report_rejected", report)["token"]?["accessToken"]?.string == "at-2")
        #expect(world.provider.refreshes.count == 1)
    }

    @Test func aRejectedTokenIsNotAnsweredAgain() throws {
        let report = report("at-1")
        world.provider.next(503, "{}")
        #expect(world.error("report_rejected", report)?.code == .unavailable)
        #expect(world.fetchError()?.code == .unavailable)
        world.clock.advance(seconds: 2)
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.error("report_rejected", report)?.reason == .reauthorize)
        #expect(world.fetchError()?.reason == .reauthorize)
    }

    private let connecting: JSON = ["connect": ["redirectUrl": "https://h.example/done"]]

    /// Many providers give no refresh token: a rejected token is then dead, whatever its expiry says.
    @Test(arguments: [3600, nil] as [Int?]) func aRejectedTokenThatNothingReplacesNeedsANewGrant(
        _ expiresIn: Int?
    ) throws {
        try world.connect(reply: tokens("at-1", expiresIn: expiresIn))
        let report = report("at-1")
        let moment = world.clock.seconds
        #expect(world.error("report_rejected", report)?.reason == .reauthorize)
        world.clock.advance(seconds: 10)
        for other in [world, try world.another(secondsAhead: -600)] {
            let error = other.fetchError()
            #expect(error?.code == .notFound && error?.reason == .reauthorize)
            #expect(other.fetchError(["options": ["forceRefresh": true]])?.reason == .reauthorize)
        }
        #expect(world.error("report_rejected", report)?.reason == .reauthorize)
        let required = world.fetchError(connecting)
        #expect(required?.code == .connectionRequired && required?.connectionURL != nil)
        #expect(try listed["status"]?.string == "needs_reauthorization")
        #expect(try listed["reason"]?.string == "rejected")
        #expect(try listed["since"]?.integer == moment)
        let told = try world.call("audit.list", [:])["records"]?.elements.last { $0["outcome"]?.string == "rejected" }
        #expect(told?["op"]?.string == "refresh" && told?["userId"]?.string == "u1")
        try world.connect(reply: tokens("at-9", expiresIn: expiresIn))
        #expect(try world.fetch()["accessToken"]?.string == "at-9")
        #expect(try listed["reason"]?.string != "rejected")
        #expect(world.provider.refreshes.isEmpty)
    }

    /// Somebody reports a token of long ago.
    @Test func aReportOfAnotherTokenHarmsNothing() throws {
        try world.connect(reply: tokens("at-1"))
        #expect(try world.call("report_rejected", report("at-0"))["token"]?["accessToken"]?.string == "at-1")
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
    }

    @Test func aRejectedAPIKeyIsNotAnsweredAgain() throws {
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        let storing = { [world] (key: String) throws in
            try world.call("store_api_key", ["appId": "keys", "userId": "u1", "apiKey": "\(key)"])
        }
        let id = try storing("k-1")["tokenId"]?.string ?? ""
        let report: JSON = ["tokenId": "\(id)", "tokenHash": "\(sha256("k-1"))", "userId": "u1"]
        #expect(world.error("report_rejected", report)?.reason == .reauthorize)
        #expect(world.fetchError(app: "keys")?.reason == .reauthorize)
        let key = try world.call("list", ["appId": "keys"])["tokens"]?.elements.first
        #expect(key?["reason"]?.string == "rejected")
        _ = try storing("k-2")
        #expect(try world.fetch(app: "keys")["accessToken"]?.string == "k-2")
    }

    /// The provider refused the refresh token while the access token lived on; now a service refuses that too.
    @Test func aRejectedTokenWhoseRefreshTokenWasRefusedIsNotAnsweredAgain() throws {
        let report = report("at-1")
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.fetchError(["options": ["forceRefresh": true]])?.reason == .reauthorize)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        #expect(world.error("report_rejected", report)?.reason == .reauthorize)
        #expect(world.fetchError()?.reason == .reauthorize)
        #expect(try listed["reason"]?.string == "rejected")
    }

    /// Nor where it cannot even be found out whom to ask.
    @Test func aTokenRejectedWhileTheDiscoveryFailsIsNotAnsweredAgain() throws {
        let discovery: JSON = ["discoveryUrl": "https://d.example/.well-known/openid-configuration"]
        _ = try world.call(
            "apps.create", (["id": "d", "clientId": "c", "clientSecret": "s3cret"] as JSON).with(discovery))
        let document: JSON = [
            "issuer": "https://d.example", "authorization_endpoint": "https://d.example/a",
            "token_endpoint": "https://d.example/t",
        ]
        world.provider.next(200, document)
        let id = try world.connect(app: "d")
        let other = try world.another()
        world.provider.next(503, "")
        let report: JSON = ["tokenId": "\(id)", "tokenHash": "\(sha256("at-1"))", "userId": "u1"]
        #expect(other.error("report_rejected", report)?.code == .unavailable)
        #expect(other.fetchError(app: "d")?.code == .unavailable)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch(app: "d")["accessToken"]?.string == "at-2")
    }

    /// Nor by others when the process that was told so has ended while it refreshed.
    @Test func aTokenRejectedByAProcessThatEndedIsNotAnsweredAgain() throws {
        let reporting = try world.another().begin("report_rejected", report("at-1"))
        #expect(reporting.isAtProvider)
        reporting.leave()
        let fetching = world.begin("fetch", ["appId": "google", "userId": "u1"])
        #expect(fetching.isPaused)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        while !fetching.isDone { fetching.step() }
        #expect(try fetching.result.get()["token"]?["accessToken"]?.string == "at-2")
    }

    /// It cannot be refreshed just now: that does not make it any better.
    @Test func aTokenRejectedDuringABackoffIsNotAnsweredAgain() throws {
        let report = report("at-1")
        world.provider.next(503, "{}")
        #expect(world.fetchError(["options": ["forceRefresh": true]])?.code == .unavailable)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        #expect(world.error("report_rejected", report)?.code == .unavailable)
        #expect(world.fetchError()?.code == .unavailable)
        world.clock.advance(seconds: 2)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }

    /// An id is no secret, so that it alone gets nobody a token.
    @Test func aTokenOfSomebodyElseIsNotFound() throws {
        let report = report("at-0")
        #expect(try world.call("report_rejected", report)["token"]?["accessToken"]?.string == "at-1")
        let nobodys = report.shallowCopy()
        nobodys.remove("userId")
        for other in [["userId": "u2"], ["tenantId": "u1"], ["userId": "u1", "tenantId": "t1"]] as [JSON] {
            let error = world.error("report_rejected", nobodys.with(other))
            #expect(error?.code == .notFound && error?.reason == .missing, "\(other)")
        }
        #expect(world.error("report_rejected", nobodys)?.code == .invalidRequest)
    }

    @Test func whatIsNoTokenOfOursIsNotFound() throws {
        #expect(
            world.error("report_rejected", ["tokenId": "zzz", "tokenHash": "00", "userId": "u1"])?.reason == .missing)
        let id = try world.fetch()["id"]?.string ?? ""
        #expect(
            world.error("report_rejected", ["tokenId": "\(id)", "tokenHash": "00", "userId": "u1"])?.field
                == "tokenHash")
    }

    // MARK: - At the same time

    @Test func callersOfOneProcessShareARefresh() throws {
        world.clock.advance(seconds: 3600)
        let request: JSON = ["appId": "google", "userId": "u1"]
        let calls = (0..<20).map { _ in world.begin("fetch", request) }
        #expect(calls.filter(\.isAtProvider).count == 1)
        #expect(calls.filter(\.isWaitingForFlight).count == 19)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        for call in calls { #expect(call.step()) }
        for call in calls { #expect(try call.result.get()["token"]?["accessToken"]?.string == "at-2") }
        #expect(world.provider.refreshes.count == 1)
    }

    @Test func anotherProcessWaitsForTheLease() throws {
        world.clock.advance(seconds: 3600)
        let request: JSON = ["appId": "google", "userId": "u1"]
        let first = world.begin("fetch", request)
        let second = try world.another().begin("fetch", request)
        #expect(first.isAtProvider)
        #expect(second.isPaused)
        second.step()
        #expect(second.isPaused)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        first.step()
        second.step()
        for call in [first, second] {
            #expect(try call.result.get()["token"]?["accessToken"]?.string == "at-2")
        }
        #expect(world.provider.refreshes.count == 1)
    }

    /// Lesson 3: a lease is as long as its request, whatever the clocks say.
    @Test(arguments: [-600, 600] as [Int64]) func aLeaseHoldsThoughClocksDiffer(_ seconds: Int64) throws {
        world.clock.advance(seconds: 3600)
        let request: JSON = ["appId": "google", "userId": "u1", "options": ["forceRefresh": true]]
        let first = world.begin("fetch", request)
        let second = try world.another(secondsAhead: seconds).begin("fetch", request)
        #expect(first.isAtProvider)
        #expect(second.isPaused)
        world.clock.advance(seconds: 19)  // the request takes at most 10
        second.step()
        #expect(second.isPaused)
        world.clock.advance(seconds: 1)
        second.step()
        #expect(second.isAtProvider)
    }

    /// Whoever sets the clock while a refresh is under way does not make a second one out of it.
    @Test(arguments: [-86_400, -10_800, 10_800, 86_400 * 365] as [Int64], ["b", nil] as [String?])
    func aClockThatIsSetMakesNoSecondRequest(_ step: Int64, _ boot: String?) throws {
        let world = try world.another(boot: boot.map { ID($0) })
        let request: JSON = ["appId": "google", "userId": "u1", "options": ["forceRefresh": true]]
        let first = world.begin("fetch", request)
        #expect(first.isAtProvider)
        world.clock.step(seconds: step)
        let second = try world.another(boot: boot.map { ID($0) }).begin("fetch", request)
        #expect(second.isPaused)
        world.clock.advance(seconds: 9)
        second.step()
        #expect(second.isPaused)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        first.step()
        second.step()
        for call in [first, second] {
            #expect(try call.result.get()["token"]?["accessToken"]?.string == "at-2")
        }
        #expect(world.provider.refreshes.count == 1)
    }

    /// A failure is waited out for as long as it is said, by all processes of the machine.
    @Test(arguments: [-10_800, 10_800] as [Int64]) func aClockThatIsSetChangesNoBackoff(_ step: Int64) throws {
        let world = try world.another(boot: "b")
        let forced: JSON = ["options": ["forceRefresh": true]]
        world.provider.next(503, "", headers: ["retry-after": "60"])
        #expect(world.fetchError(forced)?.retryAfterMilliseconds == 60_000)
        world.clock.step(seconds: step)
        world.clock.advance(seconds: 59)
        #expect(try world.another(boot: "b").fetchError(forced)?.retryAfterMilliseconds == 1000)
        world.clock.advance(seconds: 1)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch(forced)["accessToken"]?.string == "at-2")
    }

    /// Another process takes the lease between this one's look at the row and its commit.
    @Test func ofTwoThatReadTheSameRowOneRefreshes() throws {
        let (store, world) = try meddled()
        let other = try world.another()
        let request: JSON = ["appId": "google", "userId": "u1"]
        nonisolated(unsafe) var first: StepDriver?
        store.at(.commit) { first = other.begin("fetch", request) }
        let second = world.begin("fetch", request)
        #expect(first?.isAtProvider == true)
        #expect(!second.isAtProvider)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        first?.step()
        while !second.isDone { second.step() }
        for call in [first, second] {
            #expect(try call?.result.get()["token"]?["accessToken"]?.string == "at-2")
        }
        #expect(world.provider.refreshes.count == 1)
    }

    /// The user has connected anew between the reply's look at the row and its commit.
    @Test func aGrantThatComesJustBeforeAReplyIsKeptStays() throws {
        let (store, world) = try meddled()
        let other = try world.another(config: Self.callback)
        let refreshing = world.begin("fetch", ["appId": "google", "userId": "u1"])
        #expect(refreshing.isAtProvider)
        store.at(.commit) { () throws(ConnError) in
            let connected = Result { try other.connect(reply: tokens("at-new", refresh: "rt-new")) }
            if case .failure(let error) = connected { Issue.record(error) }
        }
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        refreshing.step()
        #expect(try refreshing.result.get()["token"]?["accessToken"]?.string == "at-new")
        #expect(try world.fetch(["options": ["withRefreshToken": true]])["refreshToken"]?.string == "rt-new")
    }

    private static let callback: JSON = ["redirectUrl": "https://h.example/callback"]

    /// An expired token in a store in which something happens.
    private func meddled() throws -> (MeddlingStore, World) {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store, config: Self.callback)
        try world.makeApp()
        try world.connect(reply: tokens("at-1", refresh: "rt-1", expiresIn: 3600))
        world.clock.advance(seconds: 3600)
        return (store, world)
    }

    /// The last chance of what a provider has answered is not over with the first failure.
    @Test func whatTheStoreDidNotTakeIsStoredAtTheClose() throws {
        let failing = FailingStore()
        let store = MeddlingStore(failing)
        let world = try World(store: store, config: Self.callback)
        try world.makeApp()
        try world.connect(reply: tokens("at-1", refresh: "rt-1", expiresIn: 3600))
        world.clock.advance(seconds: 3600)
        failing.fail(after: 1)  // the lease
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(world.fetchError()?.code == .unavailable)
        store.at(.commit, number: 3) { failing.fail(after: nil) }
        world.vault.close()
        let next = try world.another()
        #expect(try next.fetch(["options": ["withRefreshToken": true]])["refreshToken"]?.string == "rt-2")
        #expect(world.provider.refreshes.count == 1)
    }

    /// Nobody waits for a process of the same machine that ended long ago.
    @Test func anOldLeaseIsOverAtFirstSight() throws {
        world.clock.advance(seconds: 3600)
        let call = try world.another(boot: "b").begin("fetch", ["appId": "google", "userId": "u1"])
        call.leave()
        world.clock.advance(seconds: 20)
        #expect(try world.another(boot: "b").begin("fetch", ["appId": "google", "userId": "u1"]).isAtProvider)
    }

    @Test func aFailureIsWaitedOutByOnesOwnClock() throws {
        world.clock.advance(seconds: 3600)
        world.provider.next(503, "{}")
        #expect(try world.another(secondsAhead: 600).fetchError()?.code == .unavailable)
        #expect(world.begin("fetch", ["appId": "google", "userId": "u1"]).isAtProvider)
    }

    @Test func aProcessThatDiedIsSucceededOnceWithTheSameRefreshToken() throws {
        world.clock.advance(seconds: 3600)
        let request: JSON = ["appId": "google", "userId": "u1"]
        let dead = try world.another()
        let first = dead.begin("fetch", request)
        #expect(first.isAtProvider)
        first.leave()
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
        #expect(world.provider.refreshes == world.provider.refreshes.filter { $0.contains("refresh_token=rt-1") })
    }

    @Test func aGrantLostWithAReplyIsUncertainAndNotRefused() throws {
        world.clock.advance(seconds: 3600)
        let first = try world.another().begin("fetch", ["appId": "google", "userId": "u1"])
        first.leave()
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.fetchError()?.reason == .reauthorize)
        #expect(try listed["reason"]?.string == "uncertain")
    }

    @Test func twoThatDiedInARowEndIt() throws {
        world.clock.advance(seconds: 3600)
        for _ in 0..<2 {
            let call = try world.another().begin("fetch", ["appId": "google", "userId": "u1"])
            while call.isPaused { call.step() }
            #expect(call.isAtProvider)
            call.leave()
        }
        #expect(world.fetchError()?.reason == .reauthorize)
        #expect(try listed["reason"]?.string == "uncertain")
        #expect(world.provider.refreshes.isEmpty)  // neither got an answer
    }

    @Test func aLostReplyIsTriedAgain() throws {
        world.clock.advance(seconds: 3600)
        world.provider.nextIsLost()
        #expect(world.fetchError()?.code == .unavailable)
        world.clock.advance(seconds: 1)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }

    /// A process that was suspended comes back after another one took its lease over: its tokens are the provider's
    /// newest, and the other one's failure, which they caused, does not end the grant.
    @Test func aLateSuccessWins() throws {
        world.clock.advance(seconds: 3600)
        let late = try world.another().begin("fetch", ["appId": "google", "userId": "u1"])
        #expect(late.isAtProvider)
        world.clock.advance(seconds: 60)
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.fetchError()?.reason == .reauthorize)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        late.step()
        #expect(try late.result.get()["token"]?["accessToken"]?.string == "at-2")
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
        #expect(try listed["status"]?.string == "active")
    }

    @Test func aLateFailureDoesNotHarmANewerToken() throws {
        world.clock.advance(seconds: 3600)
        let late = try world.another().begin("fetch", ["appId": "google", "userId": "u1"])
        world.clock.advance(seconds: 60)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        late.step()
        #expect(try late.result.get()["token"]?["accessToken"]?.string == "at-2")
        #expect(try listed["status"]?.string == "active")
    }

    @Test func aNewGrantDuringARefreshStays() throws {
        world.clock.advance(seconds: 3600)
        let refreshing = world.begin("fetch", ["appId": "google", "userId": "u1"])
        try world.connect(reply: tokens("at-new", refresh: "rt-new"))
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        refreshing.step()
        #expect(try refreshing.result.get()["token"]?["accessToken"]?.string == "at-new")
        #expect(try world.fetch(["options": ["withRefreshToken": true]])["refreshToken"]?.string == "rt-new")
    }

    @Test func aTokenDeletedDuringARefreshStaysDeleted() throws {
        world.clock.advance(seconds: 3600)
        let refreshing = world.begin("fetch", ["appId": "google", "userId": "u1"])
        #expect(try world.call("delete", ["userId": "u1"])["deleted"]?.integer == 1)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        refreshing.step()
        #expect(throws: ConnError.self) { try refreshing.result.get() }
        #expect(try world.answer("list", ["userId": "u1"]) == #"{"tokens":[]}"#)
    }

    /// A lease is the last thing before its request: a caller that goes away leaves none, or a refresh that goes on.
    @Test func aLeaseIsTakenWithAPlaceAtTheProviderAndBindsTheCall() throws {
        world.clock.advance(seconds: 3600)
        var step = try world.vault.begin(try checked("fetch", ["appId": "google", "userId": "u1"]))
        var isAdmitted = false
        while true {
            switch step {
            case .blocking(let work):
                step = try work(.unbounded)
            case .admission(let url, _, let then):
                #expect(url == "https://p.example/token")
                isAdmitted = true
                step = try then()
            case .queued(let work, let binds, let then):
                #expect(isAdmitted && binds)
                step = try then(Result { () throws(ConnError) in try work.perform(.unbounded) })
                guard case .http(let request, _) = step else {
                    Issue.record("something comes between the lease and the request")
                    return
                }
                #expect(request.mustFinish)
                return
            default:
                Issue.record("the refresh does not begin with a lease")
                return
            }
        }
    }

    // MARK: - A store that fails

    /// The reply holds the only refresh token there is: it is not lost because the disk is full when it comes.
    @Test func aReplyOutlivesAFullDisk() throws {
        let store = MemoryStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
        try world.connect(reply: tokens("at-1", refresh: "rt-1", expiresIn: 3600))
        world.clock.advance(seconds: 3600)
        let call = world.begin("fetch", ["appId": "google", "userId": "u1"])
        #expect(call.isAtProvider)
        store.isFull = true
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        call.step()
        #expect(call.isPaused)  // it tries again for a while ...
        while !call.isDone { call.step() }
        #expect(world.fetchError()?.code == .internal)  // ... and no longer
        store.isFull = false
        let token = try world.fetch(["options": ["withRefreshToken": true]])
        #expect(token["accessToken"]?.string == "at-2")
        #expect(token["refreshToken"]?.string == "rt-2")
        #expect(world.provider.refreshes.count == 1)
    }

    @Test func aTokenThatLivesIsAnsweredWhileTheDiskIsFull() throws {
        let store = MemoryStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
        try world.connect(reply: tokens("at-1", refresh: "rt-1", expiresIn: 3600))
        let call = world.begin("fetch", ["appId": "google", "userId": "u1", "options": ["forceRefresh": true]])
        store.isFull = true
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        while !call.isDone { call.step() }
        #expect(throws: ConnError.self) { try call.result.get() }
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        store.isFull = false
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }
}
