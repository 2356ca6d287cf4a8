import Foundation
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Connections
@testable import HTTP
@testable import JSON

@Suite(.timeLimit(.minutes(2))) struct ExecutorTests {
    let transport: FakeTransport
    let executor: Executor

    init() {
        transport = FakeTransport(["a": 200, "b": 404])
        executor = Executor(transport: transport)
    }

    // MARK: - Steps

    @Test(arguments: Driver.allCases) func stepsFollowEachOther(_ driver: Driver) {
        let answer = executor.run(driver) { () throws(ConnError) in
            try exchange("a").then { (first) throws(ConnError) in
                .pause(milliseconds: 1) { () throws(ConnError) in
                    .blocking { (_) throws(ConnError) in
                        try exchange("b").then { (second) throws(ConnError) in .done(.array([first, second])) }
                    }
                }
            }
        }
        #expect(answer.text == "[200,404]")
        #expect(transport.started == ["a", "b"])
    }

    @Test(arguments: Driver.allCases, Wait.allCases)
    func errorsPassByThenAndReachResult(_ driver: Driver, _ wait: Wait) {
        #expect(executor.run(driver) { () throws(ConnError) in try failure(after: wait) }.code == .conflict)
        let passedBy = Event()
        let answer = executor.run(driver) { () throws(ConnError) in
            let begin: Begin = { () throws(ConnError) in
                try failure(after: wait).then { (value) throws(ConnError) in
                    passedBy.signal()
                    return .done(value)
                }
            }
            return try Step.attempt(begin) { (result) throws(ConnError) in
                .done(.string(result.code?.rawValue ?? "none"))
            }
        }
        #expect(answer.text == "\"conflict\"")
        #expect(!passedBy.isSignalled)
    }

    // MARK: - Deadlines and cancelling

    @Test(arguments: Driver.allCases) func anAnswerWithoutWaitingNeedsNoTime(_ driver: Driver) {
        #expect(executor.run(driver, deadline: .now) { .done(.integer(1)) }.text == "1")
    }

    /// A flight lasts as long as somebody holds its leader, and who waits for it has handed it over.
    @Test func whatIsHandedToTheLoopIsHeldByNobodyElse() {
        let answer = executor.run(.caller, deadline: .after(milliseconds: 5_000)) {
            let leader = Flight.Leader()
            // Longer than the caller has time, so that the loop does it.
            return .admission("a", timeoutMilliseconds: 10_000) { [flight = leader.flight] in
                withExtendedLifetime(leader) { .join(flight) { .done(.integer(1)) } }
            }
        }
        #expect(answer.text == "1")
    }

    /// Also what must finish, and what is done by the loop in place of a caller who has less time than it may take.
    @Test(arguments: Driver.allCases) func everyExchangeNamesTheTrace(_ driver: Driver) throws {
        let trace = try #require(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        for deadline in [Deadline.never, .after(milliseconds: 30_000)] {
            let answer = executor.run(driver, deadline: deadline, trace: trace) { () throws(ConnError) in
                try exchange("a").then { (_) throws(ConnError) in
                    try exchange("a", mustFinish: true).then { (_) throws(ConnError) in exchange("a") }
                }
            }
            #expect(answer.text == "200")
        }
        #expect(transport.traces == Array(repeating: trace.text, count: 6))
        _ = executor.run(driver) { exchange("a") }
        #expect(transport.traces.last == .some(nil))
    }

    @Test(arguments: Driver.allCases) func nothingIsSentAfterTheDeadline(_ driver: Driver) {
        for mustFinish in [false, true] {
            #expect(executor.run(driver, deadline: .now) { exchange("a", mustFinish: mustFinish) }.code == .timeout)
        }
        #expect(transport.started.isEmpty)
    }

    @Test(arguments: Driver.allCases) func everyWaitEndsAtTheDeadline(_ driver: Driver) {
        for wait in [LongWait.http, .pause, .join] {
            let answer = executor.run(driver, deadline: .after(milliseconds: 20)) { wait.step }
            #expect(answer.code == .timeout)
        }
        if driver == .loop { #expect(transport.dropped == transport.started) }
    }

    @Test(arguments: Driver.allCases) func everyWaitEndsWhenCancelled(_ driver: Driver) {
        for wait in [LongWait.http, .pause, .join] {
            let cancellation = Cancellation()
            let begun = Event()
            let outcome = executor.start(driver, cancellation: cancellation) { () throws(ConnError) in
                begun.signal()
                return wait.step
            }
            begun.wait(untilNanoseconds: .max)
            cancellation.cancel()
            #expect(outcome.wait().code == .cancelled)
            #expect(executor.run(driver, cancellation: cancellation) { wait.step }.code == .cancelled)
        }
    }

    /// A caller's cancellation may serve many calls.
    @Test(arguments: Driver.allCases) func endedCallsLeaveNoHandlerBehind(_ driver: Driver) {
        let cancellation = Cancellation()
        for _ in 0..<20 {
            _ = executor.run(driver, cancellation: cancellation) { () throws(ConnError) in
                .pause(milliseconds: 0) { () throws(ConnError) in exchange("a") }
            }
        }
        let wakes = transport.wakes
        cancellation.cancel()
        #expect(transport.wakes == wakes)
    }

    // MARK: - What must finish

    /// Runs an operation whose time is up while its first exchange, with "never", is open.
    private func runOutOfTime(_ driver: Driver, _ begin: @escaping Begin) {
        var milliseconds = 20
        repeat {  // a busy machine may take longer than that to begin it
            #expect(executor.run(driver, deadline: .after(milliseconds: milliseconds), begin).code == .timeout)
            milliseconds *= 4
        } while !transport.started.contains("never")
    }

    @Test(arguments: Driver.allCases) func whatMustFinishOutlivesItsCaller(_ driver: Driver) {
        let followed = Event()
        runOutOfTime(driver) { () throws(ConnError) in
            try exchange("never", mustFinish: true).then { (answer) throws(ConnError) in
                followed.signal()
                return .done(answer)
            }
        }
        #expect(!followed.isSignalled)
        transport.finish("never")
        followed.wait(untilNanoseconds: .max)
        #expect(transport.dropped.isEmpty)
    }

    @Test(arguments: Driver.allCases) func closingWaitsForWhatMustFinish(_ driver: Driver) {
        let followed = Event()
        runOutOfTime(driver) { () throws(ConnError) in
            try exchange("never", mustFinish: true).then { (answer) throws(ConnError) in
                // the next one must finish too, as a retry does
                try exchange("again", mustFinish: true).then { (answer) throws(ConnError) in
                    followed.signal()
                    return .done(answer)
                }
            }
        }
        Thread.detachNewThread { [transport] in
            transport.finish("never")
            transport.waitForStart("again")
            transport.finish("again")
        }
        executor.closeAndWait()
        #expect(followed.isSignalled)
    }

    @Test func whatMustFinishIsNotCancelled() {
        // on the loop the caller is told, and the exchange goes on
        let cancellation = Cancellation()
        let followed = Event()
        let outcome = executor.start(.loop, cancellation: cancellation) { () throws(ConnError) in
            try exchange("never", mustFinish: true).then { (answer) throws(ConnError) in
                followed.signal()
                return .done(answer)
            }
        }
        transport.waitForStart("never")
        cancellation.cancel()
        #expect(outcome.wait().code == .cancelled)
        #expect(!followed.isSignalled)
        // on the caller's thread the answer is waited for
        let second = Cancellation()
        let answer = executor.start(.caller, cancellation: second) { exchange("later", mustFinish: true) }
        transport.waitForStart("later")
        second.cancel()
        transport.finish("later")
        #expect(answer.wait().text == "200")
        transport.finish("never")
        followed.wait(untilNanoseconds: .max)
    }

    @Test(arguments: Driver.allCases) func nobodysOperationBeginsNothingMore(_ driver: Driver) {
        let followed = Event()
        runOutOfTime(driver) { () throws(ConnError) in
            try exchange("never", mustFinish: true).then { (_) throws(ConnError) in
                followed.signal()
                return .settled { () throws(ConnError) in .blocking { (_) throws(ConnError) in exchange("a") } }
            }
        }
        transport.finish("never")
        followed.wait(untilNanoseconds: .max)
        executor.closeAndWait()
        #expect(transport.started == ["never"])
    }

    /// What is meant for a caller, such as handing out what is handed out once, happens only while one waits.
    @Test(arguments: Driver.allCases) func whatIsForACallerIsBegunOnlyWhileOneWaits(_ driver: Driver) {
        let (bound, forCaller) = (RecordedWork(), RecordedWork())
        let begin: Begin = { () throws(ConnError) in
            try exchange("never", mustFinish: true).then { (answer) throws(ConnError) in
                .queued(bound) { (_) throws(ConnError) in
                    .settled { () throws(ConnError) in
                        .queued(forCaller) { (_) throws(ConnError) in .done(answer) }
                    }
                }
            }
        }
        runOutOfTime(driver, begin)
        transport.finish("never")
        bound.begun.wait(untilNanoseconds: .max)
        #expect(executor.run(driver, begin).text == "200")
        executor.closeAndWait()
        #expect(forCaller.count == 1)
    }

    /// What an operation binds itself by is followed by all that must be.
    @Test(arguments: Driver.allCases) func whatBindsIsFollowedThoughNobodyWaits(_ driver: Driver) {
        let (forCaller, bound) = (RecordedWork(), RecordedWork())
        let cancellation = Cancellation()
        let outcome = executor.start(driver, cancellation: cancellation) { () throws(ConnError) in
            .queued(RecordedWork { cancellation.cancel() }, binds: true) { (_) throws(ConnError) in
                .queued(bound) { (_) throws(ConnError) in
                    .settled { () throws(ConnError) in
                        .queued(forCaller) { (_) throws(ConnError) in .done(.null) }
                    }
                }
            }
        }
        bound.begun.wait(untilNanoseconds: .max)
        #expect(outcome.wait().code == .cancelled)
        executor.closeAndWait()
        #expect(forCaller.count == 0)
    }

    @Test(arguments: Driver.allCases) func nobodysOperationDoesWhatMustFinish(_ driver: Driver) {
        let followed = Event()
        runOutOfTime(driver) { () throws(ConnError) in
            try exchange("never", mustFinish: true).then { (_) throws(ConnError) in
                .blocking { (_) throws(ConnError) in
                    .pause(milliseconds: 1) { () throws(ConnError) in
                        followed.signal()
                        return .done(.null)
                    }
                }
            }
        }
        transport.finish("never")
        followed.wait(untilNanoseconds: .max)
        executor.closeAndWait()
    }

    // MARK: - Flights

    @Test func aFlightWakesAllWhoWait() {
        let leader = Mutex<Flight.Leader?>(Flight.Leader())
        let flight = leader.withLock { $0?.flight }
        let followers = (0..<40).map { number in
            executor.start(number % 2 == 0 ? .caller : .loop) { () throws(ConnError) in
                guard let flight else { throw ConnError(.internal, "no flight") }
                return .join(flight) { () throws(ConnError) in .done(.integer(number)) }
            }
        }
        leader.withLock { $0 = nil }
        for (number, follower) in followers.enumerated() { #expect(follower.wait().text == "\(number)") }
    }

    @Test(arguments: Driver.allCases) func anAbandonedLeaderLands(_ driver: Driver) {
        let table = Mutex(1)
        let landed = Event()
        let answer = executor.run(driver, deadline: .after(milliseconds: 20)) { () throws(ConnError) in
            let leader = Flight.Leader { table.withLock { $0 = 0 } }
            leader.flight.onLanding { landed.signal() }
            return .http(request("never")) { (_) throws(ConnError) in
                withExtendedLifetime(leader) {}
                return .done(.null)
            }
        }
        #expect(answer.code == .timeout)
        landed.wait(untilNanoseconds: .max)
        #expect(table.withLock { $0 } == 0)
    }

    // MARK: - Blocking work

    @Test func blockingWorkDoesNotHoldUpTheLoop() {
        let gate = Event()
        let blocked = (0..<20).map { number in
            let outcome = Outcome()
            executor.submit(
                CallContext(deadline: .never, cancellation: Cancellation()),
                { () throws(ConnError) in
                    .blocking { (_) throws(ConnError) in
                        gate.wait(untilNanoseconds: .max)
                        return .done(.integer(number))
                    }
                }, completion: { outcome.set($0) })
            return outcome
        }
        #expect(executor.run(.loop) { exchange("a") }.text == "200")
        gate.signal()
        for (number, outcome) in blocked.enumerated() { #expect(outcome.wait().text == "\(number)") }
    }

    @Test func closingTellsBlockingWorkAndWaitsForIt() {
        let ended = Event()
        let begun = Event()
        let outcome = executor.start(.loop) { () throws(ConnError) in
            .blocking { (context) throws(ConnError) in
                begun.signal()
                while !context.cancellation.isCancelled { yieldThread() }
                ended.signal()
                return .done(.null)
            }
        }
        begun.wait(untilNanoseconds: .max)
        executor.closeAndWait()
        #expect(ended.isSignalled)
        #expect(outcome.wait().code == .cancelled)
    }

    // MARK: - Many, and closing

    @Test func tenThousandOnOneLoop() {
        let outcomes = (0..<10_000).map { number in
            let outcome = Outcome()
            executor.submit(
                CallContext(deadline: .after(milliseconds: 120_000), cancellation: Cancellation()),
                { () throws(ConnError) in
                    try exchange("a").then { (_) throws(ConnError) in
                        .pause(milliseconds: number % 7) { () throws(ConnError) in
                            try exchange("b").then { (_) throws(ConnError) in .done(.integer(number)) }
                        }
                    }
                }, completion: { outcome.set($0) })
            return outcome
        }
        for (number, outcome) in outcomes.enumerated() where outcome.wait().text != "\(number)" {
            Issue.record("\(number) came to \(outcome.wait())")
        }
        #expect(outcomes.allSatisfy { $0.count == 1 })
        #expect(transport.started.count == 20_000)
    }

    @Test func closingWithEverythingInFlight() {
        let waits: [LongWait] = [.http, .pause, .join, .blocking]
        let begun = Event()
        let outcomes = (0..<400).map { number in
            let outcome = Outcome()
            executor.submit(
                CallContext(deadline: .never, cancellation: Cancellation()),
                { () throws(ConnError) in
                    if number == 300 { begun.signal() }
                    return waits[number % 4].step
                }, completion: { outcome.set($0) })
            return outcome
        }
        begun.wait(untilNanoseconds: .max)
        executor.closeAndWait()
        for outcome in outcomes { #expect(outcome.wait().code == .cancelled && outcome.count == 1) }
        #expect(executor.run(.loop) { .done(.null) }.code == .cancelled)
        executor.closeAndWait()
    }

    @Test func closingWhatWasNeverUsed() { executor.closeAndWait() }

    @Test func theLoopsThreadBlocksSignals() throws {
        let isBlocked = Mutex<[Bool]>([])
        for blocking in [false, true] {
            let look: Begin = { () throws(ConnError) in
                var mask = sigset_t()
                pthread_sigmask(SIG_SETMASK, nil, &mask)
                isBlocked.withLock { $0.append(sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGPIPE) == 1) }
                return .done(.null)
            }
            _ = executor.run(.loop) { () throws(ConnError) in
                blocking ? .blocking { (_) throws(ConnError) in try look() } : try look()
            }
        }
        #expect(isBlocked.withLock { $0 } == [true, true])
    }
}
