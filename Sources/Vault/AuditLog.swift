internal import Connections
internal import Crypto
internal import JSON
internal import Memory

/// The audit: records that hang together by hashes, each committed with the change that it tells of.
///
/// All processes on a store write one chain. Its head counts the records and holds the last one's hash; it changes in the
/// same commit, which goes through only if no record of that number is there. The hashes' key comes from the vault's first
/// row, so that nobody without the vault's key makes a chain.
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
    let level: Level
    let clock: Clock
    /// Where this process has come to with it.
    let tail: AuditTail
    private let key: Secret

    init(hashKey: Secret, config: VaultConfig, clock: Clock) {
        key = Crypto.derive(1, "auditlog", from: hashKey)
        level = config.audit
        self.clock = clock
        tail = AuditTail(
            key: key, lifetime: level == .off ? nil : config.auditDays.map { $0 * 86_400_000 },
            isKept: level != .off, clock: clock)
    }

    func hash(_ plain: Secret) -> [UInt8] { Self.hash(plain, key: key) }

    static func hash(_ plain: Secret, key: Secret) -> [UInt8] {
        Crypto.keyedHash(plain.withBytes { Array($0) }, key: key, count: hashBytes)
    }

    static func rowKey(_ sequence: Int64) -> [UInt8] {
        RowKeys.audit + RowKeys.bytes(sequence)
    }
}

/// Where the audit has come to, as far as this process knows. Only the committer's writer uses it.
final class AuditTail: @unchecked Sendable {  // see above
    private enum State {
        case unknown
        case at(AuditHead)
        case damaged(ConnError)
    }

    /// Records beyond their time that go with one commit.
    private static let removalBatch = 16

    private let key: Secret
    /// Milliseconds; nil keeps records for good.
    private let lifetime: Int64?
    private let isKept: Bool
    private let clock: Clock
    private var state = State.unknown
    /// The head after which there was a record already.
    private var refused: Int64?
    /// Removes records whose time is over, and the head without them.
    private var pruning: (removals: [StoreWrite], head: AuditHead)?

    fileprivate init(key: Secret, lifetime: Int64?, isKept: Bool, clock: Clock) {
        self.key = key
        self.lifetime = lifetime
        self.isKept = isKept
        self.clock = clock
    }

    /// Reads what the next records follow, unless it is known.
    func prepare(_ reader: RowReader) throws(ConnError) {
        guard isKept else { return }
        if case .at = state {} else { try load(reader) }
        guard let lifetime, case .at(var head) = state else { return }
        let removals = try expired(&head, lifetime, reader)
        pruning = removals.isEmpty ? nil : (removals, head)
    }

    private func load(_ reader: RowReader) throws(ConnError) {
        do throws(ConnError) {
            let head = try reader.auditHead().value
            state =
                head.sequence == refused
                ? .damaged(ConnError(.internal, "the audit has records beyond its head")) : .at(head)
        } catch {
            guard error.code == .internal else { throw error }
            state = .damaged(error)
        }
    }

    /// Whether a commit's records can be kept.
    /// - Throws: `internal` when they cannot, and it may not go without them.
    func takes(_ commit: Commit) throws(ConnError) -> Bool {
        guard !commit.events.isEmpty, case .damaged(let error) = state else { return true }
        guard commit.allowsAuditGap else { throw error }
        Log.write(.warning, "a change is kept that the audit cannot tell of: \(error.message)")
        return false
    }

    /// - Returns: what appends records and removes a few whose time is over, the first record first; and the head then.
    func append(_ events: [AuditEvent], sealedBy ring: KeyRing) -> (writes: [StoreWrite], head: AuditHead)? {
        guard !events.isEmpty, case .at(let last) = state else { return nil }
        var head = pruning?.head ?? last
        let now = clock.milliseconds()
        var writes: [StoreWrite] = []
        for event in events {
            head.sequence += 1
            let record = AuditRecord(sequence: head.sequence, time: now, previous: head.hash, event: event)
            if head.firstTime == nil {
                (head.first, head.firstPrevious, head.firstTime) = (record.sequence, record.previous, now)
            }
            let plain = record.json.secret
            let key = AuditLog.rowKey(record.sequence)
            writes.append(.put(key, ring.seal(plain, boundTo: key), expecting: .absent))
            head.hash = AuditLog.hash(plain, key: self.key)
        }
        let sealed = ring.seal(head.json.secret, boundTo: RowKeys.auditHead)
        return (writes + (pruning?.removals ?? []) + [.put(RowKeys.auditHead, sealed, expecting: .any)], head)
    }

    /// The last append is in the store.
    func hasCome(to head: AuditHead?) {
        guard let head else { return }
        state = .at(head)
        (pruning, refused) = (nil, nil)
    }

    /// There is a record where the next one was to be: another process has gone on, or the head was put back.
    func wasRefused() {
        if case .at(let head) = state { refused = head.sequence }
        (state, pruning) = (.unknown, nil)
    }

    /// A record that is not there, or does not open, is left for `audit.verify` to find.
    private func expired(
        _ head: inout AuditHead, _ lifetime: Int64, _ reader: RowReader
    ) throws(ConnError) -> [StoreWrite] {
        let now = clock.milliseconds()
        var writes: [StoreWrite] = []
        while let time = head.firstTime, now - time > lifetime, writes.count < Self.removalBatch {
            writes.append(.remove(AuditLog.rowKey(head.first), expecting: .any))
            if head.first == head.sequence {
                (head.first, head.firstPrevious, head.firstTime) = (head.sequence + 1, head.hash, nil)
                break
            }
            guard let next: Row<AuditRecord> = try? reader.get(AuditLog.rowKey(head.first + 1)) else {
                writes.removeLast()
                break
            }
            (head.first, head.firstPrevious, head.firstTime) =
                (next.value.sequence, next.value.previous, next.value.time)
        }
        return writes
    }
}

extension RowReader {
    func auditHead() throws(ConnError) -> Row<AuditHead> {
        guard let head: Row<AuditHead> = try get(RowKeys.auditHead) else {
            throw ConnError(.internal, "the audit's head is gone")
        }
        return head
    }
}
