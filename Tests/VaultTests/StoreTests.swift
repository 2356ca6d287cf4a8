import Connections
import Foundation
import JSON
import Plugins
import Store
import StoreSQLite
import Synchronization
import TestSupport
import Testing
import Vault

/// What every store must do. A store that passes can hold a vault.
@Suite struct StoreTests {
    enum Kind: String, CaseIterable {
        case memory, sqlite, plugin
    }

    /// A store, and the folder that must outlive it.
    private func make(_ kind: Kind) throws -> (store: any Store, folder: TemporaryFolder) {
        let folder = try TemporaryFolder()
        switch kind {
        case .memory: return (MemoryStore(), folder)
        case .sqlite: return (try SQLiteStore(path: folder.file("vault.db")), folder)
        case .plugin:
            let path = try CPlugin.build("examples/plugins/store_memory.c", "-pthread")
            return (try PluginStore(path, field: "store", config: .object()), folder)
        }
    }

    private func keys(_ rows: [StoredRow]) -> [[UInt8]] { rows.map(\.key) }

    @Test(arguments: Kind.allCases) func valuesComeBackWithTheirVersion(_ kind: Kind) throws {
        let (store, folder) = try make(kind)
        defer { withExtendedLifetime(folder) { store.close() } }
        #expect(try store.get([1]) == nil)
        try store.commit([.put([1], [7, 0, 255], expecting: .absent)])
        let first = try #require(try store.get([1]))
        #expect(first.value == [7, 0, 255])
        try store.commit([.put([1], [8], expecting: .version(first.version))])
        let second = try #require(try store.get([1]))
        #expect(second.value == [8])
        #expect(second.version != first.version)
    }

    @Test(arguments: Kind.allCases) func aVersionThatDoesNotMatchWritesNothing(_ kind: Kind) throws {
        let (store, folder) = try make(kind)
        defer { withExtendedLifetime(folder) { store.close() } }
        try store.commit([.put([1], [1], expecting: .absent)])
        let version = try #require(try store.get([1])).version
        let refused: [[StoreWrite]] = [
            [.put([2], [2], expecting: .any), .put([1], [9], expecting: .absent)],
            [.put([2], [2], expecting: .any), .put([1], [9], expecting: .version(version + 1))],
            [.put([2], [2], expecting: .any), .remove([1], expecting: .version(version + 1))],
            [.put([2], [2], expecting: .any), .remove([3], expecting: .version(1))],
        ]
        for writes in refused {
            let error = #expect(throws: ConnError.self) { try store.commit(writes) }
            #expect(error?.code == .conflict)
            #expect(try store.get([1])?.value == [1])
            #expect(try store.get([2]) == nil)
        }
    }

    @Test(arguments: Kind.allCases) func versionsDoNotComeBackAfterARemove(_ kind: Kind) throws {
        let (store, folder) = try make(kind)
        defer { withExtendedLifetime(folder) { store.close() } }
        var seen: Set<UInt64> = []
        for _ in 0..<5 {
            try store.commit([.put([1], [1], expecting: .absent)])
            let version = try #require(try store.get([1])).version
            #expect(seen.insert(version).inserted)
            try store.commit([.remove([1], expecting: .version(version))])
            #expect(try store.get([1]) == nil)
        }
        try store.commit([.remove([1], expecting: .any)])
    }

    @Test(arguments: Kind.allCases) func scansAreInByteOrderWithinThePrefix(_ kind: Kind) throws {
        let (store, folder) = try make(kind)
        defer { withExtendedLifetime(folder) { store.close() } }
        let longest = Array(repeating: UInt8(0xFF), count: 256)
        let stored: [[UInt8]] = [
            [0xFF, 0xFF], [0x80], [0x7F, 1], [0x7F], [0x7F, 0xFF], [0x7F, 0xFF, 1], [0x7E, 0xFF], [0], longest,
        ]
        try store.commit(stored.map { .put($0, $0, expecting: .absent) })
        let sorted = stored.sorted { $0.lexicographicallyPrecedes($1) }
        #expect(keys(try store.scan(prefix: [], after: nil, limit: 100)) == sorted)
        #expect(
            keys(try store.scan(prefix: [0x7F], after: nil, limit: 100))
                == [[0x7F], [0x7F, 1], [0x7F, 0xFF], [0x7F, 0xFF, 1]])
        #expect(keys(try store.scan(prefix: [0x7F], after: [0x7F, 1], limit: 1)) == [[0x7F, 0xFF]])
        #expect(keys(try store.scan(prefix: [0x7F], after: [0], limit: 1)) == [[0x7F]])
        #expect(keys(try store.scan(prefix: [0x7F], after: [0x80], limit: 9)) == [])
        #expect(keys(try store.scan(prefix: [0xFF], after: [0xFF, 0xFF], limit: 9)) == [longest])
        #expect(keys(try store.scan(prefix: [0x7F, 0xFF], after: nil, limit: 9)) == [[0x7F, 0xFF], [0x7F, 0xFF, 1]])
    }

    @Test(arguments: Kind.allCases) func whatIsReadTogetherComesInItsPlace(_ kind: Kind) throws {
        let (store, folder) = try make(kind)
        defer { withExtendedLifetime(folder) { store.close() } }
        try store.commit((0..<9).map { .put([1, $0], [$0], expecting: .absent) })
        let rows = try store.read(
            [
                .get([1, 7]), .scan(prefix: [1], after: [1, 2], limit: 3), .get([2]), .scan(prefix: [], limit: 2),
                .scan(prefix: [2], limit: 9), .get([1, 0]),
            ], .unbounded)
        #expect(
            rows.map { $0.map(\.key) } == [
                [[1, 7]], [[1, 3], [1, 4], [1, 5]], [], [[1, 0], [1, 1]], [], [[1, 0]],
            ])
        #expect(rows[0].first?.value == [7])
    }

    @Test(arguments: Kind.allCases) func largeValuesAndCommitsFit(_ kind: Kind) throws {
        let (store, folder) = try make(kind)
        defer { withExtendedLifetime(folder) { store.close() } }
        let large = [UInt8](repeating: 7, count: 1 << 20)
        try store.commit([.put([1], large, expecting: .absent)])
        #expect(try store.get([1])?.value == large)
        let many = (0..<2000).map { StoreWrite.put([2, UInt8($0 >> 8), UInt8($0 & 255)], [1], expecting: .absent) }
        try store.commit(many)
        #expect(try store.scan(prefix: [2], after: nil, limit: 3000).count == 2000)
    }

    /// Each of many threads adds to one number by compare-and-set; none of the additions is lost.
    @Test(arguments: Kind.allCases) func compareAndSetLosesNothing(_ kind: Kind) throws {
        let (store, folder) = try make(kind)
        defer { withExtendedLifetime(folder) { store.close() } }
        try store.commit([.put([1], [0], expecting: .absent)])
        let failures = Mutex<[any Error]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            var added = 0
            while added < 10 {
                do {
                    guard let current = try store.get([1]) else { return }
                    try store.commit([.put([1], [current.value[0] + 1], expecting: .version(current.version))])
                    added += 1
                } catch let error as ConnError where error.code == .conflict {
                    continue
                } catch {
                    failures.withLock { $0.append(error) }
                    return
                }
            }
        }
        #expect(failures.withLock { $0.isEmpty })
        #expect(try store.get([1])?.value == [80])
    }
}
