import Connections
import JSON
import Runtime
import TestSupport
import Testing

@testable import Vault

/// `list` a page at a time.
@Suite struct ListTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp("a")
        try world.makeApp("b")
    }

    /// - Parameter more: a token's fields; the dollar stands for its number.
    private func store(_ numbers: Range<Int>, _ more: JSON, app: String = "a") throws {
        let all = try numbers.map { try more.replacing("$", with: "\($0)").with(["appId": "\(app)"]) }
        let answer = try world.call("store_tokens", ["tokens": .array(all)])
        #expect(answer["failures"]?.elements.count == 0)
    }

    private static let living: JSON = ["userId": "u$", "refreshToken": "rt"]

    private func page(_ set: JSON, _ more: JSON = [:], after: String? = nil) throws -> (
        users: [String], next: String?
    ) {
        let cursor = JSON.object(["after": after.map { .string($0) }])
        let answer = try world.call("list", set.with(more).with(cursor))
        return ((answer["tokens"]?.elements ?? []).compactMap { $0["userId"]?.string }, answer["next"]?.string)
    }

    /// The pages of a set to the last one.
    private func pages(_ set: JSON, _ more: JSON = [:]) throws -> [[String]] {
        var all: [[String]] = []
        var next: String?
        repeat {
            let (users, after) = try page(set, more, after: next)
            all.append(users)
            next = after
        } while next != nil
        return all
    }

    @Test func pagesHoldEachTokenOnce() throws {
        try store(0..<250, Self.living)
        let all = Set((0..<250).map { "u\($0)" })
        for (limit, counts) in [(100, [100, 100, 50]), (250, [250]), (125, [125, 125])] {
            let pages = try pages(["appId": "a"], limit == 100 ? [:] : ["limit": .integer(limit)])
            #expect(pages.map(\.count) == counts)
            #expect(Set(pages.joined()) == all)
        }
    }

    @Test(
        arguments: [["userId": "u"], ["appId": "a", "userId": "u"], ["appId": "a", "userId": "u", "tenantId": "t3"]]
            as [JSON])
    func aSubjectsPagesHoldEachOfItsTokensOnce(_ set: JSON) throws {
        try store(0..<9, ["userId": "u", "tenantId": "t$", "refreshToken": "rt"])
        try store(0..<9, ["userId": "other", "tenantId": "t$", "refreshToken": "rt"])
        try store(0..<9, ["userId": "u", "tenantId": "t$", "refreshToken": "rt"], app: "b")
        let count = set["tenantId"] != nil ? 1 : set["appId"] != nil ? 9 : 18
        #expect(try pages(set, ["limit": 2]).joined().elementsEqual(Array(repeating: "u", count: count)))
    }

    /// Others come and go between two pages, also the one that the first of them ends with.
    @Test func whatIsStoredOrDeletedBetweenPagesMovesNoOther() throws {
        try store(0..<40, Self.living)
        let before = try pages(["appId": "a"], ["limit": 1000]).joined().map { $0 }
        let (first, next) = try page(["appId": "a"], ["limit": 10])
        #expect(first == Array(before.prefix(10)))
        for user in [before[0], before[9], before[10], before[39]] {
            _ = try world.call("delete", ["userId": "\(user)", "revoke": false])
        }
        try store(100..<120, Self.living)
        var rest: [String] = []
        var after = next
        while let cursor = after {
            let (users, next) = try page(["appId": "a"], ["limit": 10], after: cursor)
            rest += users
            after = next
        }
        #expect(rest.filter { before.contains($0) } == Array(before[11..<39]))
        #expect(Set(rest).count == rest.count)
    }

    @Test func aPageThatNothingIsLeftOfIsEmptyAndTheLast() throws {
        try store(0..<20, Self.living)
        let (_, next) = try page(["appId": "a"], ["limit": 10])
        #expect(next != nil)
        _ = try world.call("delete", ["appId": "a", "revoke": false])
        let (users, end) = try page(["appId": "a"], ["limit": 10], after: next)
        #expect(users.isEmpty && end == nil)
    }

    @Test func aStatusIsAskedFor() throws {
        let soon = world.clock.seconds + 1000
        try store(0..<30, Self.living)
        try store(30..<50, ["userId": "u$", "accessToken": "at", "accessTokenExpiry": .integer(soon)])
        try store(50..<60, ["userId": "u$", "accessToken": "at", "accessTokenExpiry": 1000])
        for (status, users) in [("active", 0..<30), ("expiring", 30..<50), ("needs_reauthorization", 50..<60)] {
            for limit in [7, 10, 100] {
                let pages = try pages(["appId": "a"], ["status": "\(status)", "limit": .integer(limit)])
                #expect(pages.dropLast().allSatisfy { $0.count == limit })
                #expect(pages.joined().sorted() == users.map { "u\($0)" }.sorted())
            }
        }
        #expect(world.error("list", ["appId": "a", "status": "lost"])?.field == "status")
    }

    /// One call goes through no more than so many, though it finds none.
    @Test func aPageThatFewTokensAreForEndsAndSaysHowFarItGot() throws {
        try store(0..<1000, Self.living)
        try store(1000..<1100, Self.living)
        let (none, next) = try page(["appId": "a"], ["status": "expiring"])
        #expect(none.isEmpty && next != nil)
        let (rest, end) = try page(["appId": "a"], ["status": "expiring"], after: next)
        #expect(rest.isEmpty && end == nil)
        #expect(try page(["appId": "a"], ["limit": 1000], after: next).users.count == 100)
    }

    @Test func allAreCountedWhereThatIsAskedFor() throws {
        try store(0..<150, Self.living)
        try store(0..<3, ["userId": "u", "tenantId": "t$", "refreshToken": "rt"])
        let sets: [(JSON, Int)] = [
            (["appId": "a"], 153), (["userId": "u"], 3), (["appId": "a", "userId": "u"], 3), (["appId": "b"], 0),
            (["appId": "nothing"], 0),
        ]
        for (set, count) in sets {
            let answer = try world.call("list", (["limit": 2, "count": true] as JSON).with(set))
            #expect(answer["total"]?.integer == Int64(count))
            #expect(answer["tokens"]?.elements.count == min(count, 2))
        }
        #expect(try world.call("list", ["appId": "a"])["total"] == nil)
        #expect(world.error("list", ["appId": "a", "status": "active", "count": true])?.field == "count")
    }

    @Test func whatIsNoNextIsRefused() throws {
        #expect(world.error("list", ["appId": "a", "after": "no next of ours"])?.field == "after")
        for limit in [0, 1001] {
            #expect(world.error("list", ["appId": "a", "limit": .integer(limit)])?.field == "limit")
        }
    }

    /// Those that have been idle for too long are neither shown nor counted against the page.
    @Test func aPageIsFullThoughIdleTokensAreRemovedOnTheWay() throws {
        try world.makeApp("idle", ["maxIdleSeconds": 60])
        try store(0..<20, Self.living, app: "idle")
        world.clock.advance(seconds: 100)
        try store(100..<120, Self.living, app: "idle")
        let pages = try pages(["appId": "idle"], ["limit": 10])
        #expect(pages.joined().sorted() == (100..<120).map { "u\($0)" }.sorted())
        #expect(pages.first?.count == 10)
    }
}
