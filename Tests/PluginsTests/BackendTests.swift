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
        let config = try openConfig(path, #"{"tokens":{"github":"ghp-1"}}"#)
        let client = try Client(PluginBackend(config: config), http: HTTPOptions())
        defer { client.closeAndWait() }
        let fetch = #"{"op":"fetch","appId":"github","userId":"u"}"#
        #expect(try client.call(fetch).text == #"{"token":{"appId":"github","accessToken":"ghp-1"}}"#)
        #expect(try client.start(fetch).get()["token"]?["accessToken"]?.string == "ghp-1")
        let missing = client.error(#"{"op":"fetch","appId":"slack","userId":"u"}"#)
        #expect(missing?.code == .notFound)
        #expect(missing?.reason == .app)
        #expect(client.error(#"{"op":"connect","appId":"github","userId":"u"}"#)?.code == .unsupported)
        #expect(try client.call(#"{"op":"static.sleep","ms":0}"#).text == #"{"slept":true}"#)
        #expect(client.error(#"{"op":"static.sleep","ms":60000}"#, deadline: .now)?.code == .timeout)
    }

    @Test func theLibrarysOwnOperationsAreCheckedBeforeThePluginSeesThem() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        #expect(client.error(#"{"op":"fetch","appId":"a"}"#)?.code == .invalidRequest)
        #expect(client.error(#"{"op":"fetch","appId":"a","userId":"u","nonsense":1}"#)?.field == "nonsense")
        #expect(client.error(#"{"op":7}"#)?.field == "op")
    }

    @Test func theRequestArrivesWhole() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let answer = try client.call(#"{"a":[1,{"b":"é\n"}],"op":"t.echo","c":null}"#)
        #expect(try answer["request"]?.equals(JSON.parse(#"{"op":"t.echo","a":[1,{"b":"é\n"}],"c":null}"#)) == true)
    }

    @Test(arguments: ["t.nothing", "t.empty", "t.text", "t.array", "t.two"])
    func anAnswerThatIsNoObjectIsInternal(_ op: String) throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let error = client.error(#"{"op":"\#(op)"}"#)
        #expect(error?.code == .internal)
        #expect(error?.message == "the plugin scripted answered something that is no JSON object")
    }

    @Test(
        arguments: [
            (#"{"op":"fetch","appId":"a","userId":"u"}"#, nil),
            (#"{"op":"fetch","appId":"a","userId":"v"}"#, "userId"),
            (#"{"op":"fetch","appId":"b","userId":"u"}"#, "appId"),
            (#"{"op":"fetch","appId":"a","tenantId":"t"}"#, "userId"),
            (#"{"op":"list","appId":"a"}"#, nil),
            (#"{"op":"list","userId":"v"}"#, "userId"),
        ] as [(String, String?)])
    func anAnswerAboutSomebodyElseIsInternal(request: String, name: String?) throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let error = client.error(request)
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
            let request = #"{"op":"\#(failure.op)"}"#
            let error = #expect(throws: ConnError.self) {
                submitted ? try client.start(request).get() : try client.call(request)
            }
            #expect(error?.code == failure.code)
            #expect(error?.message == failure.message)
        }
    }

    @Test func everyMemberOfAnErrorArrives() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let error = client.error(#"{"op":"t.failed.known"}"#)
        let expected = try JSON.parse(
            """
            {"error":{"code":"connection_required","message":"ask the user","reason":"scopes","appId":"a",
            "connectionUrl":"https://h.example/","missingScopes":["x"],"retryAfterMs":5,"httpStatus":418,
            "errorCode":"E1","errorDescription":"d","field":"f","requiresConnection":true}}
            """)
        #expect(error?.json.equals(expected) == true)
    }

    @Test(arguments: [
        #"{"op":"store_api_key","appId":"a","userId":"u","apiKey":"key-of-alice"}"#,
        #"{"op":"t.quote","apiKey":"key-of-alice"}"#, #"{"op":"t.quote","x":[{"refreshToken":"key-of-alice"}]}"#,
        #"{"op":"t.quote","x":{"bytes":1,"clientSecret":"q\"u\\o/te"}}"#,
    ])
    func whatAPluginQuotesOfARequestHoldsNoSecret(_ request: String) throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        #expect(client.error(request)?.message == Redaction.withheld)
        let submitted = #expect(throws: ConnError.self) { try client.start(request).get() }
        #expect(submitted?.message == Redaction.withheld)
        let plain = client.error(#"{"op":"t.quote","note":"key-of-alice"}"#)
        #expect(plain?.message.contains("cannot do") == true)
    }

    // MARK: - Deadlines and cancellation

    @Test func thePluginSeesTheDeadline() throws {
        let client = try scripted()
        defer { client.closeAndWait() }
        let never = try client.call(#"{"op":"t.context"}"#)
        #expect(never["deadline"]?.string == String(UInt64.max))
        #expect(never["size"]?.integer == 1)
        #expect(never["cancelled"]?.integer == 0)
        let deadline = Deadline.after(milliseconds: 60_000)
        let answer = try client.call(#"{"op":"t.context"}"#, deadline: deadline)
        #expect(answer["deadline"]?.string == String(deadline.nanoseconds))
        #expect(try client.call(#"{"op":"t.wait"}"#, deadline: .after(milliseconds: 5)).text == #"{"saw":"deadline"}"#)
    }

    @Test func thePluginSeesThatItsCallerLeft() throws {
        let path = try library("scripted", ["-DLEFT"])
        let client = try scripted("-DLEFT")
        let cancellation = Cancellation()
        let saw = Outcome()
        let ended = inBackground {
            saw.set(
                Result { () throws(ConnError) in try client.call(#"{"op":"t.wait"}"#, cancellation: cancellation) })
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
        let outcome = client.start(#"{"op":"t.wait"}"#)
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
        let outcomes = (0..<2).map { _ in client.start(#"{"op":"t.meet"}"#, deadline: deadline) }
        for outcome in outcomes { #expect(try outcome.get().text == #"{"met":true}"#) }
    }

    @Test func callsOfASerialPluginNeverOverlap() throws {
        let client = try scripted("-DFLAGS=DESCOPE_CONN_PLUGIN_SERIAL", "-DALONE")
        let outcomes = (0..<100).map { _ in client.start(#"{"op":"t.alone"}"#) }
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for _ in 0..<50 { #expect(client.error(#"{"op":"t.alone"}"#) == nil) }
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
        let ended = inBackground { _ = client.error(#"{"op":"t.wait"}"#, cancellation: cancellation) }
        while try counter("scripted_entered", of: path) < 1 { sched_yield() }
        #expect(client.error(#"{"op":"t.alone"}"#) == nil)
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
        let ended = inBackground { _ = client.error(#"{"op":"t.wait"}"#, cancellation: holder) }
        while try counter("scripted_entered", of: path) < 1 { sched_yield() }

        #expect(client.error(#"{"op":"t.alone"}"#, deadline: .after(milliseconds: 5))?.code == .timeout)
        let leaver = Cancellation()
        let left = Outcome()
        let waiter = inBackground {
            left.set(Result { () throws(ConnError) in try client.call(#"{"op":"t.alone"}"#, cancellation: leaver) })
        }
        leaver.cancel()
        waiter.wait(untilNanoseconds: .max)
        let error = #expect(throws: ConnError.self) { try left.get() }
        #expect(error?.code == .cancelled)
        #expect(try counter("scripted_entered", of: path) == 1)

        holder.cancel()
        ended.wait(untilNanoseconds: .max)
        #expect(try client.call(#"{"op":"t.alone"}"#).text == "{}")
        client.closeAndWait()
    }

    // MARK: - The host

    @Test func whatAPluginLogsIsLoggedAndNothingBeyond() throws {
        let lines = Mutex<[String]>([])
        Log.set(maxLevel: 4, sink: { _, message in lines.withLock { $0.append(message) } })
        defer { Log.set(maxLevel: 0, sink: nil) }
        let client = try scripted()
        defer { client.closeAndWait() }
        _ = try client.call(#"{"op":"t.log"}"#)
        let own = lines.withLock { $0.filter { $0.contains("plugin") || $0.contains("level") } }
        #expect(own.contains("from the plugin"))
        #expect(!own.contains { $0.contains("beyond") || $0.contains("no such level") })
    }
}
