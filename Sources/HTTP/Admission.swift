internal import Runtime

/// Which exchanges run and which wait: so many at once, and so many with one server. Whose turn comes first goes round
/// the servers, so that one that hangs holds up none of the others.
struct Admission<Entry> {
    private struct Server {
        var running = 0
        var waiting = Queue<Entry>()
    }

    private let limit: Int
    private let limitPerServer: Int
    private var running = 0
    /// By origin; those with something running or waiting.
    private var servers: [ID: Server] = [:]
    /// The origins where something waits, in the order of their turns.
    private var turns: [ID] = []

    init(limit: Int, limitPerServer: Int) {
        self.limit = limit
        self.limitPerServer = limitPerServer
    }

    /// - Returns: whether it may run now; otherwise it waits.
    mutating func enter(_ entry: Entry, _ origin: ID) -> Bool {
        let server = servers[origin]?.running ?? 0
        guard running < limit, server < limitPerServer else {
            if servers[origin]?.waiting.isEmpty ?? true { turns.append(origin) }
            servers[origin, default: Server()].waiting.append(entry)
            return false
        }
        running += 1
        servers[origin, default: Server()].running += 1
        return true
    }

    /// One that ran has ended.
    /// - Parameter stillWaits: false for an entry that has been given up meanwhile; it is passed over.
    /// - Returns: one that may run in its place.
    mutating func leave(_ origin: ID, stillWaits: (Entry) -> Bool) -> Entry? {
        running -= 1
        servers[origin]?.running -= 1
        if let server = servers[origin], server.running == 0, server.waiting.isEmpty { servers[origin] = nil }
        var turn = 0
        while turn < turns.count {
            let origin = turns[turn]
            guard var server = servers[origin], server.running < limitPerServer else {
                turn += 1
                continue
            }
            turns.remove(at: turn)
            var next = server.waiting.popFirst()
            while let entry = next, !stillWaits(entry) { next = server.waiting.popFirst() }
            if !server.waiting.isEmpty { turns.append(origin) }
            if next != nil {
                running += 1
                server.running += 1
            }
            servers[origin] = server.running == 0 && server.waiting.isEmpty ? nil : server
            if let next { return next }
        }
        return nil
    }
}
