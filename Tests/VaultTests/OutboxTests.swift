import Connections
import HTTP
import JSON
import Runtime
import Store
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// Nobody's rows of the outbox hold up those of others.
@Suite struct OutboxTests {
    private let world: World
    /// What each provider answers.
    private let statuses = Statuses()

    private final class Statuses: Sendable {
        private let down = Mutex<Set<String>>([])
        subscript(isDown app: String) -> Bool {
            get { down.withLock { $0.contains(app) } }
            set { down.withLock { if newValue { $0.insert(app) } else { $0.remove(app) } } }
        }
    }

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        for app in ["away", "well"] { try world.makeApp(app, ["revocationUrl": "https://\(app).example/revoke"]) }
        world.provider.always { [statuses] request in
            let app = request.url.hasPrefix("https://away") ? "away" : "well"
            return .success(
                HTTPResponse(status: statuses[isDown: app] ? 503 : 200, headers: [:], body: Secret("")))
        }
    }

    /// Tokens whose deletion could not revoke them; a second later.
    private func leave(_ count: Int, at app: String) throws {
        let tokens: [JSON] = (0..<count).map {
            ["appId": "\(app)", "userId": "u\($0)", "refreshToken": "\(app)-\($0)"]
        }
        _ = try world.call("store_tokens", ["tokens": .array(tokens)])
        let wasDown = statuses[isDown: app]
        statuses[isDown: app] = true
        _ = try world.call("delete", ["appId": "\(app)"])
        statuses[isDown: app] = wasDown
        world.clock.advance(seconds: 1)
    }

    private func run(_ more: JSON = [:], in other: World? = nil) throws -> [Int64?] {
        let answer = try (other ?? world).call("revocations.run", more)
        return ["revoked", "pending", "failed"].map { answer[$0]?.integer }
    }

    private func asked(_ app: String) -> Int {
        world.provider.requests.count { $0.url == "https://\(app).example/revoke" }
    }

    private func rows() throws -> [StoredRow] {
        try world.store.scan(prefix: RowKeys.revocations, after: nil, limit: 1000)
    }

    /// Changes the first rows behind the vault's back.
    private func spoil(_ count: Int) throws {
        for row in try rows().prefix(count) {
            try world.store.commit([.put(row.key, Array(repeating: 7, count: 64), expecting: .any)])
        }
    }

    @Test func aProviderThatIsAwayHoldsUpNobodyElse() throws {
        statuses[isDown: "away"] = true
        try leave(300, at: "away")
        try leave(40, at: "well")
        world.clock.advance(seconds: 60)
        let (away, well) = (asked("away"), asked("well"))
        #expect(try run() == [40, 300, 0])
        #expect(asked("well") - well == 40)
        #expect(asked("away") - away == 1)
    }

    /// It may have been at another provider.
    @Test func anEarlierConnectionHoldsUpNoLaterOneOfItsID() throws {
        statuses[isDown: "away"] = true
        try leave(50, at: "away")
        world.provider.forget()
        _ = try world.call("apps.delete", ["id": "away"])
        _ = try world.call(
            "apps.create",
            (["id": "away", "clientId": "d", "revocationUrl": "https://well.example/revoke"] as JSON).with(
                World.providerURLs))
        statuses[isDown: "well"] = true
        try leave(10, at: "away")
        statuses[isDown: "well"] = false
        world.clock.advance(seconds: 60)
        #expect(try run() == [10, 50, 0])
    }

    @Test func aRunsLimitCountsTries() throws {
        statuses[isDown: "away"] = true
        try leave(60, at: "away")
        try leave(20, at: "well")
        world.clock.advance(seconds: 60)
        #expect(try run(["limit": 11]) == [10, 70, 0])
    }

    @Test func allIsRevokedInOneRunOnceTheProviderIsThereAgain() throws {
        statuses[isDown: "away"] = true
        try leave(50, at: "away")
        world.clock.advance(seconds: 60)
        #expect(try run() == [0, 50, 0])
        statuses[isDown: "away"] = false
        world.clock.advance(seconds: 60)
        #expect(try run() == [50, 0, 0])
    }

    /// A run that waits asks again when the provider's time has come, and then goes through all.
    @Test func aRunThatWaitsSeesTheProviderComeBack() throws {
        try leave(50, at: "away")
        world.clock.advance(seconds: 60)
        statuses[isDown: "away"] = true
        let call = world.begin("revocations.run", ["waitMs": 90000])
        while !call.isPaused { call.step() }
        statuses[isDown: "away"] = false
        let away = asked("away")
        while !call.isDone { call.step() }
        #expect(try call.result.get()["revoked"]?.integer == 50)
        #expect(asked("away") - away == 50)
    }

    /// What falls due while a run waits is tried, whoever's rows it has passed.
    @Test func aRunThatWaitsTakesWhatIsDeletedMeanwhile() throws {
        statuses[isDown: "away"] = true
        try leave(50, at: "away")
        world.clock.advance(seconds: 60)
        let call = world.begin("revocations.run", ["waitMs": 120000])
        while !call.isPaused { call.step() }
        try leave(5, at: "well")
        while !call.isDone { call.step() }
        #expect(try call.result.get()["revoked"]?.integer == 5)
    }

    /// Also while it is too early to ask those again whose rows it has passed.
    @Test func aRunThatWaitsTakesWhatFallsDueBeforeItAsksAgain() throws {
        statuses[isDown: "away"] = true
        try leave(50, at: "away")
        world.clock.advance(seconds: 60)
        let call = world.begin("revocations.run", ["waitMs": 20000])
        while !call.isPaused { call.step() }
        try leave(40, at: "well")
        while !call.isDone { call.step() }
        #expect(try call.result.get()["revoked"]?.integer == 24)  // the others are taken by the deleting call
    }

    @Test func callsThatHelpGetPastAProviderThatIsAway() throws {
        statuses[isDown: "away"] = true
        try leave(300, at: "away")
        try leave(5, at: "well")
        world.clock.advance(seconds: 60)
        let away = asked("away")
        for _ in 0..<20 {
            _ = try world.call("store_token", ["appId": "well", "userId": "v", "accessToken": "at"])
        }
        #expect(asked("away") - away <= 1)
        #expect(try run() == [0, 300, 0])
    }

    /// One that the provider refuses by itself is no reason to leave the others.
    @Test func aTokenThatIsRefusedHoldsUpNoOther() throws {
        try leave(10, at: "well")
        world.clock.advance(seconds: 60)
        refuseTheFirst()
        #expect(try run() == [9, 1, 0])
    }

    @Test func aTokenThatIsRefusedHoldsUpNoOtherOfADeletion() throws {
        let tokens: [JSON] = (0..<10).map { ["appId": "well", "userId": "u\($0)", "refreshToken": "rt-\($0)"] }
        _ = try world.call("store_tokens", ["tokens": .array(tokens)])
        refuseTheFirst()
        let answer = try world.call("delete", ["appId": "well"])["revocations"]
        #expect(answer?["revoked"]?.integer == 9 && answer?["pending"]?.integer == 1)
    }

    private func refuseTheFirst() {
        let first = Mutex(true)
        world.provider.always { _ in
            let isFirst = first.withLock { first in
                defer { first = false }
                return first
            }
            return .success(
                HTTPResponse(
                    status: isFirst ? 400 : 200, headers: [:],
                    body: Secret(isFirst ? #"{"error":"unauthorized_client"}"# : "")))
        }
    }

    @Test func rowsThatDoNotOpenHoldUpNobody() throws {
        try leave(90, at: "well")
        world.clock.advance(seconds: 60)
        try spoil(60)
        #expect(try run() == [30, 60, 0])
        try leave(1, at: "well")
        world.clock.advance(seconds: 60)
        for _ in 0..<2 { _ = try world.call("store_token", ["appId": "well", "userId": "v", "accessToken": "at"]) }
        #expect(try rows().count == 60)
    }

    @Test func rowsThatDoNotOpenAreGivenUpAfterTheirWeek() throws {
        try leave(40, at: "well")
        try spoil(40)
        world.clock.advance(seconds: 6 * 86_400)
        #expect(try run() == [0, 40, 0])
        world.clock.advance(seconds: 86_400 + 600)
        #expect(try run() == [0, 0, 40])
        #expect(try rows().isEmpty)
        let told = try world.call("audit.list", ["limit": 1000])["records"]?.elements ?? []
        #expect(told.count { $0["op"]?.string == "revocation" && $0["outcome"]?.string == "given up" } == 40)
    }

    /// Its provider is asked once more, and not for each.
    @Test func whatAProviderDidNotTakeBackForAWeekIsGivenUp() throws {
        statuses[isDown: "away"] = true
        try leave(100, at: "away")
        world.clock.advance(seconds: 7 * 86_400)
        let away = asked("away")
        #expect(try run() == [0, 0, 100])
        #expect(asked("away") - away == 1)
        #expect(try rows().isEmpty)
    }

    /// A full table forgets those first whose trouble is over, and then the one that ends first.
    @Test func aFullTableGoesOnWithWhatItHas() {
        let watch = OutboxWatch()
        func party(_ number: Int) -> OutboxWatch.Party {
            OutboxWatch.Party(appID: "a", incarnation: nil, clientID: ID("\(number)"))
        }
        func fail(_ numbers: Range<Int>, at now: Deadline) {
            for number in numbers { watch.hasFailed(party(number), now: now, retryAfter: nil, jitter: Jitter { 0 }) }
        }
        func troubled(_ numbers: Range<Int>, at now: Deadline) -> Int {
            numbers.count { watch.trouble(of: party($0), now: now) != nil }
        }
        let (full, first) = (OutboxWatch.maxCount, Deadline(nanoseconds: 1))
        let later = first.adding(milliseconds: 20_000)
        fail(0..<100, at: first)
        fail(100..<full, at: later)
        fail(100..<101, at: later)
        #expect(troubled(0..<full, at: later) == full, "one that is known needs no place")
        fail(full..<full + 1, at: later)
        #expect(troubled(0..<100, at: later) == 99)
        #expect(troubled(100..<full + 1, at: later) == full - 99)
        let over = first.adding(milliseconds: 30_000)
        fail(full + 1..<full + 2, at: over)
        #expect(troubled(0..<full + 2, at: over) == full - 98)
    }

    @Test func aConnectionThatFailedIsLeftAloneForLongerAndLonger() {
        let watch = OutboxWatch()
        let a = OutboxWatch.Party(appID: "a", incarnation: nil, clientID: "c")
        let other = OutboxWatch.Party(appID: "a", incarnation: nil, clientID: "d")
        var now = Deadline(nanoseconds: 1)
        for seconds in [30, 60, 120, 240, 300, 300] {
            watch.hasFailed(a, now: now, retryAfter: nil, jitter: Jitter { 0 })
            let end = now.adding(milliseconds: seconds * 1000)
            #expect(watch.trouble(of: a, now: now) == end)
            #expect(watch.trouble(of: other, now: now) == nil)
            now = end
            #expect(watch.trouble(of: a, now: now) == nil)
        }
        watch.hasFailed(a, now: now, retryAfter: 3_600_000, jitter: Jitter { 0 })
        #expect(watch.trouble(of: a, now: now) == now.adding(milliseconds: 3_600_000))
        watch.hasAnswered(a)
        #expect(watch.trouble(of: a, now: now) == nil)
    }
}
