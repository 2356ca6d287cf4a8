import ArgumentParser

/// Whether what cannot be undone is asked about first.
struct ConfirmationOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    func confirm(_ question: String) throws {
        guard !yes else { return }
        guard Terminal.canAsk else {
            throw Failure(.usage, "this has to be confirmed, and there is nobody to ask", hint: "Add --yes.")
        }
        guard try Terminal.confirms(question) else { throw Failure(.failure, "nothing was changed") }
    }
}
