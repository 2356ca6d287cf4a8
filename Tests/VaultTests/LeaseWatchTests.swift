import Connections
import Testing

@testable import Vault

@Suite struct LeaseWatchTests {
    private let clock = MovableClock()

    private func lease(_ fence: Int64) -> RefreshState.Lease {
        RefreshState.Lease(
            owner: "another", fence: fence, generation: 0, attempt: 1, begun: clock.clock.milliseconds(),
            duration: 20_000, grace: nil)
    }

    /// However many processes end, this one remembers no more of their leases than it may. What it has forgotten is
    /// waited for once more, and never taken for over.
    @Test func whatIsRememberedOfLeasesIsBounded() {
        let watch = LeaseWatch()
        let first = lease(0)
        #expect(watch.isHeld(first, at: [0], clock: clock.clock))
        for number: Int64 in 1...4096 {
            #expect(watch.isHeld(lease(number), at: RowKeys.bytes(number), clock: clock.clock))
        }
        clock.advance(seconds: 20)
        #expect(watch.isHeld(first, at: [0], clock: clock.clock))
        clock.advance(seconds: 20)
        #expect(!watch.isHeld(first, at: [0], clock: clock.clock))
    }
}
