import Connections
import JSON
import Runtime
import TestSupport
import Testing

@testable import Vault

@Suite struct InstantTests {
    private static func instant(_ time: Int64, _ uptime: Int64 = 0, _ boot: String? = nil) -> Instant {
        Instant(
            time: time, uptime: uptime, origin: boot.map { Clock.Origin(boot: .init($0), namespace: "time:[1]") })
    }

    @Test(
        arguments: [
            (instant(0), instant(400), 600), (instant(0), instant(1000), nil), (instant(0), instant(-1), nil),
            (instant(0, 0, "b"), instant(99_999, 400, "b"), 600), (instant(0, 0, "b"), instant(-99_999, 400, "b"), 600),
            (instant(0, 0, "b"), instant(0, 1000, "b"), nil), (instant(0, 0, "b"), instant(400, 99_999, "c"), 600),
            (instant(0, 0, "b"), instant(400, 99_999), 600), (instant(.min), instant(.max), nil),
            (instant(.max), instant(.min), nil),
        ] as [(Instant, Instant, Int64?)])
    func anIntervalIsNeverWaitedForLongerThanItIs(_ begun: Instant, _ now: Instant, _ expected: Int64?) {
        #expect(Interval(begun: begun, duration: 1000).remaining(now: now) == expected)
    }

    @Test(arguments: [instant(5), instant(5, 7, "b")]) func aRowKeepsBothClocks(_ begun: Instant) {
        let interval = Interval(begun: begun, duration: 9)
        #expect(Interval(json: interval.json) == interval)
    }

    /// Rows of earlier versions have the clock of the day alone.
    @Test func rowsOfEarlierVersionsAreRead() throws {
        let state = try #require(
            RefreshState(
                json: [
                    "generation": 1, "fence": 1, "backoff": ["begun": 5, "duration": 9],
                    "lease": [
                        "owner": "o", "fence": 1, "generation": 1, "attempt": 1, "begun": 5, "duration": 20000,
                        "grace": ["begun": 5, "duration": 60000],
                    ],
                ]))
        #expect(state.lease?.begun == Self.instant(5))
        #expect(state.lease?.grace == Interval(begun: Self.instant(5), duration: 60_000))
        #expect(state.backoff == Interval(begun: Self.instant(5), duration: 9))
    }
}
