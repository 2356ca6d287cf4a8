internal import CForkGate
internal import Glibc

/// What the library does around a fork, in one order: what may have to be waited for comes first, so that nobody stands
/// still meanwhile; then the locks that are never held for long.
package enum ForkLocks {
    package struct Lock: Sendable {
        package var take: @Sendable () -> Void
        /// In the parent.
        package var release: @Sendable () -> Void
        /// In the child.
        package var renew: @Sendable () -> Void

        package init(
            take: @escaping @Sendable () -> Void, release: @escaping @Sendable () -> Void,
            renew: @escaping @Sendable () -> Void
        ) {
            self.take = take
            self.release = release
            self.renew = renew
        }
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
                for lock in ForkLocks.slow + ForkLocks.quick { lock.renew() }
                pthread_mutex_init(ForkLocks.mutex, nil)
            })
        return mutex
    }()

    // Whoever touches these holds the mutex.
    nonisolated(unsafe) private static var slow: [Lock] = []
    nonisolated(unsafe) private static var quick: [Lock] = []

    /// Takes all locks, at a moment when no thread makes something for the first time: such a thread may want one of
    /// them, so nothing is held while it is waited for.
    private static func prepare() {
        while true {
            pthread_mutex_lock(mutex)
            let known = slow
            pthread_mutex_unlock(mutex)
            for lock in known { lock.take() }
            pthread_mutex_lock(mutex)
            guard slow.count == known.count else {  // one was added in between
                pthread_mutex_unlock(mutex)
                for lock in known { lock.release() }
                continue
            }
            for lock in quick { lock.take() }
            if dc_fork_gate_close() { return }
            release()
            dc_fork_gate_await()
        }
    }

    private static func release() {
        for lock in quick { lock.release() }
        let known = slow
        pthread_mutex_unlock(mutex)
        for lock in known { lock.release() }
    }

    /// - Parameter isSlow: somebody may hold it for as long as a disk takes. No quick lock is held by who waits for it.
    package static func add(_ lock: Lock, isSlow: Bool = false) {
        pthread_mutex_lock(mutex)
        if isSlow { slow.append(lock) } else { quick.append(lock) }
        pthread_mutex_unlock(mutex)
    }
}
