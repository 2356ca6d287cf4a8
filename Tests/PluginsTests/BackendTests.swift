import Connections
import Foundation
import HTTP
import JSON
import Plugins
import Runtime
import Synchronization
import TestSupport
import Testing

@Suite struct BackendTests {
    @Test func theExampleFetches() throws {
        let path = try CPlugin.build("examples/plugins/backend_static.c")
        let config = openConfig(path, ["tokens": ["github": "ghp-1"]])
        let client = try Client(PluginBackend(config: config), http: HTTPOptions())
        defer { client.closeAndWait() }
        let fetch: JSON = ["appId": "github", "userId": "u"]
        #expect(try client.call("fetch", fetch).text == #"{"token":{"appId":"github","accessToken":"ghp-1"}}"#)
        #expect(try client.submit("fetch", fetch).get()["token"]?["accessToken"]?.string == "ghp-1")
        let missing = client.error("fetch", ["appId": "slack", "userId": "u"])
        #expect(missing?.code == .notFound)
        #expect(missing?.reason == .app)
        #expect(client.error("connect", ["appId": "github", "userId": "u"])?.code == .unsupported)
        #expect(try client.call("static.sleep", ["ms": 0]).text == #"{"slept":true}"#)
        #expect(client.error("static.sleep", ["ms": 60000], context: .until(.now))?.code == .timeout)
    }

