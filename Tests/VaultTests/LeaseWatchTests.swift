import Connections
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

@Suite struct LeaseWatchTests {
    private let clock = MovableClock()
    private let watch = LeaseWatch(isOfOneMachine: false)
    private let key: [UInt8] = [0]

    /// A lease of a process with this clock, for 20 s from now on.
    private func lease(_ fence: Int64 = 0, by owner: Clock? = nil) -> RefreshState.Lease {
        RefreshState.Lease(
            owner: "another", fence: fence, generation: 0, attempt: 1, begun: (owner ?? clock.clock).instant,
            duration: 20_000, grace: nil)
    }

    /// However long ago the lease began by the clock of the day, that clock may have been set since.
    @Test(arguments: [-86_400, -3600, 0, 3600, 3 * 3600, 86_400] as [Int64])
    func aLeaseIsWatchedForItsDurationWhateverTheTimeOfDaySays(_ step: Int64) {
        let lease = lease()
        clock.step(seconds: step)
        #expect(watch.isHeld(lease, at: key, clock: clock.clock))
        clock.advance(seconds: 19)
        clock.step(seconds: step)
        #expect(watch.isHeld(lease, at: key, clock: clock.clock))
        clock.advance(seconds: 1)
        #expect(!watch.isHeld(lease, at: key, clock: clock.clock))
    }

    @Test(arguments: [-86_400, 0, 86_400] as [Int64])
    func aClockThatIsSetWhileALeaseOfThisMachineHoldsDoesNotEndIt(_ step: Int64) {
        let mine = clock.clock(ahead: 0, boot: "b")
        let lease = lease(by: mine)
        clock.step(seconds: step)
        clock.advance(seconds: 19)
        #expect(watch.isHeld(lease, at: key, clock: mine))
        clock.advance(seconds: 20)
        #expect(!watch.isHeld(lease, at: key, clock: mine))
    }

    @Test func processesOfOneMachineKnowHowOldALeaseIs() {
        let mine = clock.clock(ahead: 0, boot: "b")
        let (first, second) = (lease(1, by: mine), lease(2, by: mine))
        clock.advance(seconds: 12)
        #expect(watch.isHeld(first, at: [1], clock: mine))
        clock.advance(seconds: 8)
        #expect(!watch.isHeld(first, at: [1], clock: mine))
        #expect(!watch.isHeld(second, at: [2], clock: mine))
    }

    /// Copies of one virtual machine: their monotonic clocks have one origin, and have nothing to do with each other.
    @Test func aMonotonicClockIsNotBelievedAgainstTheTimeOfDay() {
        let mine = clock.clock(ahead: 0, boot: "b")
        let lease = lease(by: mine)
        clock.advance(seconds: 3600)
        clock.step(seconds: -3600)
        #expect(watch.isHeld(lease, at: key, clock: mine))
        clock.advance(seconds: 20)
        #expect(!watch.isHeld(lease, at: key, clock: mine))
    }

    @Test func anotherBootSaysNothingWhereTheStoreHasMachinesOfItsOwn() {
        let lease = lease(by: clock.clock(ahead: 0, boot: "b"))
        clock.advance(seconds: 3600)
        let later = clock.clock(ahead: 0, boot: "c")
        #expect(watch.isHeld(lease, at: key, clock: later))
        #expect(!LeaseWatch(isOfOneMachine: true).isHeld(lease, at: key, clock: later))
    }

    @Test func anotherNamespaceOfTheSameBootIsAnotherClock() {
        var other = clock.clock
        other.origin = Clock.Origin(boot: "b", namespace: "time:[2]")
        let lease = lease(by: other)
        clock.advance(seconds: 3600)
        #expect(LeaseWatch(isOfOneMachine: true).isHeld(lease, at: key, clock: clock.clock(ahead: 0, boot: "b")))
    }

    @Test func theSystemsClockKnowsWhichOneItIs() throws {
        let origin = try #require(Clock.system.origin)
        #expect(!origin.boot.text.isEmpty)
        #expect(origin.namespace.text.hasPrefix("time:["))
    }

    /// However many processes end, this one remembers no more of their leases than it may. What it watches it watches on;
    /// what there is no room for is taken for held, and is watched when others have been forgotten.
    @Test func aFullTableGoesOnWithWhatItHas() {
        let leases = (0...4096).map { lease(Int64($0)) }
        func isHeld(_ number: Int) -> Bool {
            watch.isHeld(leases[number], at: RowKeys.bytes(Int64(number)), clock: clock.clock)
        }
        for number in 0...4096 { #expect(isHeld(number)) }
        clock.advance(seconds: 20)
        #expect(isHeld(4096))
        for number in 0..<4096 { #expect(!isHeld(number)) }
        clock.advance(seconds: 10)  // nobody waits for those any more
        #expect(isHeld(4096))
        clock.advance(seconds: 20)
        #expect(!isHeld(4096))
    }

    /// A row that has no lease any more makes room at once.
    @Test func whatIsOverMakesRoom() {
        let leases = (0...4096).map { lease(Int64($0)) }
        for number in 0..<4096 {
            #expect(watch.isHeld(leases[number], at: RowKeys.bytes(Int64(number)), clock: clock.clock))
        }
        #expect(!watch.isHeld(nil, at: RowKeys.bytes(7), clock: clock.clock))
        #expect(watch.isHeld(leases[4096], at: RowKeys.bytes(4096), clock: clock.clock))
        clock.advance(seconds: 20)
        #expect(!watch.isHeld(leases[4096], at: RowKeys.bytes(4096), clock: clock.clock))
    }
}
