// What a client has done so far.

extension Operation {
    static let stats = Operation(
        "stats",
        "Answers what this client has done since it was opened, for dashboards and alarms: counters, gauges and histograms, "
            + "in the terms of Prometheus. Asking costs a client nothing that its other calls would notice.",
        answer: .statistics)
}

extension ObjectType {
    static let statistics = ObjectType(
        "Statistics", "What this client has done. docs/statistics.md lists the metrics.",
        [
            Field(
                "since", .epochSeconds, required: true, "When the client was opened, and all stood at 0.",
                example: 1_760_000_000),
            Field("metrics", .objects(metric), required: true, "All that this backend counts."),
        ])

    private static let metric = ObjectType(
        "Metric", "Something that is counted.",
        [
            Field(
                "name", .string(), required: true, "Its name, which ends in its unit.",
                example: "fetch_duration_microseconds"),
            Field("type", .oneOf(.metricType), required: true, "What kind of number it is."),
            Field("help", .string(), required: true, "What it counts, for people."),
            Field(
                "samples", .objects(metricSample), required: true,
                "One for each combination of labels that has counted something; without labels always one."),
        ])

    private static let metricSample = ObjectType(
        "MetricSample", "What a metric has come to.",
        [
            Field("labels", .texts, "What it is about, such as op and outcome. Absent if the metric has no labels."),
            Field("value", .count, "Of a counter or a gauge.", example: 42),
            Field(
                "buckets", .objects(metricBucket),
                "Of a histogram, in ascending order. What is above the last of them is in count alone."),
            Field("sum", .count, "Of a histogram: the sum of what was counted, in the unit of the metric's name."),
            Field("count", .count, "Of a histogram: how many were counted."),
        ])

    private static let metricBucket = ObjectType(
        "MetricBucket", "How many were no larger than this.",
        [
            Field(
                "atMost", .count, required: true, "The bucket's upper bound, in the unit of the metric's name.",
                example: 100),
            Field("count", .count, required: true, "How many were at most that, those of smaller buckets included."),
        ])
}

extension Enumeration {
    fileprivate static let metricType = Enumeration(
        "MetricType", "A counter only grows; a gauge goes up and down; a histogram counts by size.",
        MetricType.allCases.map(\.rawValue))
}
