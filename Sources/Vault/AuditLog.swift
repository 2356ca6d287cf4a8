internal import Connections
internal import Crypto
internal import JSON
internal import Memory

/// The audit: records that hang together by hashes, each committed with the change that it tells of.
///
/// All processes on a store write one chain. Its head counts the records and holds the last one's hash; it is changed by
/// compare-and-set in the same commit. The hashes' key comes from the vault's first row, so that nobody without the
/// vault's key makes a chain.
struct AuditLog: Sendable {
    enum Level: String, CaseIterable {
        case off
        /// What changes a grant, a connection or a key, and what hands out many tokens.
        case changes
        /// Every fetch and every refused operation too.
        case all
    }

    static let hashBytes = 32
    /// Stands before the first record.
    static let origin = [UInt8](repeating: 0, count: hashBytes)
    /// Records beyond their time that go with one commit.
    static let removalBatch = 16

    let level: Level
    /// Milliseconds; nil keeps records for good.
    let lifetime: Int64?
    let clock: Clock
    let turn = Monitor(())
    private let key: Secret

    init(hashKey: Secret, config: VaultConfig, clock: Clock) {
        key = Crypto.derive(1, "auditlog", from: hashKey)
        level = config.audit
        lifetime = config.auditDays.map { $0 * 86_400_000 }
        self.clock = clock
    }

    func hash(_ plain: Secret) -> [UInt8] {
        Crypto.keyedHash(plain.withBytes { Array($0) }, key: key, count: Self.hashBytes)
    }

    static func rowKey(_ sequence: Int64) -> [UInt8] {
        RowKeys.audit + RowKeys.bytes(sequence)
    }
}

extension Rows {
    func auditHead() throws(ConnError) -> Row<AuditHead> {
        guard let head: Row<AuditHead> = try get(RowKeys.auditHead) else {
            throw ConnError(.internal, "the audit's head is gone")
        }
        return head
    }

    /// What appends records, and removes a few whose time is over.
    func auditWrites(
        _ events: [AuditEvent], after row: Row<AuditHead>, _ ring: KeyRing
    ) -> [StoreWrite] {
        let now = audit.clock.milliseconds()
        var head = row.value
        var writes = removals(&head, now: now)
        for event in events {
            head.sequence += 1
            let record = AuditRecord(sequence: head.sequence, time: now, previous: head.hash, event: event)
            if head.firstTime == nil {
                (head.first, head.firstPrevious, head.firstTime) = (record.sequence, record.previous, now)
            }
            let plain = record.json.secret
            let key = AuditLog.rowKey(record.sequence)
            writes.append(.put(key, ring.seal(plain, boundTo: key), expecting: .absent))
            head.hash = audit.hash(plain)
        }
        let sealed = ring.seal(head.json.secret, boundTo: row.key)
        return writes + [.put(row.key, sealed, expecting: .version(row.version))]
    }

    /// A record that is not there, or does not open, is left for `audit.verify` to find.
    private func removals(_ head: inout AuditHead, now: Int64) -> [StoreWrite] {
        guard let lifetime = audit.lifetime else { return [] }
        var writes: [StoreWrite] = []
        while let time = head.firstTime, now - time > lifetime, writes.count < AuditLog.removalBatch {
            writes.append(.remove(AuditLog.rowKey(head.first), expecting: .any))
            if head.first == head.sequence {
                (head.first, head.firstPrevious, head.firstTime) = (head.sequence + 1, head.hash, nil)
                break
            }
            guard let next: Row<AuditRecord> = try? get(AuditLog.rowKey(head.first + 1)) else {
                writes.removeLast()
                break
            }
            (head.first, head.firstPrevious, head.firstTime) =
                (next.value.sequence, next.value.previous, next.value.time)
        }
        return writes
    }
}
