import DescopeConn

/// What an import's file holds: Descope's batch of tokens, and the API keys that `export` adds to it.
struct Batches: Equatable {
    /// Each small enough for a request, and of users or of tenants alone, as Descope's cloud wants it.
    var tokens: [[JSON]] = []
    var apiKeys: [[String: JSON]] = []

    static let mostTokens = 100
    /// A request is at most 1 MiB.
    static let mostBytes = 512 << 10

    /// - Parameter file: `{"tokens": [...], "apiKeys": [...]}`, or an array of tokens.
    init(_ file: JSON, from origin: String) throws {
        let (tokens, apiKeys) = try Self.members(file, origin)
        for (index, key) in apiKeys.enumerated() {
            guard case .object(let fields) = key else {
                throw Failure(.usage, "apiKeys.\(index) of \(origin) is not an object")
            }
            self.apiKeys.append(fields)
        }
        let ofTenants = tokens.filter(Self.isOfTenant)
        let ofUsers = tokens.filter { !Self.isOfTenant($0) }
        self.tokens = try Self.split(ofUsers) + Self.split(ofTenants)
    }

    var count: Int { tokens.reduce(0) { $0 + $1.count } + apiKeys.count }

    private static func members(_ file: JSON, _ origin: String) throws -> ([JSON], [JSON]) {
        if case .array(let tokens) = file { return (tokens, []) }
        guard case .object(let members) = file, Set(members.keys).isSubset(of: ["tokens", "apiKeys"]) else {
            throw Failure(.usage, "\(origin) is not a batch: an object with tokens and apiKeys, or an array of tokens")
        }
        return (try array(members["tokens"], origin), try array(members["apiKeys"], origin))
    }

    private static func array(_ value: JSON?, _ origin: String) throws -> [JSON] {
        switch value {
        case nil, .null: return []
        case .array(let values): return values
        default: throw Failure(.usage, "tokens and apiKeys of \(origin) must be arrays")
        }
    }

    private static func isOfTenant(_ token: JSON) -> Bool {
        switch token["userId"] {
        case nil, .null, .string(""): true
        default: false
        }
    }

    private static func split(_ tokens: [JSON]) throws -> [[JSON]] {
        var batches: [[JSON]] = []
        var bytes = 0
        for token in tokens {
            let size = try JSONText.of(token, pretty: false).utf8.count
            if batches.isEmpty || batches[batches.count - 1].count == mostTokens || bytes + size > mostBytes {
                batches.append([])
                bytes = 0
            }
            batches[batches.count - 1].append(token)
            bytes += size
        }
        return batches
    }
}
