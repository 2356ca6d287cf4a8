internal import Memory
internal import Synchronization

/// Where the library's log lines go: to the one sink of the process, if there is one.
///
/// A line never holds a token, a key, a body or a URL's query. It is not made unless somebody wants it.
package enum Log {
    package enum Level: Int32, Sendable {
        case error = 1
        case warning, info, debug
    }

    package typealias Sink = @Sendable (Level, String) -> Void

    private struct State: Sendable {
        var sink: Sink?
        /// Counts the sinks that were set.
        var generation: UInt64 = 0
        /// How many lines of which sink are being written.
        var running: [UInt64: Int] = [:]
    }

    private static let maxLevel = Atomic<Int32>(0)
    private static let state = Monitor(State(), inForkedChild: { $0.running = [:] })

    package static func write(_ level: Level, _ message: @autoclosure () -> String) {
        guard level.rawValue <= maxLevel.load(ordering: .relaxed) else { return }
        let line = message()
        let (sink, generation) = state.withLock { state in
            if state.sink != nil { state.running[state.generation, default: 0] += 1 }
            return (state.sink, state.generation)
        }
        guard let sink else { return }
        sink(level, line)
        state.update { state in
            let left = state.running[generation, default: 1] - 1
            state.running[generation] = left == 0 ? nil : left
        }
    }

    /// No line is made any more, by the end of the process: what the sink leads to may end before the library does. Waits
    /// for nobody.
    package static func end() { maxLevel.store(0, ordering: .relaxed) }

    /// Sets the sink in place of the earlier one, and waits until that one is not running any more.
    package static func set(maxLevel level: Int32, sink: Sink?) {
        let earlier = state.withLock { state in
            defer {
                state.sink = sink
                state.generation += 1
            }
            return state.generation
        }
        maxLevel.store(sink == nil ? 0 : level, ordering: .relaxed)
        _ = state.wait(untilNanoseconds: .max) { $0.running[earlier] == nil ? true : nil }
    }
}
