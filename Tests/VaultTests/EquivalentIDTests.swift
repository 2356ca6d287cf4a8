import Connections
import JSON
import OAuth
import Runtime
import TestSupport
import Testing

@testable import Vault

/// Ids that read the same and are not: Swift's strings take them for equal, as the vault must not.
@Suite struct EquivalentIDTests {
    /// Spelled with one scalar and with two; and a letter that Unicode has twice.
    static let spellings = [("jos\u{e9}", "jose\u{301}"), ("K", "\u{212A}"), ("\u{c5}ngstrom", "\u{212B}ngstrom")]

    /// One's subject, and another's that reads the same in each of its ids or in one of them.
    static let subjects: [(JSON, JSON)] = spellings.flatMap { (one, other) -> [(JSON, JSON)] in
        let (ones, others) = (places(one), places(other))
        return Array(zip(ones, others))
    }

    private static func places(_ id: String) -> [JSON] {
        [
            ["userId": "\(id)"], ["tenantId": "\(id)"], ["userId": "\(id)", "tenantId": "t"],
            ["userId": "u", "tenantId": "\(id)"], ["userId": "\(id)", "tenantId": "\(id)"],
        ]
    }

    private let world: World

    init() throws {
        world = try World(
            config: ["redirectUrl": "https://h.example/callback", "allowExport": true, "audit": "all"])
    }

    /// Keeps a token, and answers its id.
    @discardableResult
    private func store(_ place: JSON, _ access: String = "at-1") throws -> String {
        try world.call("store_token", (["accessToken": "\(access)"] as JSON).with(place))["tokenId"]?.string ?? ""
    }

    /// Where the browser of whoever asks for a connection ends up.
    private func state(_ place: JSON, _ options: JSON = [:]) throws -> String {
        let url = try world.call(
            "connect",
            (["options": (["redirectUrl": "https://h.example/done"] as JSON).with(options)] as JSON).with(place))["url"]
        return query(url?.string, "state") ?? ""
    }

    private func count(_ operation: String, _ filter: JSON, _ member: String) throws -> Int? {
        try world.call(operation, filter)[member]?.elements.count
    }

    // MARK: - Subjects

    @Test(arguments: subjects) func aSubjectSeesNothingOfAnother(_ one: JSON, _ other: JSON) throws {
        #expect(one.text == other.text && !one.text.utf8.elementsEqual(other.text.utf8))
        try world.makeApp("a")
        let id = try store((["appId": "a"] as JSON).with(one))
        let rejection: JSON = ["tokenId": "\(id)", "tokenHash": "\(sha256("at-1"))"]

        #expect(world.fetchError(subject: other, app: "a")?.reason == .missing)
        #expect(world.error("report_rejected", rejection.with(other))?.reason == .missing)
        #expect(try count("list", other, "tokens") == 0)
        #expect(try count("export", other, "tokens") == 0)
        #expect(try count("audit.list", other, "records") == 2)  // its own fetch and report, which were refused
        for filter in [other, other.with(["appId": "a"])] {
            #expect(try world.call("delete", filter)["deleted"]?.integer == 0)
        }

        #expect(try world.fetch(subject: one, app: "a")["accessToken"]?.string == "at-1")
        #expect(try count("list", one, "tokens") == 1)
        #expect(world.error("report_rejected", rejection.with(one))?.reason != .missing)
    }

    @Test(arguments: subjects) func onlyWhomAConnectURLIsForComesBackFromIt(_ one: JSON, _ other: JSON) throws {
        try world.makeApp("a")
        let state = try state((["appId": "a"] as JSON).with(one))
        let callback: JSON = ["state": "\(state)", "code": "c"]
        #expect(world.error("complete", (["openedBy": other] as JSON).with(callback))?.code == .forbidden)
        world.provider.next(200, tokens("at-1"))
        #expect(try world.call("complete", (["openedBy": one] as JSON).with(callback))["tokenId"] != nil)
        #expect(world.fetchError(subject: other, app: "a")?.reason == .missing)
    }

    @Test(arguments: subjects) func onlyWhomATicketIsForOpensIt(_ one: JSON, _ other: JSON) throws {
        let page = try World(
            config: ["redirectUrl": "https://h.example/callback", "connectPageUrl": "https://h.example/page"])
        try page.makeApp("a")
        let url = try page.call("connect", (["appId": "a"] as JSON).with(one))["url"]?.string
        let ticket = query(url, "ticket") ?? ""
        #expect(page.error("open", ["ticket": "\(ticket)", "openedBy": other])?.code == .forbidden)
        // Nor does a deletion of the other take it away.
        _ = try page.call("delete", other)
        #expect(try page.call("open", ["ticket": "\(ticket)", "openedBy": one])["url"] != nil)
    }

