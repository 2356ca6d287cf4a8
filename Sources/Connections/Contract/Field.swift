internal import HTTP
package import JSON
internal import Runtime

/// One field of a request, or one member of an answer, as data: what checks a request, and what `describe` tells.
package struct Field: Sendable {
    package indirect enum Kind: Sendable {
        /// 1 to `maxBytes` bytes, no control characters.
        case string(maxBytes: Int = 2048)
        /// Like `string`, but "" is allowed and means "none".
        case clearableSecret
        /// 1 to 64 KiB bytes; never in a log or an error.
        case secret
        /// An absolute URL of any scheme a user's browser may be sent to.
        case redirectURL
        /// An https URL, or an http URL of this machine.
        case endpointURL
        case integer(ClosedRange<Int64>, Unit = .count)
        case boolean
        case oneOf(Enumeration)
        /// Always this value: it tells the alternatives of an answer apart.
        case literal(Literal)
        /// An array of strings like `string`, at most 256.
        case strings
        /// An object of strings like `string`, but "" is allowed; at most 64, with names of 1 to 128 bytes.
        case texts
        /// An object of strings like `secret`, at most 16, with names like those of fields.
        case secrets
        case object(ObjectType)
        /// What a third party said. Whoever uses it takes what it can of it, and cleans that.
        case foreign(Foreign)
        /// An object of any members, for somebody else to check.
        case anyObject
        /// Any value.
        case any
        /// An array of objects, at most `maxCount`.
        case objects(ObjectType, maxCount: Int = .max)

        /// What an answer counts.
        static let count = Kind.integer(0...Int64.max)
        /// A duration in an answer.
        static let seconds = Kind.integer(0...Int64.max, .seconds)
        /// A moment in an answer.
        static let epochSeconds = Kind.integer(0...Int64.max, .epochSeconds)
    }

    /// What a third party usually says in a field, by the type that `describe` names. But for the texts it may be any JSON
    /// value.
    package enum Foreign: String, Sendable {
        /// A query's parameter.
        case text = "query_value"
        case secret = "secret_query_value"
        /// An object whose members are such parameters.
        case texts = "query_values"
        case string
        /// As `string`, and never in a log or an error.
        case secretString = "secret"
        /// A string of digits, or the number that they are.
        case digits
        case object
    }

    /// What an integer counts.
    package enum Unit: String, Sendable, CaseIterable {
        case count, seconds, milliseconds, days, bytes
        /// Since 1970.
        case epochSeconds = "epoch_seconds"
        /// Since 1970.
        case epochMilliseconds = "epoch_milliseconds"
    }

    package var name: String
    package var kind: Kind
    /// In a request: it must be there. In an answer: it always is, from the backends that answer it.
    package var required: Bool
    /// The backends that know this field.
    package var backends: [BackendKind]
    package var about: String
    /// A typical value, for documentation.
    package var example: Literal?

    package init(
        _ name: String, _ kind: Kind, required: Bool = false, backends: [BackendKind] = BackendKind.allCases,
        _ about: String, example: Literal? = nil
    ) {
        self.name = name
        self.kind = kind
        self.required = required
        self.backends = backends
        self.about = about
        self.example = example
    }
}

// MARK: - Checking

extension Field {
    /// Checks an object's members against its fields: none unknown, none missing, each of its kind.
    /// - Parameter path: the object's own path with a dot after it, or "".
    static func check(
        _ object: JSON, against fields: [Field], path: String, backend: BackendKind
    ) throws(ConnError) {
        for (key, value) in object.members {
            guard let field = fields.first(where: { ID($0.name) == ID(key) }) else {
                if let name = nearest(to: key, in: fields.map(\.name)) {
                    throw .invalid(path + printable(key), "is not a field here; did you mean \(name)?")
                }
                guard isName(key) else { throw .unnamed(in: path) }
                throw .invalid(path + key, "is not a field here")
            }
            guard value.kind != .null else { continue }
            guard field.backends.contains(backend) else {
                throw .invalid(path + key, "is not for the \(backend.rawValue) backend")
            }
            try field.kind.check(value, path: path + key, backend: backend)
        }
        for field in fields where field.required && field.backends.contains(backend) && object[field.name] == nil {
            throw .invalid(path + field.name, "is missing")
        }
    }

    /// Whether a value is one of this field's.
    func takes(_ value: JSON, backend: BackendKind) -> Bool {
        guard backends.contains(backend) else { return false }
        do throws(ConnError) {
            try kind.check(value, path: name, backend: backend)
            return true
        } catch {
            return false
        }
    }

    /// Checks the config of `open`; what is wrong with it is `invalid_config`.
    package static func checkConfig(
        _ config: JSON, against fields: [Field], backend: BackendKind
    ) throws(ConnError) {
        do {
            try check(config, against: fields, path: "", backend: backend)
        } catch {
            var error = error
            error.code = .invalidConfig
            throw error
        }
    }

    private static func printable(_ key: String) -> String {
        String(key.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
    }

    /// Whether a key that nobody knows looks like a name, and not like a secret in the wrong place, and may be shown:
    /// at most 32 letters and underscores.
    package static func isName(_ key: String) -> Bool {
        key.utf8.count <= 32
            && key.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 || $0 == UInt8(ascii: "_") }
    }
}

