import DescopeConn

/// What is wrong with the service's settings, or with what it needs to begin. Never holds a secret.
public struct ServiceError: Error {
    public let message: String

    init(_ message: String) { self.message = message }
}

/// An object of the settings: every member must be known, and of its type.
struct SettingsReader {
    private let members: [String: JSON]
    /// The object's own path with a dot after it, or "".
    private let path: String

    /// - Parameter known: the names that members may have.
    init(_ json: JSON, at path: String = "", known: [String]) throws {
        guard case .object(let members) = json else {
            throw ServiceError(path.isEmpty ? "the settings must be a JSON object" : "\(path) must be an object")
        }
        self.members = members
        self.path = path.isEmpty ? "" : path + "."
        if let unknown = members.keys.sorted().first(where: { !known.contains($0) }) {
            let isName = unknown.utf8.count <= 32 && unknown.allSatisfy { $0.isASCII && $0.isLetter }
            throw ServiceError(
                isName
                    ? "\(self.path)\(unknown) is not a setting; known are \(known.joined(separator: ", "))"
                    : "a member is not a setting; it is not shown, since it does not look like a name")
        }
    }

    func json(_ name: String) -> JSON? { members[name].flatMap { $0 == .null ? nil : $0 } }

    func string(_ name: String) throws -> String? {
        guard let value = json(name) else { return nil }
        guard case .string(let text) = value, !text.isEmpty else { throw ServiceError("\(path)\(name) must be a text") }
        return text
    }

    func strings(_ name: String) throws -> [String]? {
        guard let value = json(name) else { return nil }
        guard case .array(let elements) = value else { throw ServiceError("\(path)\(name) must be an array of texts") }
        return try elements.map { element in
            guard case .string(let text) = element else {
                throw ServiceError("\(path)\(name) must be an array of texts")
            }
            return text
        }
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = json(name) else { return nil }
        guard case .integer(let number) = value, range.contains(number) else {
            throw ServiceError("\(path)\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func object(_ name: String, known: [String]) throws -> SettingsReader? {
        try json(name).map { try SettingsReader($0, at: path + name, known: known) }
    }
}
