internal import Connections
internal import HTTP
internal import JSON
internal import Memory
internal import OAuth

/// What discovery documents said, for an hour.
final class Discoveries: Sendable {
    /// Milliseconds.
    private static let lifetime = 3_600_000
    /// More of them are not kept.
    private static let maxCount = 1024

    private struct Found {
        let document: JSON
        let until: Deadline
    }

    private let found = Monitor<[ID: Found]>([:])

    /// - Parameter url: the provider's discovery URL.
    func fill(_ provider: Provider, from url: String, clock: Clock) throws(ConnError) -> Step<Provider> {
        let now = clock.monotonic()
        let kept = found.withLock { found in
            found[ID(url)].flatMap { now < $0.until ? $0.document : nil }
        }
        if let kept { return .done(try provider.filled(from: kept)) }
        return try OAuth.discoveryDocument(of: provider).then { [self] (document) throws(ConnError) in
            let filled = try provider.filled(from: document)
            found.withLock { found in
                if found.count >= Self.maxCount { found = found.filter { now < $0.value.until } }
                if found.count < Self.maxCount {
                    found[ID(url)] = Found(document: document, until: now.adding(milliseconds: Self.lifetime))
                }
            }
            return .done(filled)
        }
    }
}
