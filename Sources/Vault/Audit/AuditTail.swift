internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// Which chain of the audit this process writes, and where it has come to. Only the committer's writer uses it.
///
/// Two processes that write one chain refuse each other's commits. So each begins with any chain, and goes to another when
/// somebody else has gone on in it, until each has its own. It leaves a chain that is damaged, too.
///
/// So that no chain can be put back or removed as a whole, its records speak of the other ones' (``AuditRecord/witness``).
final class AuditTail: @unchecked Sendable {  // see above
    /// Records that go with one commit, and what else the chain needs there.
    struct Append: Sendable {
        let writes: [StoreWrite]
        /// No two processes write it.
        let recordKey: [UInt8]
        fileprivate let chain: Int
        fileprivate let head: AuditHead
        /// Whose heads the records speak of.
        fileprivate let witnessed: [Int]
    }

    /// Records beyond their time that go with one commit.
    private static let removalBatch = 16
    /// How long this process relies on what it knows of the chains. Milliseconds.
    private static let lookInterval = 1000
    /// A chain that nobody has written to for so long is taken to remove what is beyond its time. Milliseconds.
    private static let idleTime: Int64 = 3_600_000

    private let key: Secret
    /// Milliseconds; nil keeps records for good.
    private let lifetime: Int64?
    private let isKept: Bool
    private let clock: Clock
    private let choice: Jitter

    private struct Chain {
        /// The newest head that this process knows of; nil before it has begun. It stays what it is when the store's own is
        /// put back.
        var newest: AuditHead?
        /// The number of the last record that this process has spoken of in another chain.
        var witnessed: Int64 = 0
        /// The number after which there was a record already.
        var refused: Int64?
        /// Nil when nothing is wrong.
        var damage: String?
    }

    private var chains = [Chain](repeating: Chain(), count: AuditPlace.chains)
    private var own: (chain: Int, head: AuditHead)?
    /// The one that this process wrote last, and is not to write next.
    private var left: Int?
    /// When the heads were read, by both clocks: one stands still while the machine sleeps, the other may jump.
    private var lastLook: (heads: AuditHeads, until: Deadline, milliseconds: Int64)?
    /// Removes records of this process's chain whose time is over, and the head without them.
    private var pruning: (removals: [StoreWrite], head: AuditHead)?

    init(key: Secret, lifetime: Int64?, isKept: Bool, clock: Clock, choice: Jitter) {
        self.key = key
        self.lifetime = lifetime
        self.isKept = isKept
        self.clock = clock
        self.choice = choice
    }

    // MARK: - What a commit appends

    /// Sees to it that this process has a chain, and that it knows what stands there.
    func prepare(_ reader: RowReader) throws(ConnError) {
        guard isKept else { return }
        let looks = own == nil || isLookOver
        if looks { try look(reader) }
        if pruning == nil { pruning = try expired(reader) }
        guard looks, pruning == nil, let (chain, head) = idleChain else { return }
        own = (chain, head)
        pruning = try expired(reader)
    }

    /// Whether a commit's records can be kept.
    /// - Throws: `internal` when they cannot, and it may not go without them.
    func takes(_ commit: Commit) throws(ConnError) -> Bool {
        guard !commit.events.isEmpty, own == nil else { return true }
        let problem = "all of the audit's chains are damaged"
        guard commit.allowsAuditGap else { throw ConnError(.internal, problem) }
        Log.write(.warning, "a change was kept without a record in the audit: \(problem)")
        return false
    }

    /// - Returns: what appends records and removes a few whose time is over; nil without events.
    func append(_ events: [AuditEvent], sealedBy ring: KeyRing) -> Append? {
        guard !events.isEmpty, let own else { return nil }
        var head = pruning?.head ?? own.head
        let now = clock.milliseconds()
        let recordKey = AuditPlace(own.chain, head.sequence + 1).rowKey
        var witnesses = unwitnessed[...]
        var witnessed: [Int] = []
        var writes: [StoreWrite] = []
        for event in events {
            let witness = witnesses.popFirst()
            if let witness { witnessed.append(witness.place.chain) }
            let record = AuditRecord(
                place: AuditPlace(own.chain, head.sequence + 1), time: now, previous: head.hash, witness: witness,
                event: event)
            let plain = record.json.secret
            let key = record.place.rowKey
            writes.append(.put(key, ring.seal(plain, boundTo: key), expecting: .absent))
            head.append(record, hash: AuditLog.hash(plain, key: self.key))
        }
        let headKey = AuditPlace.head(of: own.chain)
        writes += pruning?.removals ?? []
        writes.append(.put(headKey, ring.seal(head.json.secret, boundTo: headKey), expecting: .any))
        return Append(writes: writes, recordKey: recordKey, chain: own.chain, head: head, witnessed: witnessed)
    }

