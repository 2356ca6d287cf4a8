import Connections
import JSON
import TestSupport
import Testing

@Suite struct FlowTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback", "audit": "all"])
        try world.makeApp()
        _ = try world.call("apps.create", ["id": "weather", "appType": "apikey"])
    }

    private let flow: JSON = [
        "name": "Onboarding", "instructions": "Welcome.",
        "actions": [
            ["type": "connect", "appId": "google", "scopes": ["mail"], "title": "Your mail"],
            ["type": "tenant_connect", "buttons": [["appId": "google", "text": "Ours", "style": "filled"]]],
            ["type": "connect_api_key", "appId": "weather", "optional": true],
            ["type": "connect_tenant_api_key", "appId": "weather", "instructions": "Ask your boss."],
        ],
        "redirectUrls": ["https://h.example/done"], "fixed": true,
    ]

    @Test func aFlowIsKeptAsItWasGiven() throws {
        let created = try world.call("flows.create", flow.with(["id": "f"]))
        let version = try #require(created["flow"]?["version"])
        #expect(created["flow"] == flow.with(["id": "f", "version": version]))
        #expect(created["warnings"] == nil)
        #expect(try world.call("flows.load", ["id": "f"])["flow"] == created["flow"])
        #expect(try world.call("flows.list")["flows"] == .array([flow.with(["id": "f"])]))
    }

    @Test func anUpdateReplacesAllOfIt() throws {
        _ = try world.call("flows.create", flow.with(["id": "f"]))
        let action: JSON = ["type": "connect", "appId": "google"]
        _ = try world.call("flows.update", ["id": "f", "actions": [action]])
        #expect(try world.call("flows.list")["flows"] == [["id": "f", "actions": [action]]])
    }

    @Test func anIdIsChosenWhereNoneIsGiven() throws {
        let ids = try (0..<3).map { _ in try world.call("flows.create", flow)["flow"]?["id"]?.string ?? "" }
        #expect(Set(ids).count == 3)
        #expect(try world.call("flows.list")["flows"]?.elements.compactMap { $0["id"]?.string } == ids.sorted())
    }

    @Test func anIdIsTakenOnce() throws {
        _ = try world.call("flows.create", flow.with(["id": "f"]))
        #expect(world.error("flows.create", flow.with(["id": "f"]))?.code == .conflict)
    }

    @Test func whatIsDeletedIsGone() throws {
        _ = try world.call("flows.create", flow.with(["id": "f"]))
        _ = try world.call("flows.delete", ["id": "f"])
        for operation in ["flows.load", "flows.delete"] {
            #expect(world.error(operation, ["id": "f"])?.code == .notFound)
        }
        #expect(world.error("flows.update", flow.with(["id": "f"]))?.code == .notFound)
        #expect(try world.call("flows.list")["flows"]?.elements.isEmpty == true)
    }

    @Test func anEditOfWhatHasChangedMeanwhileIsRefused() throws {
        let created = try world.call("flows.create", flow.with(["id": "f"]))
        let seen = try #require(created["flow"]?["version"])
        #expect(try world.call("flows.load", ["id": "f"])["flow"]?["version"] == seen)
        let theirs = try world.call("flows.update", flow.with(["id": "f", "name": "Theirs", "version": seen]))
        let mine = flow.with(["id": "f", "name": "Mine", "version": seen])
        let refused = world.error("flows.update", mine)
        #expect(refused?.code == .conflict && refused?.field == "version")
        #expect(try world.call("flows.load", ["id": "f"])["flow"]?["name"]?.string == "Theirs")
        _ = try world.call("flows.update", mine.with(["version": #require(theirs["flow"]?["version"])]))
        _ = try world.call("flows.update", flow.with(["id": "f"]))  // the last writer wins
        #expect(try world.call("flows.load", ["id": "f"])["flow"]?["name"]?.string == "Onboarding")
    }

    @Test func pagesHoldAllOfThemOnce() throws {
        for number in 0..<25 { _ = try world.call("flows.create", flow.with(["id": "f\(number)"])) }
        var ids: [String] = []
        var after: JSON?
        repeat {
            let request: JSON = ["limit": 10]
            if let after { request.set("after", after) }
            let page = try world.call("flows.list", request)
            ids += page["flows"]?.elements.compactMap { $0["id"]?.string } ?? []
            after = page["next"]
        } while after != nil
        #expect(ids.sorted() == (0..<25).map { "f\($0)" }.sorted())
    }

    /// More of them than one page of the store holds.
    @Test func allOfThemAreListed() throws {
        for number in 0..<300 { _ = try world.call("flows.create", flow.with(["id": "f\(number)"])) }
        #expect(try world.call("flows.list")["flows"]?.elements.count == 300)
    }

    @Test(
        arguments: [
            ([], "actions"),
            ([["type": "connect"]], "actions[0].appId"),
            ([["type": "connect", "buttons": []]], "actions[0].appId"),
            ([["type": "connect", "appId": "google", "buttons": [["appId": "google"]]]], "actions[0].appId"),
            (
                [
                    ["type": "connect", "appId": "google"],
                    ["type": "connect_api_key", "appId": "weather", "scopes": ["s"]],
                ],
                "actions[1].scopes"
            ),
            ([["type": "disconnect", "appId": "google"]], "actions[0].type"),
            ([["type": "connect", "buttons": [["text": "x"]]]], "actions[0].buttons[0].appId"),
            ([["type": "connect", "buttons": [["appId": "google", "style": "loud"]]]], "actions[0].buttons[0].style"),
        ] as [(JSON, String)])
    func whatCannotWorkIsRefused(_ row: (actions: JSON, field: String)) throws {
        let error = world.error("flows.create", ["id": "f", "actions": row.actions])
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == row.field)
        #expect(world.error("flows.load", ["id": "f"])?.code == .notFound)
    }

    @Test(arguments: ["javascript:alert(1)", "/done", "data:text/html,x", "https://"])
    func aFlowEndsOnlyWhereABrowserMayBeSent(url: String) throws {
        let given = flow.with(["redirectUrls": ["https://h.example/done", .string(url)]])
        #expect(world.error("flows.create", given)?.field == "redirectUrls[1]")
    }

    /// The connections may be created later.
    @Test func whatIsMissingIsSaid() throws {
        let actions: JSON = [
            ["type": "connect", "appId": "weather"],
            ["type": "connect_api_key", "buttons": [["appId": "weather"], ["appId": "google"], ["appId": "slack"]]],
        ]
        let warnings = try world.call("flows.create", ["id": "f", "actions": actions])["warnings"]?.elements ?? []
        #expect(
            warnings.map { $0["field"]?.string } == [
                "actions[0].appId", "actions[1].buttons[1].appId", "actions[1].buttons[2].appId",
            ])
        #expect(warnings.last?["message"]?.string == "there is no connection slack")
        _ = try world.call("apps.delete", ["id": "google"])
        let later = try world.call("flows.update", flow.with(["id": "f"]))["warnings"]?.elements.count
        #expect(later == 2)
    }

    @Test func theAuditTellsWhichFlowChanged() throws {
        _ = try world.call("flows.create", flow.with(["id": "f"]))
        _ = try world.call("flows.update", flow.with(["id": "f", "actor": "boss"]))
        _ = world.error("flows.update", flow.with(["id": "g"]))
        let records = try world.call("audit.list")["records"]?.elements.filter { $0["flowId"] != nil } ?? []
        #expect(records.map { $0["op"]?.string } == ["flows.create", "flows.update", "flows.update"])
        #expect(records.map { $0["flowId"]?.string } == ["f", "f", "g"])
        #expect(records.map { $0["outcome"]?.string } == ["ok", "ok", "not_found"])
        #expect(records[1]["actor"]?.string == "boss")
    }
}
