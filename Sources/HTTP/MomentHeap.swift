/// What is due next: a binary heap. Entries are never taken out early; one that no longer holds is passed over when its
/// time comes.
package struct MomentHeap {
    private var entries: [(moment: Deadline, id: UInt64)] = []

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
