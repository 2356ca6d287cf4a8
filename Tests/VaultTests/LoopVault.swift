import Connections
import Foundation
import HTTP
import JSON
import Runtime
import Synchronization
import TestSupport

/// A vault behind a client, whose submitted calls run on a loop; a provider answers what a test says.
final class LoopVault: Sendable {
    let world: World
    private let client: Client
    private let transport: CannedTransport

    init(_ world: World) {
        self.world = world
        transport = CannedTransport(world.provider)
        client = Client(backend: world.vault, transport: transport, statistics: world.statistics)
    }

    /// The loop's threads.
    var threads: Set<UInt> { transport.threads }

    /// Submits a call; the answer comes later.
    func submit(_ operation: String, _ request: JSON = [:]) -> Outcome { client.submit(operation, request) }

    @discardableResult
    func call(_ operation: String, _ request: JSON = [:]) throws(ConnError) -> JSON {
        try submit(operation, request).get()
    }

    func close() { client.closeAndWait() }
}

/// Exchanges with a provider that answers at once.
private final class CannedTransport: HTTPTransport {
    private let provider: CannedProvider
    private let seen = Mutex<Set<UInt>>([])

    init(_ provider: CannedProvider) { self.provider = provider }

    var threads: Set<UInt> { seen.withLock { $0 } }

    func perform(_ request: HTTPRequest, deadline: Deadline, cancellation: Cancellation) -> HTTPResult {
        provider.answer(request)
    }

    func makeEngine() -> any HTTPEngine { Engine(self) }

    func close() {}

    private final class Engine: HTTPEngine, @unchecked Sendable {  // `events` is the loop thread's alone
        private let transport: CannedTransport
        private let signal = Mutex(Event())
        private var events: [(id: UInt64, event: HTTPEvent)] = []

        init(_ transport: CannedTransport) { self.transport = transport }

        func admit(_ url: String, id: UInt64, until deadline: Deadline) { events.append((id, .admitted)) }

        func start(_ request: HTTPRequest, id: UInt64) {
            events.append((id, .ended(transport.provider.answer(request))))
        }

        func drop(id: UInt64) { events.removeAll { $0.id == id } }

        func wait(until deadline: Deadline) -> [(id: UInt64, event: HTTPEvent)] {
            transport.seen.withLock { _ = $0.insert(WatchedStore.thread) }
            defer { events = [] }
            let event = signal.withLock { $0 }
            if events.isEmpty { event.wait(untilNanoseconds: deadline.nanoseconds) }
            if event.isSignalled { signal.withLock { $0 = Event() } }
            return events
        }

        func wake() { signal.withLock { $0.signal() } }

        func close() {}
    }
}
