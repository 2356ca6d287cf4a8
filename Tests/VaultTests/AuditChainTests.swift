import Connections
import Crypto
import HTTP
import JSON
import Runtime
import Store
import StoreSQLite
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// The audit as several chains, written by several processes.
@Suite struct AuditChainTests {
    /// Makes a connection, which is recorded.
    private func make(_ world: World, _ id: String) throws {
        _ = try world.call("apps.create", ["id": "\(id)", "appType": "apikey"])
    }

    /// What records hold: the connection's id, and where it stands.
    private func places(_ answer: JSON) -> [(id: String, place: AuditPlace)] {
        (answer["records"]?.elements ?? []).map {
            ($0["appId"]?.string ?? "", AuditPlace(Int($0["chain"]?.integer ?? -1), $0["sequence"]?.integer ?? -1))
        }
    }

    private func places(_ world: World) throws -> [(id: String, place: AuditPlace)] {
        places(try world.call("audit.list", ["limit": 1000]))
    }

    private func verdict(_ world: World, _ request: JSON = [:]) throws -> String {
        let answer = try world.call("audit.verify", request)
        guard answer["ok"]?.boolean == false else { return "ok" }
        return
            "\(answer["chain"]?.integer ?? -1)/\(answer["brokenAt"]?.integer ?? -1) \(answer["problem"]?.string ?? "")"
    }

    private func rows(of chain: Int, _ world: World) throws -> [StoredRow] {
        let records = try world.store.scan(prefix: AuditPlace.records(of: chain), after: nil, limit: 1000)
        return try records + [#require(try world.store.get(AuditPlace.head(of: chain)))]
    }

    /// Puts a chain back to what it was.
    private func restore(_ chain: Int, to earlier: [StoredRow], _ world: World) throws {
        let removals = try rows(of: chain, world).map { StoreWrite.remove($0.key, expecting: .any) }
        try world.store.commit(removals)
        try world.store.commit(earlier.map { .put($0.key, $0.value, expecting: .any) })
    }

    /// Processes that each write a chain of their own, in turn.
    private func writers(_ chains: [UInt8], config: JSON = [:]) throws -> [World] {
        let first = try World(config: config, chain: chains[0])
        return try [first] + chains.dropFirst().map { try first.another(config: config, chain: $0) }
    }

    /// Each of them records something, a second after the other.
    private func write(_ worlds: [World], rounds: Range<Int>) throws {
        for round in rounds {
            for (index, world) in worlds.enumerated() {
                try make(world, "\(index)-\(round)")
                world.clock.advance(seconds: 1)
            }
        }
    }

    // MARK: - Who writes which

    @Test func twoThatBeginWithOneChainEachComeToTheirOwn() throws {
        let worlds = try writers([7, 7])
        try write(worlds, rounds: 0..<20)
        let told = try places(worlds[0])
        #expect(told.map(\.id) == (0..<20).flatMap { ["0-\($0)", "1-\($0)"] })
        let chains = [0, 1].map { world in
            Set(told.suffix(20).filter { $0.id.hasPrefix("\(world)-") }.map(\.place.chain))
        }
        #expect(chains.allSatisfy { $0.count == 1 } && chains[0] != chains[1])
        #expect(try verdict(worlds[1]) == "ok")
    }

    /// Also within the time in which nobody looks at what others do.
    @Test func whoIsRefusedGoesToAnotherChain() throws {
        let worlds = try writers([7, 7, 7])
        for round in 0..<20 {
            for (index, world) in worlds.enumerated() { try make(world, "\(index)-\(round)") }
        }
        let told = try places(worlds[0])
        #expect(Set(told.map(\.id)).count == 60)
        let last = worlds.indices.map { world in told.last { $0.id == "\(world)-19" }?.place.chain }
        #expect(Set(last).count == 3)
        #expect(try verdict(worlds[1]) == "ok")
    }

    /// No row is written by two of them: a commit that comes in between refuses none.
    @Test func thoseWithChainsOfTheirOwnRefuseNobody() throws {
        let counting = CountingStore()
        let store = MeddlingStore(counting)
        let world = try World(store: store, chain: 3)
        let other = try world.another(chain: 5)
        try make(world, "a")
        try make(other, "b")
        let failures = Failures()
        for number in 0..<10 {
            store.at(.commit) { () throws(ConnError) in
                do throws(ConnError) {
                    _ = try other.call("apps.create", ["id": "during \(number)", "appType": "apikey"])
                } catch {
                    failures.add(error)
                }
            }
            let before = counting.commits
            try make(world, "own \(number)")
            #expect(counting.commits == before + 2)
        }
        #expect(failures.messages == [])
        #expect(try verdict(world) == "ok")
    }

    private final class CountingStore: Store {
        private let store = MemoryStore()
        private let count = Atomic(0)
        var commits: Int { count.load(ordering: .relaxed) }
        func read(_ reads: [StoreRead], _ context: CallContext) -> [[StoredRow]] { store.read(reads, context) }
        func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
            count.add(1, ordering: .relaxed)
            try store.commit(context, taking: take)
        }
        func close() {}
    }

