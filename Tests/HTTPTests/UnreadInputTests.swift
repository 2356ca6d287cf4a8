import Foundation
import Runtime
import TestSupport
import Testing

@testable import HTTP

/// What a server sends ahead on a kept connection, or glued behind its answer, is no answer to the next request.
@Suite(.timeLimit(.minutes(5))) struct UnreadInputTests {
    enum Driver: CaseIterable {
        case callersThread, engine
    }

    let certificates: Certificates

    init() throws { certificates = try Certificates.shared.get() }

    /// Makes exchanges with one server, one after the other.
    private struct Client {
        let server: TestServer
        let scheme: String
        let transport: CurlTransport
        let engine: (any HTTPEngine)?

        func send(_ method: HTTPRequest.Method, _ path: String, _ body: String? = nil) throws -> HTTPResponse {
            let request = HTTPRequest(
                method, server.url(path, scheme: scheme), body: body.map { Secret($0) },
                timeoutMilliseconds: 60_000)
            guard let engine else { return try transport.send(request).get() }
            engine.start(request, id: 1)
            return try #require(engine.collect(1)[1]).get()
        }

        /// Has the server send what it holds back, by a connection of its own.
        func plant() throws {
            let other = try directTransport(caFile: Certificates.shared.get().authority)
            #expect(try other.get(server.url("/plant", scheme: scheme)).get().status == 200)
        }
    }

    private func client(_ driver: Driver, tls: Bool) throws -> Client {
        let server = tls ? try certificates.server("server") : try TestServer("http/server.py")
        let transport = try directTransport(caFile: certificates.authority)
        return Client(
            server: server, scheme: tls ? "https" : "http", transport: transport,
            engine: driver == .engine ? try transport.makeEngine() : nil)
    }

    @Test(arguments: Driver.allCases, [false, true])
    func whatWasSentAhead(_ driver: Driver, _ tls: Bool) throws {
        let client = try client(driver, tls: tls)
        #expect(try client.send(.post, "/echo", "first").text == "first")
        #expect(try client.send(.get, "/ahead").text == "asked for")
        try client.plant()
        try waitForInput(from: client.server, bytes: 1)
        let next = try client.send(.post, "/echo", "next")
        #expect(next.text == "next")
        #expect(next.headers["x-connection"] == "3")
        #expect(try client.send(.post, "/echo", "last").headers["x-connection"] == "3")  // which is kept again
        #expect(try client.send(.get, "/arrivals?/echo").text == "3")
    }

    @Test(arguments: Driver.allCases, [false, true])
    func whatIsGluedBehindAnAnswer(_ driver: Driver, _ tls: Bool) throws {
        for form in ["small", "large", "chunked", "empty"] {
            let client = try client(driver, tls: tls)
            _ = try client.send(.get, "/glued?\(form)")
            if form == "large", !tls { try waitForInput(from: client.server, bytes: 1) }
            let next = try client.send(.post, "/echo", "next")
            #expect(next.text == "next", "\(form)")
            if form == "small" || form == "large" { #expect(next.headers["x-connection"] == "2") }
        }
    }

    /// More of them than libcurl would try again for one request.
    @Test func manyConnectionsWithUnreadInput() throws {
        let client = try client(.engine, tls: false)
        let engine = try #require(client.engine)
        for id in 0..<20 as Range<UInt64> {
            engine.start(HTTPRequest(.get, client.server.url("/ahead"), timeoutMilliseconds: 60_000), id: id)
        }
        #expect(engine.collect(20).count == 20)
        try client.plant()
        try waitForInput(from: client.server, bytes: 1, connections: 20)
        for id in 0..<20 as Range<UInt64> {
            engine.start(
                HTTPRequest(.post, client.server.url("/echo"), body: Secret("\(id)"), timeoutMilliseconds: 60_000),
                id: id)
        }
        for (id, result) in engine.collect(20) { #expect(try result.get().text == "\(id)") }
    }
}
