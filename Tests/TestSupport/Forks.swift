package import Glibc

/// Shared by those who want no fork meanwhile, exclusive for who forks.
nonisolated(unsafe) private let gate: UnsafeMutablePointer<pthread_rwlock_t> = {  // made for any thread
    let gate = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)
    pthread_rwlock_init(gate, nil)
    return gate
}()

/// Swift keeps fork to itself.
package func forkProcess() -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    guard let symbol = dlsym(nil, "fork") else { return -1 }
    pthread_rwlock_wrlock(gate)
    let child = unsafeBitCast(symbol, to: Fork.self)()
    if child == 0 { pthread_rwlock_init(gate, nil) } else { pthread_rwlock_unlock(gate) }
    return child
}

/// Runs `body` while no other test forks: a fork closes the files of all vaults of the process, and whoever uses one opens
/// it anew. `body` itself must not fork.
package func withoutForks<Value>(_ body: () throws -> Value) rethrows -> Value {
    pthread_rwlock_rdlock(gate)
    defer { pthread_rwlock_unlock(gate) }
    return try body()
}
