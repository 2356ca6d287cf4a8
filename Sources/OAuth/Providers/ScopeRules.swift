import Runtime

/// What a provider makes of the names of scopes. To RFC 6749 section 3.3 they are opaque text; providers rename them in
/// their replies, leave some out, and answer one that covers several.
///
/// Names here are patterns with at most one `*`, which stands for any text but none, and for the same in what belongs to it.
package struct ScopeRules: Sendable {
    /// Other names of a scope, by the one that it goes by here.
    package var aliases: [(name: String, target: String)] = []
    /// What a name may begin with that means nothing, such as that of the resource which is meant without it.
    package var prefixes: [String] = []
    /// By a scope, others that it covers.
    package var implied: [(name: String, targets: [String])] = []
    /// Scopes that replies may leave out: they are granted if they were asked for.
    package var unnamed: [String] = []
    package var ignoresCase = false
    /// A scope that a reply does not name was not granted. False: what the reply says is not to be relied on, and all that
    /// was asked for counts.
    package var repliesAreComplete = true

    package init() {}
}

extension ScopeRules {
    init(_ row: Row) throws(Row.Problem) {
        aliases = try row.pairs("aliases").map { ($0.name, $0.value) }
        prefixes = try row.strings("prefixes") ?? []
        implied = try row.pairs("implies").map { ($0.name, Scopes.parse($0.value)) }
        unnamed = try row.strings("unnamed") ?? []
        ignoresCase = try row.boolean("ignoresCase") ?? false
        repliesAreComplete = try row.boolean("complete") ?? true
    }

    /// What a provider granted.
    package struct Grant: Sendable {
        /// As the provider named it.
        package var scopes: [String]
        /// Nil: nobody knows what was asked for.
        package var requested: [String]?

        package init(scopes: [String], requested: [String]? = nil) {
            self.scopes = scopes
            self.requested = requested
        }
    }

    /// Those of `wanted` that a grant does not cover, each once, in their order.
    package func missing(_ wanted: [String], from grant: Grant) -> [String] {
        let missing = Scopes.missing(wanted, from: grant.scopes)
        guard !missing.isEmpty else { return [] }
        let covered = Covered(grant.scopes + implicit(wanted, grant), by: self)
        return missing.filter { !covered.contains(canonical($0)) }
    }

    /// `scopes`, and those of `more` that they do not cover.
    package func union(_ scopes: [String], _ more: [String]) -> [String] {
        scopes + missing(more, from: Grant(scopes: scopes, requested: []))
    }

    /// Scopes that are granted though the reply does not name them.
    private func implicit(_ wanted: [String], _ grant: Grant) -> [String] {
        guard repliesAreComplete else { return grant.requested ?? [] }
        return (grant.requested ?? wanted).filter { scope in
            let name = canonical(scope)
            return unnamed.contains { Pattern(folded($0)).match(name) != nil }
        }
    }

    /// The name that a scope goes by here.
    fileprivate func canonical(_ scope: String) -> String {
        var name = folded(scope)
        if let prefix = prefixes.map(folded).first(where: { name.utf8.starts(with: $0.utf8) }) {
            name = String(decoding: name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
        }
        for (alias, target) in aliases {
            if let text = Pattern(folded(alias)).match(name) { return Pattern(folded(target)).filled(text) }
        }
        return name
    }

    fileprivate func folded(_ name: String) -> String { ignoresCase ? name.asciiLowercased : name }
}

/// What scopes cover, by the names that they go by here.
private struct Covered {
    /// A connection's own rules may go round in circles.
    private static let most = 1024

    private var names: Set<ID> = []
    private var patterns: [Pattern] = []

    init(_ scopes: [String], by rules: ScopeRules) {
        var found = scopes.map(rules.canonical)
        var next = 0
        while next < min(found.count, Self.most) {
            let name = found[next]
            next += 1
            guard names.insert(ID(name)).inserted else { continue }
            for (pattern, targets) in rules.implied {
                guard let text = Pattern(rules.folded(pattern)).match(name) else { continue }
                for target in targets {
                    let implied = Pattern(rules.folded(target)).filled(text)
                    if implied.utf8.contains(UInt8(ascii: "*")) {
                        patterns.append(Pattern(implied))
                    } else {
                        found.append(implied)
                    }
                }
            }
        }
    }

    func contains(_ name: String) -> Bool {
        names.contains(ID(name)) || patterns.contains { $0.match(name) != nil }
    }
}

/// A name in which one `*` stands for any text.
private struct Pattern {
    private let text: String

    init(_ text: String) { self.text = text }

    private var star: String.UTF8View.Index? { text.utf8.firstIndex(of: UInt8(ascii: "*")) }

    /// - Returns: what the `*` stands for, "" without one; nil when the name is another.
    func match(_ name: String) -> String? {
        guard let star else { return ID(name) == ID(text) ? "" : nil }
        let (before, after) = (text.utf8[..<star], text.utf8[star...].dropFirst())
        let bytes = name.utf8
        guard bytes.count > before.count + after.count, bytes.starts(with: before),
            bytes.reversed().starts(with: after.reversed())
        else { return nil }
        return String(decoding: bytes.dropFirst(before.count).dropLast(after.count), as: UTF8.self)
    }

    /// With that in place of the `*`; nothing in its place leaves it there.
    func filled(_ match: String) -> String {
        guard let star, !match.isEmpty else { return text }
        return String(
            decoding: Array(text.utf8[..<star]) + Array(match.utf8) + text.utf8[star...].dropFirst(), as: UTF8.self)
    }
}
