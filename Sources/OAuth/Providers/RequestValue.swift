import JSON
import Runtime

/// A value in a request's body. A secret one stays in memory that is wiped, or in the JSON tree it came in.
enum RequestValue: Sendable {
    case text(String)
    case secret(Secret)
    /// A string node.
    case node(JSON)

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch self {
        case .text(let text):
            var text = text
            return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        case .secret(let secret):
            return secret.withBytes(body)
        case .node(let node):
            return node.withStringBytes(body) ?? body(UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    /// Nil when the bytes are no UTF-8.
    var json: JSON? {
        if case .node(let node) = self { return node }
        return withBytes { JSON.string(bytes: $0) }
    }

    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    var secret: Secret? {
        if case .secret(let secret) = self { secret } else { nil }
    }

    var node: JSON? {
        if case .node(let node) = self { node } else { nil }
    }
}
