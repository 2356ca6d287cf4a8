internal import CForkGate
internal import Glibc

/// The locks that are taken for the time of a fork.
enum ForkLocks {
    struct Lock {
        var take: () -> Void
        /// In the parent.
        var release: () -> Void
        /// In the child.
        var renew: () -> Void
    }

    /// Held over the fork itself, so that no lock is added meanwhile.
    nonisolated(unsafe) private static let mutex: UnsafeMutablePointer<pthread_mutex_t> = {  // made for any thread
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_atfork(
            { ForkLocks.prepare() },
            {
                dc_fork_gate_open()
                ForkLocks.release()
            },
            {
                dc_fork_gate_renew()
                for lock in ForkLocks.locks { lock.renew() }
                pthread_mutex_init(ForkLocks.mutex, nil)
            })
        return mutex
    }()

    nonisolated(unsafe) private static var locks: [Lock] = []  // whoever touches it holds the mutex

    /// Takes all locks, at a moment when no thread makes something for the first time: such a thread may want one of
    /// them, so nothing is held while it is waited for.
    private static func prepare() {
        while true {
            pthread_mutex_lock(mutex)
            for lock in locks { lock.take() }
            if dc_fork_gate_close() { return }
            release()
            dc_fork_gate_await()
        }
    }

    private static func release() {
        for lock in locks { lock.release() }
        pthread_mutex_unlock(mutex)
    }

    static func add(_ lock: Lock) {
        pthread_mutex_lock(mutex)
        locks.append(lock)
        pthread_mutex_unlock(mutex)
    }
}
