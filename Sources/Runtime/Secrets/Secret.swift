internal import Glibc

/// Bytes that are wiped when the last reference to them goes: keys, tokens on their way, request bodies with either.
///
/// Immutable once made, so it may be read from any thread. It has no textual form: interpolating one prints nothing.
package final class Secret: @unchecked Sendable {  // the buffer is written only before init returns
    private let buffer: UnsafeMutableRawBufferPointer

    package var count: Int { buffer.count }

    /// - Parameter fill: writes exactly `count` bytes.
    package init<Failure: Error>(
        count: Int, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        buffer = .allocate(byteCount: count, alignment: 16)
        try fill(buffer)
    }

    package convenience init(_ bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    package convenience init(_ text: String) {
        self.init(text.utf8)
    }

    deinit {
        if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
        buffer.deallocate()
    }

    /// The bytes, for the time of the call.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(buffer))
    }

    /// The bytes, valid for as long as this object: for C that keeps a pointer beyond a call.
    package var unsafeBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(buffer) }

    /// Whether both hold the same bytes, in a time that depends on their lengths alone.
    package func equals(_ other: Secret) -> Bool {
        constantTimeEqual(UnsafeRawBufferPointer(buffer), UnsafeRawBufferPointer(other.buffer))
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Whether both hold the same bytes, in a time that depends on their lengths alone.
package func constantTimeEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for index in 0..<a.count { difference |= a[index] ^ b[index] }
    return difference == 0
}