    /// What others have written and this process has not spoken of yet, the newest first.
    private var unwitnessed: [AuditMark] {
        chains.indices.compactMap { chain -> (time: Int64, mark: AuditMark)? in
            guard chain != own?.chain, let head = chains[chain].newest, head.sequence > chains[chain].witnessed else {
                return nil
            }
            return (head.time ?? 0, AuditMark(AuditPlace(chain, head.sequence), head.hash))
        }.sorted { $0.time > $1.time }.map(\.mark)
    }

    /// It is in the store.
    func hasCome(with append: Append?) {
        guard let append else { return }
        own = (append.chain, append.head)
        chains[append.chain].newest = append.head
        for chain in append.witnessed { chains[chain].witnessed = chains[chain].newest?.sequence ?? 0 }
        pruning = nil
    }

    /// There is a record where the next one was to be: another process has gone on, or the head was put back.
    func wasRefused() {
        guard let own else { return }
        chains[own.chain].refused = own.head.sequence
        leave()
    }

    // MARK: - Which chain

    private var isLookOver: Bool {
        guard let lastLook else { return true }
        return lastLook.until <= clock.monotonic()
            || (clock.milliseconds() - lastLook.milliseconds).magnitude >= UInt64(Self.lookInterval)
    }

    private func look(_ reader: RowReader) throws(ConnError) {
        let (monotonic, milliseconds) = (clock.monotonic(), clock.milliseconds())
        let heads = try reader.auditHeads(since: lastLook?.heads ?? AuditHeads())
        lastLook = (heads, monotonic.adding(milliseconds: Self.lookInterval), milliseconds)
        for chain in chains.indices { examine(chain, heads[chain]) }
        // Somebody else writes there, or nobody should.
        if let (chain, head) = own, chains[chain].damage != nil || heads[chain].head?.sequence != head.sequence {
            leave()
        }
        if own == nil { take(heads) }
    }

    private func examine(_ chain: Int, _ found: AuditHeads.Found) {
        var state = chains[chain]
        let known = state.newest
        var damage: String?
        if let head = found.head {
            if case .absent = found, chain == 0 || known != nil {
                damage = "its head is gone"
            } else if let known,
                head.sequence < known.sequence || head.sequence == known.sequence && head.hash != known.hash
            {
                damage = "its head was put back"
            } else if head.sequence == state.refused {
                damage = "it has records beyond its head"
            } else {
                state.newest = head.sequence > 0 ? head : nil
                state.refused = nil
            }
        } else {
            damage = "its head was changed"
        }
        if let damage, state.damage != damage {
            Log.write(.warning, "chain \(chain) of the audit is damaged: \(damage)")
        }
        state.damage = damage
        chains[chain] = state
    }

    private func leave() {
        left = own?.chain
        (own, pruning) = (nil, nil)
    }

    private func take(_ heads: AuditHeads) {
        let healthy = chains.indices.filter { chains[$0].damage == nil }
        let others = healthy.filter { $0 != left }
        guard let chain = choice.choose(others.isEmpty ? healthy : others), let head = heads[chain].head else { return }
        own = (chain, head)
    }

    // MARK: - What is beyond its time

    private func isOver(_ time: Int64?) -> Bool {
        guard let lifetime, let time else { return false }
        return clock.milliseconds() - time > lifetime
    }

    /// One that nobody writes to any more, and in which there are records whose time is over. Whoever takes it appends its
    /// own there, so that two who change its beginning at a time find out.
    private var idleChain: (chain: Int, head: AuditHead)? {
        let idle = chains.indices.compactMap { chain -> (chain: Int, head: AuditHead)? in
            guard chain != own?.chain, chains[chain].damage == nil, let head = chains[chain].newest,
                isOver(head.firstTime), clock.milliseconds() - (head.time ?? 0) > Self.idleTime
            else { return nil }
            return (chain, head)
        }
        return own == nil ? nil : choice.choose(idle)
    }

    /// What removes a few records at the beginning of this process's chain. One that is not there, or does not open, is
    /// left for `audit.verify` to find, with those after it.
    private func expired(_ reader: RowReader) throws(ConnError) -> (removals: [StoreWrite], head: AuditHead)? {
        guard let (chain, last) = own, isOver(last.firstTime) else { return nil }
        var head = last
        var removals: [StoreWrite] = []
        var following = try reader.page(
            AuditPlace.records(of: chain), after: AuditPlace(chain, head.first).rowKey, limit: Self.removalBatch)[...]
        while isOver(head.firstTime), removals.count < Self.removalBatch {
            let removal = StoreWrite.remove(AuditPlace(chain, head.first).rowKey, expecting: .any)
            if head.first < head.sequence {
                guard let stored = following.popFirst(), let next = try reader.auditRecord(stored)?.record,
                    next.place.number == head.first + 1
                else { break }
                head.begin(with: next)
            } else {
                head.keepNone()
            }
            removals.append(removal)
        }
        return removals.isEmpty ? nil : (removals, head)
    }
}
