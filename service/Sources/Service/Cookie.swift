import HTTPTypes

/// A cookie of the service's own. Over https its name begins with `__Host-`, so that no neighbouring host can set it.
struct Cookie: Sendable {
    let name: String
    private let isSecure: Bool

    init(_ name: String, isSecure: Bool) {
        self.name = isSecure ? "__Host-\(name)" : name
        self.isSecure = isSecure
    }

    /// - Parameter seconds: 0 takes it away.
    func setting(_ value: String, seconds: Int) -> String {
        "\(name)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : "")
    }

    /// - Returns: nil where it is absent, empty or there twice.
    func value(in fields: HTTPFields) -> String? { Self.value(of: name, in: fields) }

    static func value(of name: String, in fields: HTTPFields) -> String? {
        let values = fields[values: .cookie].flatMap { $0.split(separator: ";") }.compactMap { pair -> Substring? in
            let parts = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 && parts[0] == name ? parts[1] : nil
        }
        return values.count == 1 && !values[0].isEmpty ? String(values[0]) : nil
    }
}
