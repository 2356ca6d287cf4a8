import Connections
import Foundation
import Store
import StoreSQLite
import Synchronization
import TestSupport

/// What a child does with a store its parent has done before: another thread may be in the middle of making what the Swift
/// runtime makes at its first use, and a child would wait for it for ever. The release library has the linker see to that.
private let warmed: Void = {
    guard let folder = try? TemporaryFolder(), let store = try? SQLiteStore(path: folder.file("warm.db")) else {
        return
    }
    try? store.commit([.put([1], [1], expecting: .any)])
    _ = try? store.get([1])
    _ = try? store.scan(prefix: [1], after: nil, limit: 9)
    store.tidy()
    store.close()
}()

func forkProcess() -> pid_t {
    _ = warmed
    return TestSupport.forkProcess()
}

/// Runs `body` on so many threads of its own, and waits for them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> () -> Void {
    let done = DispatchSemaphore(value: 0)
    for number in 0..<count {
        Thread.detachNewThread {
            body(number)
            done.signal()
        }
    }
    return { for _ in 0..<count { done.wait() } }
}

/// What went wrong on threads.
final class Failures: Sendable {
    private let failures = Mutex<[String]>([])
    var messages: [String] { failures.withLock { $0 } }
    func add(_ error: ConnError) { failures.withLock { $0.append(error.message) } }
}
