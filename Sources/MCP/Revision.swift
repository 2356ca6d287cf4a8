internal import Connections

/// A revision of MCP. Their names are dates, and sort as such.
struct Revision: Sendable, Comparable {
    /// Brought elicitation by URL, and the error that asks for it.
    static let urlElicitation = Revision(name: "2025-11-25")
    /// Brought multi round-trip requests and `resultType`, in place of that error.
    static let roundTrips = Revision(name: "2026-07-28")

    private let name: String

    private init(name: String) { self.name = name }

    /// - Throws: when the name is no date.
    init(_ name: String) throws(ConnError) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let isDate =
            name.utf8.count == 10
            && name.utf8.enumerated().allSatisfy { index, byte in
                index == 4 || index == 7 ? byte == UInt8(ascii: "-") : digits.contains(byte)
            }
        guard isDate else { throw .invalid("protocolVersion", "is no revision of MCP, such as 2026-07-28") }
        self.name = name
    }

    static func < (a: Revision, b: Revision) -> Bool { a.name < b.name }
}
