internal import Runtime
internal import Synchronization

/// The handles of the process. A handle's number holds its slot and how often that slot was used before, so that a
/// closed or invented one is told apart from an open one.
final class HandleTable: Sendable {
    /// Also counts the forks: there is none to tell apart before there is a handle.
    static let shared = HandleTable(Monitor(Slots(), inForkedChild: { _ in Fork.count() }))

    /// Numbers stay below 2^53: 20 bits for the slot, 33 for the generation.
    private static let slotBits: UInt64 = 20
    private static let maxSlots = (1 << 20) - 1
    private static let maxGeneration: UInt64 = (1 << 33) - 1

    struct Slots: Sendable {
        fileprivate struct Slot {
            var generation: UInt64 = 0
            var handle: Handle?
        }

        fileprivate var all: [Slot] = []
        fileprivate var free: [Int] = []
    }

    private let slots: Monitor<Slots>

    init(_ slots: Monitor<Slots> = Monitor(Slots())) { self.slots = slots }

    /// - Returns: nil when there are too many.
    func insert(_ handle: Handle) -> UInt64? {
        ProcessEnd.watch()
        return slots.withLock { slots in
            if slots.free.isEmpty {
                guard slots.all.count < Self.maxSlots else { return nil }
                slots.all.append(Slots.Slot())
                slots.free.append(slots.all.count - 1)
            }
            let index = slots.free.removeLast()
            slots.all[index].generation += 1
            slots.all[index].handle = handle
            return slots.all[index].generation << Self.slotBits | UInt64(index + 1)
        }
    }

    func find(_ number: UInt64) -> Handle? {
        slots.withLock { slots in Self.index(of: number, in: slots).flatMap { slots.all[$0].handle } }
    }

    /// The handles that are open, or close.
    var all: [(number: UInt64, handle: Handle)] {
        slots.withLock { slots in
            slots.all.enumerated().compactMap { index, slot in
                slot.handle.map { (slot.generation << Self.slotBits | UInt64(index + 1), $0) }
            }
        }
    }

    @discardableResult
    func remove(_ number: UInt64) -> Handle? {
        slots.withLock { slots in
            guard let index = Self.index(of: number, in: slots), let handle = slots.all[index].handle else {
                return nil
            }
            slots.all[index].handle = nil
            if slots.all[index].generation < Self.maxGeneration { slots.free.append(index) }
            return handle
        }
    }

    private static func index(of number: UInt64, in slots: Slots) -> Int? {
        let slot = Int(number & ((1 << slotBits) - 1))
        guard slot > 0, slot <= slots.all.count, slots.all[slot - 1].generation == number >> slotBits else {
            return nil
        }
        return slot - 1
    }
}

/// Tells in which process we are, by counting forks: cheaper than asking the kernel, and right when a process id is
/// used again.
enum Fork {
    private static let forks = Atomic<UInt64>(0)

    /// Changes in a child.
    static var generation: UInt64 { forks.load(ordering: .relaxed) }

    fileprivate static func count() { forks.wrappingAdd(1, ordering: .relaxed) }
}
