import Connections
import HTTP
import JSON
import Runtime

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
    /// A body that is nothing but words: text, or a JSON string. They may be an error's.
    private let plainText: JSON?
    /// Values of the object that gave way to another one of the same name.
    private let replaced: [LenientJSON.Replaced]

    init(_ response: HTTPResponse) {
        status = response.status
        headers = response.headers
        let type = (response.headers["content-type"] ?? "").lowercased()
        (body, replaced) = response.body.withBytes { Self.read($0, type: type) }
        plainText = if case .unreadable = body { response.body.withBytes(Self.words) } else { nil }
    }

    /// Whether a member stands there more than once, or an object around it does, with different values for it: nobody
    /// knows which of them is meant.
    func isAmbiguous(_ path: String) -> Bool {
        let names = path.split(separator: ".").map { ID(String($0)) }
        let value = object?[path: path]
        return replaced.contains { replaced in
            let depth = replaced.parent.count
            guard depth < names.count, ID(replaced.name) == names[depth],
                zip(replaced.parent, names).allSatisfy({ ID($0) == $1 })
            else { return false }
            let rest = names.dropFirst(depth + 1).map(\.text).joined(separator: ".")
            guard let other = replaced.value[path: rest] else { return false }
            return value.map { !other.equals($0) } ?? true
        }
    }

    /// The body's object.
    var object: JSON? {
        if case .object(let object) = body { return object }
        return nil
    }

    /// The object's own members that stand there more than once, with different values.
    var ambiguousMembers: [String] { replaced.filter(\.parent.isEmpty).map(\.name) }

    /// The object without these.
    var plainObject: JSON? {
        guard let object, case let ambiguous = ambiguousMembers, !ambiguous.isEmpty else { return object }
        let plain = object.shallowCopy()
        for name in ambiguous { plain.remove(name) }
        return plain
    }

    /// 2xx, an object, and no error in it: some providers send errors with 200.
    var isSuccess: Bool {
        guard (200...299).contains(status), let object else { return false }
        return error == nil && object["ok"]?.boolean != false
    }

    /// The error's code, wherever providers put it. Nil when there is none: some providers send an `error` with each answer,
    /// and nothing, 0 or "ok" in it where all went well. Of several, one that is an error counts.
    var error: String? {
        let others = replaced.filter { $0.parent.isEmpty && ID($0.name) == "error" }.map(\.value)
        let listed = object?.elements.compactMap { $0["error"] } ?? []
        return ([object?["error"]].compactMap { $0 } + others + listed).lazy.compactMap(Self.error).first
            ?? challenge
    }

    /// The error of a challenge for a bearer token (RFC 6750 section 3.1), where the body has none.
    private var challenge: String? {
        guard status == 401, let text = headers["www-authenticate"] else { return nil }
        for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) where part.hasPrefix("error=") {
            let code = part.dropFirst("error=".count).filter { $0 != "\"" }
            if !code.isEmpty, code.utf8.count <= 64 { return String(code) }
        }
        return nil
    }

    private static func error(_ node: JSON) -> String? {
        switch node.kind {
        case .object:
            if let code = code(node["code"]) ?? code(node["type"]) ?? code(node["error"]) { return code }
            return isGood(node["code"] ?? node["type"]) || isBlank(node) ? nil : "error"
        case .array: return isBlank(node) ? nil : node.elements.lazy.compactMap(error).first ?? "error"
        case .boolean: return isBlank(node) ? nil : "error"
        case .string, .integer, .real, .null: return code(node)
        }
    }

    /// What are error's codes if this is an error at all: some providers number all of their answers.
    var unmarkedCodes: [String] {
        ["code", "error_code", "errorCode"].compactMap { Self.code(object?[$0]) }
            + ["errors", "data.error"].compactMap { object?[path: $0].flatMap(Self.error) }.filter { $0 != "error" }
    }

    /// What may be an error's code at one of these paths.
    func codes(at paths: [String]) -> [String] { paths.compactMap { Self.code(object?[path: $0]) } }

    /// The error's words: a string node.
    var errorDescription: JSON? { words.first { $0.kind == .string } }

    /// Wherever providers put an error's words.
    private var words: [JSON] {
        Self.wordPaths.compactMap { object?[path: $0] } + [plainText].compactMap { $0 }
    }

    private static let wordPaths = [
        "error_description", "error.message", "message", "error_message", "errors.0.message", "reason", "detail",
    ]

    /// So much of an error's words is looked at. Bytes.
    private static let maxWords = 4096

    private static func start(of text: String) -> String {
        String(decoding: text.utf8.prefix(maxWords), as: UTF8.self).asciiLowercased
    }

    /// Words that may be a code in a place where words belong, in small letters.
    var wordCodes: [String] { words.compactMap(\.string).map { Self.start(of: $0).trimmed } }

    /// All that an error says, for those who must look for words in it, in small letters.
    func texts(at paths: [String]) -> [String] {
        (words.compactMap(\.string) + [error].compactMap { $0 } + codes(at: paths)).map(Self.start)
    }

    /// What no error may repeat, should the answer be one all the same.
    /// - Parameter tokenPaths: where the provider has access tokens. Whatever has such a name is one.
    func secrets(_ tokenPaths: [String]) -> [JSON] {
        let names = tokenPaths.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
        return (object.map { ForeignSecrets.inside($0, or: names) } ?? [])
            + replaced.flatMap { ForeignSecrets.named($0.name, $0.value, or: names) }
    }

    private static func code(_ node: JSON?) -> String? {
        guard let node, !isBlank(node), !isGood(node) else { return nil }
        return node.string?.trimmed ?? node.wholeNumber.map { String($0) }
    }

    private static func isGood(_ node: JSON?) -> Bool {
        node?.number == 0 || node?.number == 200
            || node?.string?.saysNoError == true
    }

    /// Whether a value says nothing: an empty text, false, 0, and what holds nothing but these.
    private static func isBlank(_ node: JSON) -> Bool {
        switch node.kind {
        case .object: node.members.allSatisfy { isBlank($0.value) }
        case .array: node.elements.allSatisfy(isBlank)
        case .string: node.string?.trimmed.isEmpty ?? true
        case .boolean: node.boolean == false
        case .integer, .real: node.number == 0
        case .null: true
        }
    }

    /// What the body is, it says itself: servers that answer JSON, or a form, call it what they like.
    private static func read(
        _ bytes: UnsafeRawBufferPointer, type: String
    ) -> (body: Body, replaced: [LenientJSON.Replaced]) {
        let bytes = trimmed(bytes)
        guard let first = bytes.first else { return (.empty, []) }
        if first == UInt8(ascii: "<") { return (.html, []) }
        let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        let read = isJSON ? try? JSON.parseLeniently(bytes) : JSON.form(bytes)
        if let read { return (.object(read.value), read.replaced) }
        return (type.hasPrefix("text/html") ? .html : .unreadable, [])
    }

    /// A short text, without the quotes around it if it is a JSON string.
    private static func words(_ bytes: UnsafeRawBufferPointer) -> JSON? {
        let text = trimmed(bytes)
        guard (1...maxWords).contains(text.count) else { return nil }
        let isQuoted = text.count > 1 && text.first == UInt8(ascii: "\"") && text.last == UInt8(ascii: "\"")
        return JSON.string(bytes: isQuoted ? UnsafeRawBufferPointer(rebasing: text.dropFirst().dropLast()) : text)
    }

    /// The text without a byte order mark, and without white space and NUL around it.
    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let isBlank: (UInt8) -> Bool = { $0.isASCIISpace || $0 == 0 }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var rest = bytes.drop(while: isBlank)
        if rest.starts(with: mark) { rest = rest.dropFirst(mark.count).drop(while: isBlank) }
        while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
        return UnsafeRawBufferPointer(rebasing: rest)
    }
}
