import Connections
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// A grant is let out by a code that only the browser shows, for hosts without a page that knows who is there.
@Suite struct ConfirmationTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
    }

    /// Connects up to where the browser shows the code.
    private func hold(_ access: String = "at-1", refresh: String = "rt-1") throws -> (code: String, callback: JSON) {
        let url = try world.call(
            "connect",
            [
                "appId": "google", "userId": "u1",
                "options": ["redirectUrl": "https://h.example/done", "scopes": ["read"], "confirmation": true],
            ]
        )
        let callback: JSON = ["state": "\(query(url["url"]?.string, "state") ?? "")", "code": "c"]
        world.provider.next(200, tokens(access, refresh: refresh))
        let answer = try world.call("complete", callback)
        #expect(answer["confirmationRequired"]?.boolean == true)
        #expect(answer["tokenId"] == nil && answer["userId"] == nil)
        #expect(answer["expiresIn"]?.integer == 600)
        return (answer["code"]?.string ?? "", callback)
    }

    private func confirm(_ code: String, as subject: JSON = ["userId": "u1"], app: String = "google")
        throws(ConnError) -> JSON
    {
        try world.call("confirm", (["appId": "\(app)", "code": "\(code)"] as JSON).with(subject))
    }

    private func refusal(_ code: String, as subject: JSON = ["userId": "u1"]) -> ConnError? {
        do throws(ConnError) {
            _ = try confirm(code, as: subject)
            return nil
        } catch {
            return error
        }
    }

    /// A code that differs.
    private func wrong(_ code: String) -> String { code == "000-000" ? "111-111" : "000-000" }

    @Test func aGrantIsLetOutByItsCode() throws {
        let (code, _) = try hold()
        #expect(code.wholeMatch(of: /[0-9]{3}-[0-9]{3}/) != nil)
        #expect(world.fetchError()?.reason == .missing)
        #expect(try world.answer("list", ["userId": "u1"]) == #"{"tokens":[]}"#)
        let done = try confirm(code)
        #expect(done["userId"]?.string == "u1" && done["redirectUrl"]?.string == "https://h.example/done")
        #expect(try world.fetch()["id"]?.string == done["tokenId"]?.string)
        #expect(refusal(code)?.code == .notFound)
    }

    @Test(arguments: ["", " ", "-", " - "]) func howTheDigitsArePartedDoesNotMatter(_ separator: String) throws {
        let (code, _) = try hold()
        _ = try confirm("\(code.prefix(3))\(separator)\(code.suffix(3))")
    }

    /// What clients and models make of six digits.
    @Test(
        arguments: [
            { "\(Int($0) ?? 0)" }, { "\(Int($0) ?? 0).0" }, { #""The code is \#($0).""# }, { #""\#($0)\n""# },
            { #""\#($0)\u0000""# }, { #""\u200b\#($0.prefix(3))\u2011\#($0.suffix(3))""# },
            { #""\#(String($0.compactMap { Character(Unicode.Scalar(0xFF10 + ($0.hexDigitValue ?? 0)) ?? "?") }))""# },
            { #""\#(String(repeating: " ", count: 5000))\#($0)""# },
        ] as [@Sendable (String) -> String])
    func howTheCodeIsTypedDoesNotMatter(_ typed: @Sendable (String) -> String) throws {
        let digits = try hold().code.replacing("-", with: "")
        #expect(world.error("confirm", text: Self.typing(typed(digits))) == nil)
    }

    /// A request with what a client has sent as the code.
    private static func typing(_ code: String) -> String { #"{"appId":"google","userId":"u1","code":\#(code)}"# }

    @Test(arguments: [
        ("7", "000007"), ("12345", "012345"), ("0", "000000"), ("1.2345e4", "012345"), ("123456.0", "123456"),
    ])
    func zerosThatANumberHasLostAreThere(_ number: String, _ digits: String) throws {
        #expect(TypedCode(try JSON.parse("[\(number)]").elements[0]).digits == digits)
    }

    @Test(arguments: ["true", "[]", "{}", #"["1"]"#, "-1", "1.5", "1e300", "1234567", #""?""#])
    func whatIsNoCodeIsTheWrongOne(_ typed: String) throws {
        let (code, _) = try hold()
        let error = world.error("confirm", text: Self.typing(typed))
        #expect(error?.code == .forbidden)
        #expect(error?.field == "code")
        for nothing in [#""""#, "null"] {
            let error = world.error("confirm", text: Self.typing(nothing))
            #expect(error?.code == .invalidRequest)
        }
        _ = try confirm(code)
    }

    @Test func anotherSubjectsOrAppsCodeIsNothing() throws {
        let (code, _) = try hold()
        try world.makeApp("other")
        #expect(refusal(code, as: ["userId": "u2"])?.code == .notFound)
        #expect(refusal(code, as: ["userId": "u1", "tenantId": "t"])?.code == .notFound)
        #expect(throws: ConnError.self) { try confirm(code, app: "other") }
        #expect(world.fetchError()?.reason == .missing)
        _ = try confirm(code)
    }

    @Test func fiveWrongCodesThrowTheGrantAway() throws {
        let (code, _) = try hold()
        for _ in 0..<5 {
            let error = refusal(wrong(code))
            #expect(error?.code == .forbidden && error?.field == "code")
        }
        #expect(refusal(code)?.code == .notFound)
        #expect(world.fetchError()?.reason == .missing)
        // It is revoked at once: nobody waits for its time.
        world.provider.next(200, "")
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 1)
        #expect(world.provider.forms.last?.contains("token=rt-1") == true)
    }

    /// The process ended, or the disk was full, between the last try and throwing the grant away.
    @Test func aWornOutGrantThatIsThereYetIsNotLetOut() throws {
        let store = FailingStore()
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
        let url = try world.call(
            "connect",
            [
                "appId": "google", "userId": "u1",
                "options": ["redirectUrl": "https://h.example/done", "confirmation": true],
            ])
        world.provider.next(200, tokens("at-1"))
        let held = try world.call(
            "complete", ["state": "\(query(url["url"]?.string, "state") ?? "")", "code": "c"])
        let code = held["code"]?.string ?? ""
        func refusal(_ code: String) -> ConnError? {
            world.error("confirm", ["appId": "google", "userId": "u1", "code": "\(code)"])
        }
        for _ in 0..<4 { #expect(refusal(wrong(code))?.code == .forbidden) }
        store.fail(after: 1)
        #expect(refusal(wrong(code))?.code == .unavailable)
        store.fail(after: nil)
        #expect(refusal(code)?.code == .notFound)
    }

    @Test func theFifthTryMayBeRight() throws {
        let (code, _) = try hold()
        for _ in 0..<4 { #expect(refusal(wrong(code))?.code == .forbidden) }
        _ = try confirm(code)
    }

    /// Each guess counts against every grant that waits.
    @Test func moreGrantsAreNoMoreGuesses() throws {
        let first = try hold("at-1").code
        let second = try hold("at-2").code
        for _ in 0..<5 { #expect(refusal(first == "999-999" || second == "999-999" ? "888-888" : "999-999") != nil) }
        #expect(refusal(first)?.code == .notFound)
        #expect(refusal(second)?.code == .notFound)
    }

    @Test func anyOfSeveralGrantsIsLetOutByItsOwnCode() throws {
        let first = try hold("at-1").code
        let second = try hold("at-2").code
        _ = try confirm(second)
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
        if first != second { _ = try confirm(first) }
    }

    @Test func aCodeLivesTenMinutesAndThenItsGrantIsRevoked() throws {
        let (code, _) = try hold()
        world.clock.advance(seconds: 599)
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 0)
        world.clock.advance(seconds: 1)
        #expect(refusal(code)?.code == .notFound)
        world.provider.next(200, "")
        world.clock.advance(seconds: 899)
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 0)
        world.clock.advance(seconds: 1)
        #expect(try world.call("revocations.run", [:])["revoked"]?.integer == 1)
    }

    /// Clocks of processes may differ by ten minutes.
    @Test func aFastClockTakesNothingBackEarly() throws {
        let (code, _) = try hold()
        let fast = try world.another(secondsAhead: 600, config: ["redirectUrl": "https://h.example/callback"])
        #expect(try fast.call("revocations.run", [:])["revoked"]?.integer == 0)
        let other = try fast.call(
            "connect",
            [
                "appId": "google", "userId": "u2",
                "options": ["redirectUrl": "https://h.example/done", "confirmation": true],
            ])
        world.provider.next(200, tokens("at-2"))
        _ = try fast.call("complete", ["state": "\(query(other["url"]?.string, "state") ?? "")", "code": "c"])
        _ = try confirm(code)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
    }

    /// Another process has begun to revoke the grant, while the code was typed.
    @Test func aGrantThatIsBeingRevokedIsNotLetOut() throws {
        let store = MeddlingStore(world.store)
        let confirming = try World(store: store, clock: world.clock, provider: world.provider)
        let other = try world.another(secondsAhead: 1500)
        let (code, _) = try hold()
        world.provider.next(200, "")
        store.at(.commit, number: 2) { () throws(ConnError) in _ = try other.call("revocations.run", [:]) }
        let error = confirming.error("confirm", ["appId": "google", "userId": "u1", "code": "\(code)"])
        #expect(world.provider.forms.last?.contains("token=rt-1") == true)
        #expect(error?.code == .notFound)
        #expect(world.fetchError()?.reason == .missing)
    }

    @Test func aConfirmedGrantIsNotRevoked() throws {
        _ = try confirm(try hold().code)
        world.clock.advance(seconds: 3599)
        #expect(try world.answer("revocations.run", [:]) == #"{"revoked":0,"pending":0,"failed":0}"#)
    }

    @Test func aReloadShowsTheSameCode() throws {
        let (code, callback) = try hold()
        #expect(try world.call("complete", callback)["code"]?.string == code)
        #expect(world.provider.requests.count == 1)
    }

    /// A host that does know who is there says so, and is held to it.
    @Test func anOpenerWhoIsToldMustBeTheRightOne() throws {
        let url = try world.call(
            "connect",
            [
                "appId": "google", "userId": "u1",
                "options": ["redirectUrl": "https://h.example/done", "confirmation": true],
            ])
        let state = query(url["url"]?.string, "state") ?? ""
        let error = world.error("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u2"]])
        #expect(error?.code == .forbidden)
    }

    @Test func adaptiveConnectMayAskForACode() throws {
        let error = world.fetchError(["connect": ["redirectUrl": "https://h.example/done", "confirmation": true]])
        let state = query(error?.connectionURL, "state") ?? ""
        world.provider.next(200, tokens("at-1"))
        #expect(
            try world.call("complete", ["state": "\(state)", "code": "c"])["confirmationRequired"]?.boolean == true)
    }

    @Test func nothingWaitsAtAConnectionThatWasDeleted() throws {
        let (code, _) = try hold()
        _ = try world.call("apps.delete", ["id": "google"])
        #expect(refusal(code)?.reason == .app)
        _ = try world.call("apps.create", (["id": "google", "clientId": "another"] as JSON).with(World.providerURLs))
        #expect(refusal(code)?.code == .notFound)
    }

    @Test(arguments: [["userId": "u1"], ["appId": "google"], ["appId": "google", "userId": "u1"]] as [JSON])
    func aDeleteTakesBackWhatWaitsForItsCode(_ set: JSON) throws {
        let (code, callback) = try hold()
        world.provider.next(200, "")
        #expect(try world.call("delete", set)["deleted"]?.integer == 0)
        #expect(world.provider.forms.last?.contains("token=rt-1") == true)
        #expect(refusal(code)?.code == .notFound)
        #expect(world.error("complete", callback)?.code == .notFound)
        for family in [RowKeys.heldGrants, RowKeys.revocations] {
            #expect(try world.store.scan(prefix: family, after: nil, limit: 1).isEmpty)
        }
    }

    @Test func forgettingForgetsWhatWaitsForItsCode() throws {
        _ = try hold()
        let sent = world.provider.requests.count
        _ = try world.call("delete", ["userId": "u1", "revoke": false])
        #expect(world.provider.requests.count == sent)
        for family in [RowKeys.heldGrants, RowKeys.revocations] {
            #expect(try world.store.scan(prefix: family, after: nil, limit: 1).isEmpty)
        }
    }

    @Test(
        arguments: [
            ["userId": "u2"], ["tenantId": "u1"], ["userId": "u1", "tenantId": "t"], ["appId": "other"],
            ["appId": "other", "userId": "u1"],
        ] as [JSON]) func aDeleteOfOthersLeavesWhatWaits(_ set: JSON) throws
    {
        try world.makeApp("other")
        let (code, _) = try hold()
        _ = try world.call("delete", set)
        _ = try confirm(code)
    }

    @Test func grantsThatNobodyConfirmedLeaveNoRows() throws {
        for _ in 0..<3 { _ = try hold() }
        world.clock.advance(seconds: 1500)
        _ = try hold()
        let rows = try world.store.scan(prefix: RowKeys.heldGrants, after: nil, limit: 10)
        #expect(rows.count == 1)
    }
}
