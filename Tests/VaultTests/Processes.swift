import Connections
import Foundation
import Synchronization

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
