internal import Connections
internal import Runtime
internal import Store

/// Which leases this process has seen, and until when they hold: how it knows that one is over.
///
/// A lease is over when this process has seen it, unchanged, for as long as it lasts, by its own monotonic clock: its owner
/// began earlier, and has stopped by then. What is certain of a lease's age at first sight is taken off that. The clock of
/// the day makes nothing certain, since it may be set while a request is under way.
final class LeaseWatch: Sendable {
    /// Others are taken for held until there is room.
    private static let maxCount = 4096
    /// A lease that nobody has asked for so long after its end is one that nobody waits for. Milliseconds.
    private static let keptMilliseconds = 10_000
    /// A full table is not searched more often. Milliseconds.
    private static let sweepMilliseconds = 1000

    private struct Sighting {
        let lease: RefreshState.Lease
        let end: Deadline
    }

    private struct State {
        var sightings: [[UInt8]: Sighting] = [:]
        var nextSweep = Deadline(nanoseconds: 0)
    }

    /// All processes on the store run on one machine.
    private let isOfOneMachine: Bool
    private let state = Monitor(State())

    init(isOfOneMachine: Bool) { self.isOfOneMachine = isOfOneMachine }

    /// Whether a row's lease is held still.
    func isHeld(_ lease: RefreshState.Lease?, at key: [UInt8], clock: Clock) -> Bool {
        guard let lease else {
            state.withLock { if !$0.sightings.isEmpty { $0.sightings[key] = nil } }
            return false
        }
        let now = clock.monotonic()
        let rest = lease.duration - certainAge(of: lease, now: clock.instant)
        return state.withLock { state in
            if let sighting = state.sightings[key], sighting.lease == lease { return now < sighting.end }
            guard rest > 0 else { return false }
            if state.sightings[key] == nil, state.sightings.count >= Self.maxCount {
                sweep(&state, now)
                guard state.sightings.count < Self.maxCount else { return true }
            }
            state.sightings[key] = Sighting(lease: lease, end: now.adding(milliseconds: Int(clamping: rest)))
            return true
        }
    }

    /// How old a lease is at least, in milliseconds from 0 to its duration.
    ///
    /// Processes of one machine have one monotonic clock, and a lease of an earlier start of it is of a process that is gone.
    /// The clock of the day must agree, since copies of a virtual machine that was saved while it ran count on from one
    /// moment.
    private func certainAge(of lease: RefreshState.Lease, now: Instant) -> Int64 {
        let age =
            if isOfOneMachine, now.isOfAnotherBoot(than: lease.begun) {
                lease.duration
            } else {
                now.uptimeElapsed(since: lease.begun) ?? 0
            }
        return max(min(age, now.timeElapsed(since: lease.begun), lease.duration), 0)
    }

    private func sweep(_ state: inout State, _ now: Deadline) {
        guard state.nextSweep <= now else { return }
        state.nextSweep = now.adding(milliseconds: Self.sweepMilliseconds)
        state.sightings = state.sightings.filter { now < $0.value.end.adding(milliseconds: Self.keptMilliseconds) }
    }
}
