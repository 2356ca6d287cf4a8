internal import Connections
internal import JSON
internal import Runtime

/// The query of a provider's callback, as its host hands it on. All of it is third parties' text: anybody may have written
/// the URL that the browser opened.
struct CallbackQuery: Sendable {
    /// Why there is no code.
    struct Refusal: Sendable {
        /// `error` (RFC 6749 section 4.1.2.1): one line of at most 64 characters.
        let code: String?
        /// `error_description`: one line of at most 512 characters.
        let description: String?
    }

    /// A string node; nil with a refusal.
    let code: JSON?
    let refusal: Refusal?
    let iss: String?
    /// All others, decoded. One that stands there with different values is not.
    let parameters: [ID: String]

    /// - Throws: `invalid_request` when there is neither a code nor an error, `provider_error` when there are two codes.
    init(_ request: Request) throws(ConnError) {
        var parameters: [ID: String] = [:]
        for (name, value) in request["parameters"]?.members ?? [] { parameters[ID(name)] = value.oneText }
        self.parameters = parameters
        refusal = Refusal(request)
        guard refusal == nil else {
            code = nil
            iss = request["iss"]?.texts.first
            return
        }
        code = try request["code"]?.one("code")
        iss = try request["iss"]?.one("iss")?.string
        guard let code, code.string != "" else { throw .invalid("code", "is missing") }
    }

    /// The parameters that its host names apart, under the names that they have in the query.
    static func namedApart(_ request: Request) -> [ID: String] {
        var parameters: [ID: String] = [:]
        for (field, name) in [
            ("state", "state"), ("code", "code"), ("iss", "iss"), ("error", "error"),
            ("errorDescription", "error_description"),
        ] {
            if let value = request[field]?.oneText { parameters[ID(name)] = value }
        }
        return parameters
    }
}

extension CallbackQuery.Refusal {
    /// Nil when the callback is none. With an `error` it is one, whatever else it has.
    fileprivate init?(_ request: Request) {
        let words = [request["errorDescription"]] + Self.wordNames.map { request["parameters"]?[$0] }
        let described = words.lazy.compactMap { $0?.texts.first { !$0.isEmpty } }.first
        let codes = request["error"]?.texts.filter { !$0.isEmpty } ?? []
        let hasCode = request["code"].map { $0.texts.contains { !$0.isEmpty } } ?? false
        guard !codes.isEmpty || request["error"]?.kind == .object || (described != nil && !hasCode) else { return nil }
        let redaction = request.redaction
        code = codes.first.flatMap { redaction.clean($0, maxCharacters: 64)?.onOneLine }
        description = described.flatMap { redaction.clean($0, maxCharacters: 512)?.onOneLine }
    }

    /// Where else than in `error_description` providers say why.
    private static let wordNames = ["error_description", "error_message", "error_reason"]
}

extension ConnError {
    /// This error with what the provider said in the callback.
    func telling(_ refusal: CallbackQuery.Refusal?) -> ConnError {
        var error = self
        error.errorCode = refusal?.code ?? errorCode
        error.errorDescription = refusal?.description ?? errorDescription
        return error
    }
}

extension JSON {
    /// The text, or those of an array: what stood in a query once, or more often.
    fileprivate var texts: [String] { string.map { [$0] } ?? elements.compactMap(\.string) }

    /// Nil when there is none, or when they differ.
    fileprivate var oneText: String? {
        guard let first = texts.first, texts.allSatisfy({ ID($0) == ID(first) }) else { return nil }
        return first
    }

    /// The string node.
    fileprivate func one(_ field: String) throws(ConnError) -> JSON? {
        guard kind != .string else { return self }
        let nodes = elements.filter { $0.kind == .string }
        guard let first = nodes.first, nodes.allSatisfy({ $0.equals(first) }) else {
            if nodes.isEmpty { return nil }
            throw ConnError(.providerError, "the callback has more than one \(field)", field: field)
        }
        return first
    }
}

extension String {
    /// White space, which a line end has become too, is one space between words.
    fileprivate var onOneLine: String { split(separator: " ").joined(separator: " ") }
}
