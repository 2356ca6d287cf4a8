import Foundation
import Runtime
import TestSupport
import Testing

@testable import Connections
@testable import HTTP
@testable import JSON

@Suite struct StatisticsTests {
    private static let results: [String] = ["ok", "lost"]

    @Test func aSizeIsCountedInItsBucketAndInAllThatAreLarger() throws {
        let histogram = Histogram("h_microseconds", "")
        for size in [0, 10, 11, 10_000_000, 10_000_001, .max / 2] { histogram.add(size) }
        let sample = try #require(histogram.sample(of: 0))
        let counts = Dictionary(
            uniqueKeysWithValues: (sample["buckets"]?.elements ?? []).map {
                ($0["atMost"]?.integer ?? 0, $0["count"]?.integer ?? 0)
            })
        #expect(counts[10] == 2)
        #expect(counts[25] == 3)
        #expect(counts[5_000_000] == 3)
        #expect(counts[10_000_000] == 4)
        #expect(counts.count == Histogram.bounds.count)
        #expect(sample["count"]?.integer == 6)
        #expect(sample["sum"]?.integer == 21 + 20_000_001 + Int64.max / 2)
    }

    @Test func theBucketsAscend() { #expect(Histogram.bounds == Histogram.bounds.sorted()) }

    @Test func seriesWithLabelsAreThereOnceTheyHaveCounted() throws {
        let counter = Counter("c_total", "", labels: [("op", ["a", "b"]), ("outcome", Self.results)])
        #expect(counter.json()["samples"]?.elements.isEmpty == true)
        counter.add(3, at: 2)
        counter.add(at: 1)
        #expect(
            counter.json()["samples"]?.text
                == #"[{"value":1,"labels":{"op":"a","outcome":"lost"}},{"value":3,"labels":{"op":"b","outcome":"ok"}}]"#
        )
        #expect(Counter("d_total", "").json()["samples"]?.text == #"[{"value":0}]"#)
    }

    /// What somebody else says never makes a series of its own.
    @Test func whatNobodyKnowsIsNotCounted() {
        let counter = Counter("c_total", "", labels: [("outcome", Self.results)])
        counter.add(at: "a value that a server made up")
        for series in [-1, 2, .max] { counter.add(at: series) }
        #expect(counter.json()["samples"]?.elements.isEmpty == true)
    }

    @Test func threadsCountTogether() async {
        let (counter, histogram) = (Counter("c_total", ""), Histogram("h_microseconds", ""))
        let ended = (0..<4).map { _ in Outcome() }
        for outcome in ended {
            Thread.detachNewThread {
                for number in 0..<10_000 {
                    counter.add()
                    histogram.add(number)
                }
                outcome.set(.success(.null))
            }
        }
        for outcome in ended { _ = outcome.wait() }
        #expect(counter.sample(of: 0)?["value"]?.integer == 40_000)
        #expect(histogram.sample(of: 0)?["count"]?.integer == 40_000)
        #expect(histogram.sample(of: 0)?["sum"]?.integer == 199_980_000)
    }

    @Test func eachBackendHasItsOwnAndEachNameSaysItsUnit() {
        for backend in BackendKind.allCases {
            let names = Metrics(Statistics(), backend).names
            #expect(Set(names).count == names.count)
            #expect(names.contains("store_reads_total") == (backend == .vault))
            for name in names {
                #expect(
                    ["_total", "_microseconds", "_in_flight", "_entries"].contains { name.hasSuffix($0) }, "\(name)")
            }
            #expect(ObjectType.statistics.mismatch(Statistics().json(backend), backend: backend) == nil)
        }
    }

    @Test func theManualListsThemAll() throws {
        let manual = try String(
            contentsOf: Foundation.URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../docs/statistics.md"), encoding: .utf8)
        let listed = manual.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("| `") else { return nil }
            return line.split(separator: "|").prefix(4).map { cell in
                String(cell).trimmingCharacters(in: [" ", "`"])
            }.joined(separator: "; ")
        }
        #expect(listed == Statistics().manual)
    }

    @Test func whatIsInFlightIsCountedUntilItsWorkHasEnded() {
        let statistics = Statistics()
        let unfinished = Unfinished(statistics: statistics)
        let work = (0..<2).map { _ in unfinished.begin(Request(operation: "fetch", fields: .object())) }
        #expect(withExtendedLifetime(work) { Metrics(statistics, .plugin)["calls_in_flight"] } == 2)
        _ = consume work
        #expect(Metrics(statistics, .plugin)["calls_in_flight"] == 0)
    }

    // MARK: - Exchanges

    @Test(arguments: Driver.allCases) func anExchangeIsCountedByWhatCameOfIt(_ driver: Driver) {
        let statistics = Statistics()
        let executor = Executor(transport: FakeTransport(["a": 200, "b": 404, "c": 999]), statistics: statistics)
        for url in ["a", "b", "b", "c"] { _ = executor.run(driver) { () throws(ConnError) in exchange(url) } }
        executor.closeAndWait()
        let metrics = Metrics(statistics, .vault)
        #expect(metrics["exchanges_total", ["outcome": "2xx"]] == 1)
        #expect(metrics["exchanges_total", ["outcome": "4xx"]] == 2)
        #expect(metrics["exchanges_total", ["outcome": "5xx"]] == 1)
        #expect(metrics["exchange_duration_microseconds", member: "count"] == 4)
        #expect(metrics["exchanges_in_flight"] == 0)
    }

    @Test func anExchangeThatNobodyWaitsForIsDropped() {
        let (statistics, transport) = (Statistics(), FakeTransport())
        let executor = Executor(transport: transport, statistics: statistics)
        let cancellation = Cancellation()
        let outcome = executor.start(.loop, cancellation: cancellation) { () throws(ConnError) in exchange("never") }
        transport.waitForStart("never")
        #expect(Metrics(statistics, .cloud)["exchanges_in_flight"] == 1)
        cancellation.cancel()
        _ = outcome.wait()
        executor.closeAndWait()
        let metrics = Metrics(statistics, .cloud)
        #expect(metrics["exchanges_in_flight"] == 0)
        #expect(metrics["exchanges_total", ["outcome": "dropped"]] == 1)
        #expect(metrics["exchange_duration_microseconds", member: "count"] == 0)
    }
}

extension Statistics {
    /// The first columns of the table in docs/statistics.md.
    fileprivate var manual: [String] {
        all.map(\.about).map { about in
            let labels = about.labels.map(\.name).joined(separator: "`, `")
            let backends =
                about.backends.count == BackendKind.allCases.count
                ? "all"
                : [BackendKind.vault, .cloud].filter(about.backends.contains).map(\.rawValue).joined(separator: ", ")
            return [about.name, about.type.rawValue, labels, backends].joined(separator: "; ")
        }
    }
}
