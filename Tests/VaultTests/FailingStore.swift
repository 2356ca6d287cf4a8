import Connections
import Synchronization

/// A store that takes some commits yet, and then none.
final class FailingStore: Store {
    private let store = MemoryStore()
    private let left = Mutex<Int?>(nil)

    func fail(after commits: Int?) { left.withLock { $0 = commits } }
    func get(_ key: [UInt8]) -> StoredValue? { store.get(key) }
    func scan(prefix: [UInt8], after: [UInt8]?, limit: Int) -> [StoredRow] {
        store.scan(prefix: prefix, after: after, limit: limit)
    }

    func commit(_ writes: [StoreWrite]) throws(ConnError) {
        let isTaken = left.withLock { left in
            guard let count = left else { return true }
            left = count - 1
            return count > 0
        }
        guard isTaken else { throw ConnError(.unavailable, "the disk is full") }
        try store.commit(writes)
    }

    func close() {}
}
