import Connections
import JSON
import Runtime
import TestSupport
import Testing

/// What `delete` and `list` mean by an app, a subject, or both.
@Suite struct TokenSetTests {
    private let world: World
    private static let all = [
        "x a", "x a/t", "x /t", "x b/t", "y a", "y a/t", "y /t", "y b",
    ]

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        for app in ["x", "y"] { try world.makeApp(app) }
        for place in Self.all {
            let parts = place.split(separator: " ")
            try world.connect(Self.subject(String(parts[1])), app: String(parts[0]), reply: tokens("at"))
        }
    }

    private static func subject(_ text: String) -> JSON {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        return .object([
            "userId": parts[0].isEmpty ? nil : .string(parts[0]),
            "tenantId": parts.count > 1 ? .string(parts[1]) : nil,
        ])
    }

    private func listed(_ request: JSON) throws -> Set<String> {
        let tokens = try world.call("list", request)["tokens"]?.elements ?? []
        return Set(
            tokens.map { token in
                let tenant = token["tenantId"]?.string.map { "/\($0)" } ?? ""
                return "\(token["appId"]?.string ?? "") \(token["userId"]?.string ?? "")\(tenant)"
            })
    }

    private var everything: Set<String> { get throws { try listed(["appId": "x"]).union(listed(["appId": "y"])) } }

    private static let sets: [(request: JSON, means: Set<String>)] = [
        (["appId": "x"], ["x a", "x a/t", "x /t", "x b/t"]),
        (["userId": "a"], ["x a", "x a/t", "y a", "y a/t"]),
        (["userId": "a", "tenantId": "t"], ["x a/t", "y a/t"]),
        (["tenantId": "t"], ["x /t", "y /t"]),
        (["appId": "y", "userId": "a"], ["y a", "y a/t"]),
        (["appId": "y", "userId": "a", "tenantId": "t"], ["y a/t"]),
        (["appId": "y", "tenantId": "t"], ["y /t"]),
        (["appId": "y", "userId": "nobody"], []),
    ]

    @Test(arguments: sets.indices) func aSetIsListed(_ index: Int) throws {
        #expect(try listed(Self.sets[index].request) == Self.sets[index].means)
    }

    @Test(arguments: sets.indices) func aSetIsDeletedAndNothingElse(_ index: Int) throws {
        let (request, means) = Self.sets[index]
        #expect(try world.call("delete", request)["deleted"]?.integer == Int64(means.count))
        #expect(try everything == Set(Self.all).subtracting(means))
        #expect(try world.call("delete", request)["deleted"]?.integer == 0)
    }

    /// Grants that come within one millisecond, or after the clock was set back, are in their order all the same.
    @Test func theLatestIsTheLastThatCame() throws {
        try world.makeApp("order")
        for (number, scope) in ["a", "b", "c"].enumerated() {
            _ = try world.call(
                "store_token",
                ["appId": "order", "userId": "u1", "accessToken": "at-\(number)", "scopes": ["\(scope)"]])
            #expect(try world.fetch(app: "order")["accessToken"]?.string == "at-\(number)")
            world.clock.advance(seconds: -5)
        }
    }

    @Test func oneTokenIsDeletedByItsID() throws {
        let id = try world.fetch(subject: ["userId": "a"], app: "x")["id"]?.string ?? ""
        for (id, deleted) in [(id, 1), (id, 0), ("no id of ours", 0)] {
            #expect(try world.call("delete", ["tokenId": "\(id)"])["deleted"]?.integer == Int64(deleted))
        }
        #expect(try everything == Set(Self.all).subtracting(["x a"]))
        #expect(world.error("delete", [:])?.code == .invalidRequest)
    }

    @Test func aListHoldsNoSecret() throws {
        try world.connect(["userId": "s"], app: "x", reply: tokens("hidden-access", refresh: "hidden-refresh"))
        let list = try world.answer("list", ["userId": "s"])
        #expect(!list.contains("hidden"))
        #expect(list.contains(#""hasRefreshToken":true"#))
        #expect(list.contains(#""status":"active""#))
    }

    @Test func aDeletedAppTakesItsTokensAlong() throws {
        _ = try world.call("apps.delete", ["id": "x"])
        #expect(world.error("apps.load", ["id": "x"])?.reason == .app)
        #expect(try everything == ["y a", "y a/t", "y /t", "y b"])
        try world.makeApp("x")
        #expect(world.fetchError(subject: ["userId": "a"], app: "x")?.reason == .missing)
    }

    /// A grant whose exchange was on its way while its connection was deleted, and another one took the id.
    @Test func aNewAppOfAnOldIDStartsWithNoTokens() throws {
        let url = try world.call(
            "connect", ["appId": "x", "userId": "late", "options": ["redirectUrl": "https://h.example/done"]])
        let state = query(url["url"]?.string, "state") ?? ""
        let late = world.begin("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "late"]])
        #expect(late.isAtProvider)
        _ = try world.call("apps.delete", ["id": "x"])
        world.provider.next(200, tokens("late"))
        late.step()
        #expect(throws: ConnError.self) { try late.result.get() }
        try world.makeApp("x")
        #expect(world.fetchError(subject: ["userId": "late"], app: "x")?.reason == .missing)
    }
}
