import Connections
import Foundation
import HTTP
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

@Suite struct OutboxListTests {
    private let world: World

    init() throws { world = try World() }

    /// Deletes tokens of users while the provider is down.
    private func delete(_ users: [String]) throws {
        try world.makeApp("a", ["revocationUrl": "https://p.example/revoke"])
        for user in users {
            try world.call("store_token", ["appId": "a", "userId": .string(user), "accessToken": "at-secret"])
        }
        world.provider.otherwise { _ in .success(HTTPResponse(status: 503, headers: [:], body: Secret(""))) }
        try world.call("delete", ["appId": "a"])
    }

    @Test func listsWhoseTokensWaitAndSinceWhen() throws {
        #expect(try world.call("revocations.list", [:])["revocations"]?.elements.isEmpty == true)
        try delete(["u1"])
        let answer = try world.call("revocations.list", [:])
        let waiting = try #require(answer["revocations"]?.elements.first)
        #expect(waiting["appId"]?.string == "a" && waiting["userId"]?.string == "u1")
        #expect(waiting["failures"]?.integer == 1)
        let now = world.clock.clock.seconds
        #expect(waiting["since"]?.integer == now)
        #expect((waiting["nextTry"]?.integer ?? 0) > now)
        #expect(!answer.text.contains("secret"))
    }

    @Test(arguments: [1, 7, 1000]) func pagesHoldEachOnce(limit: Int64) throws {
        try delete((0..<200).map { "user-\($0)" })
        var seen: [String] = []
        var after: JSON = [:]
        while true {
            let request: JSON = ["limit": .integer(limit)]
            let page = try world.call("revocations.list", request.with(after))
            let users = page["revocations"]?.elements.compactMap { $0["userId"]?.string } ?? []
            #expect(users.count <= Int(limit) && !users.isEmpty)
            seen += users
            guard let next = page["next"]?.string else { break }
            after = ["after": .string(next)]
        }
        #expect(seen.count == 200 && Set(seen).count == 200)
    }

    @Test func aRowThatDoesNotOpenIsCounted() throws {
        try delete(["u1", "u2"])
        let row = try #require(try world.store.scan(prefix: RowKeys.revocations, after: nil, limit: 1).first)
        try world.store.commit([.put(row.key, [UInt8](repeating: 0, count: 80), expecting: .any)])
        let answer = try world.call("revocations.list", [:])
        #expect(answer["revocations"]?.elements.count == 1)
        #expect(answer["unreadable"]?.integer == 1)
    }

    @Test(arguments: ["", "x", "AAAA"]) func onlyAPlaceOfAListIsTaken(after: String) throws {
        #expect(world.error("revocations.list", ["after": .string(after)])?.field == "after")
    }
}
