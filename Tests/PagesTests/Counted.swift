import Connections
import JSON
import Store
import Synchronization

/// A store that counts the rows that are read of it.
final class CountedStore: Store {
    private let store: any Store
    private let rows = Mutex(0)

    init(_ store: any Store) { self.store = store }

    /// Those that were read since the last time.
    func takeRows() -> Int { rows.withLock { rows in (rows, rows = 0).0 } }

    func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        let found = try store.read(reads, context)
        rows.withLock { $0 += found.reduce(0) { $0 + $1.count } }
        return found
    }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        try store.commit(context, taking: take)
    }

    func close() { store.close() }
}

/// A backend that keeps the operations that the pages ask of it.
final class CountedBackend: BackendLayer {
    let backend: any Backend
    private let operations = Mutex<[String]>([])
    private let earlier = Mutex<(operation: String, body: @Sendable () -> Void)?>(nil)

    init(_ backend: any Backend) { self.backend = backend }

    /// Those that were asked for since the last time.
    func takeOperations() -> [String] { operations.withLock { operations in (operations, operations = []).0 } }

    /// Does something before the next operation of this name.
    func before(_ operation: String, _ body: @escaping @Sendable () -> Void) {
        earlier.withLock { $0 = (operation, body) }
    }

    func begin(_ request: Request) throws(ConnError) -> Step<JSON> {
        let body = earlier.withLock { earlier in
            guard let (operation, body) = earlier, operation == request.operation else {
                return nil as (@Sendable () -> Void)?
            }
            earlier = nil
            return body
        }
        body?()
        operations.withLock { $0.append(request.operation) }
        return try backend.begin(request)
    }
}
