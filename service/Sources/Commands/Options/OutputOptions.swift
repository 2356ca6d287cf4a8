import ArgumentParser

/// How a command answers.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Answer in JSON, in the library's own words (docs/operations.md).")
    var json = false

    var output: Output { Output(json: json) }
}
