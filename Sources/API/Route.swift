internal import Connections
internal import JSON
internal import Runtime

/// An endpoint: a row of the table.
struct Route: Sendable {
    typealias Handler = @Sendable (APIBackend, Call, Caller) throws(ConnError) -> Step<JSON>

    enum Access: Sendable {
        /// With a management key.
        case managers
        /// And with a JWT.
        case users
        /// And from a browser, with what its user is signed in by.
        case browsers
    }

    let method: ID
    let path: Path
    let access: Access
    let perform: Handler

    init(_ method: ID, _ path: String, for access: Access = .managers, _ perform: @escaping Handler) {
        self.method = method
        self.path = Path(path)
        self.access = access
        self.perform = perform
    }
}

/// A path by its parts. Slashes at its ends and beside others do not count: a base URL may end in one.
struct Path: Sendable {
    private let parts: [ID]

    init(_ text: String) { parts = text.split(separator: "/").map { ID(String($0)) } }

    /// Whether a request's path is this one. `{id}`, at the end, stands for the rest.
    /// - Returns: what `{id}` stands for, "" where there is none; nil if it is not this one.
    func match(_ other: Path) -> String? {
        guard parts.last == "{id}" else { return parts == other.parts ? "" : nil }
        let fixed = parts.count - 1
        guard other.parts.count > fixed, other.parts.prefix(fixed).elementsEqual(parts.prefix(fixed)) else {
            return nil
        }
        return other.parts.dropFirst(fixed).map(\.text).joined(separator: "/")
    }
}
