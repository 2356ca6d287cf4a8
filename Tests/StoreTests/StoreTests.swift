import Connections
import Foundation
import Runtime
import Store
import Synchronization
import TestSupport
import Testing

/// What every store must do. A store that passes can hold a vault.
@Suite struct StoreTests {
    /// The library's own, and the example of a plugin; or the one that somebody names.
    static let all: [TestStore] = {
        if let named = TestStore.named { return [named] }
        let example = try? CPlugin.build("examples/plugins/store_memory.c", "-pthread")
        return [.memory, .sqlite] + (example.map { [.plugin($0, config: "{}")] } ?? [])
    }()

    @Test func theExampleIsAmongThem() { #expect(TestStore.named != nil || Self.all.count == 3) }

    private func keys(_ rows: [StoredRow]) -> [[UInt8]] { rows.map(\.key) }

    @Test(arguments: all) func valuesComeBackWithTheirVersion(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
        #expect(try store.get([1]) == nil)
        try store.commit([.put([1], [7, 0, 255], expecting: .absent)])
        let first = try #require(try store.get([1]))
        #expect(first.value == [7, 0, 255])
        try store.commit([.put([1], [8], expecting: .version(first.version))])
        let second = try #require(try store.get([1]))
        #expect(second.value == [8])
        #expect(second.version != first.version)
    }

    @Test(arguments: all) func aVersionThatDoesNotMatchWritesNothing(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
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

    @Test(arguments: all) func versionsDoNotComeBackAfterARemove(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
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

    @Test(arguments: all) func scansAreInByteOrderWithinThePrefix(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
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

    @Test(arguments: all) func whatIsReadTogetherComesInItsPlace(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
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

    @Test(arguments: all) func largeValuesAndCommitsFit(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
        let large = [UInt8](repeating: 7, count: 1 << 20)
        try store.commit([.put([1], large, expecting: .absent)])
        #expect(try store.get([1])?.value == large)
        let many = (0..<2000).map { StoreWrite.put([2, UInt8($0 >> 8), UInt8($0 & 255)], [1], expecting: .absent) }
        try store.commit(many)
        #expect(try store.scan(prefix: [2], after: nil, limit: 3000).count == 2000)
    }

    /// Each of many threads adds to one number by compare-and-set; none of the additions is lost.
    @Test(arguments: all) func compareAndSetLosesNothing(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
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

    /// Keys and values are bytes, whatever they mean elsewhere.
    @Test(arguments: all) func bytesAreBytes(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
        let odd: [[UInt8]] = [
            [0], [0, 0], [0, 1], [0x27], [0x25], [0x5C, 0], [0xC3, 0x28], [0xFF], Array("é".utf8),
        ]
        try store.commit(odd.map { .put($0, $0 + [0], expecting: .absent) })
        for key in odd { #expect(try store.get(key)?.value == key + [0]) }
        try store.commit([.put([1], [], expecting: .absent)])
        #expect(try store.get([1])?.value == [])
    }

    /// A row that a commit counts on, and leaves alone, must be as expected when the others are written.
    @Test(arguments: all) func aRowThatIsKeptMustBeAsExpected(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
        try store.commit([.put([1], [1], expecting: .absent)])
        let first = try #require(try store.get([1])).version
        try store.commit([.keep([1], expecting: .version(first)), .put([2], [2], expecting: .absent)])
        #expect(try store.get([1])?.version == first)
        try store.commit([.put([1], [9], expecting: .version(first))])
        let error = #expect(throws: ConnError.self) {
            try store.commit([.keep([1], expecting: .version(first)), .put([3], [3], expecting: .absent)])
        }
        #expect(error?.code == .conflict)
        #expect(try store.get([3]) == nil)
    }

    /// From the first page to the last, while others write: what was there all the time comes once.
    @Test(arguments: all) func pagesHoldEachRowOnceWhileOthersWrite(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
        try store.commit((0..<200).map { .put([1, $0], [$0], expecting: .absent) })
        var seen: [[UInt8]] = []
        var after: [UInt8]?
        while true {
            let page = try store.scan(prefix: [1], after: after, limit: 7)
            seen += keys(page)
            guard let last = page.last else { break }
            after = last.key
            guard let number = UInt8(exactly: seen.count) else { continue }
            try store.commit([
                .put([1, 0, number], [0], expecting: .absent), .put([0, number], [0], expecting: .absent),
                .put([1, 255, number], [0], expecting: .absent), .remove([1, 255, number &- 7], expecting: .any),
            ])
        }
        #expect(seen.filter { $0.count == 2 } == (0..<200).map { [1, $0] })
        #expect(Set(seen).count == seen.count)
    }

    /// What is read together is of one moment: a commit of two rows shows in both or in neither.
    @Test(arguments: all) func readsSeeWholeCommits(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
        try store.commit([.put([1], [0], expecting: .absent), .put([2], [0], expecting: .absent)])
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            do {
                for number in 0..<100 as Range<UInt8> {
                    if thread == 0 {
                        try store.commit([.put([1], [number], expecting: .any), .put([2], [number], expecting: .any)])
                        continue
                    }
                    let apart = try store.read([.get([1]), .get([2])], .unbounded).map { $0.first?.value }
                    let scanned = try store.scan(prefix: [], after: nil, limit: 9).map(\.value)
                    if apart[0] != apart[1] || scanned[0] != scanned[1] {
                        failures.withLock { $0.append("\(apart) \(scanned)") }
                    }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
    }

    /// A call whose time is up may fail, but it says so and does half of nothing.
    @Test(arguments: all) func aDeadlineThatIsOverIsNoHalfCommit(_ kind: TestStore) throws {
        let store = try kind.open()
        defer { store.close() }
        let over = CallContext.until(.now)
        do throws(ConnError) {
            try store.commit(over) {
                StoreCommit([.put([1], [1], expecting: .absent), .put([2], [2], expecting: .absent)], over)
            }
        } catch {
            #expect(error.code == .timeout)
        }
        let rows = try store.scan(prefix: [], after: nil, limit: 9)
        #expect(rows.isEmpty || rows.count == 2)
    }
}
