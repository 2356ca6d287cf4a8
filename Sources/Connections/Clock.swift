internal import Glibc
package import HTTP

/// What time it is, which tests move. The driver of steps waits by the monotonic clock itself (`Deadline`) and is not
/// moved.
package struct Clock: Sendable {
    /// Milliseconds since 1970, UTC. Those of different processes may differ, and may jump.
    package var milliseconds: @Sendable () -> Int64
    /// A clock that only goes on. It means nothing to another process.
    package var monotonic: @Sendable () -> Deadline

    package init(
        milliseconds: @escaping @Sendable () -> Int64, monotonic: @escaping @Sendable () -> Deadline = { .now }
    ) {
        self.milliseconds = milliseconds
        self.monotonic = monotonic
    }

    package var seconds: Int64 { milliseconds() / 1000 }

    package static let system = Clock(milliseconds: {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    })
}
