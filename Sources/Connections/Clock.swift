internal import Glibc

/// The time of day, which tests move. Waiting uses the monotonic clock (`Deadline`) and is not moved.
package struct Clock: Sendable {
    /// Milliseconds since 1970, UTC.
    package var milliseconds: @Sendable () -> Int64

    package init(milliseconds: @escaping @Sendable () -> Int64) { self.milliseconds = milliseconds }

    package var seconds: Int64 { milliseconds() / 1000 }

    package static let system = Clock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
