internal import Connections
internal import HTTP
internal import Runtime
internal import Store

/// The commits of this process, which queue up for the one that writes to the store.
///
/// Whoever finds nobody writing does it: takes what waits, makes one commit of it, and tells the others; so one round trip
/// to the disk serves many (group commit). Each is all or nothing for itself all the same, with a conflict of its own:
/// when the store refuses what was joined, those whose rows have changed are told so, and the rest is written without
/// them. No lock is held meanwhile.
///
/// The audit's records are chained here, in the order in which they are written.
final class Committer: Sendable {
    /// So many may wait.
    static let maxWaiting = 32_768
    /// How often a commit may be refused for others' sake, or because of the keys or the audit, before it fails.
    private static let maxAttempts = 64
    /// How long a worker waits for the store's turn before it looks at who still wants one. Milliseconds.
    private static let slice = 100

    fileprivate struct State: Sendable {
        var waiting: [Commit] = []
        var isWriting = false
        var workInPassing: @Sendable () -> (@Sendable () -> Void)? = { nil }
    }

    private let store: any Store
    private let first: FirstRow
    private let keys: RowKeys
    private let audit: AuditLog
    private let statistics: Statistics
    private let state = Monitor(State())

    init(store: any Store, first: FirstRow, keys: RowKeys, audit: AuditLog, statistics: Statistics) {
        self.store = store
        self.first = first
        self.keys = keys
        self.audit = audit
        self.statistics = statistics
    }

