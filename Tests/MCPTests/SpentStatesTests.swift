import Connections
import HTTP
import Runtime
import Synchronization
import Testing

@testable import MCP

@Suite struct SpentStatesTests {
    /// A state that expired by a clock which was set ahead has not when that is set right again.
    @Test(arguments: [(7200, 120, false), (700, 700, true)] as [(Int64, UInt64, Bool)])
    func aStateIsRememberedUntilItHasExpiredByBothClocks(_ time: Int64, _ uptime: UInt64, _ isForgotten: Bool) throws {
        let now = Mutex<(time: Int64, uptime: UInt64)>((0, 0))
        let clock = Clock(
            milliseconds: { now.withLock { $0.time } * 1000 },
            monotonic: { Deadline(nanoseconds: now.withLock { $0.uptime } * 1_000_000_000) })
        let states = SpentStates()
        #expect(try states.insert([1], expiresAt: 600, clock: clock))
        now.withLock { $0 = (time, uptime) }
        #expect(try states.insert([2], expiresAt: time + 600, clock: clock))
        now.withLock { $0 = (uptime == 120 ? 120 : time, uptime) }
        #expect(try states.insert([1], expiresAt: 600, clock: clock) == isForgotten)
    }
}
