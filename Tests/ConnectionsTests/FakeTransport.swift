import Runtime
import Synchronization
import TestSupport

@testable import HTTP

/// Answers exchanges from a table; one that it has no answer for stays open until ``finish(_:)``.
final class FakeTransport: HTTPTransport {
    private struct State {
        var answers: [String: HTTPResult] = [:]
        var started: [String] = []
        var traces: [String?] = []
        var dropped: [String] = []
        var wakes = 0
        /// Tasks that have a place at a server.
        var places: Set<UInt64> = []
        /// What wakes those that wait for an answer.
        var waiters: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    init(_ answers: [String: Int] = [:]) {
        for (url, status) in answers { state.withLock { $0.answers[url] = .success(Self.response(status)) } }
    }

    static func response(_ status: Int) -> HTTPResponse { HTTPResponse(status: status, headers: [:], body: Secret("")) }

    var started: [String] { state.withLock { $0.started } }
    /// The traces that what was started belongs to.
    var traces: [String?] { state.withLock { $0.traces } }
    var dropped: [String] { state.withLock { $0.dropped } }
    var wakes: Int { state.withLock { $0.wakes } }
    var places: Int { state.withLock { $0.places.count } }

    /// Answers the exchanges with `url`, those that are open and those to come.
    func finish(_ url: String, _ status: Int = 200) {
        let waiters = state.withLock { state in
            state.answers[url] = .success(Self.response(status))
            return state.waiters
        }
        for waiter in waiters { waiter() }
    }

    /// Returns when an exchange with `url` has been started.
    func waitForStart(_ url: String) {
        while !started.contains(url) { yieldThread() }
    }

    func perform(_ request: HTTPRequest, deadline: Deadline, cancellation: Cancellation) -> HTTPResult {
        let until = min(deadline, .after(milliseconds: request.timeoutMilliseconds))
        start(request)
        while true {
            if let answer = answer(request) { return answer }
            if cancellation.isCancelled { return .failure(HTTPFailure(.interrupted, "", mayHaveArrived: true)) }
            if until.hasPassed { return .failure(HTTPFailure(.timeout, "", mayHaveArrived: true)) }
            yieldThread()
        }
    }

    func makeEngine() -> any HTTPEngine { FakeEngine(self) }

    func close() {}

    fileprivate func start(_ request: HTTPRequest) {
        state.withLock { state in
            state.started.append(request.url)
            state.traces.append(request.header("traceparent"))
        }
    }

    fileprivate func drop(_ request: HTTPRequest) { state.withLock { $0.dropped.append(request.url) } }
    fileprivate func take(_ place: UInt64) { state.withLock { _ = $0.places.insert(place) } }
    fileprivate func leave(_ place: UInt64) { state.withLock { _ = $0.places.remove(place) } }
    fileprivate func countWake() { state.withLock { $0.wakes += 1 } }
    fileprivate func answer(_ request: HTTPRequest) -> HTTPResult? { state.withLock { $0.answers[request.url] } }
    fileprivate func onFinish(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.waiters.append(wake) } }
}

private final class FakeEngine: HTTPEngine, @unchecked Sendable {  // `running` is the loop thread's alone
    private let transport: FakeTransport
    private let signal = Mutex<Event>(Event())
    private var running: [UInt64: (request: HTTPRequest, until: Deadline)] = [:]
    /// There is always a place.
    private var admitted: [UInt64] = []

    init(_ transport: FakeTransport) {
        self.transport = transport
        transport.onFinish { [weak self] in self?.signalEvent() }
    }

    func admit(_ url: String, id: UInt64, until deadline: Deadline) {
        transport.take(id)
        admitted.append(id)
    }

    func start(_ request: HTTPRequest, id: UInt64) {
        transport.start(request)
        running[id] = (request, .after(milliseconds: request.timeoutMilliseconds))
    }

    func drop(id: UInt64) {
        transport.leave(id)
        admitted.removeAll { $0 == id }
        if let exchange = running.removeValue(forKey: id) { transport.drop(exchange.request) }
    }

    func wait(until deadline: Deadline) -> [(id: UInt64, event: HTTPEvent)] {
        let event = signal.withLock { $0 }
        var events: [(id: UInt64, event: HTTPEvent)] = admitted.map { ($0, .admitted) }
        admitted = []
        for (id, exchange) in running {
            guard let answer = transport.answer(exchange.request) else { continue }
            events.append((id, .ended(answer)))
            running[id] = nil
            transport.leave(id)
        }
        if events.isEmpty { event.wait(untilNanoseconds: deadline.nanoseconds) }
        if event.isSignalled { signal.withLock { $0 = Event() } }
        return events
    }

    func wake() {
        transport.countWake()
        signalEvent()
    }

    func close() {}

    private func signalEvent() { signal.withLock { $0.signal() } }
}
