import Foundation
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import HTTP

@Suite struct TransportTests {
    let server: TestServer
    let transport: CurlTransport

    init() throws {
        server = try TestServer("http/server.py")
        transport = try directTransport()
    }

    @Test func everyMethodArrivesWithItsBody() throws {
        for (method, body) in [
            (HTTPRequest.Method.get, nil), (.post, "a=b"), (.post, ""), (.delete, nil), (.delete, "{}"),
        ]
            as [(HTTPRequest.Method, String?)]
        {
            let request = HTTPRequest(
                method, server.url("/echo"), body: body.map { Secret($0) }, timeoutMilliseconds: 30_000)
            let response = try transport.send(request).get()
            #expect(response.status == 200)
            #expect(response.headers["x-method"] == method.rawValue)
            #expect(response.text == body ?? "")
        }
    }

    @Test func bodiesAreBytes() throws {
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
        let request = HTTPRequest(.post, server.url("/echo"), body: Secret(bytes), timeoutMilliseconds: 30_000)
        #expect(try transport.send(request).get().body.withBytes { Array($0) } == bytes)
    }

    @Test func responseHeadersAreLowerCaseTrimmedAndTheLastWins() throws {
        let response = try transport.get(server.url("/every-byte")).get()
        #expect(response.headers["x-twice"] == "two")
        #expect(response.headers["x-text"] == "ü")
        #expect(response.headers["x-empty"] == "")
        #expect(response.body.withBytes { Array($0) } == Array(repeating: Array(0...255), count: 4).flatMap { $0 })
    }

    @Test func provisionalRepliesAndTrailersAreNoHeaders() throws {
        let response = try transport.get(server.url("/trailer")).get()
        #expect(response.text == "ok")
        #expect(response.headers["x-early"] == nil)
        #expect(response.headers["retry-after"] == nil)
    }

