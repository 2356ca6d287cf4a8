/// Something that happens once, and that threads wait for.
package final class Event: Sendable {
    private let signalled = Monitor(false)

    package init() {}

    package var isSignalled: Bool { signalled.withLock { $0 } }

    package func signal() { signalled.update { $0 = true } }

    /// - Parameter deadline: nanoseconds of `CLOCK_MONOTONIC`; `UInt64.max` is never.
    /// - Returns: whether it has happened.
    @discardableResult
    package func wait(untilNanoseconds deadline: UInt64) -> Bool {
        signalled.wait(untilNanoseconds: deadline) { $0 ? true : nil } ?? false
    }
}
