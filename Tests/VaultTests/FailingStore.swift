import Connections
import Store
import Synchronization
import TestSupport

/// A store that takes some commits yet, and then none.
final class FailingStore: Store {
    private let store = MemoryStore()
    private let left = Mutex<Int?>(nil)

    func fail(after commits: Int?) { left.withLock { $0 = commits } }
    func read(_ reads: [StoreRead], _ context: CallContext) -> [[StoredRow]] { store.read(reads, context) }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        let isTaken = left.withLock { left in
            guard let count = left else { return true }
            left = count - 1
            return count > 0
        }
        guard isTaken else { throw ConnError(.unavailable, "the disk is full") }
        try store.commit(context, taking: take)
    }

    func close() {}
}
