import Connections
package import Runtime
import Synchronization

/// A clock that stands still unless a test, or a pause of an operation, moves it.
package final class MovableClock: Sendable {
    private static let beginning: Int64 = 1_000_000
    private let passed = Mutex<Int64>(0)
    private let stepped = Mutex<Int64>(0)
    private let start: Int64

    package init(milliseconds: Int64 = 1_700_000_000_000) { start = milliseconds }

    package var clock: Clock { clock(ahead: 0) }

    /// The clock of a process whose time of day is so many seconds ahead.
    package func clock(ahead seconds: Int64, boot: ID? = nil) -> Clock {
        Clock(
            milliseconds: { [self] in start + seconds * 1000 + stepped.withLock { $0 } + passed.withLock { $0 } },
            monotonic: { [self] in
                Deadline(nanoseconds: UInt64(Self.beginning + passed.withLock { $0 }) * 1_000_000)
            }, origin: boot.map { Clock.Origin(boot: $0, namespace: "") })
    }

    /// Somebody sets the time of day.
    package func step(seconds: Int64) { stepped.withLock { $0 += seconds * 1000 } }

    package var seconds: Int64 { clock.seconds }

    package func advance(seconds: Int64) { advance(milliseconds: seconds * 1000) }

    package func advance(milliseconds: Int64) { passed.withLock { $0 += milliseconds } }
}
