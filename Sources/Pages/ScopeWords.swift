internal import Connections
internal import JSON
internal import Runtime

/// What the scopes of a provider of the catalogue allow, in words.
struct ScopeWords: Sendable {
    /// By scope, in its canonical spelling, and by language.
    private let words: [ID: JSON]
    private let prefixes: [String]
    private let ignoresCase: Bool

    /// - Parameter template: a row of the catalogue.
    init(_ template: JSON) {
        let rules = template["scopeRules"]
        let ignoresCase = rules?["ignoresCase"]?.boolean ?? false
        prefixes = rules?["prefixes"]?.strings ?? []
        self.ignoresCase = ignoresCase
        words = Dictionary(
            (template["scopeWords"]?.members ?? []).map { (Self.spelled($0.key, ignoresCase), $0.value) }
        ) { first, _ in first }
    }

    /// - Parameter language: without words in it there are English ones.
    func callAsFunction(_ scope: String, _ language: String) -> String? {
        let prefix = prefixes.first { scope.utf8.starts(with: $0.utf8) }
        let short = prefix.flatMap { String(scope.utf8.dropFirst($0.utf8.count)) }
        guard
            let found = words[Self.spelled(scope, ignoresCase)]
                ?? short.flatMap({ words[Self.spelled($0, ignoresCase)] })
        else { return nil }
        return (found[language] ?? found["en"])?.string
    }

    private static func spelled(_ scope: String, _ ignoresCase: Bool) -> ID {
        ID(ignoresCase ? scope.lowercased() : scope)
    }
}

extension PagesBackend {
    /// A connection with the catalogue's words for its scopes, where it is made from a provider of the catalogue.
    func withScopeWords(_ app: ShownApp, _ visit: Visit) throws(ConnError) -> Step<ShownApp> {
        guard kind == .vault, let template = app.templateID else { return .done(app) }
        return try Step.attempt({ () throws(ConnError) in
            try perform("templates.load", .object(["id": .string(template)]), for: visit)
        }) { (result) throws(ConnError) in
            var app = app
            app.scopeWords = (try? result.get())?["template"].map(ScopeWords.init)  // it may have left the catalogue
            return .done(app)
        }
    }
}
