internal import JSON
internal import Runtime

/// Counts what happens, or, as a gauge, what there is.
package final class Counter: Metric {
    let about: MetricDescription
    private let numbers: Numbers

    init(
        _ name: String, _ help: String, type: MetricType = .counter, labels: [MetricDescription.Label] = [],
        backends: [BackendKind] = BackendKind.allCases
    ) {
        about = MetricDescription(name: name, type: type, help: help, labels: labels, backends: backends)
        numbers = Numbers(count: about.seriesCount)
    }

    package func add(_ count: Int = 1, at series: Int = 0) { numbers.add(count, at: series) }

    /// - Parameter value: of its only label. One that it does not have is not counted.
    package func add(_ count: Int = 1, at value: String) {
        if let series = about.labels.first?.values.firstIndex(where: { ID($0) == ID(value) }) {
            numbers.add(count, at: series)
        }
    }

    func sample(of series: Int) -> JSON? {
        let value = numbers[series]
        return value == 0 && about.seriesCount > 1 ? nil : .object(["value": .integer(value)])
    }
}
