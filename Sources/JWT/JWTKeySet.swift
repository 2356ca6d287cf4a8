internal import JSON
internal import Runtime

/// The keys of an issuer (RFC 7517 section 5).
struct JWTKeySet: Sendable {
    private static let maxCount = 100
    private let keys: [JWTKey]

    /// - Returns: nil when it is no set, or has no key of use.
    init?(_ json: JSON) {
        keys = (json["keys"]?.elements ?? []).prefix(Self.maxCount).compactMap(JWTKey.init)
        if keys.isEmpty { return nil }
    }

    /// The keys that may have signed: those of the id that a JWT's header names; without one, the only one that there is.
    func candidates(_ id: ID?) -> [JWTKey] {
        guard let id else { return keys.count == 1 ? keys : [] }
        return keys.filter { $0.id == id }
    }
}