    /// How many wait for their turn.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func commit(_ writes: [StoreWrite], recording events: [AuditEvent], allowsAuditGap: Bool) -> Commit {
        Commit(self, writes, audit.level == .off ? [] : events, allowsAuditGap: allowsAuditGap)
    }

    /// Sets what a thread that has written does next, when nobody waits for it as the writer any more.
    /// - Parameter work: nil when there is nothing to do.
    func inPassing(_ work: @escaping @Sendable () -> (@Sendable () -> Void)?) {
        state.withLock { $0.workInPassing = work }
    }

    // MARK: - Waiting

    /// Waits for the turn of a commit on its own thread, or writes it with others.
    fileprivate func perform(_ commit: Commit, _ context: CallContext) throws(ConnError) {
        try enqueue(commit, context, workers: nil, completion: nil)
        let handler = context.cancellation.onCancel { [state] in state.update { _ in } }
        defer { context.cancellation.removeHandler(handler) }
        enum Turn {
            case write
            case cancel
            case done(Result<Void, ConnError>)
        }
        while true {
            let turn: Turn? = state.wait(untilNanoseconds: context.deadline.nanoseconds) { state in
                if case .done(let result) = commit.status { return .done(result) }
                guard case .waiting = commit.status else { return nil }
                if context.cancellation.isCancelled { return .cancel }
                if state.isWriting { return nil }
                state.isWriting = true
                return .write
            }
            switch turn {
            case .done(let result):
                return try result.get()
            case .cancel:
                if leave(commit) { throw .cancelled }
            case .write:
                let next = write(within: context)
                passOn()
                next?()
                if context.deadline.hasPassed, leave(commit) { throw .timeout }
            case nil:
                if leave(commit) { throw .timeout }
                // It is being written. A failure that may be none is not told.
                _ = state.wait(untilNanoseconds: .max) { _ in commit.isBeingWritten ? nil : true }
                if leave(commit) { throw .timeout }  // it was put back
            }
        }
    }

    /// Takes a commit out of the queue. Those behind it may have waited for its thread.
    /// - Returns: false when it does not wait.
    fileprivate func leave(_ commit: Commit) -> Bool {
        let hasLeft = state.withLock { state in
            guard case .waiting = commit.status else { return false }
            state.waiting.removeAll { $0 === commit }
            commit.status = .idle
            return true
        }
        if hasLeft { writeOnWorker() }
        return hasLeft
    }

    fileprivate func start(
        _ commit: Commit, _ context: CallContext, on workers: WorkerPool,
        completion: @escaping @Sendable (Result<Void, ConnError>) -> Void
    ) {
        do throws(ConnError) {
            try enqueue(commit, context, workers: workers, completion: completion)
            writeOnWorker()
        } catch {
            completion(.failure(error))
        }
    }

    private func enqueue(
        _ commit: Commit, _ context: CallContext, workers: WorkerPool?,
        completion: (@Sendable (Result<Void, ConnError>) -> Void)?
    ) throws(ConnError) {
        let hasPlace = state.withLock { state in
            guard state.waiting.count < Self.maxWaiting else { return false }
            (commit.status, commit.deadline) = (.waiting, context.deadline)
            (commit.workers, commit.completion) = (workers, completion)
            state.waiting.append(commit)
            return true
        }
        guard hasPlace else { throw ConnError(.limit, "too many changes wait to be written") }
    }

    /// Writes on a worker's thread for as long as something waits, if nobody writes and the one whose turn it is has such
    /// threads.
    private func writeOnWorker() {
        let workers: WorkerPool? = state.withLock { state in
            guard !state.isWriting, let workers = state.waiting.first?.workers else { return nil }
            state.isWriting = true
            return workers
        }
        guard let workers else { return }
        let isAccepted = workers.run { [self] in
            var next: (@Sendable () -> Void)?
            while next == nil, state.withLock({ !$0.waiting.isEmpty }) {
                next = write(
                    within: CallContext(deadline: .after(milliseconds: Self.slice), cancellation: Cancellation()))
                let now = Deadline.now
                finish(state.withLock { $0.take { $0.workers != nil && $0.deadline <= now } }, .failure(.timeout))
            }
            passOn()
            next?()
        }
        guard !isAccepted else { return }
        finish(state.withLock { $0.take { $0.workers != nil } }, .failure(.noThread))
        passOn()
    }

    /// Whoever wrote has done its part.
    private func passOn() {
        state.update { $0.isWriting = false }  // wakes those that wait on threads of their own
        writeOnWorker()
    }

    private func finish(_ commits: [Commit], _ result: Result<Void, ConnError>) {
        guard !commits.isEmpty else { return }
        if case .success = result { for commit in commits { commit.whenWritten?() } }
        let completions = state.update { _ in
            commits.compactMap { commit in
                defer { (commit.status, commit.completion) = (.done(result), nil) }
                return commit.completion
            }
        }
        for completion in completions { completion(result) }
    }

    // MARK: - Writing

    /// Writes some of what waits. The caller is the one who writes.
    /// - Parameter context: bounds the wait for the store's turn.
    /// - Returns: what the caller is to do once it has passed the writing on; nil: nothing.
    private func write(within context: CallContext) -> (@Sendable () -> Void)? {
        var joined: [Commit] = []
        var draft: Draft?
        do throws(ConnError) {
            try audit.tail.prepare(
                RowReader(store: store, first: first, keys: keys, statistics: statistics, context: context))
            let begun = Deadline.now
            do throws(ConnError) {
                try store.commit(context) {
                    if joined.isEmpty { joined = state.withLock { $0.takeJoined() } }
                    draft = self.draft(&joined)
                    return draft.map { StoreCommit($0.writes, $0.context) }
                }
                statistics.countCommit(joined.count, since: begun, nil)
            } catch {
                statistics.countCommit(0, since: begun, error)
                throw error
            }
            audit.tail.hasCome(with: draft?.append)
            finish(joined, .success(()))
            store.tidy()
            return draft == nil ? nil : state.withLock { $0.workInPassing }()
        } catch {
            // Its time was up before the store's turn came: whoever waits has a time of its own.
            if joined.isEmpty, error.code == .timeout || error.code == .cancelled { return nil }
            if joined.isEmpty { joined = state.withLock { $0.takeJoined() } }
            if error.code == .conflict, let draft {
                do throws(ConnError) {
                    putBack(try unaffected(joined, draft))
                } catch {
                    finish(joined, .failure(error))
                }
            } else {
                finish(joined, .failure(error))
            }
            return nil
        }
    }

    /// Puts those back that were refused for others' sake, in front of all that wait. Nothing of them is written, so that
    /// each waits for no longer than it wants to.
    private func putBack(_ commits: [Commit]) {
        guard !commits.isEmpty else { return }
        let (again, wornOut) = state.update { state in
            for commit in commits { commit.refusals += 1 }
            let again = commits.filter { $0.refusals < Self.maxAttempts }
            for commit in again { commit.status = .waiting }
            state.waiting.insert(contentsOf: again, at: 0)
            return (again, commits.filter { $0.refusals >= Self.maxAttempts })
        }
        finish(wornOut, .failure(.rowHasChanged))
        let refusals = again.map(\.refusals).max() ?? 0
        if refusals > 2 { Event().wait(untilNanoseconds: Deadline.after(milliseconds: jitter(refusals)).nanoseconds) }
    }

    /// What commits become together.
    private struct Draft {
        var writes: [StoreWrite] = []
        let context: CallContext
        /// With the keys that sealed them.
        let reading: FirstRow.Reading
        /// The audit's part of it; nil: nothing is recorded.
        var append: AuditTail.Append?
    }

    /// - Parameter joined: those that cannot be written any more are told so and taken out.
    /// - Returns: nil when none is left.
    private func draft(_ joined: inout [Commit]) -> Draft? {
        let reading = first.current
        var draft = Draft(context: Self.context(of: joined), reading: reading)
        var events: [AuditEvent] = []
        var left: [Commit] = []
        for commit in joined {
            do throws(ConnError) {
                let isTold = try audit.tail.takes(commit)
                for write in commit.writes { draft.writes.append(try sealed(write, by: reading.ring)) }
                if isTold { events += commit.events }
                left.append(commit)
            } catch {
                finish([commit], .failure(error))
            }
        }
        joined = left
        if joined.isEmpty { return nil }
        draft.append = audit.tail.append(events, sealedBy: reading.ring)
        draft.writes += draft.append?.writes ?? []
        draft.writes = draft.writes.withoutRepeatedKeeps
        if draft.writes.contains(where: { $0.value != nil }), !draft.writes.contains(where: { $0.key == RowKeys.vault })
        {
            draft.writes.append(.keep(RowKeys.vault, expecting: .version(reading.version)))
        }
        return draft
    }

    /// Those of refused commits that it was not for; the others are told so.
    private func unaffected(_ joined: [Commit], _ draft: Draft) throws(ConnError) -> [Commit] {
        let guarded = draft.writes.filter { $0.expected != .any }
        let rows = try store.read(guarded.map { .get($0.key) }, draft.context)
        var changed: Set<[UInt8]> = []
        for (write, found) in zip(guarded, rows) where !write.expected.isMet(by: found.first?.version) {
            changed.insert(write.key)
        }
        if changed.contains(RowKeys.vault), !joined.contains(where: { $0.touches(RowKeys.vault) }) {
            _ = try first.read(draft.context)
        }
        if let key = draft.append?.recordKey, changed.contains(key) { audit.tail.wasRefused() }
        let refused = joined.filter { commit in
            commit.writes.contains { $0.expected != .any && changed.contains($0.key) }
        }
        finish(refused, .failure(.rowHasChanged))
        return joined.filter { commit in !refused.contains { $0 === commit } }
    }

    /// Seals anew what another key sealed than that which is active now.
    private func sealed(_ write: StoreWrite, by ring: KeyRing) throws(ConnError) -> StoreWrite {
        guard let value = write.value, write.key != RowKeys.vault, KeyRing.keyID(of: value) != ring.active.id else {
            return write
        }
        // A key that is gone by now: whoever sealed it looks at everything anew.
        guard case .opened(let plain) = ring.open(value, boundTo: write.key) else {
            throw ConnError(.conflict, "the vault's keys have changed")
        }
        return .put(write.key, ring.seal(plain, boundTo: write.key), expecting: write.expected)
    }

    /// Until the first of them is late; but nobody's last moment makes all the others fail.
    private static func context(of joined: [Commit]) -> CallContext {
        let first = joined.lazy.map { $0.deadline }.min() ?? .never
        return CallContext(deadline: max(first, .after(milliseconds: slowest)), cancellation: Cancellation())
    }
    /// What the store may take once it writes, however late its caller is. Milliseconds.
    private static let slowest = 1000

    /// Longer from attempt to attempt, and never as long as another process's. Milliseconds.
    private func jitter(_ attempt: Int) -> Int { Int.random(in: 0...min(1 << min(attempt, 10), 50)) }
}

