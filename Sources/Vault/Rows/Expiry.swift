internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// Rows that have expired go whoever's they are: calls that make rows or write some remove a few, the first to expire of
/// each family, and `retention.sweep` all of them.
final class Expiry: Sendable {
    private let rows: Rows
    private let clock: Clock
    private let pending: PendingGrants

    init(rows: Rows, clock: Clock, pending: PendingGrants) {
        self.rows = rows
        self.clock = clock
        self.pending = pending
    }

    /// So long after its expiry a row goes that another process may be at work with: clocks of processes differ. Seconds.
    static let clockMargin: Int64 = 900

    /// So many of a family go at a time.
    private static let fewExpired = 8

    /// Removes a few rows that have expired along with a change.
    /// - Returns: whether it found some.
    @discardableResult
    func expire(_ change: inout Change) throws(ConnError) -> Bool {
        let reads = RowFamily.expiring.map { StoreRead.scan(prefix: $0.prefix, limit: Self.fewExpired) }
        var found = false
        var seen: Set<[UInt8]> = []
        for stored in try change.reader.read(reads).joined() where hasExpired(RowKeys.expiry(stored.key)) {
            found = true
            if RowFamily(of: stored.key)?.isWaiting ?? false {
                change.writes += try pending.removal(ofWaiting: stored, change.reader)
                continue
            }
            // Several may name one row.
            guard let key = RowKeys.named(by: stored.key), seen.insert(key).inserted,
                let named = try change.reader.stored(key)
            else {
                change.remove(stored.key, expecting: .any)
                continue
            }
            try expire(named, namedBy: stored.key, &change)
        }
        return found
    }

    /// Another process, whose clock is behind, may be at work with a row that expires just now.
    /// - Parameter expiry: seconds since 1970.
    private func hasExpired(_ expiry: Int64) -> Bool { expiry + Self.clockMargin <= clock.seconds }

    private func expire(_ stored: StoredRow, namedBy name: [UInt8], _ change: inout Change) throws(ConnError) {
        guard RowFamily(of: stored.key) != .heldGrants else {
            // What revokes it waits in the outbox since it was made.
            change.remove(stored.key, expecting: .any)
            return change.remove(name, expecting: .any)
        }
        let row: Row<TokenRecord>? = try change.reader.readable(stored)
        // It may have been brought again since.
        if row.map({ hasExpired($0.value.unverifiedUntil) }) ?? true {
            change.remove(stored.key, expecting: .version(stored.version))
            // Of an earlier version's nobody knows whether the connection is yet the one that it was brought to.
            if let row, RowFamily(of: stored.key) == .unverified { try revokeIfLost(row.value, &change) }
        }
        change.remove(name, expecting: .any)
    }

    /// Whoever this is done by the way for is not to fail because of rows that do not open.
    private func revokeIfLost(_ token: TokenRecord, _ change: inout Change) throws(ConnError) {
        do throws(ConnError) {
            if try isLost(token, change.reader) { try pending.revoke(token, &change) }
        } catch {
            guard error.code == .internal else { throw error }
            Log.write(.warning, "a token of \(token.appID) that was being verified is not revoked: \(error.message)")
        }
    }

    /// Whether nobody has what is left of a token that was being verified. Whoever brought it has it yet if it was never
    /// used, and may have brought it in another way since.
    private func isLost(_ token: TokenRecord, _ reader: RowReader) throws(ConnError) -> Bool {
        guard token.refresh.mayBeUsed, let refreshToken = token.refreshToken else { return false }
        let kept: OpenedRows<TokenRecord> = try reader.all(reader.keys.tokens(of: token.subject, at: token.appID))
        return !kept.whole.contains { $0.value.refreshToken?.equals(refreshToken) == true }
    }

    /// Removes a few rows that have expired, after a call that did something else: it never fails.
    func help() throws(ConnError) -> Step<Void> {
        try rows.change(once: true) { [self] (change) throws(ConnError) in _ = try expire(&change) }
            .result { (result) throws(ConnError) in
                if case .failure(let error) = result, error.code != .conflict {
                    Log.write(.warning, "expired rows were not removed: \(error.message)")
                }
                return .done(())
            }
    }

    /// Removes all rows that have expired.
    func expireAll() throws(ConnError) -> Step<Void> {
        try rows.change { [self] (change) throws(ConnError) in try expire(&change) }
            .then { [self] (found) throws(ConnError) in found ? try expireAll() : expireUnnamed() }
    }

    /// The grants that earlier versions held for a code: no other row names them.
    private func expireUnnamed() -> Step<Void> {
        rows.pages(RowKeys.heldGrants, into: ()) { [self] (_, page, _) throws(ConnError) in
            let expired = page.map(\.key).filter { hasExpired(RowKeys.heldGrantExpiry($0)) }
            return rows.commit(expired.map { .remove($0, expecting: .any) })
        }
    }
}

extension RefreshState {
    /// Whether the refresh token that the row began with may have been used: a request left, or is about to.
    var mayBeUsed: Bool { lease != nil || hasLostReply || lastTime != nil }
}
