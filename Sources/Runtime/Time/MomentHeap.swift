/// What is due next: a binary heap. An entry that no longer holds is passed over when its time comes, or goes with
/// ``prune(keeping:)``.
package struct MomentHeap {
    /// So many are looked through at the least, so that it is rarely done.
    private static let leastPruned = 1024

    private var entries: [(moment: Deadline, id: UInt64)] = []
    private var pruned = leastPruned

    package init() {}

    package var earliest: Deadline { entries.first?.moment ?? .never }

    package mutating func insert(_ moment: Deadline, id: UInt64) {
        guard moment != .never else { return }
        entries.append((moment, id))
        var child = entries.count - 1
        while child > 0, entries[child].moment < entries[(child - 1) / 2].moment {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the entries that no longer hold, once there are twice as many as were left the last time: calls that end
    /// long before their time is up would pile up.
    package mutating func prune(keeping holds: (UInt64) -> Bool) {
        guard entries.count >= pruned else { return }
        entries.removeAll { !holds($0.id) }
        entries.sort { $0.moment < $1.moment }  // a heap too
        pruned = max(Self.leastPruned, 2 * entries.count)
    }

    package var count: Int { entries.count }

    /// Takes the earliest entry if it is due.
    package mutating func popDue(at now: Deadline) -> UInt64? {
        guard let first = entries.first, first.moment <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child].moment < entries[least].moment {
                least = child
            }
            guard least != parent else { return first.id }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
