internal import HTTP

/// Which task is due next: a binary heap. Entries are never taken out early; one that no longer holds is passed over
/// when its time comes.
struct MomentHeap {
    private var entries: [(moment: Deadline, id: UInt64)] = []

    var earliest: Deadline { entries.first?.moment ?? .never }

    mutating func insert(_ moment: Deadline, id: UInt64) {
        guard moment != .never else { return }
        entries.append((moment, id))
        var child = entries.count - 1
        while child > 0, entries[child].moment < entries[(child - 1) / 2].moment {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the earliest entry if it is due.
    mutating func popDue(at now: Deadline) -> UInt64? {
        guard let first = entries.first, first.moment <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < entries.count }
            guard let least = children.min(by: { entries[$0].moment < entries[$1].moment }),
                entries[least].moment < entries[parent].moment
            else { return first.id }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
