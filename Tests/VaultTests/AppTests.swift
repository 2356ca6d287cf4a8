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

    // MARK: - Edits that meet

    private let settings: JSON = ["clientId": "c", "name": "A"]

    private func version(_ id: String = "a") throws -> String {
        try #require(world.call("apps.load", ["id": .string(id)])["app"]?["version"]?.string)
    }

    @Test func anEditOfWhatHasChangedMeanwhileIsRefused() throws {
        let created = try world.call("apps.create", settings.with(["id": "a", "clientSecret": "s"]))
        let seen = try version()
        #expect(created["app"]?["version"]?.string == seen)
        let theirs = try world.call("apps.update", settings.with(["id": "a", "name": "B", "version": .string(seen)]))
        #expect(theirs["app"]?["version"]?.string == (try version()))
        let mine = settings.with(["id": "a", "name": "C", "version": .string(seen)])
        let refused = world.error("apps.update", mine)
        #expect(refused?.code == .conflict && refused?.field == "version")
        #expect(try world.call("apps.load", ["id": "a"])["app"]?["name"]?.string == "B")
        #expect(try world.call("apps.update", mine.with(["version": .string(try version())]))["app"] != nil)
        // Without a version the last writer wins, as ever.
        #expect(try world.call("apps.update", settings.with(["id": "a"]))["app"]?["name"]?.string == "A")
        // What was loaded is written back, and may be copied.
        let loaded = try #require(world.call("apps.load", ["id": "a"])["app"])
        #expect(try world.call("apps.update", loaded)["app"] == loaded)
        #expect(try world.call("apps.create", loaded.with(["id": "b"]))["app"]?["version"] != loaded["version"])
        #expect(try world.call("apps.list")["apps"]?.elements.allSatisfy { $0["version"] == nil } == true)
    }

    /// Of the secret it tells nothing but that.
    @Test func aNewSecretIsAnotherVersion() throws {
        _ = try world.call("apps.create", settings.with(["id": "a", "clientSecret": "one"]))
        let one = try version()
        _ = try world.call("apps.update", settings.with(["id": "a", "clientSecret": "two"]))
        #expect(try version() != one)
        _ = try world.call("apps.update", settings.with(["id": "a", "clientSecret": "one"]))
        #expect(try version() == one)
        let other = try World()
        _ = try other.call("apps.create", settings.with(["id": "a", "clientSecret": "one"]))
        #expect(try other.call("apps.load", ["id": "a"])["app"]?["version"]?.string != one)
    }

    /// Nobody has changed a setting where only rows were written anew.
    @Test func aVersionIsOfTheSettingsAlone() throws {
        _ = try world.call("apps.create", settings.with(["id": "a"]).with(World.providerURLs))
        let before = try version()
        _ = try world.call("delete", ["appId": "a"])
        let key = try #require(world.call("keys.add")["id"])
        _ = try world.call("keys.activate", ["id": key])
        _ = try world.call("keys.reseal")
        #expect(try version() == before)
        _ = try world.call("apps.delete", ["id": "a"])
        _ = try world.call("apps.create", settings.with(["id": "a"]).with(World.providerURLs))
        #expect(try version() != before)
    }

    @Test(arguments: ["", "\u{1}", String(repeating: "v", count: 65)]) func whatIsNoVersionIsRefused(_ version: String)
        throws
    {
        _ = try world.call("apps.create", ["id": "a"])
        #expect(world.error("apps.update", ["id": "a", "version": .string(version)])?.code == .invalidRequest)
    }

    // MARK: - Listing

    @Test(arguments: [1, 7, 128, 129, 299, 300, 1000]) func pagesHoldAllOfThemOnce(_ limit: Int) throws {
        for number in 0..<300 { _ = try world.call("apps.create", ["id": "a\(number)"]) }
        var ids: [String] = []
        var after: JSON?
        repeat {
            let request: JSON = ["limit": .integer(limit)]
            if let after { request.set("after", after) }
            let page = try world.call("apps.list", request)
            let found = page["apps"]?.elements.compactMap { $0["id"]?.string } ?? []
            #expect(found.count <= limit && found == found.sorted())
            ids += found
            after = page["next"]
        } while after != nil
        #expect(ids.sorted() == (0..<300).map { "a\($0)" }.sorted())
    }

    @Test func aPageIsNotMovedByWhatComesAndGoes() throws {
        for number in 0..<20 { _ = try world.call("apps.create", ["id": "a\(number)"]) }
        let first = try world.call("apps.list", ["limit": 10])
        let seen = first["apps"]?.elements.compactMap { $0["id"]?.string } ?? []
        for id in seen { _ = try world.call("apps.delete", ["id": .string(id)]) }
        let second = try world.call("apps.list", ["limit": 10, "after": #require(first["next"])])
        let rest = second["apps"]?.elements.compactMap { $0["id"]?.string } ?? []
        #expect(Set(seen).union(rest).count == 20)
        #expect(second["next"] == nil)
    }

    @Test(
        arguments: [
            ["limit": 0], ["limit": 1001], ["limit": .integer(Int64.min)], ["limit": .integer(Int64.max)],
            ["limit": "10"],
            ["after": "x"], ["after": ""], ["after": "AAAA"], ["limit": 5, "after": "AAAAAAAAAAAAAAAAAAAAAAA"],
        ] as [JSON])
    func whatIsNoPageIsRefused(_ request: JSON) throws {
        for operation in ["apps.list", "flows.list"] {
            #expect(world.error(operation, request)?.code == .invalidRequest, "\(operation)")
        }
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
