package import Connections
package import Store
import Synchronization

/// A store that keeps everything in memory: the shortest one that keeps the protocol's promises.
package final class MemoryStore: Store {
    private struct State {
        var rows: [[UInt8]: StoredRow] = [:]
        var version: UInt64 = 0
        var isFull = false
    }

    private let state = Mutex(State())

    package init() {}

    package func read(_ reads: [StoreRead], _ context: CallContext) -> [[StoredRow]] {
        let rows = state.withLock { $0.rows }
        return reads.map { read in
            switch read {
            case .get(let key): return rows[key].map { [$0] } ?? []
            case .scan(let prefix, let after, let limit):
                let keys = rows.keys.filter { key in
                    key.starts(with: prefix) && after.map { $0.lexicographicallyPrecedes(key) } ?? true
                }
                return keys.sorted { $0.lexicographicallyPrecedes($1) }.prefix(limit).compactMap { rows[$0] }
            }
        }
    }

    /// Whether commits find the disk full.
    package var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    package func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        guard let writes = take()?.writes else { return }
        if isFull { throw ConnError(.internal, "the disk is full") }
        let isDone = state.withLock { state in
            var next = state
            for write in writes {
                guard write.expected.isMet(by: next.rows[write.key]?.version) else { return false }
                if write.keepsRow { continue }
                next.version += 1
                next.rows[write.key] = write.value.map {
                    StoredRow(key: write.key, value: $0, version: next.version)
                }
            }
            state = next
            return true
        }
        guard isDone else { throw ConnError(.conflict, "the row has changed") }
    }

    package func close() {}
}
