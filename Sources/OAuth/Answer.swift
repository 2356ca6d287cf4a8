import Connections
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
    /// Values of the object that gave way to another one of the same name.
    private let replaced: [(path: String, value: JSON)]

    init(_ response: HTTPResponse) {
        status = response.status
        headers = response.headers
        let type = (response.headers["content-type"] ?? "").lowercased()
        (body, replaced) = response.body.withBytes { Self.read($0, type: type) }
    }

    /// Whether a member stands there more than once, with different values: nobody knows which of them is meant.
    func isAmbiguous(_ path: String) -> Bool { replaced.contains { ID($0.path) == ID(path) } }

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
    /// - Parameter tokenPaths: where the provider has access tokens. Whatever has such a name is one.
    func secrets(_ tokenPaths: [String]) -> [JSON] {
        func name(_ path: String) -> String { path.split(separator: ".").last.map(String.init) ?? path }
        let names = tokenPaths.map(name)
        return (object.map { ForeignSecrets.inside($0, or: names) } ?? [])
            + replaced.flatMap { ForeignSecrets.named(name($0.path), $0.value, or: names) }
    }

    private static func code(_ node: JSON?) -> String? {
        if let text = node?.string { return text.isEmpty ? nil : text }
        return node?.integer.flatMap { $0 == 0 ? nil : String($0) }
    }

    /// What the body is, it says itself: servers that answer JSON, or a form, call it what they like.
    private static func read(
        _ bytes: UnsafeRawBufferPointer, type: String
    ) -> (body: Body, replaced: [(path: String, value: JSON)]) {
        let bytes = trimmed(bytes)
        guard let first = bytes.first else { return (.empty, []) }
        if first == UInt8(ascii: "<") { return (.html, []) }
        let read = first == UInt8(ascii: "{") ? try? JSON.parseLeniently(bytes) : JSON.form(bytes)
        if let read { return (.object(read.value), read.replaced) }
        return (type.hasPrefix("text/html") ? .html : .unreadable, [])
    }

    /// The text without a byte order mark, and without white space and NUL around it.
    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) || $0 == 0 }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var rest = bytes.drop(while: isBlank)
        if rest.starts(with: mark) { rest = rest.dropFirst(mark.count).drop(while: isBlank) }
        while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
        return UnsafeRawBufferPointer(rebasing: rest)
    }
}
