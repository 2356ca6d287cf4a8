internal import CSQLiteLocks
internal import Glibc
internal import Runtime

/// Has every SQLite connection of this process closed while it forks.
///
/// SQLite must not carry a connection into a child: the child would inherit what the library remembers of the file's
/// locks, while the locks themselves stay with the parent, and two processes would then write as if they were one
/// (sqlite.org/howtocorrupt.html, section 2.6). So whoever uses a connection does it inside ``use(_:)``; a fork waits for
/// them and closes what is idle, and both processes open anew when they next need to. Nobody waits for another process
/// in there: what a fork waits for is a disk at most.
enum ForkGuard {
    private static let closers = Monitor<[ObjectIdentifier: @Sendable () -> Void]>([:])

    /// Shared by those who use a connection, exclusive for who forks.
    nonisolated(unsafe) private static let gate: UnsafeMutablePointer<pthread_rwlock_t> = {  // made for any thread
        let gate = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)
        reset(gate)
        ForkLocks.add(
            ForkLocks.Lock(
                take: {
                    pthread_rwlock_wrlock(ForkGuard.gate)
                    dc_sqlite_locks_enter()
                    ForkGuard.closers.withLock { $0 }.values.forEach { $0() }
                    dc_sqlite_locks_leave()
                    dc_sqlite_locks_before_fork()
                },
                release: {
                    dc_sqlite_locks_after_fork()
                    pthread_rwlock_unlock(ForkGuard.gate)
                },
                renew: {
                    dc_sqlite_locks_after_fork()
                    ForkGuard.reset(ForkGuard.gate)  // the thread that locked it is the parent's
                }),
            isSlow: true)
        return gate
    }()

    private static func reset(_ gate: UnsafeMutablePointer<pthread_rwlock_t>) {
        var attributes = pthread_rwlockattr_t()
        pthread_rwlockattr_init(&attributes)
        // A stream of readers must not keep a fork waiting. Nobody here takes the gate twice.
        pthread_rwlockattr_setkind_np(&attributes, Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
        pthread_rwlock_init(gate, &attributes)
        pthread_rwlockattr_destroy(&attributes)
    }

    /// Runs `body`, and no fork meanwhile.
    static func use<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        pthread_rwlock_rdlock(gate)
        dc_sqlite_locks_enter()
        defer {
            dc_sqlite_locks_leave()
            pthread_rwlock_unlock(gate)
        }
        return try body()
    }

    /// Has `close` called before each fork, until ``remove(_:)``. It must let go of the owner's connections, and holds the
    /// owner itself, which must not go in the middle of a fork.
    static func add(_ owner: AnyObject, close: @escaping @Sendable () -> Void) {
        use { closers.withLock { $0[ObjectIdentifier(owner)] = close } }
    }

    static func remove(_ owner: AnyObject) {
        use { closers.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(owner)) } }
    }
}
