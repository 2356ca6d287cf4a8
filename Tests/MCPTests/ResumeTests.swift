import Connections
import Foundation
import JSON
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import MCP

@Suite struct ResumeTests {
    private let host: Host

    init() throws { host = try Host() }

    @Test func isReadyWhenTheGrantIsThere() throws {
        let state = try host.state()
        try host.grant("calendar")
        #expect(try host.resume(state).text == #"{"state":"ready"}"#)
    }

    /// A user who has answered is not waited for, and not asked again.
    @Test func aUserWhoUnticksAScopeIsNotWaitedFor() throws {
        let wanting: JSON = ["scopes": ["read", "write"]]
        let state = try host.state(wanting: wanting)
        var pauses = 0
        let answer = try host.resume(state) { _ in
            pauses += 1
            try host.connect("calendar", asking: ["read", "write"], granting: "read")
        }
        #expect(pauses == 1)
        #expect(answer["state"]?.string == "declined")
        let result = answer["response"]?["result"]
        #expect(result?["isError"]?.boolean == true)
        #expect(result?["_meta"]?["descope-conn/connection"]?["missingScopes"]?.strings == ["write"])
        #expect(result?["content"]?.elements.first?["text"]?.string?.contains("missing: write") == true)
    }

    @Test func aCallThatTakesLessIsReady() throws {
        let state = try host.state(wanting: ["scopes": ["read", "write"], "acceptNarrower": true])
        let answer = try host.resume(state) { _ in
            try host.connect("calendar", asking: ["read", "write"], granting: "read")
        }
        #expect(answer.text == #"{"state":"ready"}"#)
    }

    /// Somebody who is asked again may grant it this time: what he did before is no answer.
    @Test func whatWasDeclinedBeforeHeWasAskedIsNoAnswer() throws {
        try host.connect("calendar", asking: ["read", "write"], granting: "read")
        host.clock.advance(milliseconds: 1000)
        let wanting: JSON = ["scopes": ["read", "write"]]
        let waiting = try host.resume(try host.state(wanting: wanting), more: ["waitMs": 1000])
        #expect(waiting["state"]?.string == "pending")
        let again = waiting["response"]?["result"]?["requestState"]?.string ?? ""
        #expect(try host.resume(again, more: ["waitMs": 0])["state"]?.string == "pending")
        let state = try host.state(wanting: wanting)
        let answer = try host.resume(state) { _ in
            try host.connect("calendar", asking: ["read", "write"], granting: "read write")
        }
        #expect(answer.text == #"{"state":"ready"}"#)
    }

    @Test func waitsUntilEveryGrantIsThere() throws {
        let state = try host.state(apps: ["calendar", "mail", "weather"])
        var pauses = 0
        let answer = try host.resume(state) { _ in
            pauses += 1
            switch pauses {
            case 1: try host.grant("mail")
            case 2: try host.run("store_api_key", ["appId": "weather", "userId": "alice", "apiKey": "k"])
            case 3: try host.grant("calendar")
            default: break
            }
        }
        #expect(answer.text == #"{"state":"ready"}"#)
        #expect(pauses == 3)
    }

    @Test func wakesAtOnceForItsUsersGrantsAlone() throws {
        let state = try host.state()
        let woken = Mutex(0)
        var isFirst = true
        try host.resume(state) { flight in
            guard isFirst else { return }
            isFirst = false
            flight?.onLanding { woken.withLock { $0 += 1 } }
            try host.grant("calendar", to: "bob")
            #expect(woken.withLock { $0 } == 0)
            try host.grant("calendar")
            #expect(woken.withLock { $0 } == 1)
        }
    }

    /// These say in their answers whose grant it is.
    @Test(arguments: ["complete", "confirm", "device.poll"])
    func wakesForGrantsThatCameAnotherWay(operation: String) throws {
        let notices = GrantNotices()
        let alice = try #require(Subject(userID: "alice", tenantID: "t"))
        let watch = notices.watch(alice)
        let woken = Mutex(0)
        watch.flight.onLanding { woken.withLock { $0 += 1 } }
        for (tenant, count) in [("other", 0), ("t", 1)] {
            let answer = JSON.object(["userId": .string("alice"), "tenantId": .string(tenant)])
            notices.announce(Request(operation: operation, fields: .object()), answer)
            #expect(woken.withLock { $0 } == count)
        }
    }

