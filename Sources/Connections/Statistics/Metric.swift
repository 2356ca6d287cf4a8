internal import JSON

/// Something that is counted from the opening of a client on.
///
/// It has as many series as its labels have combinations of values, all of which are known when it is made: what it takes
/// of memory is bounded, whatever is asked.
protocol Metric: Sendable {
    var about: MetricDescription { get }

    /// What one series has come to; nil when it has never counted anything.
    func sample(of series: Int) -> JSON?
}

struct MetricDescription: Sendable {
    /// What each of a metric's series is about.
    typealias Label = (name: String, values: [String])

    /// With its unit at the end, as Prometheus has it.
    var name: String
    var type: MetricType
    var help: String
    var labels: [Label]
    /// Those that count it.
    var backends: [BackendKind]

    var seriesCount: Int { labels.reduce(1) { $0 * $1.values.count } }

    /// The labels of a series. The last one's values are next to each other.
    func labels(of series: Int) -> JSON? {
        guard !labels.isEmpty else { return nil }
        let object = JSON.object()
        var (rest, width) = (series, seriesCount)
        for (name, values) in labels {
            width /= values.count
            object.set(name, .string(values[rest / width]))
            rest %= width
        }
        return object
    }
}

enum MetricType: String, CaseIterable {
    case counter, gauge, histogram
}

extension Metric {
    /// A series that has counted nothing is left out, unless it is the only one.
    func json() -> JSON {
        let samples = (0..<about.seriesCount).compactMap { series -> JSON? in
            guard let sample = sample(of: series) else { return nil }
            if let labels = about.labels(of: series) { sample.set("labels", labels) }
            return sample
        }
        return .object([
            "name": .string(about.name), "type": .string(about.type.rawValue), "help": .string(about.help),
            "samples": .array(samples),
        ])
    }
}
