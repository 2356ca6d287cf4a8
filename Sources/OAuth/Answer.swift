import HTTP
import JSON
import Memory

/// A response of one of the provider's endpoints, read as far as it can be.
struct Answer {
    enum Body {
        case empty
        /// JSON, or a form made into the same shape.
        case object(JSON)
        /// A page for people, from something that stands between.
        case html
        case unreadable
    }

    let status: Int
    let headers: [ID: String]
    let body: Body

    init(_ response: HTTPResponse) {
        status = response.status
        headers = response.headers
        let type = (response.headers["content-type"] ?? "").lowercased()
        body = response.body.withBytes { Self.read($0, type: type) }
    }

    /// The body's object.
    var object: JSON? {
        if case .object(let object) = body { return object }
        return nil
    }

    /// 2xx, an object, and no error in it: some providers send errors with 200.
    var isSuccess: Bool {
        guard (200...299).contains(status), let object else { return false }
        return error == nil && object["ok"]?.boolean != false
    }

    /// The error's code, wherever providers put it. Nil when there is none.
    var error: String? {
        guard let error = object?["error"] else { return nil }
        switch error.kind {
        case .object: return Self.code(error["code"]) ?? Self.code(error["type"]) ?? "error"
        case .boolean: return error.boolean == true ? "error" : nil
        default: return Self.code(error)
        }
    }

    /// What is an error's code if this is an error at all: some providers number all of their answers.
    var unmarkedCode: String? { Self.code(object?["code"]) }

    /// What may be an error's code at one of these paths.
    func codes(at paths: [String]) -> [String] { paths.compactMap { Self.code(object?[path: $0]) } }

    /// The error's words: a string node.
    var errorDescription: JSON? { words.first { $0.kind == .string } }

    /// Wherever providers put an error's words.
    private var words: [JSON] {
        Self.wordPaths.compactMap { object?[path: $0] }
    }

    private static let wordPaths = [
        "error_description", "error.message", "message", "error_message", "errors.0.message", "reason",
    ]

    /// All that an error says, for those who must look for words in it.
    func texts(at paths: [String]) -> [String] {
        (words.compactMap(\.string) + [error].compactMap { $0 } + codes(at: paths)).map(\.asciiLowercased)
    }

    /// What no error may repeat, should the answer be one all the same.
    var secrets: [JSON] { object.map(Self.secrets) ?? [] }

    private static func secrets(in object: JSON) -> [JSON] {
        object.members.flatMap { name, value in
            let isSecret = name.hasSuffix("_token") || name.hasSuffix("_secret") || name == "device_code"
            return isSecret ? [value] : secrets(in: value)
        }
    }

    private static func code(_ node: JSON?) -> String? {
        if let text = node?.string { return text.isEmpty ? nil : text }
        return node?.integer.flatMap { $0 == 0 ? nil : String($0) }
    }

    private static func read(_ bytes: UnsafeRawBufferPointer, type: String) -> Body {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        guard let first = bytes.first(where: { !isSpace($0) }) else { return .empty }
        if first == UInt8(ascii: "<") || type.hasPrefix("text/html") { return .html }
        if first == UInt8(ascii: "{") {
            return (try? JSON.parse(bytes)).map(Body.object) ?? .unreadable
        }
        // Old replies are forms, and not all of them say so.
        guard !type.hasPrefix("application/json"), let form = JSON.form(bytes) else { return .unreadable }
        return .object(form)
    }
}
