internal import Glibc
internal import Synchronization

/// The handles of the process. A handle's number holds its slot and how often that slot was used before, so that a
/// closed or invented one is told apart from an open one.
///
/// The lock is a plain pthread mutex, because it must be held over `fork` for the child to find the table whole.
final class HandleTable: @unchecked Sendable {  // every access to the slots holds the mutex
    static let shared = HandleTable()

    /// Numbers stay below 2^53: 20 bits for the slot, 33 for the generation.
    private static let slotBits: UInt64 = 20
    private static let maxSlots = (1 << 20) - 1
    private static let maxGeneration: UInt64 = (1 << 33) - 1

    private struct Slot {
        var generation: UInt64 = 0
        var handle: Handle?
    }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var slots: [Slot] = []
    private var free: [Int] = []

    init() { pthread_mutex_init(mutex, nil) }

    private func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// - Returns: nil when there are too many.
    func insert(_ handle: Handle) -> UInt64? {
        Fork.watch()
        ProcessEnd.watch()
        return withLock {
            if free.isEmpty {
                guard slots.count < Self.maxSlots else { return nil }
                slots.append(Slot())
                free.append(slots.count - 1)
            }
            let index = free.removeLast()
            slots[index].generation += 1
            slots[index].handle = handle
            return slots[index].generation << Self.slotBits | UInt64(index + 1)
        }
    }

    func find(_ number: UInt64) -> Handle? {
        withLock { index(of: number).flatMap { slots[$0].handle } }
    }

    /// The handles that are open, or close.
    var all: [(number: UInt64, handle: Handle)] {
        withLock {
            slots.enumerated().compactMap { index, slot in
                slot.handle.map { (slot.generation << Self.slotBits | UInt64(index + 1), $0) }
            }
        }
    }

    @discardableResult
    func remove(_ number: UInt64) -> Handle? {
        withLock {
            guard let index = index(of: number), let handle = slots[index].handle else { return nil }
            slots[index].handle = nil
            if slots[index].generation < Self.maxGeneration { free.append(index) }
            return handle
        }
    }

    private func index(of number: UInt64) -> Int? {
        let slot = Int(number & ((1 << Self.slotBits) - 1))
        guard slot > 0, slot <= slots.count, slots[slot - 1].generation == number >> Self.slotBits else { return nil }
        return slot - 1
    }

    fileprivate func lockForFork() { pthread_mutex_lock(mutex) }
    fileprivate func unlockAfterFork() { pthread_mutex_unlock(mutex) }
}

/// Tells in which process we are, by counting forks: cheaper than asking the kernel, and right when a process id is
/// used again.
enum Fork {
    private static let count = Atomic<UInt64>(0)

    /// Changes in a child.
    static var generation: UInt64 { count.load(ordering: .relaxed) }

    /// Begins to watch for forks; once is enough.
    static func watch() { _ = registered }

    private static let registered: Void = {
        pthread_atfork(
            { HandleTable.shared.lockForFork() },
            { HandleTable.shared.unlockAfterFork() },
            {
                Fork.count.wrappingAdd(1, ordering: .relaxed)
                HandleTable.shared.unlockAfterFork()
            })
    }()
}
