/// A revision of MCP. Their names are dates, and sort as such.
struct Revision: Sendable, Comparable {
    /// Brought elicitation by URL, and the error that asks for it.
    static let urlElicitation = Revision("2025-11-25")
    /// Brought multi round-trip requests and `resultType`, in place of that error.
    static let roundTrips = Revision("2026-07-28")

    private let name: String

    /// A name that is no date, such as a draft's, is older than all: its client is told in plain words.
    init(_ name: String) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let isDate =
            name.utf8.count == 10
            && name.utf8.enumerated().allSatisfy { index, byte in
                index == 4 || index == 7 ? byte == UInt8(ascii: "-") : digits.contains(byte)
            }
        self.name = isDate ? name : ""
    }

    static func < (a: Revision, b: Revision) -> Bool { a.name < b.name }
}