    @Test(arguments: subjects) func onlyWhomAHeldGrantIsForConfirmsIt(_ one: JSON, _ other: JSON) throws {
        try world.makeApp("a")
        let state = try state((["appId": "a"] as JSON).with(one), ["confirmation": true])
        world.provider.next(200, tokens("at-1"))
        let held = try world.call("complete", ["state": "\(state)", "code": "c"])
        let code: JSON = ["code": "\(held["code"]?.string ?? "")"]
        #expect(world.error("confirm", (["appId": "a"] as JSON).with(other).with(code))?.reason == .missing)
        _ = try world.call("delete", other)
        #expect(try world.call("confirm", (["appId": "a"] as JSON).with(one).with(code))["tokenId"] != nil)
    }

    @Test(arguments: subjects) func aDevicesGrantSurvivesADeletionOfAnother(_ one: JSON, _ other: JSON) throws {
        try world.makeApp("a", ["deviceAuthorizationUrl": "https://p.example/device"])
        world.provider.next(
            200,
            #"{"device_code":"d","user_code":"U","expires_in":900,"interval":5,"verification_uri":"https://p.example/v"}"#
        )
        let flow = try world.call("device.start", (["appId": "a"] as JSON).with(one))["flow"]?.string ?? ""
        _ = try world.call("delete", (["appId": "a"] as JSON).with(other))
        world.clock.advance(seconds: 5)
        world.provider.next(200, tokens("at-1"))
        #expect(try world.call("device.poll", ["flow": "\(flow)"])["status"]?.string == "complete")
        #expect(world.fetchError(subject: other, app: "a")?.reason == .missing)
        #expect(try world.fetch(subject: one, app: "a")["accessToken"]?.string == "at-1")
    }

    @Test(arguments: subjects) func twoOfABatchAreTwo(_ one: JSON, _ other: JSON) throws {
        try world.makeApp("a")
        let items = [(one, "at-1"), (other, "at-2")].map { $0.with(["appId": "a", "accessToken": "\($1)"]) }
        let answer = try world.answer("store_tokens", ["tokens": .array(items)])
        #expect(answer == #"{"failures":[]}"#)
        #expect(try world.fetch(subject: one, app: "a")["accessToken"]?.string == "at-1")
        #expect(try world.fetch(subject: other, app: "a")["accessToken"]?.string == "at-2")
    }

    // MARK: - Connections

    @Test(arguments: spellings) func aConnectionSeesNothingOfAnother(_ one: String, _ other: String) throws {
        try world.makeApp(one, ["maxIdleSeconds": 1600])
        #expect(world.error("apps.load", ["id": "\(other)"])?.reason == .app)
        #expect(world.error("apps.delete", ["id": "\(other)"])?.reason == .app)
        try world.makeApp(other)
        #expect(try world.call("apps.list", [:])["apps"]?.elements.count == 2)
        let items = [(one, "at-1"), (other, "at-2")].map { app, access -> JSON in
            ["appId": "\(app)", "userId": "u1", "accessToken": "\(access)"]
        }
        _ = try world.call("store_tokens", ["tokens": .array(items)])

        for (app, access) in [(one, "at-1"), (other, "at-2")] {
            #expect(try world.fetch(app: app)["accessToken"]?.string == access)
            #expect(try count("list", ["appId": "\(app)"], "tokens") == 1)
            #expect(try count("export", ["appId": "\(app)"], "tokens") == 1)
            let records = try world.call("audit.list", ["appId": "\(app)"])["records"]?.elements ?? []
            #expect(records.allSatisfy { $0["appId"]?.id == ID(app) })
        }
        // Each by its own rules, also where one list or one sweep looks at both.
        world.clock.advance(seconds: 1701)
        #expect(try count("list", ["userId": "u1"], "tokens") == 1)
        #expect(world.fetchError(app: one)?.reason == .missing)
        #expect(try world.fetch(app: other)["accessToken"]?.string == "at-2")
    }

    @Test(arguments: spellings) func aSweepTakesNothingOfAnotherConnection(_ one: String, _ other: String) throws {
        try world.makeApp(one, ["maxIdleSeconds": 1600])
        try world.makeApp(other)
        for app in [one, other] { try store(["appId": "\(app)", "userId": "u1"]) }
        world.clock.advance(seconds: 1701)
        #expect(try world.answer("retention.sweep", [:]) == #"{"deleted":1}"#)
        #expect(try count("list", ["appId": "\(other)"], "tokens") == 1)
    }

