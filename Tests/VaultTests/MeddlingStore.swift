import Connections
import Store
import Synchronization
import TestSupport

/// A store in which something happens at a moment that a test chooses.
final class MeddlingStore: Store {
    enum Moment {
        case read, scan, commit
        /// Rows were read, and nobody has looked at them yet.
        case afterRead
        /// Rows were written, and nobody knows yet.
        case afterCommit
    }

    private let store: any Store
    private let meddling = Mutex<(moment: Moment, countdown: Int, act: @Sendable () throws(ConnError) -> Void)?>(nil)

    init(_ store: any Store) { self.store = store }

    /// Acts once, at the so-many-th moment of this kind from now on. What it throws, the call throws.
    func at(_ moment: Moment, number: Int = 1, _ act: @escaping @Sendable () throws(ConnError) -> Void) {
        meddling.withLock { $0 = (moment, number, act) }
    }

    private func meddle(_ moment: Moment) throws(ConnError) {
        let act = meddling.withLock { meddling -> (@Sendable () throws(ConnError) -> Void)? in
            guard let due = meddling, due.moment == moment else { return nil }
            meddling = due.countdown > 1 ? (moment, due.countdown - 1, due.act) : nil
            return due.countdown > 1 ? nil : due.act
        }
        try act?()
    }

    func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        try meddle(.read)
        for case .scan in reads { try meddle(.scan) }
        let found = try store.read(reads, context)
        try meddle(.afterRead)
        return found
    }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        try meddle(.commit)
        try store.commit(context, taking: take)
        try meddle(.afterCommit)
    }

    func close() { store.close() }
}
