import Synchronization
import Testing

@testable import Bridge

/// A table behind a reference: `#expect` takes no call that changes a value.
private final class Tickets<Answer: Sendable> {
    private(set) var table = TicketTable<Answer>()

    var isEmpty: Bool { table.isEmpty }
    var hasFinished: Bool { table.hasFinished }
    func accept(_ cancel: @escaping @Sendable () -> Void = {}) -> UInt64? { table.accept(cancel: cancel) }
    func finish(_ ticket: UInt64, _ answer: Answer) -> Bool { table.finish(ticket, answer) }
    func take() -> (ticket: UInt64, answer: Answer)? { table.take() }
    func cancel(_ ticket: UInt64) { for cancel in table.cancellers(of: ticket) { cancel() } }
}

@Suite struct TicketTableTests {
    @Test func anAnswerIsTakenOnce() throws {
        let table = Tickets<String>()
        #expect(table.isEmpty)
        let ticket = try #require(table.accept())
        #expect(!table.isEmpty)
        #expect(!table.hasFinished)
        #expect(table.take() == nil)
        #expect(table.finish(ticket, "answer"))
        #expect(table.hasFinished)
        let taken = try #require(table.take())
        #expect(taken == (ticket, "answer"))
        #expect(table.take() == nil)
        #expect(table.isEmpty)
    }

    @Test func theFirstAnswerThatWaitsIsTold() throws {
        let table = Tickets<Int>()
        let tickets = try (0..<3).map { _ in try #require(table.accept()) }
        #expect(table.finish(tickets[2], 2))
        #expect(!table.finish(tickets[0], 0))
        _ = table.take()
        #expect(!table.finish(tickets[1], 1))
        _ = table.take()
        _ = table.take()
        let another = try #require(table.accept())
        #expect(table.finish(another, 3))
    }

    @Test func answersComeInTheOrderInWhichTheyFinished() throws {
        let table = Tickets<Int>()
        let tickets = try (0..<10).map { _ in try #require(table.accept()) }
        let order = [3, 0, 9, 1, 2, 8, 7, 4, 6, 5]
        for index in order { _ = table.finish(tickets[index], index) }
        #expect(order.map { _ in table.take()?.answer } == order)
    }

    @Test func aSecondAnswerIsDropped() throws {
        let table = Tickets<String>()
        let ticket = try #require(table.accept())
        _ = table.finish(ticket, "first")
        #expect(!table.finish(ticket, "second"))
        #expect(table.take()?.answer == "first")
        #expect(!table.finish(ticket, "third"))
        #expect(!table.finish(ticket + 1, "never accepted"))
        #expect(table.take() == nil)
    }

    @Test func whatRunsCanBeCancelled() throws {
        let cancelled = Mutex<[Int]>([])
        let table = Tickets<Int>()
        let tickets = try (0..<3).map { index in
            try #require(table.accept { cancelled.withLock { $0.append(index) } })
        }
        _ = table.finish(tickets[1], 1)
        table.cancel(tickets[1])
        table.cancel(tickets[2] + 1)
        #expect(cancelled.withLock { $0 } == [])
        table.cancel(tickets[0])
        #expect(cancelled.withLock { $0 } == [0])
        table.cancel(0)
        #expect(cancelled.withLock { $0.sorted() } == [0, 0, 2])
    }

    @Test func finishedAnswersCountUntilTheyAreTaken() throws {
        let table = Tickets<Int>()
        for index in 0..<TicketTable<Int>.maxInFlight {
            let ticket = try #require(table.accept())
            if index.isMultiple(of: 2) { _ = table.finish(ticket, index) }
        }
        #expect(table.accept() == nil)
        _ = table.take()
        #expect(table.accept() != nil)
        #expect(table.accept() == nil)
    }

    /// Any order of steps against the simplest table there is: two arrays.
    @Test(arguments: 0..<50) func behavesAsAModel(seed: UInt64) {
        var random = SplitMix(state: seed)
        let table = Tickets<UInt64>()
        var running: [UInt64] = []
        var finished: [UInt64] = []
        var accepted: Set<UInt64> = []
        for step in 0..<2000 {
            switch UInt64.random(in: 0..<10, using: &random) {
            case 0..<4:
                guard let ticket = table.accept() else { Issue.record("refused at \(step)"); return }
                #expect(ticket > 0 && ticket < 1 << 53)
                #expect(accepted.insert(ticket).inserted)
                running.append(ticket)
            case 4..<7:
                guard let index = running.indices.randomElement(using: &random) else { continue }
                let ticket = running.remove(at: index)
                finished.append(ticket)
                #expect(table.finish(ticket, ticket) == (finished.count == 1))
            case 7:
                let gone = UInt64.random(in: 0..<5000, using: &random)
                if !running.contains(gone) { #expect(!table.finish(gone, 0)) }
            default:
                let taken = table.take()
                #expect(taken?.ticket == finished.first)
                #expect(taken?.answer == finished.first)
                if !finished.isEmpty { finished.removeFirst() }
            }
            #expect(table.hasFinished == !finished.isEmpty)
            #expect(table.isEmpty == (running.isEmpty && finished.isEmpty))
        }
        #expect(table.table.cancellers(of: 0).count == running.count)
    }
}

/// Random numbers that are the same in each run (SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
