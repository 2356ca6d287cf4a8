internal import Connections
internal import JSON
internal import OAuth
internal import Runtime

/// What discovery documents said, for an hour; and that there was none, or none of use, for some seconds. Whoever asks for
/// one that somebody of this process is asking for waits for that.
final class Discoveries: Sendable {
    /// Milliseconds.
    private static let lifetime = 3_600_000
    /// Milliseconds. Short: whoever has mended a server tries it again, and who asked last may have had little time.
    private static let failureLifetime = 5_000
    /// More of them are not kept: the one that ends first gives way.
    private static let maxCount = 1024

    private struct Found {
        let document: Result<JSON, ConnError>
        let until: Deadline
    }

    private struct State {
        var found: [ID: Found] = [:]
        var flights: [ID: Flight] = [:]
    }

    private enum Entry {
        case found(Result<JSON, ConnError>)
        case follower(Flight)
        case leader(Flight.Leader)
    }

    private let state = Monitor(State())

    /// The provider with what its discovery document says.
    func fill(_ provider: Provider, clock: Clock) throws(ConnError) -> Step<Provider> {
        let urls = provider.discoveryURLs
        guard !urls.isEmpty else { return .done(provider) }
        // Which document is the right one depends on whose it must be.
        let key = ID(JSON.array([.strings(urls), .strings(provider.expectedIssuers)]).text)
        switch enter(key, now: clock.monotonic()) {
        case .found(let document):
            return .done(try provider.filled(from: try document.get()))
        case .follower(let flight):
            return .join(flight) { [self] () throws(ConnError) in try fill(provider, clock: clock) }
        case .leader(let leader):
            return try Step.attempt({ () throws(ConnError) in try OAuth.discoveryDocument(of: provider) }) {
                [self] (result) throws(ConnError) in
                // The flight lasts as long as this closure.
                try withExtendedLifetime(leader) { () throws(ConnError) in
                    let now = clock.monotonic()
                    var lifetime = Self.failureLifetime
                    defer { keep(result, at: key, until: now.adding(milliseconds: lifetime), now: now) }
                    let filled = try provider.filled(from: try result.get())
                    if filled.tokenURL != nil { lifetime = Self.lifetime }
                    return .done(filled)
                }
            }
        }
    }

    private func enter(_ key: ID, now: Deadline) -> Entry {
        state.withLock { state in
            if let found = state.found[key], now < found.until { return .found(found.document) }
            if let flight = state.flights[key] { return .follower(flight) }
            let leader = Flight.Leader { [weak self] in
                self?.state.withLock { _ = $0.flights.removeValue(forKey: key) }
            }
            state.flights[key] = leader.flight
            return .leader(leader)
        }
    }

    private func keep(_ document: Result<JSON, ConnError>, at key: ID, until: Deadline, now: Deadline) {
        state.withLock { state in
            if state.found[key] == nil, state.found.count >= Self.maxCount {
                state.found = state.found.filter { now < $0.value.until }
                if state.found.count >= Self.maxCount {
                    let first = state.found.min { $0.value.until < $1.value.until }
                    first.map { state.found[$0.key] = nil }
                }
            }
            state.found[key] = Found(document: document, until: until)
        }
    }
}
