import Connections
import HTTP
import JSON
import Runtime
import Store
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// What becomes of deleted tokens at their providers.
@Suite struct DeletionTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        try world.connect()
        try world.connect(["userId": "u2"], reply: tokens("at-2", refresh: "rt-2"))
        sentBefore = world.provider.requests.count
    }

    private let sentBefore: Int

    /// What was sent since the grants.
    private var sent: [String] {
        zip(world.provider.requests, world.provider.forms).dropFirst(sentBefore).map { "\($0.url) \($1)" }
    }

    private func counts(_ answer: JSON) -> [Int64?] {
        ["revoked", "grantRevoked", "pending", "unsupported"].map { answer["revocations"]?[$0]?.integer }
    }

    private func run(_ more: JSON = [:], in other: World? = nil) throws -> [Int64?] {
        let answer = try (other ?? world).call("revocations.run", more)
        return ["revoked", "pending", "failed"].map { answer[$0]?.integer }
    }

    @Test func theRefreshTokenIsRevokedByTheDeletingCall() throws {
        world.provider.next(200, "")
        let answer = try world.call("delete", ["userId": "u1"])
        #expect(answer["deleted"]?.integer == 1)
        #expect(counts(answer) == [1, 0, 0, 0])
        #expect(sent == ["https://p.example/revoke token=rt-1&token_type_hint=refresh_token"])
        #expect(try run() == [0, 0, 0])
    }

    @Test func anAccessTokenAloneIsRevoked() throws {
        try world.connect(["userId": "u3"], reply: tokens("at-3"))
        world.provider.next(200, "")
        #expect(counts(try world.call("delete", ["userId": "u3"])) == [1, 0, 0, 0])
        #expect(sent.last == "https://p.example/revoke token=at-3&token_type_hint=access_token")
    }

    /// What the catalogue knows of providers: Google ends the whole grant, and GitHub takes access tokens alone.
    @Test func theCataloguesWaysAreTaken() throws {
        for template in ["google", "github"] {
            _ = try world.call(
                "apps.create",
                ["id": "\(template)-1", "templateId": "\(template)", "clientId": "c", "clientSecret": "s3cret"])
            try world.connect(["userId": "u5"], app: "\(template)-1", reply: tokens("at-5", refresh: "rt-5"))
        }
        let before = world.provider.requests.count
        for _ in 0..<2 { world.provider.next(200, "") }
        #expect(counts(try world.call("delete", ["userId": "u5"])) == [2, 2, 0, 0])
        let sent = Set(
            zip(world.provider.requests, world.provider.forms).dropFirst(before).map {
                "\($0.method.rawValue) \($0.url) \($1)"
            })
        #expect(
            sent == [
                "POST https://oauth2.googleapis.com/revoke token=rt-5&token_type_hint=refresh_token"
                    + "&client_id=c&client_secret=s3cret",
                #"DELETE https://api.github.com/applications/c/grant {"access_token":"at-5"}"#,
            ])
    }

    /// The client that a provider made for a connection goes with it, but not before its tokens are revoked.
    @Test func aRegisteredClientTakesItsTokensBackAfterItsConnectionIsGone() throws {
        let discovery: JSON = ["discoveryUrl": "https://r.example/.well-known/openid-configuration"]
        let document: JSON = [
            "issuer": "https://r.example", "authorization_endpoint": "https://r.example/a",
            "token_endpoint": "https://r.example/t", "registration_endpoint": "https://r.example/reg",
            "revocation_endpoint": "https://r.example/revoke",
        ]
        _ = try world.call("apps.create", (["id": "dcr", "useDcr": true] as JSON).with(discovery))
        world.provider.next(200, document)
        world.provider.next(201, #"{"client_id":"made","client_secret":"for-us"}"#)
        try world.connect(app: "dcr", reply: tokens("at-6", refresh: "rt-6"))
        world.provider.next(503, "")
        #expect(counts(try world.call("apps.delete", ["id": "dcr"])) == [0, 0, 1, 0])
        world.clock.advance(seconds: 30)
        world.provider.next(200, "")
        #expect(try run() == [1, 0, 0])
        #expect(world.provider.requests.last?.url == "https://r.example/revoke")
        #expect(authorization == basic("made:for-us"))
    }

    @Test func forgettingAsksNobody() throws {
        #expect(try world.answer("delete", ["appId": "google", "revoke": false]) == #"{"deleted":2}"#)
        #expect(try world.answer("apps.delete", ["id": "google", "revoke": false]) == #"{"deleted":0}"#)
        #expect(sent.isEmpty)
        #expect(try run() == [0, 0, 0])
    }

    /// More than go with one commit, and more than one call tries: none is forgotten.
    @Test func manyAreDeletedAtOnceAndEachIsRevoked() throws {
        let users = (0..<150).map { "many\($0)" }
        let batch: [JSON] = users.map { ["appId": "google", "userId": "\($0)", "refreshToken": "rt of \($0)"] }
        _ = try world.call("store_tokens", ["tokens": .array(batch)])
        for _ in 0..<152 { world.provider.next(200, "") }
        let answer = try world.call("delete", ["appId": "google"])
        #expect(answer["deleted"]?.integer == 152)
        #expect(counts(answer) == [16, 0, 136, 0])
        #expect(try run(["limit": 1000]) == [135, 0, 0])  // deleting helped with one that was due
        #expect(Set(sent).count == 152)
        for family in [TokenLocation.family, TokenLocation.appFamily, RowKeys.revocations] {
            #expect(try world.store.scan(prefix: family, after: nil, limit: 1).isEmpty)
        }
    }

    @Test func oneTokenMayBeForgotten() throws {
        let id = try world.fetch()["id"]?.string ?? ""
        #expect(try world.answer("delete", ["tokenId": "\(id)", "revoke": false]) == #"{"deleted":1}"#)
        let both = world.error("delete", ["tokenId": "\(id)", "userId": "u1"])
        #expect(both?.field == "userId")
    }

    @Test func whatTheProviderTakesNoneOfIsTold() throws {
        try world.makeApp("plain")
        try world.connect(["userId": "u1"], app: "plain")
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        _ = try world.call("store_api_key", ["appId": "keys", "userId": "u1", "apiKey": "k"])
        world.provider.next(400, #"{"error":"unsupported_token_type"}"#)
        let answer = try world.call("delete", ["userId": "u1"])
        #expect(answer["deleted"]?.integer == 3)
        #expect(counts(answer) == [0, 0, 0, 3])
        #expect(try run() == [0, 0, 0])
    }

    @Test func aProviderThatSaysTheTokenIsDeadIsBelieved() throws {
        world.provider.next(400, #"{"error":"invalid_token"}"#)
        #expect(counts(try world.call("delete", ["userId": "u1"])) == [1, 0, 0, 0])
    }

    /// One of a connection's failed: its others wait, and the provider is not asked for each of them.
    @Test func aProviderThatFailsIsAskedOnceByACall() throws {
        world.provider.next(503, "")
        #expect(counts(try world.call("delete", ["appId": "google"])) == [0, 0, 2, 0])
        #expect(sent.count == 1)
    }

    @Test func aFailureIsTriedAgainLaterAndLater() throws {
        world.provider.nextIsLost()
        #expect(counts(try world.call("delete", ["userId": "u1"])) == [0, 0, 1, 0])
        for seconds: Int64 in [30, 60, 120] {
            world.clock.advance(seconds: seconds - 1)
            #expect(try run() == [0, 1, 0])
            world.clock.advance(seconds: 1)
            world.provider.next(500, "")
            #expect(try run() == [0, 1, 0])
        }
        #expect(sent.count == 4)
        world.clock.advance(seconds: 240)
        world.provider.next(200, "")
        #expect(try run() == [1, 0, 0])
    }

    /// Many that failed together are not tried again together.
    @Test func aFailureIsWaitedOutForUpToAQuarterLonger() throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"], jitter: Jitter { 255 })
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        try world.connect()
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.advance(milliseconds: 37_499)
        #expect(try run(in: world) == [0, 1, 0])
        world.clock.advance(milliseconds: 1)
        world.provider.next(200, "")
        #expect(try run(in: world) == [1, 0, 0])
    }

    @Test func waitsDiffer() {
        let waits = (0..<64).map { _ in Jitter.random.lengthen(1000) }
        #expect(waits.allSatisfy { (1000...1250).contains($0) })
        #expect(Set(waits).count > 1)
    }

    @Test func retryAfterIsHonoured() throws {
        world.provider.next(503, "", headers: ["retry-after": "3600"])
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.advance(seconds: 3599)
        #expect(try run() == [0, 1, 0])
        world.clock.advance(seconds: 1)
        world.provider.next(200, "")
        #expect(try run() == [1, 0, 0])
    }

    /// A moment of a clock that was ahead then would not come for hours.
    @Test(arguments: ["b", nil] as [String?]) func aClockThatWasSetBackHoldsNothingUp(_ boot: String?) throws {
        let world = try world.another(boot: boot.map { ID($0) })
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.step(seconds: -86_400)
        if boot != nil {
            #expect(try run(in: world) == [0, 1, 0])
            world.clock.advance(seconds: 30)
        }
        world.provider.next(200, "")
        #expect(try run(in: world) == [1, 0, 0])
    }

    @Test func aWeekOfFailuresIsEnough() throws {
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.advance(seconds: 7 * 86_400)
        world.provider.next(503, "")
        let lines = Lines()
        Log.set(maxLevel: Log.Level.warning.rawValue) { _, line in lines.add(line) }
        defer { Log.set(maxLevel: 0, sink: nil) }
        #expect(try run() == [0, 0, 1])
        #expect(lines.all.contains { $0.contains("google") && $0.contains("given up") && !$0.contains("rt-1") })
    }

    /// The rest is another process's to do once the lease is over: a call that ended in the middle loses nothing.
    @Test func aDeletionThatEndedIsFinishedByAnother() throws {
        let call = world.begin("delete", ["userId": "u1"])
        #expect(call.isAtProvider)
        call.leave()
        #expect(world.fetchError()?.reason == .missing)
        let other = try world.another()
        #expect(try run(in: other) == [0, 1, 0])
        #expect(sent.isEmpty)
        world.clock.advance(seconds: 60)
        world.provider.next(200, "")
        #expect(try run(in: other) == [1, 0, 0])
    }

    /// Whatever commit of a deletion the store does not take: the token lives here, or it is revoked at its provider.
    @Test(arguments: 0..<6) func aDeletionThatTheStoreCutsOffLeavesTheTokenOrItsRevocation(_ commits: Int) throws {
        let store = FailingStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        try world.connect()
        store.fail(after: commits)
        world.provider.next(503, "")
        _ = world.error("delete", ["userId": "u1"])
        store.fail(after: nil)
        world.provider.forget()
        world.clock.advance(seconds: 1000)
        let lives = world.fetchError() == nil
        world.provider.next(200, "")
        #expect(try run(in: world) == (lives ? [0, 0, 0] : [1, 0, 0]))
    }

    @Test func ofTwoProcessesOneTries() throws {
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.advance(seconds: 30)
        let first = world.begin("revocations.run", [:])
        #expect(first.isAtProvider)
        #expect(try run(in: try world.another()) == [0, 1, 0])
        world.provider.next(200, "")
        first.step()
        #expect(try first.result.get()["revoked"]?.integer == 1)
        #expect(sent.count == 2)
    }

    /// Two processes look at the same row before either of them writes.
    @Test func ofTwoThatReadTheSameRowOneTakesIt() throws {
        let store = StaleStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        try world.connect()
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.advance(seconds: 30)
        let first = world.begin("revocations.run", [:])
        #expect(first.isAtProvider)
        store.freeze()
        world.clock.advance(seconds: 1)
        let second = try world.another().begin("revocations.run", [:])
        #expect(!second.isAtProvider)
    }

    @Test func laterCallsHelpButFetchesDoNot() throws {
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.advance(seconds: 30)
        _ = try world.fetch(subject: ["userId": "u2"])
        _ = try world.call("list", ["userId": "u2"])
        #expect(sent.count == 1)
        world.provider.next(200, "")
        _ = try world.call("store_token", ["appId": "google", "userId": "u4", "accessToken": "at-4"])
        #expect(sent.count == 2)
        #expect(try run() == [0, 0, 0])
    }

    @Test func aHelperThatFailsDoesNotFailItsCall() throws {
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.clock.advance(seconds: 30)
        world.provider.nextIsLost()
        #expect(
            try world.call("store_token", ["appId": "google", "userId": "u4", "accessToken": "at-4"])["tokenId"] != nil)
    }

    @Test func aRunWaitsForWhatFallsDue() throws {
        world.provider.next(503, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.provider.next(200, "")
        #expect(try run(["waitMs": 29000]) == [0, 1, 0])
        #expect(try run(["waitMs": 10000]) == [1, 0, 0])
    }

    @Test func aRunTriesNoMoreThanItsLimit() throws {
        for number in 0..<20 { try world.connect(["userId": "many-\(number)"], reply: tokens("at", refresh: "rt")) }
        world.provider.next(503, "")
        #expect(try world.call("apps.delete", ["id": "google"])["deleted"]?.integer == 22)
        world.clock.advance(seconds: 60)
        for _ in 0..<22 { world.provider.next(200, "") }
        #expect(try run(["limit": 5]) == [5, 17, 0])
        #expect(try run() == [17, 0, 0])
    }

    /// The operator has mended the secret meanwhile.
    @Test func aMendedSecretIsUsed() throws {
        world.provider.next(401, #"{"error":"invalid_client"}"#)
        #expect(counts(try world.call("delete", ["userId": "u1"])) == [0, 0, 1, 0])
        let settings =
            (["id": "google", "clientId": "c", "clientSecret": "mended", "revocationUrl": "https://p.example/revoke"]
            as JSON).with(World.providerURLs)
        _ = try world.call("apps.update", settings)
        world.clock.advance(seconds: 30)
        world.provider.next(200, "")
        #expect(try run() == [1, 0, 0])
        #expect(authorization == basic("c:mended"))
    }

    /// Its connection is gone, and another client has its id.
    @Test func aTokenIsRevokedByTheClientThatGotIt() throws {
        world.provider.next(503, "")
        _ = try world.call("apps.delete", ["id": "google"])
        _ = try world.call(
            "apps.create",
            (["id": "google", "clientId": "d", "clientSecret": "other"] as JSON).with(World.providerURLs))
        world.clock.advance(seconds: 60)
        for _ in 0..<2 { world.provider.next(200, "") }
        #expect(try run() == [2, 0, 0])
        #expect(authorization == basic("c:s3cret"))
    }

    /// A deletion of a connection that ended after its mark: the next one knows how to revoke its tokens.
    @Test func aConnectionsDeletionThatEndedIsFinishedWithItsSettings() throws {
        let store = FailingStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        try world.connect()
        store.fail(after: 1)
        #expect(world.error("apps.delete", ["id": "google"])?.code == .unavailable)
        store.fail(after: nil)
        #expect(world.fetchError()?.reason == .app)
        world.provider.next(200, "")
        #expect(counts(try world.call("apps.delete", ["id": "google"])) == [1, 0, 0, 0])
    }

    // MARK: - What is under way

    /// A way to a grant, up to where the store takes it.
    enum Way: CaseIterable {
        case complete, hold, device
    }

    private static let device: JSON =
        [
            "device_code": "d", "user_code": "U", "expires_in": 900, "interval": 5,
            "verification_uri": "https://p.example/d",
        ]

    private func begin(_ way: Way, in world: World) throws -> StepDriver {
        if way == .device {
            world.provider.next(200, Self.device)
            let flow = try world.call("device.start", ["appId": "a", "userId": "u1"])["flow"]?.string ?? ""
            world.clock.advance(seconds: 5)
            return world.begin("device.poll", ["flow": "\(flow)"])
        }
        let url = try world.call(
            "connect",
            [
                "appId": "a", "userId": "u1",
                "options": ["redirectUrl": "https://h.example/done", "confirmation": .boolean(way == .hold)],
            ]
        )
        let state = query(url["url"]?.string, "state") ?? ""
        return world.begin("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
    }

    private func makeWorld(_ store: any Store) throws -> World {
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try remake(world)
        return world
    }

    private func remake(_ world: World) throws {
        try world.makeApp(
            "a", ["revocationUrl": "https://p.example/revoke", "deviceAuthorizationUrl": "https://p.example/device"])
    }

    private func expectNothing(in world: World, takenBack token: String) throws {
        for family in [TokenLocation.family, RowKeys.heldGrants] {
            #expect(try world.store.scan(prefix: family, after: nil, limit: 1).isEmpty)
        }
        world.provider.forget()
        world.provider.next(200, "")
        _ = try world.call("revocations.run", [:])
        #expect(world.provider.forms.last?.contains("token=\(token)") == true)
        #expect(try world.store.scan(prefix: RowKeys.revocations, after: nil, limit: 1).isEmpty)
    }

    /// Between the last look at the connection and the commit.
    @Test(arguments: Way.allCases, [false, true])
    func noGrantIsKeptAtAConnectionThatIsDeletedMeanwhile(_ way: Way, _ isMadeAnew: Bool) throws {
        let store = MeddlingStore(try makeStore())
        let world = try makeWorld(store)
        let other = try world.another()
        let call = try begin(way, in: world)
        #expect(call.isAtProvider)
        world.provider.next(200, tokens("at-9", refresh: "rt-9"))
        store.at(.commit) { () throws(ConnError) in
            _ = try other.call("apps.delete", ["id": "a"])
            if isMadeAnew { try? remake(other) }
        }
        #expect(call.error()?.code == .notFound)
        try expectNothing(in: world, takenBack: "rt-9")
    }

    private static let stores: [(operation: String, request: JSON)] =
        [
            ("store_token", ["appId": "a", "userId": "u1", "accessToken": "at"]),
            ("store_tokens", ["tokens": [["appId": "a", "userId": "u1", "accessToken": "at"]]]),
            ("store_api_key", ["appId": "k", "userId": "u1", "apiKey": "key"]),
        ]

    @Test(arguments: stores, [false, true])
    func nothingIsStoredAtAConnectionThatIsDeletedMeanwhile(
        _ row: (operation: String, request: JSON), _ isMadeAnew: Bool
    ) throws {
        let store = MeddlingStore(try makeStore())
        let world = try makeWorld(store)
        _ = try world.call("apps.create", ["id": "k", "appType": "apikey"])
        let other = try world.another()
        store.at(.commit) { () throws(ConnError) in
            for id in ["a", "k"] { _ = try other.call("apps.delete", ["id": "\(id)"]) }
            guard isMadeAnew else { return }
            try? remake(other)
            _ = try other.call("apps.create", ["id": "k", "appType": "apikey"])
        }
        #expect(world.error(row.operation, row.request)?.reason == .app)
        #expect(try world.store.scan(prefix: TokenLocation.family, after: nil, limit: 1).isEmpty)
    }

    @Test(arguments: Way.allCases, [["userId": "u1"], ["appId": "a"], ["appId": "a", "userId": "u1"]] as [JSON])
    func noGrantIsKeptOfASetThatIsDeletedMeanwhile(_ way: Way, _ set: JSON) throws {
        let store = MeddlingStore(try makeStore())
        let world = try makeWorld(store)
        let other = try world.another()
        let call = try begin(way, in: world)
        world.provider.next(200, tokens("at-9", refresh: "rt-9"))
        store.at(.commit) { () throws(ConnError) in _ = try other.call("delete", set) }
        #expect(call.error()?.code == .notFound)
        try expectNothing(in: world, takenBack: "rt-9")
    }

    /// Sets, and whose of u1, u1 in t, t, and u2 are of them.
    private static let sets: [(set: JSON, holds: [Bool])] = [
        (["userId": "u1"], [true, true, false, false]),
        (["userId": "u1", "tenantId": "t"], [false, true, false, false]),
        (["tenantId": "t"], [false, false, true, false]),
        (["appId": "a"], [true, true, true, true]),
        (["appId": "a", "userId": "u1"], [true, true, false, false]),
        (["appId": "a", "tenantId": "t"], [false, false, true, false]),
        (["appId": "b", "userId": "u1"], [false, false, false, false]),
        (["appId": "b"], [false, false, false, false]),
    ]
    private static let subjects: [JSON] = [
        ["userId": "u1"], ["userId": "u1", "tenantId": "t"], ["tenantId": "t"], ["userId": "u2"],
    ]

    @Test(arguments: sets.indices, [false, true])
    func whatWaitsForTheUserGoesWithADelete(_ index: Int, _ isOfDevices: Bool) throws {
        let (set, holds) = Self.sets[index]
        let world = try makeWorld(try makeStore())
        try world.makeApp("b")
        let requests = try Self.subjects.map { subject -> JSON in
            if isOfDevices {
                world.provider.next(200, Self.device)
                let flow = try world.call("device.start", (["appId": "a"] as JSON).with(subject))["flow"]?.string
                return ["flow": "\(flow ?? "")"]
            }
            let request = (["appId": "a", "options": ["redirectUrl": "https://h.example/done"]] as JSON).with(subject)
            let url = try world.call("connect", request)["url"]?.string
            return ["state": "\(query(url, "state") ?? "")", "code": "c", "openedBy": subject]
        }
        _ = try world.call("delete", set)
        // Also a device that is not asked for yet.
        for (request, isGone) in zip(requests, holds) where isOfDevices {
            #expect(world.error("device.poll", request)?.field == (isGone ? "flow" : nil))
        }
        world.clock.advance(seconds: 5)
        for (request, isGone) in zip(requests, holds) {
            let sent = world.provider.requests.count
            world.provider.next(200, tokens("at"))
            let error = world.error(isOfDevices ? "device.poll" : "complete", request)
            #expect(error?.field == (isGone ? isOfDevices ? "flow" : "state" : nil))
            #expect(world.provider.requests.count == sent + (isGone ? 0 : 1))
            world.provider.forget()
        }
    }

    @Test(arguments: [["userId": "u1"], ["appId": "a"]] as [JSON])
    func aCallbacksAnswerIsNotRepeatedOnceItsTokenIsDeleted(_ set: JSON) throws {
        let world = try makeWorld(try makeStore())
        let request: JSON = ["appId": "a", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]]
        let state = query(try world.call("connect", request)["url"]?.string, "state") ?? ""
        let callback: JSON = ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]]
        world.provider.next(200, tokens("at"))
        let answer = try world.answer("complete", callback)
        #expect(try world.answer("complete", callback) == answer)
        _ = try world.call("delete", set)
        #expect(world.error("complete", callback)?.field == "state")
    }

    @Test(arguments: sets.indices)
    func aTicketGoesWithADelete(_ index: Int) throws {
        let (set, holds) = Self.sets[index]
        let config: JSON = ["redirectUrl": "https://h.example/callback", "connectPageUrl": "https://h.example/connect"]
        let world = try World(config: config)
        try remake(world)
        try world.makeApp("b")
        let tickets = try Self.subjects.map { subject -> JSON in
            let url = try world.call("connect", (["appId": "a"] as JSON).with(subject))["url"]?.string
            return ["ticket": "\(query(url, "ticket") ?? "")", "openedBy": subject]
        }
        _ = try world.call("delete", set)
        for (ticket, isGone) in zip(tickets, holds) {
            #expect(world.error("open", ticket)?.field == (isGone ? "ticket" : nil))
        }
    }

    @Test(arguments: [["userId": "u1"], ["appId": "a"]] as [JSON])
    func aTicketGoesWithADeleteAlsoWhileItIsOpened(_ set: JSON) throws {
        let store = MeddlingStore(try makeStore())
        let config: JSON = ["redirectUrl": "https://h.example/callback", "connectPageUrl": "https://h.example/connect"]
        let world = try World(store: store, config: config)
        try remake(world)
        let other = try world.another()
        let url = try world.call("connect", ["appId": "a", "userId": "u1"])["url"]?.string
        let ticket: JSON = ["ticket": "\(query(url, "ticket") ?? "")", "openedBy": ["userId": "u1"]]
        store.at(.commit) { () throws(ConnError) in _ = try other.call("delete", set) }
        do {
            let opened = try world.call("open", ticket)["url"]?.string
            let state = query(opened, "state") ?? ""
            let error = world.error("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
            #expect(error?.field == "state")
        } catch {
            #expect(error.field == "ticket")
        }
        #expect(world.error("open", ticket)?.field == "ticket")
        #expect(world.provider.requests.isEmpty)
    }

    /// What finds something that waits is removed with it, however it ends.
    @Test func nothingIsLeftThatFindsWhatDoesNotWait() throws {
        let config: JSON = ["redirectUrl": "https://h.example/callback", "connectPageUrl": "https://h.example/connect"]
        let world = try World(config: config)
        try remake(world)
        func flow(_ answer: JSON) throws -> JSON {
            let url = try world.call("connect", ["appId": "a", "userId": "u1"])["url"]?.string
            let ticket: JSON = ["ticket": "\(query(url, "ticket") ?? "")", "openedBy": ["userId": "u1"]]
            let opened = try world.call("open", ticket)["url"]?.string
            return (["state": "\(query(opened, "state") ?? "")", "openedBy": ["userId": "u1"]] as JSON).with(answer)
        }
        func device() throws -> JSON {
            world.provider.next(200, Self.device)
            let flow = try world.call("device.start", ["appId": "a", "userId": "u1"])["flow"]?.string ?? ""
            world.clock.advance(seconds: 5)
            return ["flow": "\(flow)"]
        }
        /// Those that wait, and those that are found.
        func counts() throws -> [Int] {
            try [RowKeys.flows, RowKeys.deviceFlows, RowKeys.waiting].map {
                try world.store.scan(prefix: $0, after: nil, limit: 100).count
            }
        }
        // Refused at the provider: the ticket stays, for another try.
        _ = world.error("complete", try flow(["error": "access_denied"]))
        #expect(try counts() == [1, 0, 1])
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        _ = world.error("complete", try flow(["code": "c"]))
        #expect(try counts() == [2, 0, 2])
        world.provider.next(200, tokens("at"))
        // Its answer stays, and its ticket goes.
        _ = try world.call("complete", try flow(["code": "c"]))
        #expect(try counts() == [3, 0, 3])
        let refused = try device()
        world.provider.next(400, #"{"error":"access_denied"}"#)
        _ = world.error("device.poll", refused)
        let granted = try device()
        world.provider.next(200, tokens("at"))
        _ = try world.call("device.poll", granted)
        #expect(try counts() == [3, 0, 3])
        _ = try device()
        #expect(try counts() == [3, 1, 4])
        world.clock.advance(seconds: 100_000)
        // What has expired goes with the next of its kind.
        let last = try device()
        _ = try world.call("connect", ["appId": "a", "userId": "u2"])
        #expect(try counts() == [1, 1, 2])
        world.provider.next(400, #"{"error":"access_denied"}"#)
        _ = world.error("device.poll", last)
        _ = try world.call("delete", ["userId": "u2"])
        #expect(try counts() == [0, 0, 0])
    }

    /// Its flow comes into the store after the connection was deleted and made anew.
    @Test func aConnectionTakesNoFlowOfAnEarlierOneOfItsID() throws {
        let store = MeddlingStore(try makeStore())
        let world = try makeWorld(store)
        let other = try world.another()
        store.at(.commit) { () throws(ConnError) in
            _ = try other.call("apps.delete", ["id": "a"])
            try? remake(other)
        }
        let error = world.error(
            "connect", ["appId": "a", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        #expect(error?.reason == .app)
        #expect(try world.store.scan(prefix: RowKeys.flows, after: nil, limit: 1).isEmpty)
        #expect(world.provider.requests.isEmpty)
    }

    @Test func aConnectionsListShowsNothingWhileItIsDeleted() throws {
        let store = FailingStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback", "allowExport": true])
        try world.makeApp("google")
        try world.makeApp("b")
        try world.connect()
        try world.connect(app: "b")
        store.fail(after: 1)
        #expect(world.error("apps.delete", ["id": "google"])?.code == .unavailable)
        store.fail(after: nil)
        for (set, count) in [(["userId": "u1"], 1), (["appId": "google"], 0), (["appId": "b"], 1)] as [(JSON, Int)] {
            #expect(try world.call("list", set)["tokens"]?.elements.count == count)
            #expect(try world.call("export", set)["tokens"]?.elements.count == count)
        }
    }

    @Test func aTokenThatARefreshBringsAfterItsDeletionIsRevoked() throws {
        world.clock.advance(seconds: 3600)
        let refreshing = world.begin("fetch", ["appId": "google", "userId": "u1"])
        #expect(refreshing.isAtProvider)
        world.provider.next(200, "")
        _ = try world.call("delete", ["userId": "u1"])
        world.provider.next(200, tokens("at-new", refresh: "rt-new"))
        refreshing.step()
        world.provider.next(200, "")
        #expect(try run() == [1, 0, 0])
        #expect(sent.last?.contains("token=rt-new") == true)
    }

    /// The tokens live on elsewhere: a reply without a new refresh token does not have the old one revoked.
    @Test func aForgottenTokenIsNotRevokedByALateRefresh() throws {
        world.clock.advance(seconds: 3600)
        let refreshing = world.begin("fetch", ["appId": "google", "userId": "u1"])
        _ = try world.call("delete", ["userId": "u1", "revoke": false])
        world.provider.next(200, tokens("at-new"))
        refreshing.step()
        #expect(throws: ConnError.self) { try refreshing.result.get() }
        #expect(try run() == [0, 0, 0])
    }

    /// The user has connected again by the time that the reply to the first grant's refresh comes.
    @Test func aLateReplyDoesNotReplaceTheGrantThatCameAfterADeletion() throws {
        world.clock.advance(seconds: 3600)
        let refreshing = world.begin("fetch", ["appId": "google", "userId": "u1"])
        #expect(refreshing.isAtProvider)
        world.provider.next(200, "")
        _ = try world.call("delete", ["userId": "u1"])
        try world.connect(reply: tokens("at-again", refresh: "rt-again"))
        world.provider.next(200, tokens("at-late", refresh: "rt-late"))
        refreshing.step()
        #expect(try refreshing.result.get()["token"]?["accessToken"]?.string == "at-again")
        let token = try world.fetch(["options": ["withRefreshToken": true]])
        #expect(token["refreshToken"]?.string == "rt-again")
        world.provider.next(200, "")
        #expect(try run() == [1, 0, 0])
        #expect(sent.last?.contains("token=rt-late") == true)
    }

    /// A late failure is not the new grant's either.
    @Test func aLateRefusalDoesNotEndTheGrantThatCameAfterADeletion() throws {
        world.clock.advance(seconds: 3600)
        let refreshing = world.begin("fetch", ["appId": "google", "userId": "u1"])
        world.provider.next(200, "")
        _ = try world.call("delete", ["userId": "u1"])
        try world.connect(reply: tokens("at-again", refresh: "rt-again"))
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        refreshing.step()
        #expect(try refreshing.result.get()["token"]?["accessToken"]?.string == "at-again")
    }

    /// Where the provider ends all that a user granted with any token of it, the late one is left alone: the new grant
    /// would go along.
    @Test func aLateReplyIsNotRevokedWhereTheNewGrantWouldGoAlong() throws {
        _ = try world.call(
            "apps.create", ["id": "g", "templateId": "google", "clientId": "c", "clientSecret": "s3cret"])
        try world.connect(["userId": "u9"], app: "g", reply: tokens("at-9", refresh: "rt-9"))
        world.clock.advance(seconds: 3600)
        let refreshing = world.begin("fetch", ["appId": "g", "userId": "u9"])
        world.provider.next(200, "")
        _ = try world.call("delete", ["userId": "u9"])
        try world.connect(["userId": "u9"], app: "g", reply: tokens("at-again", refresh: "rt-again"))
        world.provider.next(200, tokens("at-late", refresh: "rt-late"))
        refreshing.step()
        #expect(try refreshing.result.get()["token"]?["accessToken"]?.string == "at-again")
        #expect(try run() == [0, 0, 0])
    }

    @Test func aGrantWhoseConnectionWentMeanwhileIsRevoked() throws {
        let url = try world.call(
            "connect", ["appId": "google", "userId": "late", "options": ["redirectUrl": "https://h.example/done"]])
        let state = query(url["url"]?.string, "state") ?? ""
        let late = world.begin("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "late"]])
        for _ in 0..<2 { world.provider.next(200, "") }
        _ = try world.call("apps.delete", ["id": "google"])
        world.provider.next(200, tokens("at-late", refresh: "rt-late"))
        late.step()
        #expect(throws: ConnError.self) { try late.result.get() }
        world.provider.next(200, "")
        #expect(try run() == [1, 0, 0])
        #expect(sent.last?.contains("token=rt-late") == true)
    }

    private var authorization: String? {
        world.provider.requests.last?.headers.first { $0.name == "Authorization" }?.value.withBytes {
            String(decoding: $0, as: UTF8.self)
        }
    }
}

private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

/// A store that answers scans as it was when it was frozen.
private final class StaleStore: Store {
    private let store = MemoryStore()
    private let frozen = Mutex<[StoredRow]?>(nil)
    /// The outbox as it was before the last claim.
    private let before = Mutex<[StoredRow]>([])

    func freeze() { frozen.withLock { $0 = before.withLock { $0 } } }

    func read(_ reads: [StoreRead], _ context: CallContext) -> [[StoredRow]] {
        zip(reads, store.read(reads, context)).map { (read, rows) in
            guard case .scan(RowKeys.revocations, after: nil, _) = read else { return rows }
            return frozen.withLock { $0 } ?? rows
        }
    }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        let all = StoreRead.scan(prefix: RowKeys.revocations, limit: 10)
        before.withLock { $0 = store.read([all], context)[0] }
        try store.commit(context, taking: take)
    }

    func close() {}
}
