internal import HTTP
package import Runtime

/// The calls of one client whose work has not ended, whether or not anybody still waits for their answers.
package final class Unfinished: Sendable {
    /// One call's work. Whoever performs its steps holds it, and when nobody does, the work has ended.
    package final class Work: Sendable {
        private let unfinished: Unfinished
        private let id: UInt64

        fileprivate init(_ unfinished: Unfinished, _ id: UInt64) {
            self.unfinished = unfinished
            self.id = id
        }

        deinit {
            unfinished.works.withLock { _ = $0.running.removeValue(forKey: id) }
            unfinished.statistics.callsInFlight.add(-1)
        }

        /// It begins an exchange that must finish.
        func begin(_ request: HTTPRequest) {
            let end = Deadline.after(milliseconds: request.timeoutMilliseconds)
            unfinished.works.withLock { works in
                works.running[id]?.mustFinishUntil = end
                if let connection = request.connection { works.running[id]?.description.appID = ID(connection) }
            }
        }
    }

    private struct Description: Hashable {
        let operation: String
        /// Not every request says it, but each exchange that must finish knows.
        var appID: ID?
    }

    private struct Running {
        var description: Description
        /// When the last exchange that must finish has ended at the latest; nil when none has begun.
        var mustFinishUntil: Deadline?
    }

    private struct Works {
        var last: UInt64 = 0
        var running: [UInt64: Running] = [:]
    }

    private let statistics: Statistics
    private let works = Monitor(Works())

    init(statistics: Statistics = Statistics()) { self.statistics = statistics }

    func begin(_ request: Request) -> Work {
        // What a plugin alone knows was not checked, and may hold anything.
        let isKnown = request.place != nil
        let description = Description(
            operation: isKnown ? request.operation : "other", appID: isKnown ? request.id("appId") : nil)
        statistics.callsInFlight.add()
        return works.withLock { works in
            works.last += 1
            works.running[works.last] = Running(description: description)
            return Work(self, works.last)
        }
    }

    /// When every exchange that has begun, and must finish, has ended at the latest; nil when there is none.
    package var mustFinishUntil: Deadline? {
        works.withLock { $0.running.values.compactMap(\.mustFinishUntil).max() }
    }

    /// For the log: how many there are, and of which operations and connections.
    package var summary: String {
        let descriptions = works.withLock { $0.running.values.map(\.description) }
        guard !descriptions.isEmpty else { return "nothing in flight" }
        let counts = Dictionary(grouping: descriptions, by: \.self).mapValues(\.count).sorted { a, b in
            (b.value, a.key.operation, a.key.appID?.text ?? "") < (a.value, b.key.operation, b.key.appID?.text ?? "")
        }
        var parts = counts.prefix(Self.maxListed).map { description, count in
            let place = description.appID.map { " at \($0)" } ?? ""
            return "\(count) \(description.operation)\(place)"
        }
        if counts.count > parts.count {
            parts.append("\(counts.dropFirst(parts.count).map(\.value).reduce(0, +)) more")
        }
        return "\(descriptions.count) in flight (\(parts.joined(separator: ", ")))"
    }

    private static let maxListed = 8
}
