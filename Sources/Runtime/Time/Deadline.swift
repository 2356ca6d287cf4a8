internal import CPlatform
internal import Glibc

/// A moment of the monotonic clock.
package struct Deadline: Sendable, Comparable {
    /// Nanoseconds of `CLOCK_MONOTONIC`; `UInt64.max` is never.
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static let never = Deadline(nanoseconds: .max)

    package static var now: Deadline {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Deadline(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    package static func after(milliseconds: Int) -> Deadline { now.adding(milliseconds: milliseconds) }

    /// So much later; at the end of time `never`.
    package func adding(milliseconds: Int) -> Deadline {
        let (wait, isTooLong) = UInt64(max(0, milliseconds)).multipliedReportingOverflow(by: 1_000_000)
        let (sum, isTooLate) = nanoseconds.addingReportingOverflow(wait)
        return isTooLong || isTooLate ? .never : Deadline(nanoseconds: sum)
    }

    package static func < (a: Deadline, b: Deadline) -> Bool { a.nanoseconds < b.nanoseconds }

    package var hasPassed: Bool { self <= .now }

    /// What is left of it, rounded up, 0 when it has passed; at most `limit`.
    package func remainingMilliseconds(atMost limit: Int, at now: Deadline = .now) -> Int {
        guard self != .never else { return limit }
        guard now < self else { return 0 }
        return Int(min(UInt64(max(0, limit)), (nanoseconds - now.nanoseconds + 999_999) / 1_000_000))
    }
}
