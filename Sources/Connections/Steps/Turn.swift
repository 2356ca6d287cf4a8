internal import Runtime

/// Lets one caller at a time go on.
package final class Turn: Sendable {
    private let isTaken = Monitor(false)

    package init() {}

    /// Waits until nobody else has it.
    /// - Throws: `timeout` and `cancelled` as the context says; then it is not taken.
    package func take(_ context: CallContext) throws(ConnError) {
        let handler = context.cancellation.onCancel { [isTaken] in isTaken.update { _ in } }
        defer { context.cancellation.removeHandler(handler) }
        let outcome: Result<Void, ConnError>? = isTaken.wait(untilNanoseconds: context.deadline.nanoseconds) {
            isTaken in
            if context.cancellation.isCancelled { return .failure(.cancelled) }
            if isTaken { return nil }
            isTaken = true
            return .success(())
        }
        guard let outcome else { throw .timeout }
        try outcome.get()
    }

    package func give() { isTaken.update { $0 = false } }
}
