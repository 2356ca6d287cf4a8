/// The trace that a call belongs to, as a `traceparent` header names it (W3C Trace Context, section 3.2). It is passed on to
/// the servers that the call asks, as it came: no span of its own is begun.
package struct TraceParent: Sendable {
    package let text: String

    /// - Parameter header: nil comes of what is no such header. One of a later version is taken for the parts that all
    ///   versions have.
    package init?(_ header: String) {
        let bytes = Array(header.utf8.prefix(Self.length + 1))
        guard bytes.count >= Self.length, bytes.count == Self.length || bytes[Self.length] == Self.dash else {
            return nil
        }
        let parts = bytes.prefix(Self.length).split(separator: Self.dash, omittingEmptySubsequences: false)
        guard parts.map(\.count) == Self.lengths, parts.allSatisfy({ $0.allSatisfy(Self.isDigit) }),
            !parts[1].allSatisfy({ $0 == Self.zero }), !parts[2].allSatisfy({ $0 == Self.zero })
        else { return nil }
        let version = String(decoding: parts[0], as: UTF8.self)
        guard version != "ff", version != "00" || bytes.count == Self.length else { return nil }
        text = "00" + String(decoding: bytes[2..<Self.length], as: UTF8.self)
    }

    /// Of the version, the trace's id, the parent's id and the flags, in hexadecimal digits.
    private static let lengths = [2, 32, 16, 2]
    private static let length = 55
    private static let dash = UInt8(ascii: "-")
    private static let zero = UInt8(ascii: "0")

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
