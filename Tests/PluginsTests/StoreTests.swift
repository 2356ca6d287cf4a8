import Connections
import JSON
import Plugins
import Runtime
import Store
import TestSupport
import Testing

/// What a store plugin may get wrong. Tests/StoreTests/StoreTests.swift holds a good one to what every store must do.
@Suite struct StoreTests {
    /// Which functions the plugin's table has.
    enum Table: String, CaseIterable {
        case whole, earlier

        var flags: [String] { self == .whole ? ["-DSTORE"] : ["-DSTORE", "-DEARLIER"] }
    }

    private func open(_ table: Table = .whole) throws -> PluginStore {
        try PluginStore(try library("scripted", table.flags), field: "store.plugin", config: .object())
    }

    private func key(_ what: Character, _ more: [UInt8] = []) -> [UInt8] { (what.asciiValue.map { [$0] } ?? []) + more }

    @Test(arguments: Table.allCases) func rowsArrive(_ table: Table) throws {
        let store = try open(table)
        defer { store.close() }
        #expect(try store.get(key("v")) == StoredRow(key: key("v"), value: Array("value".utf8), version: 7))
        #expect(try store.get(key("n")) == StoredRow(key: key("n"), value: [], version: 7))
        #expect(try store.get(key("0")) == nil)
        #expect(
            try store.scan(prefix: key("v"), after: nil, limit: 1)
                == [StoredRow(key: key("v"), value: Array("value".utf8), version: 7)])
        #expect(
            try store.scan(prefix: key("n"), after: nil, limit: 1) == [StoredRow(key: key("n"), value: [], version: 7)])
    }

    /// Taken for a version, they would mean "any" and "absent" to the next commit.
    @Test(arguments: Table.allCases) func aNumberThatIsNoVersionIsInternal(_ table: Table) throws {
        let store = try open(table)
        defer { store.close() }
        let errors = [
            error { () throws(ConnError) in _ = try store.get(key("m")) },
            error { () throws(ConnError) in _ = try store.scan(prefix: key("m"), after: nil, limit: 9) },
            error { () throws(ConnError) in _ = try store.scan(prefix: key("0"), after: nil, limit: 9) },
        ]
        for error in errors {
            #expect(error?.code == .internal)
            #expect(error?.message.contains("no version") == true)
        }
    }

    @Test(arguments: Table.allCases) func aRowWithoutAKeyIsNotTaken(_ table: Table) throws {
        let store = try open(table)
        defer { store.close() }
        #expect(try store.scan(prefix: key("k"), after: nil, limit: 9).count == 1)
    }

    /// A table that ends before `read`, or where it is NULL, is served by `get` and `scan`.
    @Test(arguments: Table.allCases) func readsGoTogetherWhereThePluginCan(_ table: Table) throws {
        // Its own, whose calls nobody else makes.
        let library = try library("scripted", table.flags + ["-DREADS_TOGETHER"])
        let store = try PluginStore(library, field: "store.plugin", config: .object())
        defer { store.close() }
        let before = try counter("scripted_entered", of: library)
        let rows = try store.read(
            [.get(key("v")), .scan(prefix: key("n"), limit: 3), .get(key("0"))], .unbounded)
        #expect(
            rows == [
                [StoredRow(key: key("v"), value: Array("value".utf8), version: 7)],
                [StoredRow(key: key("n"), value: [], version: 7)], [],
            ])
        #expect(try counter("scripted_entered", of: library) - before == (table == .whole ? 1 : 0))
    }

    @Test func aRowThatNobodyAskedForIsNotTaken() throws {
        let store = try open()
        defer { store.close() }
        #expect(try store.read([.get(key("p")), .get(key("v"))], .unbounded).map(\.count) == [0, 1])
    }

    private static let failures: [(what: Character, code: ErrorCode, message: String)] = [
        ("c", .conflict, "no reason was given"),
        ("f", .limit, "the store is full"),
        ("t", .timeout, "the call's time was up"),
    ]

    @Test(arguments: failures, Table.allCases) func aFailureKeepsItsMeaning(
        _ failure: (what: Character, code: ErrorCode, message: String), _ table: Table
    ) throws {
        let store = try open(table)
        defer { store.close() }
        let key = key(failure.what)
        let errors = [
            error { () throws(ConnError) in _ = try store.get(key) },
            error { () throws(ConnError) in _ = try store.scan(prefix: key, after: nil, limit: 9) },
            error { () throws(ConnError) in try store.commit([.put(key, [1], expecting: .any)]) },
        ]
        for error in errors {
            #expect(error?.code == failure.code)
            #expect(error?.message == failure.message)
        }
    }

    /// The fixture answers: writes, first value's length, whether the last is a removal, last key's length, and what the
    /// first and the last expect.
    @Test func writesArriveWhole() throws {
        let store = try open()
        defer { store.close() }
        func said(_ writes: [StoreWrite]) -> String? {
            error { () throws(ConnError) in try store.commit(writes) }?.message
        }
        let w = key("w")
        #expect(said([.put(w, [1, 2, 3], expecting: .absent)]) == "1 3 0 1 0 0")
        #expect(
            said([.put(w, [1], expecting: .version(7)), .remove(key("x", [1, 2]), expecting: .any)])
                == "2 1 1 3 7 \(UInt64.max)")
        #expect(said([.put(w, [], expecting: .any)]) == "1 0 0 1 \(UInt64.max) \(UInt64.max)")
    }
}
