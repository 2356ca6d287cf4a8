import Foundation
import Memory
import TestSupport
import Testing

@testable import HTTP

@Suite(.timeLimit(.minutes(5))) struct EngineTests {
    let server: TestServer
    let transport: CurlTransport
    let engine: any HTTPEngine

    init() throws {
        server = try TestServer("http/server.py")
        transport = try directTransport()
        engine = try transport.makeEngine()
    }

    private func get(_ path: String, timeout: Int = 60_000) -> HTTPRequest {
        HTTPRequest(.get, server.url(path), timeoutMilliseconds: timeout)
    }

    @Test func oneConnectionServesManyCalls() throws {
        for id in 1...20 as ClosedRange<UInt64> {
            engine.start(get("/echo"), id: id)
            let response = try #require(engine.collect(1)[id]).get()
            #expect(response.headers["x-connection"] == "1")
        }
    }

    @Test func manyAtOnce() throws {
        for id in 0..<500 as Range<UInt64> {
            engine.start(
                HTTPRequest(.post, server.url("/echo"), body: Secret("\(id)"), timeoutMilliseconds: 60_000), id: id)
        }
        let results = engine.collect(500)
        #expect(results.count == 500)
        var connections: Set<String> = []
        for (id, result) in results {
            let response = try result.get()
            #expect(response.text == "\(id)")
            connections.insert(try #require(response.headers["x-connection"]))
        }
        #expect(connections.count <= CurlEngine.maxConnectionsPerServer)
    }

    @Test func aServerThatHangsHoldsUpNoOther() throws {
        let other = try TestServer("http/server.py")
        let hanging = UInt64(CurlEngine.maxConnectionsPerServer) * 2
        for id in 0..<hanging { engine.start(get("/silent"), id: id) }
        engine.start(HTTPRequest(.get, other.url("/echo"), timeoutMilliseconds: 60_000), id: hanging)
        #expect(try #require(engine.collect(1)[hanging]).get().status == 200)
        for id in 0..<hanging { engine.drop(id: id) }
        engine.start(get("/echo"), id: 1)
        #expect(try #require(engine.collect(1)[1]).get().status == 200)
    }

    @Test func timeRunsWhileWaitingForATurn() throws {
        let limit = UInt64(CurlEngine.maxConnectionsPerServer)
        for id in 0..<limit { engine.start(get("/silent"), id: id) }
        engine.start(get("/echo", timeout: 50), id: limit)
        let failure = try #require(engine.collect(1)[limit]?.failure)
        #expect(failure.kind == .timeout)
        #expect(!failure.mayHaveArrived)
        // one that has its turn
        engine.drop(id: 0)
        engine.start(get("/silent", timeout: 50), id: limit)
        let second = try #require(engine.collect(1)[limit]?.failure)
        #expect(second.kind == .timeout)
    }

    @Test func whatWasDroppedHasNoResult() throws {
        engine.start(get("/echo"), id: 1)
        engine.start(get("/echo"), id: 2)
        engine.start(HTTPRequest(.get, "nonsense", timeoutMilliseconds: 1), id: 3)
        engine.drop(id: 1)
        engine.drop(id: 3)
        engine.drop(id: 4)
        #expect(engine.collect(1).keys.elementsEqual([2]))
        engine.wake()
        #expect(engine.wait(until: .never).isEmpty)
    }

    @Test func aRequestThatCannotBeMadeFailsInWait() throws {
        engine.start(HTTPRequest(.get, "nonsense", timeoutMilliseconds: 60_000), id: 7)
        #expect(engine.collect(1)[7]?.failure?.kind == .invalid)
    }

    @Test func wakingEndsTheCurrentWaitOrTheNext() throws {
        engine.wake()
        engine.wake()
        #expect(engine.wait(until: .never).isEmpty)
        Thread.detachNewThread { [engine] in engine.wake() }
        #expect(engine.wait(until: .never).isEmpty)
        #expect(engine.wait(until: .after(milliseconds: 1)).isEmpty)
    }

    @Test func closingWithEverythingInFlight() throws {
        for id in 0..<300 as Range<UInt64> { engine.start(get("/silent"), id: id) }
        _ = engine.wait(until: .after(milliseconds: 10))
        engine.close()
    }
}

@Suite struct AdmissionTests {
    @Test func turnsGoRoundTheServers() {
        var admission = Admission<String>(limit: 3, limitPerServer: 2)
        func enter(_ entry: String, _ origin: String) -> Bool { admission.enter(entry, origin) }
        #expect(enter("a1", "a"))
        #expect(enter("a2", "a"))
        #expect(!enter("a3", "a"))  // a is full
        #expect(enter("b1", "b"))
        #expect(!enter("b2", "b"))  // all is full
        #expect(!enter("a4", "a"))
        #expect(!enter("c1", "c"))
        #expect(!enter("b3", "b"))
        func leave(_ origin: String) -> String? { admission.leave(origin) { $0 != "b2" } }
        #expect(leave("b") == "b3")  // a is still full, and b2 has been given up
        #expect(leave("a") == "a3")
        #expect(leave("a") == "c1")
        #expect(leave("b") == "a4")
        #expect(leave("a") == nil)
        #expect(leave("a") == nil)
        #expect(leave("c") == nil)
        #expect(enter("d1", "d"))
    }
}
