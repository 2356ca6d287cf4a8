internal import Connections
internal import Runtime

/// Refreshes that this process has in flight, one for each row.
final class Flights: Sendable {
    enum Entry {
        /// The caller does the work, for as long as it holds the leader.
        case leader(Flight.Leader)
        /// Somebody else does.
        case follower(Flight)
    }

    private let flights = Monitor<[[UInt8]: Flight]>([:])

    /// The refresh of a row that this process has in flight.
    subscript(key: [UInt8]) -> Flight? { flights.withLock { $0[key] } }

    func enter(_ key: [UInt8]) -> Entry {
        flights.withLock { flights in
            if let flight = flights[key] { return .follower(flight) }
            let leader = Flight.Leader { [weak self] in
                self?.flights.withLock { _ = $0.removeValue(forKey: key) }
            }
            flights[key] = leader.flight
            return .leader(leader)
        }
    }
}
