import Connections
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

@Suite struct IsolationTests {
    private static let subjects: [JSON] = [
        ["userId": "a"], ["userId": "b"], ["tenantId": "a"], ["tenantId": "b"],
        ["userId": "a", "tenantId": "a"], ["userId": "a", "tenantId": "b"], ["userId": "b", "tenantId": "a"],
    ]
    private static let apps = ["x", "y"]

    /// A generator whose seed is in the test's name, so that a failure comes again.
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// Whatever is done in whatever order, a fetch answers a token of just the subject and app that were asked for, or none
    /// where there is none.
    @Test(arguments: 1...20) func noOrderOfOperationsAnswersSomebodyElsesToken(_ seed: Int) throws {
        var random = Random(state: UInt64(seed))
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        for app in Self.apps { try world.makeApp(app) }
        var kept: [String: Set<String>] = [:]
        for number in 0..<60 {
            let subject = Self.subjects.randomElement(using: &random) ?? [:]
            let app = Self.apps.randomElement(using: &random) ?? ""
            let place = "\(app) \(subject.text)"
            let scope = ["r", "w"].randomElement(using: &random) ?? ""
            let access = "\(place) \(number)".map { $0.isLetter || $0.isNumber ? String($0) : "." }.joined()
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                try world.connect(subject, app: app, scopes: ["\(scope)"], reply: tokens(access, refresh: "rt"))
                kept[place, default: []].insert(access)
            case 1:
                _ = try world.call(
                    "store_token",
                    (["appId": "\(app)", "accessToken": "\(access)", "refreshToken": "rt", "scopes": ["\(scope)"]]
                        as JSON).with(subject)
                )
                kept[place, default: []].insert(access)
            case 2:
                _ = try world.call("delete", (["appId": "\(app)"] as JSON).with(subject))
                kept[place] = nil
                if subject["tenantId"] == nil {
                    for other in Self.subjects where other["userId"] == subject["userId"] {
                        kept["\(app) \(other.text)"] = nil
                    }
                }
            case 3:
                world.provider.next(200, tokens(access, refresh: "rt-\(number)"))
                if world.fetchError(["options": ["forceRefresh": true]], subject: subject, app: app) == nil {
                    kept[place, default: []].insert(access)
                } else {
                    world.provider.forget()
                }
            default:
                break
            }
            for app in Self.apps {
                for subject in Self.subjects {
                    let tokens = kept["\(app) \(subject.text)"]
                    switch Result(catching: { () throws(ConnError) in try world.fetch(subject: subject, app: app) }) {
                    case .success(let token):
                        #expect(tokens?.contains(token["accessToken"]?.string ?? "") == true, "\(app) \(subject.text)")
                    case .failure(let error):
                        #expect(tokens == nil && error.reason == .missing, "\(app) \(subject.text): \(error.message)")
                    }
                }
            }
        }
    }

    @Test func aRowMovedToAnotherPlaceDoesNotOpen() throws {
        let store = try makeStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
        try world.connect(["userId": "victim"], reply: tokens("victims"))
        try world.connect(["userId": "thief"], reply: tokens("thiefs"))
        let rows = try store.scan(prefix: TokenLocation.family, after: nil, limit: 10)
        try #require(rows.count == 2)
        try store.commit([
            .put(rows[0].key, rows[1].value, expecting: .any), .put(rows[1].key, rows[0].value, expecting: .any),
        ])
        for user in ["victim", "thief"] {
            let error = world.fetchError(subject: ["userId": "\(user)"])
            #expect(error?.code == .internal)
            #expect(error?.message.contains("moved") == true)
        }
    }

    @Test func aChangedByteDoesNotOpen() throws {
        let store = try makeStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
        try world.connect()
        let row = try #require(try store.scan(prefix: TokenLocation.family, after: nil, limit: 10).first)
        for offset in stride(from: 0, to: row.value.count, by: 7) {
            var value = row.value
            value[offset] ^= 1
            try store.commit([.put(row.key, value, expecting: .any)])
            #expect(world.fetchError()?.code == .internal)
        }
        try store.commit([.put(row.key, [], expecting: .any)])
        #expect(world.fetchError()?.code == .internal)
        // What does not open can still be removed.
        #expect(try world.call("delete", ["userId": "u1"])["deleted"]?.integer == 1)
    }

    @Test func rowsShowNothingOfWhatTheyHold() throws {
        let store = try makeStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("visible-app")
        try world.connect(
            ["userId": "visible-user", "tenantId": "visible-tenant"], app: "visible-app",
            reply: tokens("visible-access", refresh: "visible-refresh"))
        for row in try store.scan(prefix: [], after: nil, limit: 100) {
            let text = String(decoding: row.key + row.value, as: UTF8.self)
            #expect(!text.contains("visible") && !text.contains("s3cret") && !text.contains("https"))
        }
    }

    @Test func keysThatWereActiveBeforeStillOpenTheirRows() {
        let old = SealingKey(master: Secret(Array(repeating: 1, count: 32)))
        let new = SealingKey(master: Secret(Array(repeating: 2, count: 32)))
        let sealed = KeyRing(active: old).seal(Secret("plain"), boundTo: [1, 2])
        let ring = KeyRing(active: new, others: [old])
        guard case .opened(let plain) = ring.open(sealed, boundTo: [1, 2]) else {
            Issue.record("it does not open")
            return
        }
        #expect(plain.equals(Secret("plain")))
        if case .unknownKey = KeyRing(active: new).open(sealed, boundTo: [1, 2]) {
        } else {
            Issue.record("whose key is it?")
        }
        if case .unknownKey = KeyRing(active: old).open(ring.seal(plain, boundTo: [1]), boundTo: [1]) {
        } else {
            Issue.record("new rows are not sealed by the active key")
        }
    }
}
