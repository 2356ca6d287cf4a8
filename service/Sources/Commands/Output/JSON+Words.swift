import DescopeConn

extension JSON {
    /// The value in a line for people; nil for null.
    var words: String? {
        switch self {
        case .null: nil
        case .bool(let value): value ? "yes" : "no"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): value
        case .array(let values): values.map { $0.words ?? "" }.joined(separator: " ")
        case .object(let members):
            members.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.words ?? "")" }.joined(separator: " ")
        }
    }

    /// The members in the order of `first`, and the others by their names.
    func members(first: [String]) -> [(name: String, value: String?)] {
        guard case .object(let members) = self else { return [] }
        let names = first.filter { members[$0] != nil } + members.keys.filter { !first.contains($0) }.sorted()
        return names.map { ($0, members[$0]?.words) }
    }
}
