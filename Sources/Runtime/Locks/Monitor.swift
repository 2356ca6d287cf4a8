internal import Glibc

/// A value behind a lock, and threads that wait for it to change. Waiting uses the monotonic clock.
///
/// The library has no other lock. Synchronization's `Mutex` does not live through `fork`: it remembers the number of the
/// thread that holds it, and the thread that went into the child has another one there than it had before, which the
/// kernel does not take.
package final class Monitor<Value>: @unchecked Sendable {  // every access to `value` holds the mutex
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        makeLock()
    }

    /// For a value that belongs to the process rather than to a handle, and lives as long. A fork waits until the lock is
    /// free, so that the child finds the value whole. Who holds this lock must not take another of this kind.
    /// - Parameter reset: in the child, forgets what was about threads that are the parent's alone.
    package convenience init(_ value: sending Value, inForkedChild reset: @escaping @Sendable (inout Value) -> Void) {
        self.init(value)
        ForkLocks.add(
            ForkLocks.Lock(
                take: { [self] in pthread_mutex_lock(mutex) },
                release: { [self] in pthread_mutex_unlock(mutex) },
                renew: { [self] in
                    reset(&self.value)
                    makeLock()  // nobody waits here, whatever the condition remembers
                }))
    }

    private func makeLock() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Reads or changes the value.
    package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Changes the value and wakes whoever waits.
    package func update<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        return body(&value)
    }

    /// Waits until `body`, called first and after each update, gives something.
    /// - Parameter deadline: nanoseconds of `CLOCK_MONOTONIC`; `UInt64.max` is never.
    /// - Returns: nil when the deadline came first.
    package func wait<Result>(untilNanoseconds deadline: UInt64, for body: (inout Value) -> Result?) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        // A later moment than 2038 is as good as never for a wait, and fits every time_t.
        var time = timespec(
            tv_sec: Int(min(deadline / 1_000_000_000, UInt64(Int32.max))), tv_nsec: Int(deadline % 1_000_000_000))
        while true {
            if let result = body(&value) { return result }
            if deadline == .max {
                pthread_cond_wait(condition, mutex)
            } else if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT {
                return body(&value)
            }
        }
    }
}
