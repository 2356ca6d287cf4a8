import DescopeConn

extension Metric {
    private static let microseconds = "_microseconds"

    /// In Prometheus' text format, which has durations in seconds.
    var prometheus: [String] {
        let isDuration = name.hasSuffix(Self.microseconds)
        let base = isDuration ? String(name.dropLast(Self.microseconds.count)) + "_seconds" : name
        let name = "descope_conn_\(base)"
        func number(_ value: Int) -> String { isDuration ? Self.seconds(value) : String(value) }
        var lines = ["# HELP \(name) \(help)", "# TYPE \(name) \(type.rawValue)"]
        for sample in samples {
            let labels = (sample.labels ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
            guard type == .histogram else {
                lines.append("\(name)\(Self.braced(labels)) \(number(sample.value ?? 0))")
                continue
            }
            for bucket in sample.buckets ?? [] {
                let braced = Self.braced(labels + ["le=\"\(number(bucket.atMost))\""])
                lines.append("\(name)_bucket\(braced) \(bucket.count)")
            }
            lines.append("\(name)_bucket\(Self.braced(labels + ["le=\"+Inf\""])) \(sample.count ?? 0)")
            lines.append("\(name)_sum\(Self.braced(labels)) \(number(sample.sum ?? 0))")
            lines.append("\(name)_count\(Self.braced(labels)) \(sample.count ?? 0)")
        }
        return lines
    }

    private static func braced(_ labels: [String]) -> String {
        labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
    }

    /// Exactly, however large.
    private static func seconds(_ microseconds: Int) -> String {
        let digits = String(microseconds)
        let padded = String(repeating: "0", count: max(0, 7 - digits.count)) + digits
        return "\(padded.dropLast(6)).\(padded.suffix(6))"
    }
}
