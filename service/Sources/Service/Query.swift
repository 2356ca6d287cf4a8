import DescopeConn

/// The query of a URL, or a form's body, as `application/x-www-form-urlencoded`.
public struct Query: Equatable, Sendable {
    public private(set) var parameters: [String: [String]] = [:]

    public init(_ text: some StringProtocol) {
        for pair in text.split(separator: "&").prefix(256) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            parameters[Self.decoded(parts[0]), default: []].append(parts.count > 1 ? Self.decoded(parts[1]) : "")
        }
    }

    /// Of a URL.
    init(ofURL url: String) { self.init(url.firstIndex(of: "?").map { url[url.index(after: $0)...] } ?? "") }

    /// A parameter that stands there once, and is not empty.
    subscript(name: String) -> String? {
        guard let values = parameters[name], values.count == 1, !values[0].isEmpty else { return nil }
        return values[0]
    }

    /// A parameter as `complete` takes it: an array where it stood more than once.
    public mutating func take(_ name: String) -> JSON? { parameters.removeValue(forKey: name).map(Self.json) }

    /// The parameters that were not taken.
    public var rest: [String: JSON] { parameters.mapValues(Self.json) }

    private static func json(_ values: [String]) -> JSON {
        values.count == 1 ? .string(values[0]) : .array(values.map(JSON.string))
    }

    private static func decoded(_ text: some StringProtocol) -> String {
        String(
            decoding: PercentEncoding.decode(text.utf8.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }),
            as: UTF8.self)
    }
}
