import Synchronization

/// Things that a browser finds again by a text that only it has. They are kept in memory, for a time.
final class Expiring<Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        let until: ContinuousClock.Instant
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let lifetime: Duration
    private let maxCount: Int

    /// - Parameter maxCount: beyond it, those that end first give way.
    init(lifetime: Duration, maxCount: Int) {
        self.lifetime = lifetime
        self.maxCount = maxCount
    }

    var seconds: Int { Int(lifetime.components.seconds) }

    func keep(_ value: Value, at key: String, now: ContinuousClock.Instant = .now) {
        entries.withLock { entries in
            if entries.count >= maxCount {
                entries = entries.filter { now < $0.value.until }
                if entries.count >= maxCount {
                    let first = entries.sorted { $0.value.until < $1.value.until }.prefix(maxCount / 8 + 1)
                    for (key, _) in first { entries[key] = nil }
                }
            }
            entries[key] = Entry(value: value, until: now + lifetime)
        }
    }

    func find(_ key: String, now: ContinuousClock.Instant = .now) -> Value? {
        entries.withLock { entries in entries[key].flatMap { now < $0.until ? $0.value : nil } }
    }

    @discardableResult
    func take(_ key: String, now: ContinuousClock.Instant = .now) -> Value? {
        entries.withLock { $0.removeValue(forKey: key) }.flatMap { now < $0.until ? $0.value : nil }
    }
}

/// Who is signed in at the pages.
struct SignedIn: Sendable {
    var user: String
    var name: String?
    /// Those that the user may act for.
    var tenants: [String] = []
    /// By a session of the service's own, which it can end.
    var isOurs = false
    /// The id of the management key that they signed in with.
    var managementKey: String?
    var isAdministrator = false
}
