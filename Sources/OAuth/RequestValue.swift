import JSON
import Memory

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

    /// Whether `text` repeats the secret.
    func isRepeated(in text: String) -> Bool {
        if case .text = self { return false }
        return withBytes { value in
            let text = Array(text.utf8)
            guard value.count > 0, value.count <= text.count else { return false }
            return (0...(text.count - value.count)).contains { text[$0..<($0 + value.count)].elementsEqual(value) }
        }
    }
}
