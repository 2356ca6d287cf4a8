internal import Connections
internal import HTTP
internal import Memory

/// Which leases this process has seen, and since when: how it knows that one is over.
///
/// Clocks of processes differ, so a moment that one of them writes down means little to another. A lease is over when
/// this process has seen it, unchanged, for as long as it lasts: its owner began earlier, and has stopped by then. One that
/// is older than clocks differ is over at first sight, so that nobody waits for a process that ended yesterday.
final class LeaseWatch: Sendable {
    /// What clocks are taken to differ at most. Milliseconds.
    private static let clockDifference: Int64 = 3_600_000
    /// More are forgotten, and then watched anew.
    private static let maxCount = 4096

    private struct Sighting {
        let lease: RefreshState.Lease
        let end: Deadline
    }

    private let sightings = Monitor<[[UInt8]: Sighting]>([:])

    /// Whether a row's lease is held still.
    func isHeld(_ lease: RefreshState.Lease?, at key: [UInt8], clock: Clock) -> Bool {
        guard let lease else {
            sightings.withLock { if !$0.isEmpty { $0[key] = nil } }
            return false
        }
        let age = clock.milliseconds() - lease.begun
        guard age < lease.duration + Self.clockDifference else { return false }
        let now = clock.monotonic()
        return sightings.withLock { sightings in
            if let sighting = sightings[key], sighting.lease == lease { return now < sighting.end }
            if sightings.count >= Self.maxCount { sightings = [:] }
            sightings[key] = Sighting(lease: lease, end: now.adding(milliseconds: Int(clamping: lease.duration)))
            return true
        }
    }
}
