import Foundation
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Connections
@testable import HTTP
@testable import JSON

/// Work in queues, what is bound, and what is aside: who waits, on which thread, and who is told what.
@Suite struct QueuedTests {
    private let transport = FakeTransport()
    private let executor: Executor

    init() { executor = Executor(transport: transport) }

    private func answer(_ result: Result<Void, ConnError>) throws(ConnError) -> Step<JSON> {
        try result.get()
        return .done(.string("done"))
    }

    @Test(arguments: Driver.allCases) func whatIsDoneInItsTurnIsTheAnswer(_ driver: Driver) {
        let work = ScriptedWork()
        work.finish(.success(()))
        #expect(executor.run(driver) { .queued(work) { (result) throws(ConnError) in try answer(result) } }.text != nil)
        let refused = ScriptedWork()
        refused.finish(.failure(ConnError(.conflict, "")))
        #expect(
            executor.run(driver) { .queued(refused) { (result) throws(ConnError) in try answer(result) } }.code
                == .conflict)
        executor.closeAndWait()
    }

    @Test func workThatWaitsForItsTurnIsWithdrawnWhenItsTimeIsUp() {
        let work = ScriptedWork()
        let outcome = executor.start(.loop, deadline: .after(milliseconds: 20)) {
            .queued(work) { (result) throws(ConnError) in try answer(result) }
        }
        #expect(outcome.wait().code == .timeout)
        #expect(work.wasWithdrawn)
        executor.closeAndWait()
    }

    /// Nobody is told of a failure that is none.
    @Test func workThatHasBegunIsWaitedFor() {
        let work = ScriptedWork()
        let deadline = Deadline.after(milliseconds: 20)
        let outcome = executor.start(.loop, deadline: deadline) {
            .queued(work) { (result) throws(ConnError) in try answer(result) }
        }
        work.begin()
        // The loop has looked at the time: another call was over after it.
        while !deadline.hasPassed { yieldThread() }
        #expect(executor.run(.loop, deadline: .after(milliseconds: 1)) { exchange("never") }.code == .timeout)
        #expect(outcome.count == 0)
        work.finish(.success(()))
        #expect(outcome.wait().text == #""done""#)
        executor.closeAndWait()
    }

    @Test(arguments: Driver.allCases) func nothingIsPutIntoAQueueForNobody(_ driver: Driver) {
        let work = ScriptedWork()
        let outcome = executor.start(driver, deadline: .after(milliseconds: 20)) {
            .pause(milliseconds: 40) { () throws(ConnError) in
                .queued(work) { (result) throws(ConnError) in try answer(result) }
            }
        }
        #expect(outcome.wait().code == .timeout)
        executor.closeAndWait()
        #expect(!work.hasStarted)
    }

    /// A lease that is taken is used, whoever waits for it.
    @Test func workThatBindsGoesOnForNobody() {
        let lease = ScriptedWork()
        let settled = ScriptedWork()
        settled.finish(.success(()))
        let effect = ScriptedWork()
        let outcome = executor.start(.loop, deadline: .after(milliseconds: 20)) {
            .queued(lease, binds: true) { (_) throws(ConnError) in
                try exchange("token", mustFinish: true).then { (_) throws(ConnError) in
                    .queued(settled) { (_) throws(ConnError) in
                        .settled { () throws(ConnError) in
                            .queued(effect) { (result) throws(ConnError) in try answer(result) }
                        }
                    }
                }
            }
        }
        lease.begin()
        #expect(outcome.wait().code == .timeout)
        lease.finish(.success(()))
        transport.waitForStart("token")
        transport.finish("token")
        executor.closeAndWait()
        #expect(settled.hasStarted)
        #expect(!effect.hasStarted)
        #expect(outcome.count == 1)
    }

    @Test(arguments: Driver.allCases) func whatIsAsideEndsWithTheCallersTimeAndTheCallerIsAnswered(_ driver: Driver) {
        let outcome = executor.start(driver, deadline: .after(milliseconds: 50)) {
            .aside(timeoutMilliseconds: 60_000) { () throws(ConnError) in
                .http(request("never")) { (result) throws(ConnError) in
                    guard case .failure = result else { return .done(.string("reply")) }
                    return .blocking { (_) throws(ConnError) in .done(.string("answered")) }
                }
            }
        }
        #expect(outcome.wait().text == #""answered""#)
        executor.closeAndWait()
    }

    /// A store that is locked does not keep the answer of what has been done.
    @Test func aQueueThatStandsKeepsNoAnswerThatIsAside() {
        let work = ScriptedWork()
        let outcome = executor.start(.loop, deadline: .after(milliseconds: 20)) {
            .aside(timeoutMilliseconds: 1000) { () throws(ConnError) in
                .queued(work) { (result) throws(ConnError) in
                    guard case .failure(let error) = result else { return .done(.null) }
                    return .done(.string(error.code.rawValue))
                }
            }
        }
        #expect(outcome.wait().text == #""timeout""#)
        executor.closeAndWait()
    }

    @Test func whatMayBlockNeverRunsOnTheLoopsThread() {
        let threads = Mutex<(loop: Set<UInt>, others: Set<UInt>)>(([], []))
        @Sendable func here() -> UInt { UInt(pthread_self()) }
        let work = ScriptedWork()
        work.finish(.success(()))
        let outcome = executor.run(.loop) { () throws(ConnError) in
            threads.withLock { _ = $0.loop.insert(here()) }
            return .blocking { (_) throws(ConnError) in
                threads.withLock { _ = $0.others.insert(here()) }
                return .pause(milliseconds: 1) { () throws(ConnError) in
                    threads.withLock { _ = $0.loop.insert(here()) }
                    return .blocking { (_) throws(ConnError) in
                        threads.withLock { _ = $0.others.insert(here()) }
                        return .queued(work) { (result) throws(ConnError) in
                            threads.withLock { _ = $0.loop.insert(here()) }
                            return try answer(result)
                        }
                    }
                }
            }
        }
        #expect(outcome.text != nil)
        threads.withLock { threads in
            #expect(threads.loop.count == 1)
            #expect(threads.loop.isDisjoint(with: threads.others))
        }
        executor.closeAndWait()
    }

    /// Reads go on while as many callers as there are want wait for the store to be written.
    @Test func waitingForAQueueHoldsNoThread() {
        let works = (0..<200).map { _ in ScriptedWork() }
        let waiting = works.map { work in
            executor.start(.loop) { .queued(work) { (result) throws(ConnError) in try answer(result) } }
        }
        for work in works { while !work.hasStarted { yieldThread() } }
        #expect(executor.run(.loop) { .blocking { (_) throws(ConnError) in .done(.string("read")) } }.text != nil)
        for work in works { work.finish(.success(())) }
        for outcome in waiting { #expect(outcome.wait().text != nil) }
        executor.closeAndWait()
    }

    @Test func aPlaceThatIsNotUsedIsGivenBack() {
        let work = ScriptedWork()
        work.finish(.failure(ConnError(.conflict, "")))
        let outcome = executor.run(.loop) {
            .admission("https://p.example/token", timeoutMilliseconds: 1000) { () throws(ConnError) in
                .queued(work, binds: true) { (result) throws(ConnError) in try answer(result) }
            }
        }
        #expect(outcome.code == .conflict)
        executor.closeAndWait()
        #expect(transport.places == 0)
    }

    /// However many messages wait, what has arrived from the network is looked at in between.
    @Test func aFullInboxDoesNotKeepTheNetworkWaiting() {
        let reply = executor.start(.loop) { exchange("a") }
        transport.waitForStart("a")
        let (isHeld, goOn) = (Event(), Event())
        let context = CallContext(deadline: .never, cancellation: Cancellation())
        executor.submit(
            context,
            { () throws(ConnError) in
                isHeld.signal()
                goOn.wait(untilNanoseconds: .max)
                return .done(.null)
            }, completion: { _ in })
        isHeld.wait(untilNanoseconds: .max)
        let later = Atomic(0)
        let ended = Event()
        let count = 2000
        for number in 1...count {
            executor.submit(
                context,
                { () throws(ConnError) in
                    if reply.count == 1 { later.wrappingAdd(1, ordering: .relaxed) }
                    if number == count { ended.signal() }
                    return .done(.null)
                }, completion: { _ in })
        }
        transport.finish("a")
        goOn.signal()
        ended.wait(untilNanoseconds: .max)
        #expect(later.load(ordering: .relaxed) > 0)
        #expect(reply.wait().text == "200")
        executor.closeAndWait()
    }
}

