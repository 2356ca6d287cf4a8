import Connections
import Foundation
import HTTP
import Runtime
import Store
import Synchronization
import TestSupport

/// A store that knows what was asked of it, and by which threads, and that can be held up.
final class WatchedStore: BackupStore {
    private struct State {
        var rows = 0
        var threads: Set<UInt> = []
        var gate: Gate?
    }

    /// Where the next read that fits is held.
    final class Gate: Sendable {
        fileprivate let fits: @Sendable (StoreRead) -> Bool
        private let reached = Event()
        private let opened = Event()

        fileprivate init(_ fits: @escaping @Sendable (StoreRead) -> Bool) { self.fits = fits }

        /// Returns when a read has come; false if none does, as in a test that goes wrong.
        func wait() -> Bool { reached.wait(untilNanoseconds: Deadline.after(milliseconds: 60_000).nanoseconds) }

        func open() { opened.signal() }

        fileprivate func hold() {
            reached.signal()
            opened.wait(untilNanoseconds: .max)
        }
    }

    private let store = MemoryStore()
    private let state = Mutex(State())

    static var thread: UInt { UInt(pthread_self()) }

    /// Those that were read or written since the last time.
    func takeRows() -> Int { state.withLock { state in (state.rows, state.rows = 0).0 } }

    /// Those that have called since the last time.
    func takeThreads() -> Set<UInt> { state.withLock { state in (state.threads, state.threads = []).0 } }

    /// Holds the next read that fits.
    func hold(_ fits: @escaping @Sendable (StoreRead) -> Bool) -> Gate {
        let gate = Gate(fits)
        state.withLock { $0.gate = gate }
        return gate
    }

    func read(_ reads: [StoreRead], _ context: CallContext) -> [[StoredRow]] {
        let gate = state.withLock { state -> Gate? in
            state.threads.insert(Self.thread)
            guard let gate = state.gate, reads.contains(where: gate.fits) else { return nil }
            state.gate = nil
            return gate
        }
        gate?.hold()
        let found = store.read(reads, context)
        state.withLock { $0.rows += found.reduce(0) { $0 + $1.count } }
        return found
    }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        state.withLock { _ = $0.threads.insert(Self.thread) }
        try store.commit(context) {
            let commit = take()
            state.withLock { $0.rows += commit?.writes.count ?? 0 }
            return commit
        }
    }

    /// The copy is the store itself.
    func backUp(
        to path: String, _ context: CallContext, recording record: (StoreCopy) throws(ConnError) -> Void
    ) throws(ConnError) -> StoreCopy {
        state.withLock { _ = $0.threads.insert(Self.thread) }
        let copy = StoreCopy(bytes: 0, rows: 0)
        try record(copy)
        return copy
    }

    func openCopy(_ path: String) -> any Store { self }

    func close() {}
}
