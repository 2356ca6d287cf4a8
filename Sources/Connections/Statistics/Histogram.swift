internal import JSON
package import Runtime

/// Counts how long things take. Microseconds.
package final class Histogram: Metric {
    /// The upper bounds of the buckets, 10 µs to 10 s. What takes longer is in none but the last, which has no bound.
    static let bounds = [
        10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        2_500_000, 5_000_000, 10_000_000,
    ]
    /// Of a series: its buckets, the last one, and the sum of all that was counted.
    private static let width = bounds.count + 2

    let about: MetricDescription
    private let numbers: Numbers

    init(
        _ name: String, _ help: String, labels: [MetricDescription.Label] = [],
        backends: [BackendKind] = BackendKind.allCases
    ) {
        about = MetricDescription(name: name, type: .histogram, help: help, labels: labels, backends: backends)
        numbers = Numbers(count: about.seriesCount * Self.width)
    }

    /// Counts what began then and ends now.
    package func add(since begun: Deadline, at series: Int = 0) {
        let nanoseconds = Deadline.now.nanoseconds
        add(Int(clamping: (nanoseconds - min(begun.nanoseconds, nanoseconds)) / 1000), at: series)
    }

    func add(_ microseconds: Int, at series: Int = 0) {
        guard (0..<about.seriesCount).contains(series) else { return }
        let bucket = Self.bounds.firstIndex { microseconds <= $0 } ?? Self.bounds.count
        numbers.add(1, at: series * Self.width + bucket)
        numbers.add(microseconds, at: series * Self.width + Self.width - 1)
    }

    func sample(of series: Int) -> JSON? {
        let first = series * Self.width
        var count = 0
        let buckets = Self.bounds.indices.map { index in
            count += numbers[first + index]
            return JSON.object(["atMost": .integer(Self.bounds[index]), "count": .integer(count)])
        }
        count += numbers[first + Self.bounds.count]
        guard count > 0 || about.seriesCount == 1 else { return nil }
        return .object([
            "buckets": .array(buckets), "sum": .integer(numbers[first + Self.width - 1]), "count": .integer(count),
        ])
    }
}
