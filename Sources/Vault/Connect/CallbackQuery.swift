internal import Connections
internal import JSON
internal import OAuth
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

    /// "" where the provider has not sent it back, or sent several.
    let state: String
    /// A string node; nil with a refusal.
    let code: JSON?
    let refusal: Refusal?
    let iss: String?
    /// All others, decoded. One that stands there with different values is not.
    let parameters: [ID: String]
    /// All values of each that stands there with different ones.
    let repeated: [ID: [String]]

    /// - Throws: `invalid_request` when there is neither a code nor a refusal, or no state though there is no refusal;
    ///   `provider_error` when there are two codes.
    init(_ request: Request) throws(ConnError) {
        var parameters: [ID: String] = [:]
        var repeated: [ID: [String]] = [:]
        for (name, value) in request["parameters"]?.members ?? [] {
            parameters[ID(name)] = value.oneText
            if parameters[ID(name)] == nil { repeated[ID(name)] = value.saidTexts }
        }
        self.parameters = parameters
        self.repeated = repeated
        refusal = Refusal(request)
        state = request["state"]?.oneText ?? ""
        guard refusal == nil else {
            code = nil
            iss = request["iss"]?.saidTexts.first
            return
        }
        guard request["state"]?.saidTexts.isEmpty == false else { throw .invalid("state", "is missing") }
        code = try request["code"]?.one("code")
        iss = try request["iss"]?.one("iss")?.string
        guard code != nil else { throw .invalid("code", "is missing") }
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
    /// Nil when the callback is none. With an `error` it is one, whatever else it has; without a code, whatever else says so.
    fileprivate init?(_ request: Request) {
        let parameters = request["parameters"]?.members ?? []
        func texts(_ field: String?, or names: [String]) -> [String] {
            let named = names.flatMap { name in parameters.filter { ID($0.key.asciiLowercased) == ID(name) } }
            return (field.flatMap { request[$0]?.saidTexts } ?? []) + named.flatMap(\.value.saidTexts)
        }
        let errors = texts("error", or: ["error"]).filter { !$0.onOneLine.saysNoError }
        let codes = errors + texts(nil, or: Self.codeNames)
        let words = texts("errorDescription", or: Self.wordNames)
        let others = parameters.filter { $0.key.asciiLowercased.utf8.starts(with: "err".utf8) }.flatMap(
            \.value.saidTexts)
        let hasCode = request["code"]?.codes.isEmpty == false
        guard !errors.isEmpty || !hasCode && !(codes + words + others).isEmpty else { return nil }
        let secrets = parameters.flatMap { ForeignSecrets.named($0.key, $0.value, or: ["code"]) }
        let redaction = request.redaction.adding(secrets)
        let told = codes.first ?? (words.isEmpty ? others.first : nil)
        code = told.flatMap { redaction.clean($0, maxCharacters: 64)?.onOneLine }
        description = words.first.flatMap { redaction.clean($0, maxCharacters: 512)?.onOneLine }
    }

    /// Where else than in `error` providers name what is wrong; in lower case.
    private static let codeNames = [
        "error_code", "errorcode", "errcode", "error_subcode", "error_reason", "reason", "denied",
    ]
    /// Where else than in `error_description` they say why.
    private static let wordNames = [
        "error_description", "error_message", "errormessage", "errordescription", "errmsg", "error_reason", "message",
    ]
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
    /// What stood in a query once, or more often, and was not empty.
    fileprivate var saidTexts: [String] { foreignTexts.compactMap(\.string).filter { !$0.isEmpty } }

    /// String nodes that say something.
    fileprivate var codes: [JSON] { kind == .object ? [] : foreignTexts.filter { $0.string != "" } }

    /// Nil when there is none, or when they differ.
    fileprivate var oneText: String? {
        let texts = kind == .object || kind == .boolean ? [] : foreignTexts.compactMap(\.string)
        guard let first = texts.first, texts.allSatisfy({ ID($0) == ID(first) }) else { return nil }
        return first
    }

    /// The string node; nil when there is none.
    fileprivate func one(_ field: String) throws(ConnError) -> JSON? {
        guard let first = codes.first else { return nil }
        guard codes.allSatisfy({ $0.equals(first) }) else {
            throw ConnError(.providerError, "the callback has more than one \(field)", field: field)
        }
        return first
    }
}

extension String {
    /// White space, which a line end has become too, is one space between words.
    fileprivate var onOneLine: String { split(separator: " ").joined(separator: " ") }
}
