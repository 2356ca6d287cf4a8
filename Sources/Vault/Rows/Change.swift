internal import Connections
internal import JSON
internal import Store

/// What an operation is about to commit, and the rows that it has read to decide so.
struct Change: Sendable {
    let reader: RowReader
    /// All of them or none are kept.
    var writes: [StoreWrite] = []
    /// What the audit says of it.
    var events: [AuditEvent] = []
    /// Whether it is kept also while the audit is damaged, and then without a record.
    var allowsAuditGap = false
    /// Called when the store has taken it, before anybody is told.
    var whenWritten: (@Sendable () -> Void)?

    var keys: RowKeys { reader.keys }

    mutating func put(_ record: some Record, at key: [UInt8], expecting: StoreWrite.Expectation) {
        writes.append(reader.first.seal(record, at: key, expecting: expecting))
    }

    mutating func remove(_ key: [UInt8], expecting: StoreWrite.Expectation) {
        writes.append(.remove(key, expecting: expecting))
    }
}

extension Rows {
    /// How often a change is made again while others change the same rows in between.
    private static let maxAttempts = 32

    /// Writes what depends on no row that is read first. A conflict is an error.
    /// - Parameter binds: what follows it must finish.
    func commit(
        _ writes: [StoreWrite], recording events: [AuditEvent] = [], allowsAuditGap: Bool = false, binds: Bool = false
    ) -> Step<Void> {
        let commit = committer.commit(writes, recording: events, allowsAuditGap: allowsAuditGap)
        if commit.isEmpty { return .done(()) }
        return .queued(commit, binds: binds) { (result) throws(ConnError) in .done(try result.get()) }
    }

    /// Makes a change: `body` reads and says what to write, and again whenever one of the rows has changed meanwhile. An
    /// empty one is not written.
    /// - Parameters:
    ///   - once: a conflict is told, as an error.
    ///   - binds: what follows it must finish.
    func change<Value: Sendable>(
        once: Bool = false, binds: Bool = false,
        _ body: @escaping @Sendable (inout Change) throws(ConnError) -> Value
    ) -> Step<Value> {
        change(attemptsLeft: once ? 0 : Self.maxAttempts, binds: binds, body)
    }

    private func change<Value: Sendable>(
        attemptsLeft: Int, binds: Bool, _ body: @escaping @Sendable (inout Change) throws(ConnError) -> Value
    ) -> Step<Value> {
        read { [self] (reader) throws(ConnError) in
            var change = Change(reader: reader)
            let value = try body(&change)
            let commit = committer.commit(
                change.writes, recording: change.events, allowsAuditGap: change.allowsAuditGap)
            if commit.isEmpty { return .done(value) }
            commit.whenWritten = change.whenWritten
            return .queued(commit, binds: binds) { [self] (result) throws(ConnError) in
                guard case .failure(let error) = result else { return .done(value) }
                guard error.code == .conflict, attemptsLeft > 0 else { throw error }
                guard attemptsLeft > 1 else { throw ConnError(.unavailable, "the vault's row keeps changing") }
                let again = self.change(attemptsLeft: attemptsLeft - 1, binds: binds, body)
                let isEarly = attemptsLeft > Self.maxAttempts - 2
                return isEarly
                    ? again : .pause(milliseconds: .random(in: 1...20)) { () throws(ConnError) in again }
            }
        }
    }
}