    @Test func sendsWhatWasGivenAndLittleElse() throws {
        let request = HTTPRequest(
            .post, server.url("/head?q=%2e%2e"),
            headers: [
                .init("Authorization", Secret("Bearer abc")), .init("X-Empty", ""), .init("X-Text", "\tü \u{80}"),
            ],
            body: Secret(String(repeating: "x", count: 5000)), timeoutMilliseconds: 30_000)
        let lines = try transport.send(request).get().text.components(separatedBy: "\r\n")
        #expect(lines.first == "POST /head?q=%2e%2e HTTP/1.1")
        #expect(lines.contains("Authorization: Bearer abc"))
        #expect(lines.contains("X-Empty:"))
        #expect(lines.contains { $0.hasPrefix("X-Text:") && $0.contains("ü \u{80}") })
        #expect(lines.contains("User-Agent: descope_conn/\(libraryVersion)"))
        #expect(lines.contains("Accept-Encoding: identity"))
        let names = lines.dropFirst().compactMap { $0.split(separator: ":").first?.lowercased() }
        #expect(
            Set(names) == [
                "host", "user-agent", "accept", "accept-encoding", "authorization", "x-empty", "x-text",
                "content-length",
            ])
    }

    @Test func pathsStayAsTheyAreWritten() throws {
        let sent = try transport.get(server.url("/a/../head")).get()
        #expect(sent.status == 404)
    }

    @Test(arguments: ["\r", "\n", "\r\nX-Injected: 1", "\0", "\u{7F}"])
    func aHeaderThatWouldBecomeTwoIsNotSent(_ evil: String) throws {
        for header in [
            HTTPRequest.Header("X-Name", "value" + evil), .init("X-Name" + evil, "value"), .init("", "value"),
        ] {
            let request = HTTPRequest(.get, server.url("/echo"), headers: [header], timeoutMilliseconds: 30_000)
            let failure = try #require(transport.send(request).failure)
            #expect(failure.kind == .invalid)
            #expect(!failure.mayHaveArrived)
            #expect(!failure.message.contains("value"))
        }
        #expect(try transport.get(server.url("/arrivals?/echo")).get().text == "0")
    }

    @Test(arguments: [
        "", "nonsense", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://u:p@127.0.0.1/",
        "http://127.0.0.1/\0", "http://127.0.0.1:99999/", "http://127.0.0.1/a b",
    ])
    func aMalformedURLIsInvalid(_ url: String) throws {
        let failure = try #require(transport.get(url).failure)
        #expect(failure.kind == .invalid)
        #expect(!failure.mayHaveArrived)
    }

    @Test func oneConnectionServesManyCalls() throws {
        for number in 1...20 {
            let response = try transport.get(server.url("/echo")).get()
            #expect(response.headers["x-connection"] == "1")
            #expect(response.headers["x-request"] == "\(number)")
        }
    }

    @Test func theConnectionToAServerIsFoundAmongOthers() throws {
        let other = try TestServer("http/server.py")
        for number in 1...5 {
            #expect(try transport.get(server.url("/echo")).get().headers["x-request"] == "\(number)")
            #expect(try transport.get(other.url("/echo")).get().headers["x-request"] == "\(number)")
        }
    }

    @Test func threadsDoNotDisturbEachOther() throws {
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for call in 0..<25 {
                let text = "\(thread)-\(call)"
                let request = HTTPRequest(
                    .post, server.url("/echo"), body: Secret(text), timeoutMilliseconds: 30_000)
                if (try? transport.send(request).get().text) != text { wrong.withLock { $0 += 1 } }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }

    @Test func aRedirectIsAnAnswer() throws {
        let response = try transport.get(server.url("/redirect")).get()
        #expect(response.status == 302)
        #expect(response.headers["location"] == "/echo")
        #expect(try transport.get(server.url("/arrivals?/echo")).get().text == "0")
    }

    @Test func timeouts() throws {
        let failure = try #require(transport.get(server.url("/silent"), timeout: 50).failure)
        #expect(failure.kind == .timeout)
        #expect(failure.mayHaveArrived)
        let byDeadline = transport.perform(
            HTTPRequest(.get, server.url("/silent"), timeoutMilliseconds: 60_000),
            deadline: .after(milliseconds: 50), cancellation: Cancellation())
        #expect(byDeadline.failure?.kind == .timeout)
        let tooLate = transport.perform(
            HTTPRequest(.get, server.url("/late"), timeoutMilliseconds: 60_000), deadline: .now,
            cancellation: Cancellation())
        #expect(tooLate.failure?.kind == .timeout)
        #expect(tooLate.failure?.mayHaveArrived == false)
        #expect(try transport.get(server.url("/arrivals?/late")).get().text == "0")
    }

    @Test(.timeLimit(.minutes(1))) func cancellingEndsABlockedExchange() throws {
        let cancellation = Cancellation()
        let url = server.url("/silent")
        Thread.detachNewThread { [transport, server] in
            // once the request has arrived, the exchange is blocked
            while (try? transport.get(server.url("/arrivals?/silent")).get().text) != "1" {}
            cancellation.cancel()
        }
        let result = transport.perform(
            HTTPRequest(.get, url, timeoutMilliseconds: 600_000), deadline: .never, cancellation: cancellation)
        #expect(result.failure?.kind == .interrupted)
        #expect(result.failure?.mayHaveArrived == true)
        let before = transport.perform(
            HTTPRequest(.get, url, timeoutMilliseconds: 600_000), deadline: .never, cancellation: cancellation)
        #expect(before.failure?.kind == .interrupted)
    }

    @Test(arguments: ["/half", "/reset", "/garbage"])
    func aBrokenReplyIsInterrupted(_ path: String) throws {
        let failure = try #require(transport.get(server.url("\(path)?secret-query")).failure)
        #expect(failure.kind == .interrupted)
        #expect(failure.mayHaveArrived)
        #expect(failure.message.contains("127.0.0.1"))
        #expect(!failure.message.contains("secret-query"))
    }

    @Test func aConnectionThatEndedWhileIdleIsReplaced() throws {
        for number in 1...5 {
            let request = HTTPRequest(.post, server.url("/goodbye"), body: Secret("x"), timeoutMilliseconds: 30_000)
            #expect(try transport.send(request).get().headers["x-connection"] == "\(number)")
        }
    }

    @Test func aConnectionThatEndsUponTheNextRequestIsReplaced() throws {
        for _ in 1...3 {
            #expect(try transport.get(server.url("/mute-when-reused")).get().text == "first")
        }
        // the second and third were sent twice, over the old connection and a new one
        #expect(try transport.get(server.url("/arrivals?/mute-when-reused")).get().text == "5")
    }

    @Test func whatMustFinishIsNeverSentTwice() throws {
        #expect(try transport.get(server.url("/echo")).get().headers["x-connection"] == "1")
        for _ in 1...3 {
            let request = HTTPRequest(
                .post, server.url("/mute-when-reused"), body: Secret("x"), timeoutMilliseconds: 30_000,
                mustFinish: true)
            #expect(try transport.send(request).get().text == "first")
        }
        // The one that was there before is kept, and none of theirs.
        #expect(try connections(to: server).count == 1)
        #expect(try transport.get(server.url("/arrivals?/mute-when-reused")).get().text == "3")
    }

    @Test func responsesHaveALimit() throws {
        let limit = HTTPFailure.maxBodyBytes
        #expect(try transport.get(server.url("/huge?\(limit)")).get().body.count == limit)
        for path in ["/huge?\(limit + 1)", "/huge-chunked", "/huge-headers"] {
            let failure = try #require(transport.get(server.url(path)).failure)
            #expect(failure.kind == .tooLarge)
            #expect(failure.mayHaveArrived)
        }
    }

    @Test func nobodyListens() throws {
        let failure = try #require(transport.get("http://127.0.0.1:1/?secret-query").failure)
        #expect(failure.kind == .connect)
        #expect(!failure.mayHaveArrived)
        #expect(failure.message.contains("127.0.0.1"))
        #expect(!failure.message.contains("secret-query"))
    }

    @Test func aNameThatDoesNotResolve() throws {
        let failure = try #require(transport.get("http://nobody.invalid/").failure)
        #expect(failure.kind == .resolve)
        #expect(!failure.mayHaveArrived)
    }

    /// A child process that outlives a connection would keep the server from seeing its end.
    @Test func connectionsAreNotInherited() throws {
        _ = try transport.get(server.url("/echo")).get()
        let connections = try connections(to: server)
        #expect(connections.count == 1)
        for connection in connections { #expect(fcntl(connection, F_GETFD) & FD_CLOEXEC != 0) }
    }
}
