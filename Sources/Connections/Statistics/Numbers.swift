internal import Synchronization

/// Numbers that any thread adds to, each by one atomic instruction: nobody waits for a lock, and nobody orders anything
/// by them.
final class Numbers: @unchecked Sendable {  // atomics, which are made and ended where nobody else is
    private let cells: UnsafeMutablePointer<Atomic<Int>>
    private let count: Int

    init(count: Int) {
        self.count = count
        cells = .allocate(capacity: count)
        for index in 0..<count { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: count)
        cells.deallocate()
    }

    /// What is beyond the last of them is not counted.
    func add(_ number: Int, at index: Int = 0) {
        guard (0..<count).contains(index) else { return }
        cells[index].wrappingAdd(number, ordering: .relaxed)
    }

    subscript(index: Int) -> Int { cells[index].load(ordering: .relaxed) }
}
