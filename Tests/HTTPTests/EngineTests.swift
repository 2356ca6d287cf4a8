import Foundation
import Runtime
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

    /// Takes every place at the server but `free`, with ids from 1000 on.
    private func occupy(free: UInt64 = 0) {
        for id in 0..<UInt64(CurlEngine.maxConnectionsPerServer) - free { engine.start(get("/silent"), id: 1000 + id) }
    }

    @Test func aPlaceThatIsFreeIsThereAtOnce() throws {
        engine.admit(server.url("/silent"), id: 1, until: .after(milliseconds: 60_000))
        #expect(engine.nextAdmitted() == 1)
        engine.start(get("/echo"), id: 1)
        #expect(try #require(engine.collect(1)[1]).get().status == 200)
    }

    @Test func anExchangeWithAPlaceWaitsForNoOther() throws {
        occupy(free: 1)
        engine.admit(server.url("/"), id: 1, until: .never)
        engine.start(get("/echo"), id: 2)
        #expect(engine.nextAdmitted() == 1)
        engine.start(get("/echo"), id: 1)
        #expect(try #require(engine.next()).id == 1)  // before the one that asked earlier than it started
        #expect(try #require(engine.next()).id == 2)  // with the place that the first has left
    }

    @Test func aPlaceIsGivenWhenOneIsLeft() throws {
        occupy()
        engine.admit(server.url("/"), id: 1, until: .never)
        #expect(engine.wait(until: .now).isEmpty)
        engine.drop(id: 1000)
        #expect(engine.nextAdmitted() == 1)
        // dropping gives it to the next
        engine.admit(server.url("/"), id: 2, until: .never)
        #expect(engine.wait(until: .now).isEmpty)
        engine.drop(id: 1)
        #expect(engine.nextAdmitted() == 2)
    }

    @Test func noPlaceInTimeIsATimeoutThatSentNothing() throws {
        occupy()
        engine.admit(server.url("/echo"), id: 1, until: .after(milliseconds: 20))
        let failure = try #require(engine.collect(1)[1]?.failure)
        #expect(failure.kind == .timeout)
        #expect(!failure.mayHaveArrived)
        engine.drop(id: 1000)
        #expect(engine.wait(until: .now).isEmpty)  // it is not told twice
        engine.start(get("/echo"), id: 2)
        #expect(try #require(engine.collect(1)[2]).get().status == 200)  // and has kept no place
    }

    @Test func whoWaitsForAPlaceCanBeDropped() throws {
        occupy()
        engine.admit(server.url("/"), id: 1, until: .never)
        engine.admit(server.url("/"), id: 2, until: .never)
        engine.drop(id: 1)
        engine.drop(id: 1000)
        #expect(engine.nextAdmitted() == 2)
        // one that has been told to nobody yet
        engine.admit(server.url("/"), id: 3, until: .never)
        engine.drop(id: 2)
        engine.drop(id: 3)
        #expect(engine.wait(until: .now).isEmpty)
        engine.start(get("/echo"), id: 4)
        #expect(try #require(engine.collect(1)[4]).get().status == 200)
    }

    @Test func anExchangeElsewhereGivesThePlaceUp() throws {
        let other = try TestServer("http/server.py")
        occupy(free: 1)
        engine.admit(server.url("/"), id: 1, until: .never)
        #expect(engine.nextAdmitted() == 1)
        engine.admit(server.url("/"), id: 2, until: .never)
        #expect(engine.wait(until: .now).isEmpty)
        engine.start(HTTPRequest(.get, other.url("/silent"), timeoutMilliseconds: 60_000), id: 1)
        #expect(engine.nextAdmitted() == 2)
        // so does an exchange that cannot be made
        engine.admit(server.url("/"), id: 3, until: .never)
        engine.start(HTTPRequest(.get, "nonsense", timeoutMilliseconds: 1), id: 2)
        let events = engine.wait(until: .never)
        #expect(events.map(\.id) == [2, 3])
    }

    @Test func noPlaceIsTakenAtWhatIsNoServer() throws {
        engine.admit("nonsense", id: 1, until: .never)
        #expect(engine.collect(1)[1]?.failure?.kind == .invalid)
    }

    /// Its reply may hold the only refresh token there is.
    @Test(arguments: [1, 40_000]) func aReplyThatArrivedWhileNobodyWaitedIsNoTimeout(_ size: Int32) throws {
        engine.start(get("/held?\(size)", timeout: 2000), id: 1)
        let deadline = Deadline.after(milliseconds: 2000)  // not before the exchange's own
        // once the request is there, the thread does something else until the time is up
        while try transport.get(server.url("/arrivals?/held")).get().text != "1" { _ = engine.wait(until: .now) }
        #expect(try transport.get(server.url("/plant")).get().status == 200)
        try waitForInput(from: server, bytes: size)
        while !deadline.hasPassed { sched_yield() }
        #expect(try #require(engine.collect(1)[1]).get().body.count == size)
    }

    @Test func nothingIsSentWhenTheTimeIsUp() throws {
        engine.start(get("/head"), id: 1)
        #expect(engine.collect(1).count == 1)  // a connection is there
        engine.start(get("/echo", timeout: 20), id: 1)
        let deadline = Deadline.after(milliseconds: 20)
        while !deadline.hasPassed { sched_yield() }
        let failure = try #require(engine.collect(1)[1]?.failure)
        #expect(failure.kind == .timeout)
        #expect(!failure.mayHaveArrived)
        #expect(try transport.get(server.url("/arrivals?/echo")).get().text == "0")
    }

    /// It never has all been read.
    @Test func aReplyWithoutEndEndsInTime() throws {
        engine.start(get("/endless", timeout: 200), id: 1)
        #expect(engine.collect(1)[1]?.failure?.kind == .timeout)
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

extension HTTPEngine {
    /// The next that it tells; nil when that are several, or none in a minute.
    fileprivate func next() -> (id: UInt64, event: HTTPEvent)? {
        let events = wait(until: .after(milliseconds: 60_000))
        return events.count == 1 ? events.first : nil
    }

    /// The task that it tells of next, if that has been admitted.
    fileprivate func nextAdmitted() -> UInt64? {
        if case (let id, .admitted)? = next() { id } else { nil }
    }
}

@Suite struct AdmissionTests {
    @Test func turnsGoRoundTheServers() {
        var admission = Admission<String>(limit: 3, limitPerServer: 2)
        func enter(_ entry: String, _ origin: ID) -> Bool { admission.enter(entry, origin) }
        #expect(enter("a1", "a"))
        #expect(enter("a2", "a"))
        #expect(!enter("a3", "a"))  // a is full
        #expect(enter("b1", "b"))
        #expect(!enter("b2", "b"))  // all is full
        #expect(!enter("a4", "a"))
        #expect(!enter("c1", "c"))
        #expect(!enter("b3", "b"))
        func leave(_ origin: ID) -> String? { admission.leave(origin) { $0 != "b2" } }
        #expect(leave("b") == "b3")  // a is still full, and b2 has been given up
        #expect(leave("a") == "a3")
        #expect(leave("a") == "c1")
        #expect(leave("b") == "a4")
        #expect(leave("a") == nil)
        #expect(leave("a") == nil)
        #expect(leave("c") == nil)
        #expect(enter("d1", "d"))
    }

    @Test func serversWhoseNamesReadTheSameAreTwo() {
        var admission = Admission<String>(limit: 3, limitPerServer: 1)
        let (one, other): (ID, ID) = ("https://jos\u{e9}.example", "https://jose\u{301}.example")
        let entered = [admission.enter("1", one), admission.enter("2", other), admission.enter("3", other)]
        #expect(entered == [true, true, false])
        let next = [admission.leave(one) { _ in true }, admission.leave(other) { _ in true }]
        #expect(next == [nil, "3"])
    }
}
