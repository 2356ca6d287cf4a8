internal import Glibc

/// Memory that is overwritten before it is freed: JSON trees, answers and secrets live in it.
///
/// A block carries its size in front of itself, so that `free` knows how much to wipe. Blocks are aligned for any type.
package enum WipingAllocator {
    private static let header = 16

    /// - Returns: a block of `size` bytes, or nil when out of memory. Release it with ``free(_:)``.
    package static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let (total, overflow) = size.addingReportingOverflow(header)
        guard size >= 0, !overflow, let base = malloc(total) else { return nil }
        base.storeBytes(of: size, as: Int.self)
        return base + header
    }

    /// Wipes and frees a block that came from ``allocate(_:)``. Nil is a no-op.
    package static func free(_ block: UnsafeMutableRawPointer?) {
        guard let block else { return }
        let base = block - header
        explicit_bzero(base, base.load(as: Int.self) + header)
        Glibc.free(base)
    }

    /// Moves a block to one of another size; the old one is wiped and freed. Nil: out of memory, and the old one stays.
    package static func reallocate(
        _ block: UnsafeMutableRawPointer?, _ size: Int
    ) -> UnsafeMutableRawPointer? {
        guard let moved = allocate(size) else { return nil }
        if let block {
            moved.copyMemory(from: block, byteCount: min(size, (block - header).load(as: Int.self)))
            free(block)
        }
        return moved
    }

    /// A block of `count` times `size` zero bytes, or nil when out of memory.
    package static func allocateZeroed(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
        let (total, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, let block = allocate(total) else { return nil }
        memset(block, 0, total)
        return block
    }

    /// A copy of a C string, or nil when out of memory.
    package static func duplicate(_ text: UnsafePointer<CChar>?) -> UnsafeMutablePointer<CChar>? {
        guard let text else { return nil }
        return copy(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    /// A block with `count` bytes of `bytes`, and a zero byte after them that the length does not count.
    package static func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutablePointer<CChar>? {
        guard let block = allocate(bytes.count + 1) else { return nil }
        if let source = bytes.baseAddress { block.copyMemory(from: source, byteCount: bytes.count) }
        block.storeBytes(of: 0, toByteOffset: bytes.count, as: UInt8.self)
        return block.assumingMemoryBound(to: CChar.self)
    }
}
