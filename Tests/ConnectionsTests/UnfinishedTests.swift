import Runtime
import Testing

@testable import Connections
@testable import HTTP
@testable import JSON

@Suite struct UnfinishedTests {
    private let unfinished = Unfinished()

    private func begin(_ operation: String, _ appID: String? = nil) -> Unfinished.Work {
        unfinished.begin(Request(operation: operation, fields: .object(["appId": appID.map { .string($0) }])))
    }

    @Test func workIsThereAsLongAsSomebodyHoldsIt() {
        let fetch = begin("fetch", "crm")
        let other = begin("fetch", "crm")
        #expect(withExtendedLifetime((fetch, other)) { unfinished.summary } == "2 in flight (2 fetch at crm)")
        _ = consume other
        #expect(withExtendedLifetime(fetch) { unfinished.summary } == "1 in flight (1 fetch at crm)")
        _ = consume fetch
        #expect(unfinished.summary == "nothing in flight")
    }

    @Test func theSummaryNamesTheMostFrequentFirstAndStaysShort() {
        let works = (0..<10).map { begin("fetch", "app\($0)") } + [begin("complete"), begin("complete")]
        #expect(
            withExtendedLifetime(works) { unfinished.summary } == """
                12 in flight (2 complete, 1 fetch at app0, 1 fetch at app1, 1 fetch at app2, 1 fetch at app3, \
                1 fetch at app4, 1 fetch at app5, 1 fetch at app6, 3 more)
                """)
    }

    @Test func theSummaryTakesNoTextThatWasNotChecked() {
        let work = begin("of a plugin\n2 a forged line", "app\n2 another")
        #expect(withExtendedLifetime(work) { unfinished.summary } == "1 in flight (1 other)")
    }

    @Test func anExchangeSaysWhichConnectionItIsFor() {
        let work = begin("complete")
        var request = HTTPRequest(.post, "https://example.com", timeoutMilliseconds: 1, mustFinish: true)
        request.connection = "crm"
        work.begin(request)
        #expect(withExtendedLifetime(work) { unfinished.summary } == "1 in flight (1 complete at crm)")
    }

    @Test func theLatestExchangeThatMustFinishSaysHowLongToWait() throws {
        let works = [begin("fetch", "a"), begin("fetch", "b"), begin("fetch", "c")]
        #expect(unfinished.mustFinishUntil == nil)
        let before = Deadline.now
        for (work, milliseconds) in zip(works, [20_000, 60_000]) {
            work.begin(HTTPRequest(.post, "https://example.com", timeoutMilliseconds: milliseconds, mustFinish: true))
        }
        let latest = try #require(withExtendedLifetime(works) { unfinished.mustFinishUntil })
        #expect(latest >= before.adding(milliseconds: 60_000))
    }
}
