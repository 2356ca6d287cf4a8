import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct AppTests {
    private let world: World

    init() throws { world = try World(config: ["redirectUrl": "https://h.example/callback"]) }

    @Test func aSecretIsNeverAnswered() throws {
        let created = try world.answer(
            "apps.create", ["id": "a", "name": "A", "clientId": "c", "clientSecret": "hidden"])
        let updated = try world.answer("apps.update", ["id": "a", "name": "B", "clientSecret": "hidden-2"])
        let loaded = try world.answer("apps.load", ["id": "a"])
        let listed = try world.answer("apps.list", [:])
        for answer in [created, updated, loaded, listed] {
            #expect(!answer.contains("hidden"))
            #expect(answer.contains(#""id":"a""#))
            #expect(answer.contains(#""appType":"oauth""#))
        }
    }

    @Test func anIDIsUniqueAndChosenWhenAbsent() throws {
        try world.makeApp("a")
        #expect(world.error("apps.create", ["id": "a"])?.code == .conflict)
        let first = try world.call("apps.create", ["name": "n"])["app"]?["id"]?.string
        let second = try world.call("apps.create", ["name": "n", "logo": nil])["app"]?["id"]?.string
        #expect(first != nil && first != second)
    }

    @Test func anUpdateReplacesAllButTheSecret() throws {
        _ = try world.call(
            "apps.create",
            (["id": "a", "name": "A", "clientId": "c", "clientSecret": "one"] as JSON).with(World.providerURLs))
        let answer = try world.call("apps.update", (["id": "a", "clientId": "d"] as JSON).with(World.providerURLs))
        #expect(answer["app"]?["name"] == nil)
        #expect(answer["app"]?["clientId"]?.string == "d")
        try world.connect(app: "a")
        #expect(authorization == basic("d:one"))
        _ = try world.call(
            "apps.update", (["id": "a", "clientId": "d", "clientSecret": "two"] as JSON).with(World.providerURLs))
        try world.connect(app: "a")
        #expect(authorization == basic("d:two"))
        _ = try world.call(
            "apps.update", (["id": "a", "clientId": "d", "clientSecret": ""] as JSON).with(World.providerURLs))
        try world.connect(app: "a")
        #expect(authorization == nil)
        #expect(world.error("apps.update", ["id": "none"])?.reason == .app)
        #expect(world.error("apps.update", ["id": "a", "appType": "apikey"])?.field == "appType")
    }

    @Test func allAreListedInOrder() throws {
        for number in (0..<300).reversed() { _ = try world.call("apps.create", ["id": "\(1000 + number)"]) }
        let ids = try world.call("apps.list", [:])["apps"]?.elements.compactMap { $0["id"]?.string }
        #expect(ids == (0..<300).map { String(1000 + $0) })
    }

    private var authorization: String? {
        world.provider.requests.last?.headers.first { $0.name == "Authorization" }?.value.withBytes {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
