import Connections
import Foundation
import HTTP
import JSON
import Runtime
import Store
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// Commits of one process: who waits for whom, and what goes into the store together.
@Suite struct CommitterTests {
    private let store = GatedStore()
    private let world: World

    init() throws { world = try World(store: store) }

    private func key(_ number: Int) -> [UInt8] { RowKeys.spent + RowKeys.bytes(0) + RowKeys.bytes(Int64(number)) }

    private func put(_ number: Int, _ expected: StoreWrite.Expectation = .absent) -> StoreWrite {
        world.vault.rows.seal(PointerRecord(), at: key(number), expecting: expected)
    }

    private func isThere(_ number: Int) throws -> Bool { try store.get(key(number)) != nil }

    /// Commits on a thread of its own.
    private func commit(
        _ writes: [StoreWrite], recording events: [AuditEvent] = [], _ context: CallContext = .unbounded
    ) -> Running {
        let step = world.vault.rows.commit(writes, recording: events)
        return Running { () throws(ConnError) in try step.performed(context) }
    }

    /// Has one commit stand in the store and so many wait behind it.
    private func held(_ count: Int, _ more: (Int) -> Running) -> [Running] {
        store.close(before: 1)
        let first = commit([put(-1)])
        store.waitUntilHeld()
        var all = [first]
        for number in 0..<count {
            all.append(more(number))
            while world.vault.rows.committer.waitingCount < all.count - 1, !all[number + 1].hasEnded { usleep(200) }
        }
        return all
    }

