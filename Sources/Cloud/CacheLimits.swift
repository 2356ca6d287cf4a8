internal import Connections
internal import JSON

/// How much the cache of tokens keeps, and for how long. The config's `cache`.
package struct CacheLimits: Sendable {
    /// How long a token is answered without asking Descope. Milliseconds.
    package let ttl: Int
    /// How long it is remembered that there is no token. Milliseconds; 0: not at all.
    package let missingTTL: Int
    package let maxEntries: Int

    static let type = ObjectType(
        "CacheLimits", "How much is kept, and for how long.",
        [
            Field("ttlSeconds", .integer(1...3600, .seconds), required: true, "How long a token is kept."),
            Field(
                "missingTtlSeconds", .integer(0...60, .seconds),
                "How long it is remembered that there is no token. 2 by default, at most ttlSeconds."),
            Field("maxEntries", .integer(1...10_000), "The most that is kept. 1000 by default."),
        ])

    /// - Parameter config: was checked.
    init(_ config: JSON) {
        func integer(_ name: String, default value: Int) -> Int {
            config[name]?.integer.flatMap(Int.init(exactly:)) ?? value
        }
        let seconds = integer("ttlSeconds", default: 1)
        ttl = seconds * 1000
        missingTTL = min(integer("missingTtlSeconds", default: 2), seconds) * 1000
        maxEntries = integer("maxEntries", default: 1000)
    }
}
