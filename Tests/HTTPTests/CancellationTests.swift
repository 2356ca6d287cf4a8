import Dispatch
import Runtime
import Synchronization
import Testing

@testable import HTTP

@Suite struct CancellationTests {
    @Test func handlersAreCalledOnce() {
        let cancellation = Cancellation()
        let calls = Mutex(0)
        _ = cancellation.onCancel { calls.withLock { $0 += 1 } }
        let removed = cancellation.onCancel { calls.withLock { $0 += 100 } }
        cancellation.removeHandler(removed)
        cancellation.cancel()
        cancellation.cancel()
        #expect(calls.withLock { $0 } == 1)
        _ = cancellation.onCancel { calls.withLock { $0 += 10 } }
        #expect(calls.withLock { $0 } == 11)
    }

    @Test func nothingIsKept() {
        final class Witness: Sendable {}
        let cancellation = Cancellation()
        func register() -> (Int, () -> Witness?) {
            let witness = Witness()
            let id = cancellation.onCancel { withExtendedLifetime(witness) {} }
            return (id, { [weak witness] in witness })
        }
        let (id, first) = register()
        #expect(first() != nil)
        cancellation.removeHandler(id)
        #expect(first() == nil)
        let (_, second) = register()
        cancellation.cancel()
        #expect(second() == nil)
        let (_, third) = register()
        #expect(third() == nil)
    }

    @Test func manyThreads() {
        let cancellation = Cancellation()
        let calls = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for _ in 0..<200 { _ = cancellation.onCancel { calls.withLock { $0 += 1 } } }
            if thread == 4 { cancellation.cancel() }
        }
        #expect(calls.withLock { $0 } == 1600)
    }
}
