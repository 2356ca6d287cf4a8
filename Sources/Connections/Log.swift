internal import Runtime
internal import Synchronization

/// Where the library's log lines go: to the one sink of the process, if there is one.
///
/// A line never holds a token, a key, a body, or more of a URL than its origin and path, which ``withoutQueries(_:)`` sees
/// to. It is not made unless somebody wants it.
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
        let line = withoutQueries(message())
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

extension Log {
    /// A line whose URLs have neither user information nor a query nor a fragment, whoever wrote it.
    static func withoutQueries(_ line: String) -> String {
        let separator = "://".utf8
        var rest = Array(line.utf8)[...]
        var kept: [UInt8] = []
        var isInURL = false
        while let byte = rest.first {
            if rest.starts(with: separator) {
                isInURL = true
                rest = rest.dropFirst(separator.count)
                let authority = rest.prefix { !isEnd($0) && !"/?#".utf8.contains($0) }
                let host = authority.lastIndex(of: UInt8(ascii: "@")).map { authority[($0 + 1)...] } ?? authority
                kept += separator
                kept += host
                rest = rest[authority.endIndex...]
            } else if isInURL, "?#".utf8.contains(byte) {
                rest = rest.drop { !isEnd($0) }
            } else {
                if isEnd(byte) { isInURL = false }
                kept.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    /// What no URL holds as it is (RFC 3986 section 2).
    private static func isEnd(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7F || "\"<>".utf8.contains(byte) }
}
