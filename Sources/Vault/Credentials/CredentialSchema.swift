internal import Connections
internal import JSON
internal import Runtime

/// What users enter at a connection of type apikey: the settings `credentials` and `credentialCheck`.
struct CredentialSchema: Sendable {
    struct Entry: Sendable {
        let name: ID
        let isOptional: Bool
        let pattern: CredentialPattern?
    }

    private let entries: [Entry]
    let check: CredentialCheck?

    /// - Parameter settings: a connection's.
    init(_ settings: JSON) throws(ConnError) {
        var entries: [Entry] = []
        for (index, field) in (settings["credentials"]?.elements ?? []).enumerated() {
            let path = "credentials[\(index)]"
            let name = field["name"]?.id ?? ""
            guard Field.isName(name.text) else { throw .invalid("\(path).name", "must be letters and underscores") }
            guard !entries.contains(where: { $0.name == name }) else {
                throw .invalid("\(path).name", "stands there twice")
            }
            let isOptional = field["optional"]?.boolean ?? false
            guard !isOptional || name != CredentialName.key else {
                throw .invalid("\(path).optional", "cannot be true of apiKey")
            }
            let pattern = try field["pattern"]?.string.map { (text) throws(ConnError) in
                guard let pattern = CredentialPattern(text) else {
                    throw .invalid("\(path).pattern", "is no regular expression that can be used here")
                }
                return pattern
            }
            entries.append(Entry(name: name, isOptional: isOptional, pattern: pattern))
        }
        guard entries.isEmpty || entries.contains(where: { $0.name == CredentialName.key }) else {
            throw .invalid("credentials", "must have a field called apiKey")
        }
        self.entries = entries.isEmpty ? [Entry(name: CredentialName.key, isOptional: false, pattern: nil)] : entries
        check = try settings["credentialCheck"].map { [entries = self.entries] (json) throws(ConnError) in
            try CredentialCheck(json, fields: entries.map(\.name))
        }
    }

    /// - Parameter others: by name.
    /// - Throws: `invalid_request`, with the field that is wrong, and never with what it holds.
    func credential(_ apiKey: JSON?, _ others: JSON?) throws(ConnError) -> Credential {
        guard let apiKey else { throw .invalid(CredentialName.key.text, "is missing") }
        let given = others ?? .object()
        for (name, _) in given.members
        where !entries.contains(where: { $0.name == ID(name) }) || ID(name) == CredentialName.key {
            throw .invalid("credentials.\(name)", "is no credential of this connection")
        }
        let kept = JSON.object()
        for entry in entries {
            let isKey = entry.name == CredentialName.key
            let field = CredentialName.field(of: entry.name).text
            guard let value = isKey ? apiKey : given[entry.name.text] else {
                if entry.isOptional { continue }
                throw .invalid(field, "is missing")
            }
            guard entry.pattern?.matches(value) ?? true else { throw .invalid(field, "does not match its pattern") }
            if !isKey { kept.set(entry.name.text, value) }
        }
        return Credential(apiKey: apiKey, others: kept.members.isEmpty ? nil : kept)
    }
}
