internal import Connections
internal import Runtime

/// Waits for a file that another process keeps locked.
///
/// SQLite would wait inside of its own locks and of ours. Here each attempt lets go of everything, so that a fork goes on,
/// and a call ends at its deadline or when it is cancelled.
struct Patience: Sendable {
    /// Milliseconds; the last one again and again.
    private static let naps = [1, 2, 5, 10, 15, 20, 25]

    /// Called before each nap.
    var whenWaiting: @Sendable () -> Void = {}

    /// Runs `body`, and no fork meanwhile, again until it does not throw `unavailable`.
    func whileLocked<Value>(
        _ context: CallContext, _ body: () throws(ConnError) -> Value
    ) throws(ConnError) -> Value {
        var naps = Self.naps[...]
        while true {
            try context.check()
            do throws(ConnError) {
                return try ForkGuard.use(body)
            } catch {
                guard error.code == .unavailable else { throw error }
            }
            whenWaiting()
            let event = Event()
            let handler = context.cancellation.onCancel { event.signal() }
            defer { context.cancellation.removeHandler(handler) }
            let nap = Deadline.after(milliseconds: naps.first ?? 1)
            event.wait(untilNanoseconds: min(nap, context.deadline).nanoseconds)
            if naps.count > 1 { naps.removeFirst() }
        }
    }
}

extension CallContext {
    /// - Throws: `timeout` and `cancelled` when it is over.
    func check() throws(ConnError) {
        if cancellation.isCancelled { throw .cancelled }
        if deadline.hasPassed { throw .timeout }
    }
}
