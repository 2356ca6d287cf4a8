import Connections
import HTTP
import JSON
import Runtime
import Synchronization
import Testing

/// Waiting for somebody else's work, on both drivers: it ends when the work does, or when the limit comes first.
@Suite struct JoinTests {
    private let executor: Executor
    private let context = CallContext(deadline: .never, cancellation: Cancellation())

    init() throws { executor = Executor(transport: try CurlTransport(options: HTTPOptions())) }

    private func submit(_ step: Step<JSON>) async throws -> String? {
        try await withCheckedContinuation { continuation in
            executor.submit(context, { step }) { continuation.resume(returning: $0) }
        }.get().string
    }

    private static func waiting(for flight: Flight, atMost limit: Int?) -> Step<JSON> {
        .join(flight, atMost: limit) { .done(.string("looked again")) }
    }

    @Test(arguments: [nil, 1, 20_000]) func goesOnWhenTheWorkIsDone(limit: Int?) async throws {
        let leader = Mutex<Flight.Leader?>(Flight.Leader())
        let flight = try #require(leader.withLock { $0?.flight })
        async let onLoop = submit(Self.waiting(for: flight, atMost: limit))
        leader.withLock { $0 = nil }
        #expect(try await onLoop == "looked again")
        #expect(try executor.run(context) { Self.waiting(for: flight, atMost: limit) }.string == "looked again")
    }

    @Test func goesOnWhenTheLimitComesFirst() async throws {
        let leader = Flight.Leader()
        #expect(try await submit(Self.waiting(for: leader.flight, atMost: 1)) == "looked again")
        let blocking = try executor.run(context) { Self.waiting(for: leader.flight, atMost: 1) }
        #expect(blocking.string == "looked again")
        withExtendedLifetime(leader) {}
    }

    @Test func whatEndsOnePauseEndsNoLaterOne() async throws {
        let leader = Mutex<Flight.Leader?>(Flight.Leader())
        let flight = try #require(leader.withLock { $0?.flight })
        let answer = try await submit(
            .join(flight, atMost: 1) {
                leader.withLock { $0 = nil }
                return .pause(milliseconds: 1) { .done(.string("after both")) }
            })
        #expect(answer == "after both")
    }
}
