/// A project of Descope's, by its id: `P` and 27 letters and digits, and its region between the two where it has one.
package struct DescopeProject: Sendable {
    package let id: String

    /// - Returns: nil for an id that holds anything but ASCII letters and digits: it becomes part of URLs.
    package init?(_ id: String) {
        let isPlain = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: false
            }
        }
        guard isPlain else { return nil }
        self.id = id
    }

    /// Its API, by default. An id of 32 characters or more names its region in its characters 2 to 5, as in `Peuc1...`.
    package var baseURL: String {
        id.utf8.count < 32 ? "https://api.descope.com" : "https://api.\(id.dropFirst().prefix(4)).descope.com"
    }
}
