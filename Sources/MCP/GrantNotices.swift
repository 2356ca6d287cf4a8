internal import Connections
internal import JSON
internal import Runtime

/// Tells those who wait for a subject's grants when this process has stored one.
///
/// Grants that another process stored are found by looking from time to time.
final class GrantNotices: Sendable {
    private struct State {
        var nextID = 0
        var leaders: [Subject: [Int: Flight.Leader]] = [:]
    }

    private let state = Monitor(State())

    /// Lands at the subject's next grant. Whoever looks for a grant takes one first, so that none slips through between.
    final class Watch: Sendable {
        let flight: Flight
        private let notices: GrantNotices
        private let subject: Subject
        private let id: Int

        fileprivate init(_ notices: GrantNotices, _ subject: Subject) {
            let leader = Flight.Leader()
            flight = leader.flight
            self.notices = notices
            self.subject = subject
            id = notices.state.withLock { state in
                state.nextID += 1
                state.leaders[subject, default: [:]][state.nextID] = leader
                return state.nextID
            }
        }

        deinit {
            let leader = notices.state.withLock { state in
                defer { if state.leaders[subject]?.isEmpty == true { state.leaders[subject] = nil } }
                return state.leaders[subject]?.removeValue(forKey: id)
            }
            _ = consume leader  // it lands outside of the lock
        }
    }

    func watch(_ subject: Subject) -> Watch { Watch(self, subject) }

    /// Whose grants were stored by an operation that has succeeded.
    func announce(_ request: Request, _ answer: JSON) {
        switch request.operation {
        case "complete", "confirm", "device.poll": announce(answer)
        case "store_api_key", "store_token": announce(request.fields)
        case "store_tokens": for token in request["tokens"]?.elements ?? [] { announce(token) }
        default: break
        }
    }

    private func announce(_ object: JSON) {
        guard let subject = Subject(userID: object["userId"]?.id, tenantID: object["tenantId"]?.id) else {
            return
        }
        let leaders = state.withLock { $0.leaders.removeValue(forKey: subject) }
        _ = consume leaders  // they land outside of the lock
    }
}
