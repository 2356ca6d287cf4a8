internal import JSON
internal import Runtime

/// What an Authorization header brings: `Bearer P`, `Bearer P:X` or `Bearer P:X:KEY`, where P is a project and X a JWT or a
/// management key. The Java SDK sends a JWT alone at times.
struct Authorization: Sendable {
    enum Credential: Sendable {
        /// String nodes.
        case jwt(JSON)
        case managementKey(JSON)
    }

    /// Nil where the header names none.
    let projectID: ID?
    /// Nil where it brings nothing but the project.
    let credential: Credential?

    /// - Returns: nil for what is no such header.
    init?(_ header: JSON) {
        let parts: [JSON]?? = header.withStringBytes { bytes in
            guard let space = bytes.firstIndex(of: UInt8(ascii: " ")),
                bytes[..<space].elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 })
            else { return nil }
            return bytes[space...].drop { $0 == UInt8(ascii: " ") }
                .split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
                .compactMap { JSON.string(bytes: UnsafeRawBufferPointer(rebasing: $0)) }
        }
        guard let parts = parts ?? nil, let first = parts.first else { return nil }
        if parts.count == 1, Self.isJWT(first) {
            projectID = nil
            credential = .jwt(first)
        } else {
            projectID = first.id
            let given = parts.dropFirst().first { $0.withStringBytes { !$0.isEmpty } ?? false }
            credential = given.map { Self.isJWT($0) ? .jwt($0) : .managementKey($0) }
        }
    }

    private static func isJWT(_ text: JSON) -> Bool {
        text.withStringBytes { bytes in bytes.count { $0 == UInt8(ascii: ".") } == 2 } ?? false
    }
}