    @Test func findsWhatAnotherProcessStored() throws {
        let state = try host.state()
        let answer = try host.resume(state) { _ in
            try host.withReplica {
                _ = try $0.run("store_token", ["appId": "calendar", "userId": "alice", "accessToken": "t"])
            }
        }
        #expect(answer["state"]?.string == "ready")
    }

    /// The token is still there for whoever is told so, and the audit tells of no fetch.
    @Test func lookingIsNoFetch() throws {
        try host.run("apps.create", ["id": "once", "appType": "apikey", "deleteAfterFirstFetch": true])
        let state = try host.state(apps: ["once"])
        var looks = 0
        let answer = try host.resume(state) { _ in
            looks += 1
            guard looks == 3 else { return }
            try host.run("store_api_key", ["appId": "once", "userId": "alice", "apiKey": "k"])
        }
        #expect(answer.text == #"{"state":"ready"}"#)
        #expect(
            try host.run("fetch", ["appId": "once", "userId": "alice"])["token"]?["accessToken"]?.string == "k")
        let told = try host.run("audit.list", [:])["records"]?.elements.compactMap { $0["op"]?.string }
        #expect(told?.suffix(3) == ["store_api_key", "fetch", "fetch"])  // handed out, and deleted
    }

    /// As is every request that is refused, where everything is recorded.
    @Test func aStateThatIsNoneIsTold() throws {
        #expect(throws: ConnError.self) {
            try host.run("mcp.resume", (["requestState": "forged", "actor": "agent"] as JSON).with(Host.call))
        }
        let told = try host.run("audit.list", [:])["records"]?.elements.last
        #expect(told?["op"]?.string == "mcp.resume" && told?["outcome"]?.string == "invalid_request")
        #expect(told?["actor"]?.string == "agent" && told?["userId"]?.string == "alice")
    }

    @Test func waitsForTheScopesThatWereAsked() throws {
        try host.grant("calendar", scopes: ["read"])
        let answer = try host.run(
            "mcp.answer",
            ([
                "protocolVersion": "2026-07-28", "capabilities": urlElicitation,
                "connections": [
                    ["appId": "calendar", "connectionUrl": "https://connect.example/", "scopes": ["read", "write"]]
                ],
            ] as JSON).with(Host.call))
        let state = answer["response"]?["result"]?["requestState"]?.string ?? ""
        let pending = try host.resume(state, more: ["waitMs": 0])
        #expect(pending["state"]?.string == "pending")
        try host.grant("calendar", scopes: ["read", "write"])
        let next = pending["response"]?["result"]?["requestState"]?.string ?? ""
        #expect(try host.resume(next)["state"]?.string == "ready")
    }

    @Test func asksAgainWithoutBotheringTheUserWhenTheTimeIsUp() throws {
        let state = try host.state()
        let pending = try host.resume(state, more: ["waitMs": 30000])
        #expect(pending["state"]?.string == "pending")
        #expect(pending["shape"]?.string == "input_required")
        #expect(Set(pending["response"]?["result"]?.members.map(\.key) ?? []) == ["resultType", "requestState"])
        try host.grant("calendar")
        let next = pending["response"]?["result"]?["requestState"]?.string ?? ""
        #expect(next != state)
        #expect(try host.resume(next)["state"]?.string == "ready")
    }

    @Test func neverWaitsLongerThanTheStateLives() throws {
        let state = try host.state(more: ["ttlSeconds": 10])
        let expired = error { try host.resume(state, more: ["waitMs": 600000]) }
        #expect(expired?.code == .notFound && expired?.field == "requestState")
    }

    @Test(arguments: ["decline", "cancel"])
    func tellsThatTheUserRefused(action: String) throws {
        let state = try host.state(apps: ["calendar", "mail"])
        let answer = try host.resume(
            state,
            more: ["inputResponses": ["connect-1": ["action": "accept"], "connect-2": ["action": "\(action)"]]])
        #expect(answer["state"]?.string == "declined")
        #expect(answer["response"]?["result"]?["isError"]?.boolean == true)
        let data = answer["response"]?["result"]?["_meta"]?["descope-conn/connection"]
        #expect(data?["error"]?.string == "connection_declined")
        #expect(data?["action"]?.string == action)
    }

    // MARK: - States that are not good

    @Test(arguments: ["", "AAAA", "not base64url!", String(repeating: "A", count: 200)])
    func refusesForgedStates(forged: String) throws {
        let refused = error { try host.resume(forged) }
        #expect(refused?.code == .invalidRequest && refused?.field == "requestState")
    }

    @Test func refusesChangedStates() throws {
        let state = Array(try host.state().utf8)
        for index in stride(from: 0, to: state.count, by: 7) {
            var changed = state
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let refused = error { try host.resume(String(decoding: changed, as: UTF8.self)) }
            #expect(refused?.code == .invalidRequest)
        }
    }

    private static let ofOthers: [JSON] = [
        ["method": "tools/call", "name": "plan", "arguments": ["day": "monday", "n": 1], "userId": "bob"],
        ["method": "tools/call", "name": "plan", "arguments": ["day": "monday", "n": 1], "tenantId": "alice"],
        [
            "method": "tools/call", "name": "plan", "arguments": ["day": "monday", "n": 1], "userId": "alice",
            "tenantId": "t",
        ],
    ]

    @Test(arguments: ofOthers)
    func refusesStatesOfSomebodyElse(call: JSON) throws {
        let state = try host.state()
        try host.grant("calendar")
        let refused = error { try host.resume(state, call) }
        #expect(refused?.code == .forbidden && refused?.field == "requestState")
        // Trying does not use it up.
        #expect(try host.resume(state)["state"]?.string == "ready")
    }

    private static let otherCalls: [JSON] = [
        ["method": "tools/call", "name": "plan", "arguments": ["day": "tuesday", "n": 1], "userId": "alice"],
        ["method": "tools/call", "name": "plan", "arguments": ["day": "monday"], "userId": "alice"],
        ["method": "tools/call", "name": "plan", "userId": "alice"],
        ["method": "tools/call", "name": "other", "arguments": ["day": "monday", "n": 1], "userId": "alice"],
        ["method": "prompts/get", "name": "plan", "arguments": ["day": "monday", "n": 1], "userId": "alice"],
    ]

    @Test(arguments: otherCalls)
    func refusesStatesOfAnotherCall(call: JSON) throws {
        let refused = error { try host.resume(try host.state(), call) }
        #expect(refused?.code == .invalidRequest && refused?.field == "arguments")
    }

    @Test func takesTheSameArgumentsInAnotherOrder() throws {
        let state = try host.state()
        try host.grant("calendar")
        let call: JSON = [
            "method": "tools/call", "name": "plan", "arguments": ["n": 1, "day": "monday"], "userId": "alice",
        ]
        #expect(try host.resume(state, call)["state"]?.string == "ready")
    }

    @Test func refusesExpiredStates() throws {
        let state = try host.state(more: ["ttlSeconds": 60])
        try host.grant("calendar")
        host.clock.advance(milliseconds: 60_000)
        let refused = error { try host.resume(state) }
        #expect(refused?.code == .notFound && refused?.field == "requestState")
    }

    @Test func refusesReplayedStates() throws {
        let state = try host.state()
        try host.grant("calendar")
        #expect(try host.resume(state)["state"]?.string == "ready")
        let refused = error { try host.resume(state) }
        #expect(refused?.code == .conflict && refused?.field == "requestState")
    }

    @Test func refusesReplaysAtAnotherProcess() throws {
        let state = try host.state()
        try host.grant("calendar")
        let request = (["requestState": "\(state)"] as JSON).with(Host.call)
        let elsewhere = try host.withReplica { try $0.run("mcp.resume", request) }
        #expect(elsewhere["state"]?.string == "ready")
        let refused = error { try host.resume(state) }
        #expect(refused?.code == .conflict)
    }

    // MARK: - Arguments

    private static func call(_ more: JSON) -> JSON {
        let call: JSON = ["method": "tools/call", "name": "plan", "userId": "alice"]
        return call.with(more)
    }

    /// The digest of the arguments of `Host.call`, made by another program.
    private static let digest: JSON = ["argumentsDigest": "istIlmwLdztW6mrkcUQQVAPaKIm6RzxthWWKCIqGeZ8"]

    @Test func aDigestStandsForTheArguments() throws {
        try host.grant("calendar")
        #expect(try host.resume(try host.state(), Self.call(Self.digest))["state"]?.string == "ready")
        #expect(try host.resume(try host.state(Self.call(Self.digest)))["state"]?.string == "ready")
    }

    @Test func argumentsAreTheSameHoweverTheyAreWritten() throws {
        try host.grant("calendar")
        let state = try host.state()
        let call = #""method":"tools/call","name":"plan","arguments":{"left":null,"day":"\u006donday","n":1.0e0}"#
        let again = #"{\#(call),"userId":"alice","requestState":"\#(state)"}"#
        #expect(try host.run("mcp.resume", text: again)["state"]?.string == "ready")
    }

    @Test func noArgumentsAreEmptyArguments() throws {
        try host.grant("calendar")
        let state = try host.state(Self.call([:]))
        #expect(try host.resume(state, Self.call(["arguments": [:]]))["state"]?.string == "ready")
    }

    private static let otherDigests: [(more: JSON, field: String)] = [
        (["argumentsDigest": "AAAA"], "argumentsDigest"), (["argumentsDigest": "not base64url"], "argumentsDigest"),
        (digest.with(["arguments": [:]]), "argumentsDigest"),
        (["argumentsDigest": "\(String(repeating: "A", count: 43))"], "arguments"),
    ]

    @Test(arguments: otherDigests)
    func refusesOtherDigests(more: JSON, field: String) throws {
        let refused = error { try host.resume(try host.state(), Self.call(more)) }
        #expect(refused?.code == .invalidRequest && refused?.field == field)
    }

    // MARK: - Completions

    @Test func eachElicitationOf2025CanBeWaitedForAlone() throws {
        let completions =
            try host.answer(version: "2025-11-25", apps: ["calendar", "mail"])["completions"]?.elements ?? []
        let states = completions.compactMap { $0["requestState"]?.string }
        #expect(states.count == 2)
        let first = try host.resume(states[1]) { _ in try host.grant("mail") }
        #expect(first["state"]?.string == "ready")
        #expect(try host.resume(states[0], more: ["waitMs": 0])["state"]?.string == "pending")
    }

    // MARK: - Codes

    /// What comes back is in the forms' responses alone: what was asked, and which state goes on.
    private func asked(_ answer: JSON) -> (keys: [String], state: String) {
        let result = answer["response"]?["result"]
        return (result?["inputRequests"]?.members.map(\.key) ?? [], result?["requestState"]?.string ?? "")
    }

    @Test func aCodeThatNoGrantWaitsForIsAskedForAgain() throws {
        let (_, state) = asked(try host.answer(apps: ["calendar", "mail"], confirmation: true))
        let typed: JSON = ["inputResponses": ["confirm-2": ["action": "accept", "content": ["code": "123456"]]]]
        let again = try host.resume(state, more: typed)
        #expect(again["state"]?.string == "pending")
        #expect(asked(again).keys == ["confirm-2"])
        let message = again["response"]?["result"]?["inputRequests"]?["confirm-2"]?["params"]?["message"]?.string
        #expect(message?.contains("first") == true)
    }

    @Test func aCodeThatWasNotTypedIsAskedForAgain() throws {
        let (_, state) = asked(try host.answer(confirmation: true))
        let again = try host.resume(state, more: ["waitMs": 0])
        #expect(asked(again).keys == ["confirm-1"])
        // It may have been typed elsewhere.
        try host.grant("calendar")
        #expect(try host.resume(asked(again).state)["state"]?.string == "ready")
    }

    // MARK: - What changes meanwhile

    @Test func saysWhenTheConnectionIsGone() throws {
        let state = try host.state()
        try host.run("apps.delete", ["id": "calendar"])
        let refused = error { try host.resume(state) }
        #expect(refused?.code == .notFound && refused?.reason == .app)
    }

    @Test func isPendingWhenTheGrantIsGoneAgain() throws {
        let state = try host.state()
        try host.grant("calendar")
        try host.run("delete", ["appId": "calendar", "userId": "alice"])
        #expect(try host.resume(state)["state"]?.string == "pending")
    }

    // MARK: - What clients send

    /// The members of `Host.call`, for a request beside which stands what is no JSON value of ours.
    private static let texts = String(Host.call.text.dropFirst().dropLast())

    @Test(arguments: [
        #""a\u0000b""#, #""\ud800""#, #""a\nb""#, "\"\"", "7", "[]", "{}", "true", "NaN", #"["a"]"#,
        "\"\(String(repeating: "A", count: 100_000))\"",
    ])
    func whatIsNoStateIsToldByItsField(_ state: String) throws {
        let error = error(of: { try host.run("mcp.resume", text: #"{\#(Self.texts),"requestState":\#(state)}"#) })
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == "requestState")
    }

    @Test(arguments: [
        #""\u0000""#, "7", "[]", "{}", #"{"connect-1":7,"connect-1":"\ud800"}"#,
        #"{"connect-1":{"action":["accept"]}}"#,
        #"{"\u0000":{"action":"\u0000","content":[1e999]}}"#, "NaN",
    ])
    func oddResponsesAreNone(_ responses: String) throws {
        let state = try host.state()
        try host.grant("calendar")
        let text = #"{\#(Self.texts),"requestState":"\#(state)","inputResponses":\#(responses)}"#
        #expect(try host.run("mcp.resume", text: text) == ["state": "ready"])
    }

    /// A call comes again as it was, whatever stands in it.
    @Test(arguments: [
        #""method":"resources/read","name":"notes://a\u0000b?\n""#,
        #""method":"tools/call","name":"\ud800","arguments":{"a":"\u0000","b":1e999,"b":NaN}"#,
    ])
    func anOddCallGoesOn(_ call: String) throws {
        let connections = #"[{"appId":"calendar","connectionUrl":"https://connect.example/"}]"#
        let first = #"{\#(call),"userId":"alice","protocolVersion":"2026-07-28","connections":\#(connections),"#
        let asked = try host.run("mcp.answer", text: first + #""capabilities":{"elicitation":{"url":{}}}}"#)
        let state = asked["response"]?["result"]?["requestState"]?.string ?? ""
        try host.grant("calendar")
        let again = try host.run("mcp.resume", text: #"{\#(call),"userId":"alice","requestState":"\#(state)"}"#)
        #expect(again == ["state": "ready"])
    }

    @Test func aCodeThatIsANumberIsOne() throws {
        let url = try host.run(
            "connect",
            [
                "appId": "calendar", "userId": "alice",
                "options": ["redirectUrl": "https://h.example/", "confirmation": true],
            ]
        )
        let flow = url["url"]?.string.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value ?? ""
        let held = try host.run("complete", ["state": "\(flow)", "code": "c"], reply: #"{"access_token":"t"}"#)
        let code = Int(held["code"]?.string?.replacing("-", with: "") ?? "") ?? -1
        let state = try host.answer(confirmation: true)["response"]?["result"]?["requestState"]?.string ?? ""
        func typed(_ code: JSON) -> JSON {
            ["inputResponses": ["confirm-1": ["action": "accept", "content": ["code": code]]]]
        }
        let again = try host.resume(state, more: typed("").with(["waitMs": 0]))
        #expect(again["state"]?.string == "pending")
        let next = again["response"]?["result"]?["requestState"]?.string ?? ""
        #expect(try host.resume(next, more: typed(.integer(code)))["state"]?.string == "ready")
    }
}
