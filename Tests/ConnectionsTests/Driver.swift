import Foundation
import Runtime
import Synchronization
import TestSupport

@testable import Connections
@testable import HTTP
@testable import JSON

/// Both ways to perform an operation.
enum Driver: CaseIterable, Sendable {
    case caller, loop
}

typealias Begin = @Sendable () throws(ConnError) -> Step<JSON>

extension Executor {
    /// Runs an operation to its end.
    func run(
        _ driver: Driver, deadline: Deadline = .never, cancellation: Cancellation = Cancellation(),
        trace: TraceParent? = nil, _ begin: @escaping Begin
    ) -> Result<JSON, ConnError> {
        var context = CallContext(deadline: deadline, cancellation: cancellation)
        context.trace = trace
        switch driver {
        case .caller:
            return Result { () throws(ConnError) in try run(context, begin) }
        case .loop:
            let outcome = Outcome()
            submit(context, begin) { outcome.set($0) }
            return outcome.wait()
        }
    }

    /// Begins an operation on a thread of its own, or on the loop.
    func start(
        _ driver: Driver, deadline: Deadline = .never, cancellation: Cancellation = Cancellation(),
        _ begin: @escaping Begin
    ) -> Outcome {
        let outcome = Outcome()
        Thread.detachNewThread { [self] in
            outcome.set(run(driver, deadline: deadline, cancellation: cancellation, begin))
        }
        return outcome
    }
}

extension Result where Success == JSON, Failure == ConnError {
    var text: String? { try? get().text }
}

func request(_ url: String, mustFinish: Bool = false) -> HTTPRequest {
    HTTPRequest(.get, url, timeoutMilliseconds: 60_000, mustFinish: mustFinish)
}

/// One exchange, whose status is the answer.
func exchange(_ url: String, mustFinish: Bool = false) -> Step<JSON> {
    .http(request(url, mustFinish: mustFinish)) { (result) throws(ConnError) in
        switch result {
        case .success(let response): .done(.integer(response.status))
        case .failure(let failure): throw ConnError(.unavailable, failure.kind.rawValue)
        }
    }
}

func yieldThread() { usleep(200) }

enum Wait: CaseIterable, Sendable {
    case nothing, http, pause, join, blocking
}

func fail() throws(ConnError) -> Step<JSON> { throw ConnError(.conflict, "lost") }

/// Waits, and fails then.
func failure(after wait: Wait) throws(ConnError) -> Step<JSON> {
    switch wait {
    case .nothing: try fail()
    case .http: .http(request("a")) { (_) throws(ConnError) in try fail() }
    case .pause: .pause(milliseconds: 1) { () throws(ConnError) in try fail() }
    case .join: .join(Flight.Leader().flight) { () throws(ConnError) in try fail() }
    case .blocking: .blocking { (_) throws(ConnError) in try fail() }
    }
}

/// Work that does nothing but count how often it was begun.
final class RecordedWork: QueuedWork {
    let begun = Event()
    private let counter = Mutex(0)
    private let act: @Sendable () -> Void

    init(_ act: @escaping @Sendable () -> Void = {}) { self.act = act }

    var count: Int { counter.withLock { $0 } }

    func perform(_ context: CallContext) {
        counter.withLock { $0 += 1 }
        act()
        begun.signal()
    }

    func start(
        _ context: CallContext, on workers: WorkerPool,
        completion: @escaping @Sendable (Result<Void, ConnError>) -> Void
    ) {
        perform(context)
        completion(.success(()))
    }

    func withdraw() -> Bool { false }
}

/// What does not come in the time of a test.
enum LongWait: Sendable {
    case http, pause, join, blocking

    private static let leader = Flight.Leader()

    var step: Step<JSON> {
        switch self {
        case .http: exchange("never")
        case .pause: .pause(milliseconds: 600_000) { () throws(ConnError) in .done(.null) }
        case .join: .join(Self.leader.flight) { () throws(ConnError) in .done(.null) }
        case .blocking:
            .blocking { (context) throws(ConnError) in
                while !context.cancellation.isCancelled { yieldThread() }
                return .done(.null)
            }
        }
    }
}

extension Executor {
    /// Closes, and waits until all has ended.
    func closeAndWait() {
        let ended = Event()
        close { ended.signal() }
        ended.wait(untilNanoseconds: .max)
    }
}
