package import Connections
package import JSON

/// What `stats` answers, for tests to look things up in.
package struct Metrics {
    private let answer: JSON

    package init(_ answer: JSON) { self.answer = answer }

    package init(_ statistics: Statistics, _ backend: BackendKind) { answer = statistics.json(backend) }

    package var names: [String] { (answer["metrics"]?.elements ?? []).compactMap { $0["name"]?.string } }

    /// The member of one sample; nil when there is none.
    /// - Parameters:
    ///   - labels: those of the sample, all of them.
    ///   - member: `value`, or of a histogram `count` or `sum`.
    package subscript(_ name: String, _ labels: JSON? = nil, member member: String = "value") -> Int64? {
        let metric = answer["metrics"]?.elements.first { $0["name"]?.string == name }
        let sample = metric?["samples"]?.elements.first { sample in
            labels.map { sample["labels"]?.equals($0) == true } ?? (sample["labels"] == nil)
        }
        return sample?[member]?.integer
    }
}
