internal import Connections
internal import JSON
internal import Runtime

/// A client whose declared capabilities are not what its users get: a row of `clients.json`.
struct KnownClient: Sendable {
    /// What the client may call itself in `clientInfo`.
    let names: [ID]
    /// The first version that is so. Nil: from the beginning.
    let from: ClientVersion?
    /// The first version that is not so any more. Nil: none yet.
    let before: ClientVersion?
    /// Whether users are shown the URLs that they are asked to open. Nil: as declared.
    let opensURLs: Bool?
    /// Whether MCP Apps are shown. Nil: as declared.
    let showsApps: Bool?

    /// - Returns: nil when the data is wrong.
    init?(_ row: JSON) {
        guard let names = row["names"]?.strings, !names.isEmpty else { return nil }
        self.names = names.map { ID($0) }
        from = row["from"]?.string.flatMap(ClientVersion.init)
        before = row["before"]?.string.flatMap(ClientVersion.init)
        opensURLs = row["opensUrls"]?.boolean
        showsApps = row["showsApps"]?.boolean
        guard (row["from"] == nil) == (from == nil), (row["before"] == nil) == (before == nil) else { return nil }
        guard opensURLs != nil || showsApps != nil else { return nil }
    }

    /// A row with a range is not about a client that does not say its version: what that one declares is believed.
    func matches(_ name: ID, _ version: ClientVersion?) -> Bool {
        guard names.contains(name) else { return false }
        if from == nil, before == nil { return true }
        guard let version else { return false }
        return (from.map { $0 <= version } ?? true) && (before.map { version < $0 } ?? true)
    }

    static let all: [KnownClient] = {
        do {
            let document = try PackageResources.clients_json.withUnsafeBytes { try JSON.parse($0) }
            return (document["clients"]?.elements ?? []).map { row in
                guard let client = KnownClient(row) else { fatalError("clients.json is not what it should be") }
                return client
            }
        } catch {
            // The data is part of this library, and the tests read all of it.
            fatalError("clients.json is not what it should be: \(error)")
        }
    }()

    /// The rows that are about a client, as its requests name it.
    /// - Parameter info: MCP's `Implementation`, of which `name` and `version` count. Nil: it does not say.
    static func rows(for info: JSON?) -> [KnownClient] {
        guard let name = info?["name"]?.id else { return [] }
        let version = info?["version"]?.string.flatMap(ClientVersion.init)
        return all.filter { $0.matches(name, version) }
    }
}

/// The numbers of a client's version: `1.109.0-insider` is 1, 109, 0.
struct ClientVersion: Sendable, Comparable {
    private let numbers: [Int]

    /// - Returns: nil when the text does not begin with a number.
    init?(_ text: String) {
        var numbers: [Int] = []
        for part in text.drop(while: { $0 == "v" }).split(separator: ".", omittingEmptySubsequences: false).prefix(4) {
            let digits = part.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits) else { break }
            numbers.append(number)
            if digits.endIndex != part.endIndex { break }
        }
        guard !numbers.isEmpty else { return nil }
        while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
        self.numbers = numbers
    }

    static func < (a: ClientVersion, b: ClientVersion) -> Bool { a.numbers.lexicographicallyPrecedes(b.numbers) }
}