    @Test(arguments: spellings) func aDeletedConnectionTakesNothingOfAnother(_ one: String, _ other: String) throws {
        try world.makeApp(one)
        try world.makeApp(other)
        try store(["appId": "\(other)", "userId": "u1"])
        let state = try state(["appId": "\(other)", "userId": "u2"])
        #expect(try world.call("apps.delete", ["id": "\(one)"])["deleted"]?.integer == 0)
        #expect(try world.fetch(app: other)["accessToken"]?.string == "at-1")
        world.provider.next(200, tokens("at-2"))
        _ = try world.call("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u2"]])
    }

    @Test(arguments: spellings) func whatAClientHoldsIsNotConfirmedForAnother(_ one: String, _ other: String) throws {
        try world.makeApp("a")
        _ = try world.call("apps.update", (["id": "a", "clientId": "\(one)"] as JSON).with(World.providerURLs))
        let state = try state(["appId": "a", "userId": "u1"], ["confirmation": true])
        world.provider.next(200, tokens("at-1"))
        let held = try world.call("complete", ["state": "\(state)", "code": "c"])
        _ = try world.call("apps.update", (["id": "a", "clientId": "\(other)"] as JSON).with(World.providerURLs))
        let code = held["code"]?.string ?? ""
        #expect(world.error("confirm", ["appId": "a", "userId": "u1", "code": "\(code)"])?.reason == .missing)
    }

    @Test(arguments: spellings) func aGrantFindsTheClientThatItBelongsTo(_ one: String, _ other: String) throws {
        let clients = [one, other].map { id in
            JSON.object(["redirectUris": .strings([]), "clientId": .string(id), "authMethod": .string("none")])
        }
        let record = try #require(RegistrationRecord(json: .object(["clients": .array(clients)])))
        for id in [one, other] {
            #expect(record.client(ID(id))?.registration.clientID.utf8.elementsEqual(id.utf8) == true)
        }
    }

    // MARK: - What else tells tokens apart

    /// Each names a token of one subject at one connection.
    @Test(arguments: spellings, ["externalIdentifier", "scopes", "resources"])
    func whatTellsTokensApartDoesSoByItsBytes(_ spelling: (String, String), _ field: String) throws {
        let values =
            [spelling.0, spelling.1].map { field == "externalIdentifier" ? .string($0) : .strings([$0]) } as [JSON]
        try world.makeApp("a")
        world.provider.next(200, tokens("at-1"))
        let state = try state(["appId": "a", "userId": "u1"], ["\(field)": values[0]])
        _ = try world.call("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
        let asking = { (value: JSON) -> JSON in ["\(field)": value] }
        #expect(try world.fetch(asking(values[0]), app: "a")["accessToken"]?.string == "at-1")
        #expect(world.fetchError(asking(values[1]), app: "a")?.code == .notFound)
    }

    @Test(arguments: spellings) func bothScopesOfAGrantAreKept(_ one: String, _ other: String) throws {
        try world.makeApp("a")
        let scopes = try world.connect(app: "a", scopes: ["\(one)", "\(other)"])
        #expect(!scopes.isEmpty)
        let kept = try world.fetch(["scopes": ["\(other)", "\(one)"]], app: "a")["scopes"]?.strings ?? []
        #expect(kept.map { ID($0) } == [ID(one), ID(other)])
    }

    @Test(arguments: spellings) func anotherIssuersCallbackIsRefused(_ one: String, _ other: String) throws {
        try world.makeApp("a", ["issuer": "https://p.example/\(one)"])
        let state = try state(["appId": "a", "userId": "u1"])
        let callback: JSON = ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]]
        let refusal = world.error("complete", (["iss": "https://p.example/\(other)"] as JSON).with(callback))
        #expect(refusal?.code == .providerError && refusal?.field == "iss")
    }

    @Test func anAuditIsNotFilteredByATokenIDThatReadsTheSame() throws {
        try world.makeApp("a")
        var id = ""
        var number = 0
        while !id.utf8.contains(UInt8(ascii: "K")) {
            number += 1
            id = try store(["appId": "a", "userId": "u\(number)"])
        }
        let other = id.replacing("K", with: "\u{212A}")
        #expect(try count("audit.list", ["tokenId": "\(id)"], "records") == 1)
        #expect(try count("audit.list", ["tokenId": "\(other)"], "records") == 0)
    }
}
