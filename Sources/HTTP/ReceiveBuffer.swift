internal import Runtime

/// A response's body while it arrives. It is wiped when it moves and when it goes.
struct ReceiveBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    deinit { WipingAllocator.free(base) }

    /// - Returns: false when that would be more than `HTTPFailure.maxBodyBytes`, or out of memory.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= HTTPFailure.maxBodyBytes - count else { return false }
        let needed = count + bytes.count
        if needed > capacity {
            let larger = max(needed, min(2 * capacity, HTTPFailure.maxBodyBytes))
            guard let moved = WipingAllocator.reallocate(base, larger) else { return false }
            base = moved
            capacity = larger
        }
        if let base, let source = bytes.baseAddress {
            (base + count).copyMemory(from: source, byteCount: bytes.count)
        }
        count = needed
        return true
    }

    /// Begins anew, for a reply after a provisional one.
    mutating func clear() { count = 0 }

    var secret: Secret { Secret(UnsafeRawBufferPointer(start: base, count: count)) }
}