    @Test func manyProcessesWriteAtATime() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("vault.db")
        let worlds = try (0..<6).map { _ in try World(store: try SQLiteStore(path: path)) }
        let failures = Failures()
        let wait = onThreads(12) { thread in
            for number in 0..<12 {
                do throws(ConnError) {
                    _ = try worlds[thread % 6].call(
                        "apps.create", ["id": "\(thread)-\(number)", "appType": "apikey"])
                } catch {
                    failures.add(error)
                }
            }
        }
        wait()
        #expect(failures.messages == [])
        #expect(Set(try places(worlds[0]).map(\.id)).count == 144)
        #expect(try worlds[0].call("audit.verify", [:])["verified"]?.integer == 144)
    }

    /// Its chain may be long gone by: another process has written there, and removed that again.
    @Test func whoWasAwayForLongDoesNotGoOnWhereOthersHaveBeen() throws {
        let worlds = try writers([7, 7], config: ["auditDays": 1])
        try make(worlds[0], "early")
        for number in 0..<5 {
            worlds[0].clock.advance(seconds: 200_000)
            try make(worlds[1], "\(number)")
        }
        worlds[0].clock.advance(seconds: 1)
        try make(worlds[0], "late")
        #expect(try verdict(worlds[0]) == "ok")
        #expect(try places(worlds[0]).map(\.id) == ["4", "late"])
    }

    // MARK: - What was done to them

    /// What somebody does to a chain, and what is found of it: where, and what.
    private struct Meddling {
        let name: String
        let finding: String
        let act: (AuditChainTests, World, Int) throws -> Void
    }

    private static func damaged(_ row: StoredRow) -> StoreWrite {
        .put(row.key, row.value.dropLast() + [row.value[row.value.count - 1] ^ 1], expecting: .any)
    }

    private static func record(_ world: World, _ chain: Int, _ number: Int64) throws -> StoredRow {
        try #require(try world.store.get(AuditPlace(chain, number).rowKey))
    }

    private static var meddlings: [Meddling] {
        [
            Meddling(name: "changed", finding: "3 the record was changed") { _, world, chain in
                try world.store.commit([damaged(try record(world, chain, 3))])
            },
            Meddling(name: "removed", finding: "3 the record is missing") { _, world, chain in
                try world.store.commit([.remove(AuditPlace(chain, 3).rowKey, expecting: .any)])
            },
            Meddling(name: "the first removed", finding: "1 the record is missing") { _, world, chain in
                try world.store.commit([.remove(AuditPlace(chain, 1).rowKey, expecting: .any)])
            },
            Meddling(name: "the last removed", finding: "6 the record is missing") { _, world, chain in
                try world.store.commit([.remove(AuditPlace(chain, 6).rowKey, expecting: .any)])
            },
            Meddling(name: "swapped", finding: "3 the record was changed") { _, world, chain in
                let (a, b) = (try record(world, chain, 3), try record(world, chain, 4))
                try world.store.commit([.put(a.key, b.value, expecting: .any), .put(b.key, a.value, expecting: .any)])
            },
            Meddling(name: "moved from another chain", finding: "3 the record was changed") { _, world, chain in
                let other = try record(world, chain == 0 ? 9 : 0, 3)
                try world.store.commit([.put(AuditPlace(chain, 3).rowKey, other.value, expecting: .any)])
            },
            Meddling(name: "moved behind the end", finding: "7 there are records beyond the head") { _, world, chain in
                try world.store.commit([.put(AuditPlace(chain, 7).rowKey, [1], expecting: .any)])
            },
            Meddling(name: "another row in between", finding: "4 there is a row that is no record") { _, world, chain in
                try world.store.commit([.put(AuditPlace(chain, 3).rowKey + [0], [1], expecting: .any)])
            },
            Meddling(name: "replaced by who has the key", finding: "3 the record is not the one") { _, world, chain in
                // The rest of the chain is made to follow it.
                var previous = AuditLog.origin
                var head = AuditHead()
                for number in Int64(1)...6 {
                    let old: Row<AuditRecord> = try #require(try world.read(AuditPlace(chain, number).rowKey))
                    let event = number == 3 ? AuditEvent("harmless") : old.value.event
                    let record = AuditRecord(
                        place: old.value.place, time: old.value.time, previous: previous, witness: nil, event: event)
                    if number == 3 || head.sequence >= 3 {
                        try world.store.commit([world.vault.rows.seal(record, at: record.place.rowKey, expecting: .any)]
                        )
                        previous = world.vault.rows.audit.hash(record.json.secret)
                        head.append(record, hash: previous)
                    } else {
                        previous = world.vault.rows.audit.hash(old.value.json.secret)
                        head.append(old.value, hash: previous)
                    }
                }
                try world.store.commit([world.vault.rows.seal(head, at: AuditPlace.head(of: chain), expecting: .any)])
            },
            Meddling(name: "the head changed", finding: "0 the chain's head was changed") { _, world, chain in
                try world.store.commit([damaged(try #require(try world.store.get(AuditPlace.head(of: chain))))])
            },
            Meddling(name: "the head of another chain", finding: "0 the chain's head was changed") { _, world, chain in
                let other = try #require(try world.store.get(AuditPlace.head(of: chain == 0 ? 9 : 0)))
                try world.store.commit([.put(AuditPlace.head(of: chain), other.value, expecting: .any)])
            },
        ]
    }

    @Test(arguments: [0, 5, 9]) func whateverIsDoneToAChainIsFound(_ chain: Int) throws {
        for meddling in Self.meddlings {
            let worlds = try writers([0, 5, 9])
            try write(worlds, rounds: 0..<6)
            #expect(try verdict(worlds[0]) == "ok")
            try meddling.act(self, worlds[0], chain)
            let found = try verdict(worlds[0])
            #expect(found.hasPrefix("\(chain)/\(meddling.finding)"), "\(meddling.name): \(found)")
        }
    }

    /// What was there for long enough that others have spoken of it.
    @Test(arguments: [0, 5, 9]) func aChainThatIsPutBackOrRemovedWithItsHeadIsFound(_ chain: Int) throws {
        for meddling in ["put back", "put back, and gone on", "removed"] {
            let worlds = try writers([0, 5, 9])
            try write(worlds, rounds: 0..<3)
            let earlier = try rows(of: chain, worlds[0])
            try write(worlds, rounds: 3..<8)
            switch meddling {
            case "put back": try restore(chain, to: earlier, worlds[0])
            case "removed": try restore(chain, to: [], worlds[0])
            default:
                try restore(chain, to: earlier, worlds[0])
                let fresh = try worlds[0].another(chain: UInt8(chain))
                for number in 0..<20 { try make(fresh, "\(number)") }
                #expect(try places(fresh).contains { $0.place == AuditPlace(chain, 20) })
            }
            let found = try verdict(worlds[0])
            #expect(found.hasPrefix("\(chain)/"), "\(meddling): \(found)")
        }
    }

    /// A process that lives on knows where the chains had come to, and says so in another one.
    @Test func whatOneProcessHasSeenIsNotForgottenWithItsChain() throws {
        let world = try World(chain: 5)
        try make(world, "a")
        let earlier = try rows(of: 5, world)
        try make(world, "b")
        try restore(5, to: earlier, world)
        #expect(try verdict(world) == "ok")  // nobody has spoken of it yet
        world.clock.advance(seconds: 2)
        try make(world, "c")
        #expect(
            try verdict(world)
                == "5/2 the record that chain \(try places(world).last?.place.chain ?? -1) speaks of is missing")
    }

    @Test func anAnchorHoldsAllChains() throws {
        let worlds = try writers([0, 5, 9])
        try write(worlds, rounds: 0..<3)
        let backup = try worlds[0].store.scan(prefix: [], after: nil, limit: 1000)
        try make(worlds[2], "secret deed")
        let anchor = try #require(try worlds[0].call("audit.verify", [:])["anchor"]?.string)
        let note: JSON = ["anchor": "\(anchor)"]
        try write(worlds, rounds: 3..<5)
        #expect(try verdict(worlds[0], note) == "ok")
        for row in try worlds[0].store.scan(prefix: [], after: nil, limit: 1000) {
            try worlds[0].store.commit([.remove(row.key, expecting: .any)])
        }
        for row in backup { try worlds[0].store.commit([.put(row.key, row.value, expecting: .any)]) }
        #expect(try verdict(worlds[0]) == "ok")
        #expect(try verdict(worlds[0], note) == "9/4 the record that was noted is missing")
        let fresh = try worlds[0].another(chain: 9)
        try make(fresh, "harmless")
        #expect(try verdict(worlds[0]) == "ok")
        #expect(try verdict(worlds[0], note) == "9/4 the record is not the one that was noted")
    }

    // MARK: - Damaged chains

    @Test(arguments: ["gone", "changed", "put back"]) func aDamagedChainIsLeftForAnother(_ damage: String) throws {
        let world = try World()
        try make(world, "a")
        let early = try #require(try world.store.get(AuditPlace.head(of: 0))).value
        try make(world, "b")
        let head = try #require(try world.store.get(AuditPlace.head(of: 0)))
        let write: StoreWrite =
            switch damage {
            case "gone": .remove(head.key, expecting: .any)
            case "changed": Self.damaged(head)
            default: .put(head.key, early, expecting: .any)
            }
        try world.store.commit([write])
        try make(try world.another(), "c")
        world.clock.advance(seconds: 2)
        try make(world, "d")
        let told = try places(world)
        #expect(told.filter { $0.place.chain == 0 }.map(\.id) == ["a", "b"])
        #expect(Set(told.map(\.id)) == ["a", "b", "c", "d"])
        #expect(try verdict(world).hasPrefix("0/"))
    }

    /// Also such as a chain that nobody has spoken of yet.
    @Test func recordsWithoutTheirHeadAreFoundAndListed() throws {
        let world = try World(chain: 5)
        try make(world, "a")
        try world.store.commit([.remove(AuditPlace.head(of: 5), expecting: .any)])
        #expect(try verdict(world) == "5/1 there are records beyond the head")
        #expect(try places(world).map(\.id) == ["a"])
        try make(try world.another(chain: 5), "b")
        #expect(Set(try places(world).map(\.id)) == ["a", "b"])
        #expect(try verdict(world).hasPrefix("5/"))
    }

    @Test func oneRecordThatDoesNotOpenIsCountedAndTheOthersAreListed() throws {
        let worlds = try writers([0, 5])
        try write(worlds, rounds: 0..<10)
        for place in [AuditPlace(0, 1), AuditPlace(5, 4), AuditPlace(5, 5), AuditPlace(5, 10)] {
            try worlds[0].store.commit([.put(place.rowKey, [UInt8](repeating: 0, count: 80), expecting: .any)])
        }
        let answer = try worlds[0].call("audit.list", [:])
        #expect(answer["records"]?.elements.count == 16 && answer["unreadable"]?.integer == 4)
        #expect(try worlds[0].call("audit.list", ["appId": "0-7"])["records"]?.elements.count == 1)
        // Each is counted once, whatever the pages.
        var (count, unreadable, after): (Int, Int64, JSON) = (0, 0, [:])
        while true {
            let page = try worlds[0].call("audit.list", (["limit": 3] as JSON).with(after))
            count += page["records"]?.elements.count ?? 0
            unreadable += page["unreadable"]?.integer ?? 0
            guard let next = page["next"]?.string else { break }
            after = ["after": "\(next)"]
        }
        #expect(count == 16 && unreadable == 4)
    }

    /// However many rows that are no records somebody puts in between.
    @Test func rowsThatAreNoRecordsDoNotKeepAListFromItsEnd() throws {
        let world = try World()
        try make(world, "a")
        for byte in UInt8(0)..<200 {
            try world.store.commit([.put(AuditPlace(0, 1).rowKey + [byte], [1], expecting: .any)])
        }
        try make(world, "b")
        #expect(try places(world).map(\.id) == ["a", "b"])
    }

    // MARK: - Order and pages

    @Test func recordsOfAllChainsComeInTheOrderOfTheirTime() throws {
        let worlds = try writers([40, 5, 9])
        try write(worlds, rounds: 0..<50)
        #expect(try places(worlds[0]).map(\.id) == (0..<50).flatMap { round in (0..<3).map { "\($0)-\(round)" } })
    }

    /// Whatever is written between two pages, and by clocks that differ.
    @Test func noRecordIsLeftOutOrComesTwiceWhileOthersWrite() throws {
        let first = try World(chain: 40)
        let worlds =
            try [first] + [(5, -600), (9, 600), (40, 30)].map { try first.another(secondsAhead: $1, chain: $0) }
        try write(worlds, rounds: 0..<10)
        var seen: [(id: String, place: AuditPlace)] = []
        var after: JSON = [:]
        for round in 10..<40 {
            try write(worlds, rounds: round..<round + 1)
            let page = try first.call("audit.list", (["limit": 7] as JSON).with(after))
            seen += places(page)
            after = ["after": "\(page["next"]?.string ?? page["end"]?.string ?? "")"]
        }
        while true {
            let page = try first.call("audit.list", (["limit": 7] as JSON).with(after))
            seen += places(page)
            after = ["after": "\(page["next"]?.string ?? page["end"]?.string ?? "")"]
            if page["next"] == nil { break }
        }
        #expect(seen.count == 160 && Set(seen.map(\.id)).count == 160 && Set(seen.map(\.place)).count == 160)
        for numbers in Dictionary(grouping: seen.map(\.place), by: \.chain).values.map({ $0.map(\.number) }) {
            #expect(numbers == numbers.sorted())
        }
        // From the end on, only what is new comes.
        try make(worlds[1], "new")
        #expect(places(try first.call("audit.list", after)).map(\.id) == ["new"])
    }

    @Test func theNewestComeFirstWhereThatIsAskedFor() throws {
        let worlds = try writers([40, 5, 9])
        try write(worlds, rounds: 0..<50)
        let all = try places(worlds[0].call("audit.list", ["limit": 1000, "newestFirst": true]))
        #expect(all.map(\.id) == (0..<50).flatMap { round in (0..<3).map { "\($0)-\(round)" } }.reversed())
        let some = try worlds[0].call("audit.list", ["appId": "1-7", "newestFirst": true])
        #expect(places(some).map(\.id) == ["1-7"])
        #expect(some["next"] == nil && some["end"] == nil)
    }

    /// What is written between two pages is on none of those that follow.
    @Test(arguments: [1, 7, 64]) func backwardsNoRecordIsLeftOutOrComesTwice(limit: Int64) throws {
        let first = try World(chain: 40)
        let worlds =
            try [first] + [(5, -600), (9, 600), (40, 30)].map { try first.another(secondsAhead: $1, chain: $0) }
        try write(worlds, rounds: 0..<40)
        var seen: [(id: String, place: AuditPlace)] = []
        var after: JSON = [:]
        var round = 40
        while true {
            let request: JSON = ["limit": .integer(limit), "newestFirst": true]
            let page = try first.call("audit.list", request.with(after))
            seen += places(page)
            guard let next = page["next"]?.string else { break }
            after = ["after": "\(next)"]
            try write(worlds, rounds: round..<round + 1)
            round += 1
        }
        #expect(seen.count == 160 && Set(seen.map(\.id)).count == 160 && Set(seen.map(\.place)).count == 160)
        for numbers in Dictionary(grouping: seen.map(\.place), by: \.chain).values.map({ $0.map(\.number) }) {
            #expect(numbers == numbers.sorted(by: >))
        }
    }

    /// Heads that are gone or put back, rows that are no records, and records far beyond the others.
    @Test func backwardsDamageHidesNoRecord() throws {
        let worlds = try writers([0, 5])
        try write(worlds, rounds: 0..<10)
        let store = worlds[0].store
        for place in [AuditPlace(0, 1), AuditPlace(5, 4), AuditPlace(5, 10), AuditPlace(5, 1 << 50)] {
            try store.commit([.put(place.rowKey, [UInt8](repeating: 0, count: 80), expecting: .any)])
        }
        for byte in UInt8(0)..<200 {
            try store.commit([.put(AuditPlace(0, 8).rowKey + [byte], [1], expecting: .any)])
        }
        try store.commit([.remove(AuditPlace.head(of: 5), expecting: .any)])
        let answer = try worlds[0].call("audit.list", ["newestFirst": true])
        #expect(answer["records"]?.elements.count == 17)
        #expect(answer["unreadable"]?.integer == 204)
    }

    @Test(arguments: ["0", "AA", "AQ", "AgAAAAAAAAAB", "AUAAAAAAAAAB", "AQAAAAAAAAABAA"]) func onlyAPlaceOfAListIsTaken(
        _ after: String
    ) throws {
        let error = try World().error("audit.list", ["after": "\(after)"])
        #expect(after == "AQ" ? error == nil : error?.field == "after")
    }

    // MARK: - Retention

    @Test func whatNobodyWritesToAnyMoreIsRemovedByOthers() throws {
        let worlds = try writers([0, 5, 9], config: ["auditDays": 2])
        try write(worlds, rounds: 0..<20)
        worlds[0].clock.advance(seconds: 3 * 86_400)
        for number in 0..<20 {
            worlds[1].clock.advance(seconds: 2)
            try make(worlds[1], "late \(number)")
            #expect(try verdict(worlds[0]) == "ok")
        }
        #expect(try places(worlds[0]).map(\.id) == (0..<20).map { "late \($0)" })
        // What others say of records that are not kept any more is no harm, and they go on.
        try make(worlds[0], "again")
        try make(worlds[2], "again, too")
        #expect(try verdict(worlds[0]) == "ok")
        // But a chain must be there.
        try restore(9, to: [], worlds[0])
        #expect(try verdict(worlds[0]).hasPrefix("9/"))
    }

    // MARK: - A vault of before

    /// As this library wrote it when there was one chain.
    private struct OldRecord: Record {
        let json: JSON
        init(json: JSON) { self.json = json }
    }

    @Test func aVaultWithOneChainGoesOn() throws {
        let world = try World()
        let audit = world.vault.rows.audit
        var previous = AuditLog.origin
        for number in Int64(1)...5 {
            let record = OldRecord(
                json: .object([
                    "sequence": .integer(number), "timeMs": .integer(number), "op": .string("delete"),
                    "outcome": .string("ok"), "appId": .string("old \(number)"),
                    "previous": .string(Crypto.hex(previous)),
                ]))
            let key = [UInt8(ascii: "l")] + RowKeys.bytes(number)
            try world.store.commit([world.vault.rows.seal(record, at: key, expecting: .absent)])
            previous = audit.hash(record.json.secret)
        }
        let head = OldRecord(
            json: .object([
                "sequence": .integer(5), "hash": .string(Crypto.hex(previous)), "first": .integer(1),
                "firstPrevious": .string(Crypto.hex(AuditLog.origin)), "firstTime": .integer(1),
            ]))
        try world.store.commit([world.vault.rows.seal(head, at: [UInt8(ascii: "h")], expecting: .any)])
        let worlds = [world, try world.another(chain: 5)]
        try write(worlds, rounds: 0..<2)
        let told = try places(world)
        #expect(told.map(\.id) == (1...5).map { "old \($0)" } + ["0-0", "1-0", "0-1", "1-1"])
        #expect(told.map(\.place.chain) == [0, 0, 0, 0, 0, 0, 5, 0, 5] && told[7].place.number == 7)
        #expect(try world.call("audit.verify", [:])["verified"]?.integer == 9)
    }

    // MARK: - Requests that are no requests

    /// What is refused by the table of fields, and what is told of it.
    private static let refusals: [(request: String, operation: String?, record: String)] = [
        (#"{"op":"fetch","appId":"crm","userId":5}"#, nil, "fetch invalid_request crm"),
        (#"{"op":"fetch","appId":"crm","userId":5,"tenantId":"t"}"#, nil, "fetch invalid_request crm"),
        (#"{"op":"fetch","appId":"crm","userId":"a","nonsense":"hidden"}"#, nil, "fetch invalid_request crm a"),
        (#"{"op":"fetch","appId":"c\nhidden","userId":"a"}"#, nil, "fetch invalid_request a"),
        (#"{"appId":"crm","userId":"a","actor":"me","scopes":"hidden"}"#, "fetch", "fetch invalid_request crm a me"),
        (#"{"appId":"crm","userId":"a","actor":["hidden"]}"#, "fetch", "fetch invalid_request crm a"),
        (#"{"op":"nothing.such","appId":"hidden"}"#, nil, "unknown invalid_request"),
        (#"{"op":["hidden"]}"#, nil, "unknown invalid_request"),
        (#"{"hidden":"#, nil, "unknown invalid_request"),
        (#"{"appId":"hidden","appId":"hidden"}"#, "fetch", "fetch invalid_request"),
        (
            #"{"op":"store_api_key","appId":"crm","userId":"a","apiKey":7,"hidden":1}"#, nil,
            "store_api_key invalid_request crm a"
        ),
        (#"{"op":"delete","tokenId":"t1","userId":"a"}"#, nil, "delete invalid_request a t1"),
        (#"{"op":"describe","hidden":1}"#, nil, "describe invalid_request"),
        (#"{"op":"apps.delete","id":"crm","hidden":1}"#, nil, "apps.delete invalid_request crm"),
        (#"{"op":"keys.drop","id":"0a0b","hidden":1}"#, nil, "keys.drop invalid_request 0a0b"),
    ]

    private func answer(
        _ client: Client, _ request: String, _ operation: String?, submitted: Bool
    ) -> Result<JSON, ConnError> {
        submitted ? client.submit(text: request).wait() : client.answer(request, operation: operation)
    }

    @Test(arguments: ["all", "changes"], [false, true]) func aRequestThatIsNoneIsToldWhereEverythingIs(
        _ level: String, submitted: Bool
    ) throws {
        let world = try World(config: ["audit": "\(level)"])
        let client = try Client(world.vault, http: HTTPOptions(proxy: ""))
        let refusals = Self.refusals.filter { !submitted || $0.operation == nil }
        for refusal in refusals {
            guard case .failure(let error) = answer(client, refusal.request, refusal.operation, submitted: submitted)
            else {
                Issue.record("\(refusal.request) was taken")
                continue
            }
            #expect(error.code == .invalidRequest, "\(refusal.request)")
        }
        let told = try world.call("audit.list", [:])["records"]?.elements ?? []
        let stories = told.map { record in
            ["op", "outcome", "appId", "keyId", "userId", "tenantId", "tokenId", "actor"]
                .compactMap { record[$0]?.string }.joined(separator: " ")
        }
        #expect(stories == (level == "all" ? refusals.map(\.record) : []))
        #expect(!told.contains { $0.text.contains("hidden") })
        client.closeAndWait()
    }
}