    @Test func thoseThatWaitAreWrittenTogether() throws {
        let before = store.commits
        let running = held(50) { commit([put($0)], recording: [AuditEvent("test")]) }
        store.open()
        for one in running { #expect(one.wait() == nil) }
        #expect(store.commits - before == 2)
        for number in 0..<50 { #expect(try isThere(number)) }
        #expect(try world.answer("audit.verify", [:]).hasPrefix(#"{"ok":true,"verified":50"#))
    }

    @Test func eachHasAConflictOfItsOwn() throws {
        try store.commit([put(3)])
        let before = store.commits
        let running = held(8) { commit([put($0), put(100 + $0)]) }
        store.open()
        for (index, one) in running.dropFirst().enumerated() {
            #expect(one.wait()?.code == (index == 3 ? .conflict : nil), "\(index)")
            #expect(try isThere(100 + index) == (index != 3), "\(index)")
        }
        // The first one, the one that was refused, and the rest of it.
        #expect(store.commits - before == 3)
    }

    @Test func twoThatChangeOneRowAreNotWrittenTogether() throws {
        let running = held(2) { _ in commit([put(7)]) }
        store.open()
        let ends = running.dropFirst().map { $0.wait()?.code }
        #expect(Set(ends.map { $0?.rawValue ?? "ok" }) == ["ok", "conflict"])
    }

    @Test func oneThatWaitsIsNotOvertakenByOneThatTouchesItsRows() throws {
        try store.commit([put(5)])
        let version = try #require(try store.get(key(5))).version
        let running = held(3) { number in
            // 0 changes the row, 1 keeps it as it was, 2 is made for what 1 leaves.
            switch number {
            case 0: commit([.remove(key(5), expecting: .version(version))])
            case 1: commit([.keep(key(5), expecting: .version(version)), put(1)])
            default: commit([put(2)])
            }
        }
        store.open()
        #expect(running[1].wait() == nil)
        #expect(running[2].wait()?.code == .conflict)
        #expect(running[3].wait() == nil)
        #expect(try !isThere(1))
    }

    @Test func whoseTimeIsUpBeforeItsTurnIsNotWritten() throws {
        let running = held(4) { number in
            let isLate = number % 2 == 0
            return commit(
                [put(number)],
                CallContext(deadline: isLate ? .after(milliseconds: 50) : .never, cancellation: Cancellation()))
        }
        #expect(running[1].wait()?.code == .timeout)
        #expect(running[3].wait()?.code == .timeout)
        store.open()
        #expect(running[2].wait() == nil && running[4].wait() == nil)
        #expect(try !isThere(0) && isThere(1) && !isThere(2) && isThere(3))
    }

    /// Nobody writes when the thread gives up that was to, so those behind it that have no thread must be seen to.
    @Test func thoseBehindOneWhoseTimeIsUpAreWritten() throws {
        store.lock()
        let first = commit([put(0)], CallContext(deadline: .after(milliseconds: 200), cancellation: Cancellation()))
        store.waitUntilLockedOut(1)
        let workers = WorkerPool()
        let behind = world.vault.rows.committer.commit([put(1)], recording: [], allowsAuditGap: false)
        let isWritten = Event()
        behind.start(.unbounded, on: workers) { _ in isWritten.signal() }
        #expect(first.wait()?.code == .timeout)
        store.unlock()
        isWritten.wait(untilNanoseconds: Deadline.after(milliseconds: 60_000).nanoseconds)
        #expect(isWritten.isSignalled)
        #expect(try !isThere(0) && isThere(1))
        workers.close()
    }

    @Test func whoIsCancelledBeforeItsTurnIsNotWritten() throws {
        let cancellation = Cancellation()
        let running = held(2) { number in
            commit(
                [put(number)],
                CallContext(deadline: .never, cancellation: number == 0 ? cancellation : Cancellation()))
        }
        cancellation.cancel()
        #expect(running[1].wait()?.code == .cancelled)
        store.open()
        #expect(running[2].wait() == nil)
        #expect(try !isThere(0) && isThere(1))
    }

    /// A failure that may be none is not told.
    @Test func whatIsBeingWrittenIsWaitedFor() throws {
        store.close(before: 1)
        let deadline = Deadline.after(milliseconds: 50)
        let late = commit([put(0)], CallContext(deadline: deadline, cancellation: Cancellation()))
        store.waitUntilHeld()
        while !deadline.hasPassed { usleep(200) }
        store.open()
        #expect(late.wait() == nil)
        #expect(try isThere(0))
    }

    /// The writer's own time is up while another process has the store: somebody else goes on with the others' commits.
    @Test func aWriterThatGivesUpPassesItsPlaceOn() throws {
        store.lock()
        let writer = commit([put(0)], CallContext(deadline: .after(milliseconds: 20), cancellation: Cancellation()))
        store.waitUntilLockedOut(1)
        let other = commit([put(1)])
        #expect(writer.wait()?.code == .timeout)
        store.waitUntilLockedOut(2)
        store.unlock()
        #expect(other.wait() == nil)
        #expect(try !isThere(0) && isThere(1))
    }

    /// What was refused for another's sake is not written, and waits for no longer than its caller.
    @Test func whatIsPutBackWaitsForNoLongerThanItsCaller() throws {
        try store.commit([put(0)])
        store.lock()
        let refused = commit([put(0)])
        store.waitUntilLockedOut(1)
        let deadline = Deadline.after(milliseconds: 500)
        let other = commit([put(1)], CallContext(deadline: deadline, cancellation: Cancellation()))
        while world.vault.rows.committer.waitingCount < 2, !other.hasEnded { usleep(200) }
        store.close(before: 1)
        store.unlock()
        store.waitUntilHeld()
        store.lock()
        while !deadline.hasPassed { usleep(200) }
        store.open()
        #expect(refused.wait()?.code == .conflict)
        #expect(other.wait()?.code == .timeout)
        #expect(store.lockedOutUntil <= deadline)
        store.unlock()
        #expect(try !isThere(1))
    }

    /// How a commit waits, and how its wait ends.
    private struct Wait: CustomStringConvertible {
        enum End: CaseIterable { case timeout, cancel, done }
        var isSubmitted: Bool
        var end: End

        static let all = [false, true].flatMap { isSubmitted in
            End.allCases.map { Wait(isSubmitted: isSubmitted, end: $0) }
        }
        var description: String { "\(isSubmitted ? "submitted" : "blocking") \(end)" }
    }

    /// Another process has the store while they come and go. Whoever is left is written, whatever stood before it.
    @Test func inEveryOrderThoseThatAreLeftAreWritten() throws {
        let workers = WorkerPool()
        let orders = Wait.all.flatMap { first in
            Wait.all.flatMap { second in
                [false, true].map { [first, second, Wait(isSubmitted: $0, end: .done)] }
            }
        }
        for (index, order) in orders.enumerated() {
            store.lock()
            let number = { (place: Int) in index * 10 + place }
            var endings: [() -> Void] = []
            var ended: [Event] = []
            for (place, wait) in order.enumerated() {
                let deadline = wait.end == .timeout ? Deadline.after(milliseconds: 20) : .never
                let cancellation = Cancellation()
                let context = CallContext(deadline: deadline, cancellation: cancellation)
                let work = world.vault.rows.committer.commit([put(number(place))], recording: [], allowsAuditGap: false)
                let end = Event()
                ended.append(end)
                let before = world.vault.rows.committer.waitingCount
                if wait.isSubmitted {
                    work.start(context, on: workers) { _ in end.signal() }
                } else {
                    Thread.detachNewThread {
                        try? work.perform(context)
                        end.signal()
                    }
                }
                while world.vault.rows.committer.waitingCount == before, !end.isSignalled, !deadline.hasPassed {
                    usleep(100)
                }
                endings.append {
                    if wait.end == .timeout { while !deadline.hasPassed { usleep(200) } }
                    if wait.end == .cancel { cancellation.cancel() }
                    // As the loop does for its own.
                    if wait.isSubmitted, wait.end != .done, work.withdraw() { end.signal() }
                }
            }
            for end in endings { end() }
            for (place, wait) in order.enumerated() where wait.end != .done {
                ended[place].wait(untilNanoseconds: Deadline.after(milliseconds: 60_000).nanoseconds)
            }
            store.unlock()
            for (place, wait) in order.enumerated() {
                ended[place].wait(untilNanoseconds: Deadline.after(milliseconds: 60_000).nanoseconds)
                #expect(ended[place].isSignalled, "\(order), \(place)")
                #expect(try isThere(number(place)) == (wait.end == .done), "\(order), \(place)")
            }
        }
        workers.close()
    }

    @Test func aFullQueueIsALimitAtOnce() throws {
        store.close(before: 1)
        let first = commit([put(-1)])
        store.waitUntilHeld()
        let workers = WorkerPool()
        let ended = Mutex<[String: Int]>([:])
        let context = CallContext.unbounded
        for number in 0...Committer.maxWaiting {
            guard case .queued(let work, _, _) = world.vault.rows.commit([put(number)]) else { continue }
            work.start(context, on: workers) { result in
                let name =
                    switch result {
                    case .success: "ok"
                    case .failure(let error): error.code.rawValue
                    }
                ended.withLock { $0[name, default: 0] += 1 }
            }
        }
        #expect(ended.withLock { $0 } == ["limit": 1])
        store.open()
        #expect(first.wait() == nil)
        while ended.withLock({ $0["ok"] }) != Committer.maxWaiting { usleep(1000) }
        workers.close()
    }

    @Test func aStoreThatFailsFailsAllThatWereWritten() throws {
        let running = held(5) { commit([put($0)]) }
        store.fail(ConnError(.internal, "the disk is full"))
        store.open()
        for one in running { #expect(one.wait()?.message == "the disk is full") }
        store.fail(nil)
        #expect(commit([put(0)]).wait() == nil)
    }

    /// What another process changed meanwhile, keys and the audit, is nobody's conflict.
    @Test func theKeysAndTheAuditOfAnotherProcessAreNobodysConflict() throws {
        let other = try world.another()
        for number in 0..<5 {
            #expect(commit([put(number)], recording: [AuditEvent("here")]).wait() == nil)
            let id = try other.call("keys.add", [:])["id"]?.string ?? ""
            _ = try other.call("keys.activate", ["id": "\(id)"])
        }
        #expect(try world.answer("audit.verify", [:]).hasPrefix(#"{"ok":true,"verified":15"#))
    }
}

/// Something that runs on a thread of its own.
final class Running: Sendable {
    private let result = Mutex<ConnError?>(nil)
    private let ended = Event()

    init(_ body: @escaping @Sendable () throws(ConnError) -> Void) {
        Thread.detachNewThread { [self] in
            do throws(ConnError) {
                try body()
            } catch {
                result.withLock { $0 = error }
            }
            ended.signal()
        }
    }

    var hasEnded: Bool { ended.isSignalled }

    /// - Returns: what it failed with.
    func wait() -> ConnError? {
        ended.wait(untilNanoseconds: .max)
        return result.withLock { $0 }
    }
}

/// A store whose commits can be held, refused, or locked out as by another process.
private final class GatedStore: Store {
    private struct State {
        /// Commits that still go through; nil: all.
        var left: Int?
        var isHeld = false
        var isLocked = false
        var lockedOut = 0
        var lockedOutUntil = Deadline(nanoseconds: 0)
        var failure: ConnError?
        var commits = 0
    }

    private let store = MemoryStore()
    private let state = Monitor(State())

    var commits: Int { state.withLock { $0.commits } }
    /// How long those that found it locked wanted to wait.
    var lockedOutUntil: Deadline { state.withLock { $0.lockedOutUntil } }

    /// Holds the so-many-th commit from now on, and all after it, once they are in the store's hands.
    func close(before number: Int) { state.update { $0.left = number - 1 } }
    func open() { state.update { ($0.left, $0.isHeld) = (nil, false) } }
    func waitUntilHeld() { _ = state.wait(untilNanoseconds: .max) { $0.isHeld ? true : nil } }
    func lock() {
        state.update { ($0.isLocked, $0.lockedOut, $0.lockedOutUntil) = (true, 0, Deadline(nanoseconds: 0)) }
    }
    func unlock() { state.update { $0.isLocked = false } }
    /// Waits until so many commits have found the store locked.
    func waitUntilLockedOut(_ count: Int) {
        _ = state.wait(untilNanoseconds: .max) { $0.lockedOut >= count ? true : nil }
    }
    func fail(_ error: ConnError?) { state.update { $0.failure = error } }

    func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        store.read(reads, context)
    }

    func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        state.update { state in
            guard state.isLocked else { return }
            state.lockedOut += 1
            state.lockedOutUntil = max(state.lockedOutUntil, context.deadline)
        }
        let handler = context.cancellation.onCancel { [state] in state.update { _ in } }
        defer { context.cancellation.removeHandler(handler) }
        let isMine: Bool? = state.wait(untilNanoseconds: context.deadline.nanoseconds) { state in
            if context.cancellation.isCancelled { return false }
            return state.isLocked ? nil : true
        }
        guard let isMine else { throw .timeout }
        if !isMine { throw .cancelled }
        guard let taken = take() else { return }
        state.update { $0.isHeld = $0.left == 0 }
        let failure: ConnError? =
            state.wait(untilNanoseconds: .max) { state in
                if state.left == 0 { return nil }
                state.left = state.left.map { $0 - 1 }
                state.commits += 1
                return .some(state.failure)
            } ?? nil
        if let failure { throw failure }
        try store.commit(context) { taken }
    }

    func close() {}
}