extension Committer.State {
    /// What goes into one commit at the most.
    private static let maxJoined = 128
    private static let maxJoinedWrites = 1024
    private static let maxJoinedBytes = 4 << 20

    /// Takes those that fit, in their order.
    fileprivate mutating func take(_ fits: (Commit) -> Bool) -> [Commit] {
        var taken: [Commit] = []
        waiting.removeAll { commit in
            guard fits(commit) else { return false }
            commit.status = .taken
            taken.append(commit)
            return true
        }
        return taken
    }

    /// Takes what can be written together, from the one that has waited longest on. No two of them touch the same row,
    /// unless both only want it to stay: what one changes the other has not seen.
    fileprivate mutating func takeJoined() -> [Commit] {
        var written: Set<[UInt8]> = []
        var kept: Set<[UInt8]> = []
        var (count, writes, bytes) = (0, 0, 0)
        return take { commit in
            guard count < Self.maxJoined else { return false }
            let fits =
                count == 0
                || writes + commit.writes.count <= Self.maxJoinedWrites && bytes + commit.bytes <= Self.maxJoinedBytes
                    && commit.writes.allSatisfy {
                        !written.contains($0.key) && ($0.keepsRow || !kept.contains($0.key))
                    } && !(commit.isSealed && written.contains(RowKeys.vault))
            // One that has to wait is not overtaken by those that touch its rows after it.
            for write in commit.writes {
                if write.keepsRow { kept.insert(write.key) } else { written.insert(write.key) }
            }
            if commit.isSealed { kept.insert(RowKeys.vault) }
            guard fits else { return false }
            (count, writes, bytes) = (count + 1, writes + commit.writes.count, bytes + commit.bytes)
            return true
        }
    }
}

