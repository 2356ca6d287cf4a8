internal import Glibc

/// A few threads for work that may block, each started when it is first needed.
package final class WorkerPool: Sendable {
    package typealias Work = @Sendable () -> Void

    /// More calls than this wait for a thread.
    static let maxThreads = 8

    private struct State {
        var queue = Queue<Work>()
        var threads: [pthread_t] = []
        var idle = 0
        var isClosing = false
    }

    private let state = Monitor(State())
    private let wake = Semaphore()

    package init() {}

    /// Runs `work` on one of the threads.
    /// - Returns: false if the system has no thread for it.
    package func run(_ work: @escaping Work) -> Bool {
        let isAccepted = state.withLock { state in
            if state.idle <= state.queue.count, state.threads.count < Self.maxThreads,
                let thread = startThread({ [self] in serve() })
            {
                state.threads.append(thread)
                state.idle += 1
            }
            guard !state.threads.isEmpty else { return false }
            state.queue.append(work)
            return true
        }
        if isAccepted { wake.signal() }
        return isAccepted
    }

    /// Waits for the work that was given, and ends the threads.
    package func close() {
        let threads = state.withLock { state in
            state.isClosing = true
            return state.threads
        }
        for _ in threads { wake.signal() }
        for thread in threads { pthread_join(thread, nil) }
    }

    private func serve() {
        while true {
            wake.wait()
            let work: Work? = state.withLock { state in
                guard let work = state.queue.popFirst() else { return nil }
                state.idle -= 1
                return work
            }
            guard let work else { return }
            work()
            state.withLock { $0.idle += 1 }
        }
    }
}

/// A POSIX semaphore.
private final class Semaphore: @unchecked Sendable {  // sem_t is made for any thread
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0 {}
    }
}