/// Work whose turn comes, and which ends, when a test says so.
private final class ScriptedWork: QueuedWork {
    private struct State {
        var hasStarted = false
        var hasBegun = false
        var wasWithdrawn = false
        var result: Result<Void, ConnError>?
        var completion: (@Sendable (Result<Void, ConnError>) -> Void)?
    }

    private let state = Monitor(State())

    var hasStarted: Bool { state.withLock { $0.hasStarted } }
    var wasWithdrawn: Bool { state.withLock { $0.wasWithdrawn } }

    /// Its turn has come.
    func begin() { state.update { $0.hasBegun = true } }

    func finish(_ result: Result<Void, ConnError>) {
        let completion = state.update { state in
            (state.hasBegun, state.result) = (true, result)
            defer { state.completion = nil }
            return state.completion
        }
        completion?(result)
    }

    func perform(_ context: CallContext) throws(ConnError) {
        state.update { $0.hasStarted = true }
        let result: Result<Void, ConnError>? = state.wait(untilNanoseconds: context.deadline.nanoseconds) { $0.result }
        try (result ?? .failure(.timeout)).get()
    }

    func start(
        _ context: CallContext, on workers: WorkerPool,
        completion: @escaping @Sendable (Result<Void, ConnError>) -> Void
    ) {
        let result = state.update { state in
            state.hasStarted = true
            if state.result == nil { state.completion = completion }
            return state.result
        }
        if let result { completion(result) }
    }

    func withdraw() -> Bool {
        state.update { state in
            guard !state.hasBegun else { return false }
            state.wasWithdrawn = true
            state.completion = nil
            return true
        }
    }
}
