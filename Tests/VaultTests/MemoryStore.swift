import Connections
import Synchronization

/// A store that keeps everything in memory: the shortest one that keeps the protocol's promises.
final class MemoryStore: Store {
    private struct State {
        var rows: [[UInt8]: StoredValue] = [:]
        var version: UInt64 = 0
        var isFull = false
    }

    private let state = Mutex(State())

    func get(_ key: [UInt8]) -> StoredValue? { state.withLock { $0.rows[key] } }

    func scan(prefix: [UInt8], after: [UInt8]?, limit: Int) -> [StoredRow] {
        let rows = state.withLock { $0.rows }
        let keys = rows.keys.filter { key in
            key.starts(with: prefix) && after.map { $0.lexicographicallyPrecedes(key) } ?? true
        }
        return keys.sorted { $0.lexicographicallyPrecedes($1) }.prefix(limit).compactMap { key in
            rows[key].map { StoredRow(key: key, value: $0.value, version: $0.version) }
        }
    }

    /// Whether commits find the disk full.
    var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    func commit(_ writes: [StoreWrite]) throws(ConnError) {
        if isFull { throw ConnError(.internal, "the disk is full") }
        let isDone = state.withLock { state in
            var next = state
            for write in writes {
                guard write.expected.isMet(by: next.rows[write.key]?.version) else { return false }
                if write.keepsRow { continue }
                next.version += 1
                next.rows[write.key] = write.value.map { StoredValue(value: $0, version: next.version) }
            }
            state = next
            return true
        }
        guard isDone else { throw ConnError(.conflict, "the row has changed") }
    }

    func close() {}
}