extension ConnError {
    /// A field that nobody knows, and whose name is not shown.
    /// - Parameter path: of the object that it is in, with a dot after it, or "".
    fileprivate static func unnamed(in path: String) -> ConnError {
        let object = path.dropLast()
        return ConnError(
            .invalidRequest,
            "\(object.isEmpty ? "the object" : object) holds what is not a field here; it is not shown, since it does not "
                + "look like a name", field: object.isEmpty ? nil : String(object))
    }
}

extension Field.Kind {
    fileprivate func check(_ value: JSON, path: String, backend: BackendKind) throws(ConnError) {
        switch self {
        case .string(let maxBytes):
            try Self.checkText(value, path: path, bytes: 1...maxBytes)
        case .secret:
            try Self.checkText(value, path: path, bytes: 1...65536)
        case .clearableSecret:
            try Self.checkText(value, path: path, bytes: 0...65536)
        case .redirectURL:
            try Self.checkText(value, path: path, bytes: 1...2048)
            guard let url = value.string.flatMap(URL.init), url.isSafeRedirect else {
                throw .invalid(path, "is not an absolute URL that a browser may be sent to")
            }
        case .endpointURL:
            try Self.checkText(value, path: path, bytes: 1...2048)
            guard let url = value.string.flatMap(URL.init), url.isSecureEndpoint else {
                throw .invalid(path, "is not an https URL (http is for this machine only)")
            }
        case .integer(let range, _):
            guard let integer = value.integer else { throw .invalid(path, "must be an integer") }
            guard range.contains(integer) else {
                throw .invalid(path, "must be from \(range.lowerBound) to \(range.upperBound)")
            }
        case .boolean:
            guard value.kind == .boolean else { throw .invalid(path, "must be true or false") }
        case .oneOf(let enumeration):
            let values = enumeration.values
            guard let string = value.string else { throw .invalid(path, "must be a string") }
            guard values.contains(where: { ID($0) == ID(string) }) else {
                throw .invalid(path, "must be one of \(values.joined(separator: ", "))")
            }
        case .literal(let literal):
            guard value.equals(literal.json) else {
                throw .invalid(path, "must be \(literal.json.string ?? "what the table says")")
            }
        case .strings:
            guard value.kind == .array else { throw .invalid(path, "must be an array of strings") }
            let elements = value.elements
            guard elements.count <= 256 else { throw .invalid(path, "has more than 256 elements") }
            for (index, element) in elements.enumerated() {
                try Self.checkText(element, path: "\(path)[\(index)]", bytes: 1...2048)
            }
        case .texts:
            guard value.kind == .object else { throw .invalid(path, "must be an object of strings") }
            let members = value.members
            guard members.count <= 64 else { throw .invalid(path, "has more than 64 members") }
            for (key, member) in members {
                guard (1...128).contains(key.utf8.count) else { throw .invalid(path, "has a name of no use") }
                try Self.checkText(member, path: Field.isName(key) ? "\(path).\(key)" : path, bytes: 0...2048)
            }
        case .secrets:
            guard value.kind == .object else { throw .invalid(path, "must be an object of strings") }
            let members = value.members
            guard members.count <= 16 else { throw .invalid(path, "has more than 16 members") }
            for (key, member) in members {
                guard Field.isName(key), !key.isEmpty else { throw .unnamed(in: path + ".") }
                try Self.checkText(member, path: "\(path).\(key)", bytes: 1...65536)
            }
        case .object(let type):
            guard value.kind == .object else { throw .invalid(path, "must be an object") }
            try Field.check(value, against: type.fields, path: path + ".", backend: backend)
        case .foreign(.texts):
            guard value.kind == .object else { throw .invalid(path, "must be an object of strings") }
        case .anyObject:
            guard value.kind == .object else { throw .invalid(path, "must be an object") }
        case .any, .foreign:
            break
        case .objects(let type, let maxCount):
            guard value.kind == .array else { throw .invalid(path, "must be an array of objects") }
            let elements = value.elements
            guard elements.count <= maxCount else { throw .invalid(path, "has more than \(maxCount) elements") }
            for (index, element) in elements.enumerated() {
                guard element.kind == .object else { throw .invalid("\(path)[\(index)]", "must be an object") }
                try Field.check(element, against: type.fields, path: "\(path)[\(index)].", backend: backend)
            }
        }
    }

    var isForeign: Bool { if case .foreign = self { true } else { false } }

    private static func checkText(_ value: JSON, path: String, bytes range: ClosedRange<Int>) throws(ConnError) {
        let problem: String?? = value.withStringBytes { bytes in
            if bytes.count < range.lowerBound { return "must not be empty" }
            if bytes.count > range.upperBound { return "is longer than \(range.upperBound) bytes" }
            return bytes.contains { $0 < 0x20 || $0 == 0x7F } ? "holds a control character" : nil
        }
        guard let problem else { throw .invalid(path, "must be a string") }
        if let problem { throw .invalid(path, problem) }
    }
}

/// The candidate that `name` is a slip of the pen from, if one is that near.
func nearest(to name: String, in candidates: [String]) -> String? {
    guard name.utf8.count <= 64 else { return nil }
    let limit = max(1, min(3, name.utf8.count / 3))
    return candidates.map { ($0, editDistance(name.lowercased(), $0.lowercased())) }
        .filter { $0.1 <= limit }
        .min { $0.1 < $1.1 }?.0
}

/// How many bytes to insert, drop, change or swap with their neighbour (optimal string alignment).
private func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    var before: [Int] = []
    var above = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var least = min(above[j] + (a[i] == b[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, before[j - 1] + 1) }
            row.append(least)
        }
        (before, above) = (above, row)
    }
    return above[b.count]
}
