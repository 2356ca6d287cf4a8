import Connections
import HTTP
import JSON
import Runtime
import Testing

@testable import Bridge

/// A backend that is never asked anything.
private final class NoBackend: Backend {
    let kind = BackendKind.plugin
    func begin(_ request: Request) throws(ConnError) -> Step<JSON> { .done(.object()) }
    func close() {}
}

private func makeHandle() throws -> Handle {
    try Handle(client: Client(backend: NoBackend(), transport: CurlTransport(options: HTTPOptions())))
}

@Suite struct HandleTableTests {
    @Test func aNumberFindsItsHandleUntilItIsRemoved() throws {
        let table = HandleTable()
        let (first, second) = try (makeHandle(), makeHandle())
        let numbers = try [first, second].map { try #require(table.insert($0)) }
        #expect(table.find(numbers[0]) === first)
        #expect(table.find(numbers[1]) === second)
        #expect(table.remove(numbers[0]) === first)
        #expect(table.find(numbers[0]) == nil)
        #expect(table.remove(numbers[0]) == nil)
        #expect(table.find(numbers[1]) === second)
    }

    @Test func aSlotIsUsedAgainUnderAnotherNumber() throws {
        let table = HandleTable()
        var numbers: Set<UInt64> = []
        for _ in 0..<1000 {
            let handle = try makeHandle()
            let number = try #require(table.insert(handle))
            #expect(number > 0 && number < 1 << 53)
            #expect(numbers.insert(number).inserted)
            #expect(table.remove(number) === handle)
        }
        for number in numbers { #expect(table.find(number) == nil) }
        // All of them were the first slot, so the table has not grown.
        #expect(Set(numbers.map { $0 & 0xFFFFF }) == [1])
    }

    @Test func inventedNumbersFindNothing() throws {
        let table = HandleTable()
        #expect(table.find(0) == nil)
        let number = try #require(table.insert(makeHandle()))
        for bit in 0..<64 { #expect(table.find(number ^ (1 << bit)) == nil) }
        for invented in [0, 1, UInt64.max, UInt64.max >> 1, 1 << 53] { #expect(table.find(invented) == nil) }
    }
}
