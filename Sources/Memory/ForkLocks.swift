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
            {
                pthread_mutex_lock(ForkLocks.mutex)
                for lock in ForkLocks.locks { lock.take() }
            },
            {
                for lock in ForkLocks.locks { lock.release() }
                pthread_mutex_unlock(ForkLocks.mutex)
            },
            {
                for lock in ForkLocks.locks { lock.renew() }
                pthread_mutex_init(ForkLocks.mutex, nil)
            })
        return mutex
    }()

    nonisolated(unsafe) private static var locks: [Lock] = []  // whoever touches it holds the mutex

    static func add(_ lock: Lock) {
        pthread_mutex_lock(mutex)
        locks.append(lock)
        pthread_mutex_unlock(mutex)
    }
}