    @Test func theLibrarysOwnOperationsAreCheckedBeforeThePluginSeesThem() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        #expect(client.error("fetch", ["appId": "a"])?.code == .invalidRequest)
        #expect(client.error("fetch", ["appId": "a", "userId": "u", "nonsense": 1])?.field == "nonsense")
        #expect(client.answer(#"{"op":7}"#).error?.field == "op")
    }

    @Test func theRequestArrivesWhole() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let answer = try client.answer(#"{"a":[1,{"b":"é\n"}],"op":"t.echo","c":null}"#).get()
        #expect(try answer["request"]?.equals(JSON.parse(#"{"op":"t.echo","a":[1,{"b":"é\n"}],"c":null}"#)) == true)
    }

    @Test(arguments: ["t.nothing", "t.empty", "t.text", "t.array", "t.two"])
    func anAnswerThatIsNoObjectIsInternal(_ op: String) throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let error = client.error(op)
        #expect(error?.code == .internal)
        #expect(error?.message == "the plugin scripted answered something that is no JSON object")
    }

    private static let questions: [(operation: String, request: JSON, differs: String?)] = [
        ("fetch", ["appId": "a", "userId": "u"], nil),
        ("fetch", ["appId": "a", "userId": "v"], "userId"),
        ("fetch", ["appId": "b", "userId": "u"], "appId"),
        ("fetch", ["appId": "a", "tenantId": "t"], "userId"),
        ("list", ["appId": "a"], nil),
        ("list", ["userId": "v"], "userId"),
    ]

    @Test(arguments: questions)
    func anAnswerAboutSomebodyElseIsInternal(operation: String, request: JSON, name: String?) throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let error = client.error(operation, request)
        #expect(error?.code == name.map { _ in .internal })
        #expect(error?.message == name.map { "the plugin scripted answered with another \($0) than was asked for" })
    }

    private static let failures: [(op: String, code: ErrorCode, message: String)] = [
        ("t.failed.nothing", .internal, "the plugin scripted failed and did not say why"),
        ("t.failed.text", .internal, "its error is no JSON"),
        ("t.failed.array", .internal, "no reason was given"),
        ("t.failed.number", .internal, "no reason was given"),
        ("t.failed.unknown", .internal, "short and stout"),
        ("t.failed.known", .connectionRequired, "ask the user"),
        ("t.timeout", .timeout, "the call's time was up"),
        ("t.cancelled", .cancelled, "the call was cancelled"),
        ("t.argument", .internal, "the plugin scripted answered status -1"),
        ("t.memory", .internal, "the plugin scripted answered status -8"),
        ("t.positive", .internal, "the plugin scripted answered status 7"),
    ]

    @Test(arguments: failures) func aFailureKeepsItsMeaning(_ failure: (op: String, code: ErrorCode, message: String))
        throws
    {
        let client = try scripted()
        defer { client.closeAndWait() }
        for submitted in [false, true] {
            let error = #expect(throws: ConnError.self) {
                try client.call(failure.op, submitted: submitted)
            }
            #expect(error?.code == failure.code)
            #expect(error?.message == failure.message)
        }
    }

    @Test func everyMemberOfAnErrorArrives() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let error = client.error("t.failed.known")
        let expected: JSON = [
            "error": [
                "code": "connection_required", "message": "ask the user", "reason": "scopes", "appId": "a",
                "connectionUrl": "https://h.example/", "missingScopes": ["x"], "retryAfterMs": 5, "httpStatus": 418,
                "errorCode": "E1", "errorDescription": "d", "field": "f", "requiresConnection": true,
            ]
        ]
        #expect(error?.json.equals(expected) == true)
    }

    private static let secrets: [(operation: String, request: JSON)] = [
        ("store_api_key", ["appId": "a", "userId": "u", "apiKey": "key-of-alice"]),
        ("t.quote", ["apiKey": "key-of-alice"]), ("t.quote", ["x": [["refreshToken": "key-of-alice"]]]),
        ("t.quote", ["x": ["bytes": 1, "clientSecret": "q\"u\\o/te"]]),
    ]

    @Test(arguments: secrets)
    func whatAPluginQuotesOfARequestHoldsNoSecret(_ operation: String, _ request: JSON) throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        #expect(client.error(operation, request)?.message == Redaction.withheld)
        let submitted = #expect(throws: ConnError.self) { try client.submit(operation, request).get() }
        #expect(submitted?.message == Redaction.withheld)
        let plain = client.error("t.quote", ["note": "key-of-alice"])
        #expect(plain?.message.contains("cannot do") == true)
    }

    // MARK: - Deadlines and cancellation

    @Test func thePluginSeesTheDeadline() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let never = try client.call("t.context")
        #expect(never["deadline"]?.string == String(UInt64.max))
        #expect(never["size"]?.integer == 1)
        #expect(never["cancelled"]?.integer == 0)
        let deadline = Deadline.after(milliseconds: 60_000)
        let answer = try client.call("t.context", context: .until(deadline))
        #expect(answer["deadline"]?.string == String(deadline.nanoseconds))
        #expect(try client.call("t.wait", context: .until(.after(milliseconds: 5))).text == #"{"saw":"deadline"}"#)
    }

    @Test func thePluginSeesThatItsCallerLeft() throws {
        let path = try library("scripted", ["-DLEFT"])
        let client = try scripted("-DLEFT")
        let cancellation = Cancellation()
        let saw = Outcome()
        let ended = inBackground {
            saw.set(
                Result { () throws(ConnError) in try client.call("t.wait", context: .until(cancelled: cancellation)) })
        }
        while try counter("scripted_entered", of: path) < 1 { sched_yield() }
        cancellation.cancel()
        ended.wait(untilNanoseconds: .max)
        #expect(try saw.get().text == #"{"saw":"cancelled"}"#)
        client.closeAndWait()
    }

    @Test func closingEndsASubmittedCallAndThenTheInstance() throws {
        let path = try library("scripted", ["-DCLOSING"])
        let client = try scripted("-DCLOSING")
        let outcome = client.submit("t.wait")
        while try counter("scripted_entered", of: path) < 1 { sched_yield() }
        #expect(try counter("scripted_closed", of: path) == 0)
        client.closeAndWait()
        #expect(throws: ConnError.self) { try outcome.get() }
        #expect(try counter("scripted_closed", of: path) == 1)
    }

    // MARK: - SERIAL

    @Test func callsRunSideBySide() throws {
        let client = try scripted("-DMEET")
        defer { client.closeAndWait() }
        let deadline = Deadline.after(milliseconds: 60_000)
        let outcomes = (0..<2).map { _ in client.submit("t.meet", context: .until(deadline)) }
        for outcome in outcomes { #expect(try outcome.get().text == #"{"met":true}"#) }
    }

    @Test func callsOfASerialPluginNeverOverlap() throws {
        let client = try scripted("-DFLAGS=DESCOPE_CONN_PLUGIN_SERIAL", "-DALONE")
        let outcomes = (0..<100).map { _ in client.submit("t.alone") }
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<50 { #expect(client.error("t.alone") == nil) }
        }
        for outcome in outcomes { _ = try outcome.get() }
        client.closeAndWait()
        let path = try library("scripted", ["-DFLAGS=DESCOPE_CONN_PLUGIN_SERIAL", "-DALONE"])
        #expect(try counter("scripted_entered", of: path) == 300)
        #expect(try counter("scripted_overlaps", of: path) == 0)
    }

    /// The fixture does see overlaps where they are allowed.
    @Test func callsOfAnyOtherPluginDoOverlap() throws {
        let client = try scripted("-DTOGETHER")
        let path = try library("scripted", ["-DTOGETHER"])
        let cancellation = Cancellation()
        let ended = inBackground { _ = client.error("t.wait", context: .until(cancelled: cancellation)) }
        while try counter("scripted_entered", of: path) < 1 { sched_yield() }
        #expect(client.error("t.alone") == nil)
        #expect(try counter("scripted_overlaps", of: path) == 1)
        cancellation.cancel()
        ended.wait(untilNanoseconds: .max)
        client.closeAndWait()
    }

    /// Waiting for one's turn is bounded like everything else.
    @Test func whoWaitsForASerialPluginMayLeave() throws {
        let flags = ["-DFLAGS=DESCOPE_CONN_PLUGIN_SERIAL", "-DTURN"]
        let path = try library("scripted", flags)
        let client = try scripted(flags[0], flags[1])
        let holder = Cancellation()
        let ended = inBackground { _ = client.error("t.wait", context: .until(cancelled: holder)) }
        while try counter("scripted_entered", of: path) < 1 { sched_yield() }

        #expect(client.error("t.alone", context: .until(.after(milliseconds: 5)))?.code == .timeout)
        let leaver = Cancellation()
        let left = Outcome()
        let waiter = inBackground {
            left.set(Result { () throws(ConnError) in try client.call("t.alone", context: .until(cancelled: leaver)) })
        }
        leaver.cancel()
        waiter.wait(untilNanoseconds: .max)
        let error = #expect(throws: ConnError.self) { try left.get() }
        #expect(error?.code == .cancelled)
        #expect(try counter("scripted_entered", of: path) == 1)

        holder.cancel()
        ended.wait(untilNanoseconds: .max)
        #expect(try client.call("t.alone").text == "{}")
        client.closeAndWait()
    }

    // MARK: - The host

    @Test func whatAPluginLogsIsLoggedAndNothingBeyond() throws {
        let lines = Mutex<[String]>([])
        Log.set(maxLevel: 4, sink: { _, message in lines.withLock { $0.append(message) } })
        defer { Log.set(maxLevel: 0, sink: nil) }
        let client = try scripted()
        defer { client.closeAndWait() }
        _ = try client.call("t.log")
        let own = lines.withLock { $0.filter { $0.contains("plugin") || $0.contains("level") } }
        #expect(own.contains("from the plugin"))
        #expect(!own.contains { $0.contains("beyond") || $0.contains("no such level") })
    }
}
