import JSON
import Runtime

/// An object of the catalogue, or of a connection's settings. A member of the wrong kind is a problem.
struct Row {
    /// Where the data is wrong.
    struct Problem: Error { var place: String }

    private let object: JSON

    init(_ object: JSON) { self.object = object }

    func value(_ key: String) throws(Problem) -> JSON? { try read(key) { $0 } }

    func string(_ key: String) throws(Problem) -> String? { try read(key) { $0.string } }

    func required(_ key: String) throws(Problem) -> String {
        guard let value = try string(key) else { throw Problem(place: key) }
        return value
    }

    func boolean(_ key: String) throws(Problem) -> Bool? { try read(key) { $0.boolean } }

    func integer(_ key: String) throws(Problem) -> Int64? { try read(key) { $0.integer } }

    func strings(_ key: String) throws(Problem) -> [String]? { try read(key) { $0.strings } }

    /// One of an enumeration's raw values.
    func choice<Choice: RawRepresentable<String>>(_ key: String) throws(Problem) -> Choice? {
        try read(key) { $0.string.flatMap(Choice.init(rawValue:)) }
    }

    func row(_ key: String) throws(Problem) -> Row? {
        try read(key) { $0.kind == .object ? Row($0) : nil }
    }

    /// An object's objects, by name.
    func rows(_ key: String) throws(Problem) -> [(name: String, row: Row)] {
        guard let object = object[key] else { return [] }
        return object.members.map { ($0.key, Row($0.value)) }
    }

    /// An object's strings, by name.
    func pairs(_ key: String) throws(Problem) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for (name, value) in object[key]?.members ?? [] {
            guard let value = value.string else { throw Problem(place: "\(key).\(name)") }
            pairs.append((name, value))
        }
        return pairs
    }

    func names(_ key: String) throws(Problem) -> [ID: String] {
        Dictionary(try pairs(key).map { (ID($0.name), $0.value) }) { $1 }
    }

    private func read<Value>(_ key: String, _ value: (JSON) -> Value?) throws(Problem) -> Value? {
        guard let node = object[key] else { return nil }
        guard let value = value(node) else { throw Problem(place: key) }
        return value
    }
}
