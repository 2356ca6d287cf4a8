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
        client = Client(backend: world.vault, transport: transport)
    }

    /// The loop's threads.
    var threads: Set<UInt> { transport.threads }

    /// Submits a call; the answer comes later.
    func submit(_ operation: String, _ request: String) throws -> Submitted {
        let submitted = Submitted()
        let fields = try JSON.parse(request)
        fields.set("op", .string(operation))
        var text = fields.text
        text.withUTF8 { bytes in
            client.submit(UnsafeRawBufferPointer(bytes), .unbounded) { submitted.finish($0) }
        }
        return submitted
    }

    func call(_ operation: String, _ request: String) throws -> JSON {
        try submit(operation, request).answer()
    }

    func close() {
        let end = Event()
        client.close { end.signal() }
        end.wait(untilNanoseconds: .max)
    }

    final class Submitted: Sendable {
        private let result = Monitor<Result<JSON, ConnError>?>(nil)

        fileprivate func finish(_ answer: Result<JSON, ConnError>) { result.update { $0 = answer } }

        var isAnswered: Bool { result.withLock { $0 != nil } }

        /// Waits for the answer, which a test that goes wrong may never have: then it ends with an error.
        func answer() throws -> JSON {
            let answer: Result<JSON, ConnError>? = result.wait(
                untilNanoseconds: Deadline.after(milliseconds: 60_000).nanoseconds
            ) { $0 }
            guard let answer else { throw ConnError(.timeout, "the loop is held up") }
            return try answer.get()
        }
    }
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