extension [StoreWrite] {
    /// Several that go together want the same rows to stay.
    fileprivate var withoutRepeatedKeeps: [StoreWrite] {
        var kept: Set<[UInt8]> = []
        return filter { !$0.keepsRow || kept.insert($0.key).inserted }
    }
}

extension ConnError {
    static let rowHasChanged = ConnError(.conflict, "the row has changed")
}

/// Writes that go into the store together, with what the audit says of them.
final class Commit: QueuedWork, @unchecked Sendable {  // what changes is its committer's, under its lock
    fileprivate enum Status {
        case idle
        case waiting
        case taken
        case done(Result<Void, ConnError>)
    }

    let writes: [StoreWrite]
    let events: [AuditEvent]
    /// Whether it is kept also while the audit is damaged, and then without a record.
    let allowsAuditGap: Bool
    private let committer: Committer
    /// Set before it is begun; called when the store has taken it, before anybody is told.
    var whenWritten: (@Sendable () -> Void)?

    fileprivate var status = Status.idle
    /// How often it was refused for others' sake.
    fileprivate var refusals = 0
    fileprivate var deadline = Deadline.never
    /// Nil where a thread of its own waits for it.
    fileprivate var workers: WorkerPool?
    fileprivate var completion: (@Sendable (Result<Void, ConnError>) -> Void)?

    fileprivate init(_ committer: Committer, _ writes: [StoreWrite], _ events: [AuditEvent], allowsAuditGap: Bool) {
        self.committer = committer
        self.writes = writes
        self.events = events
        self.allowsAuditGap = allowsAuditGap
    }

    var isEmpty: Bool { writes.isEmpty && events.isEmpty }
    fileprivate var isBeingWritten: Bool { if case .taken = status { true } else { false } }
    fileprivate var bytes: Int { writes.reduce(0) { $0 + $1.key.count + ($1.value?.count ?? 0) } }
    /// Whether the vault's keys must be the same while it is written.
    fileprivate var isSealed: Bool { !events.isEmpty || writes.contains { $0.value != nil } }
    fileprivate func touches(_ key: [UInt8]) -> Bool { writes.contains { $0.key == key } }

    func perform(_ context: CallContext) throws(ConnError) { try committer.perform(self, context) }

    func start(
        _ context: CallContext, on workers: WorkerPool,
        completion: @escaping @Sendable (Result<Void, ConnError>) -> Void
    ) {
        committer.start(self, context, on: workers, completion: completion)
    }

    func withdraw() -> Bool { committer.leave(self) }
}
