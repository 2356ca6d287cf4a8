import Connections
import HTTP
import JSON
import OAuth
import Runtime
import TestSupport
import Testing

/// Nothing that cannot work is handed to a browser.
@Suite struct MissingSettingsTests {
    private static let endpoints: JSON = ["authorizationUrl": "https://p.example/a", "tokenUrl": "https://p.example/t"]

    /// Settings, and what they lack: when the connection is made, and when a user is to be sent somewhere.
    static let settings: [(settings: JSON, missing: [String])] = [
        ((["clientId": "c"] as JSON).with(endpoints), []),
        (["templateId": "github"], ["clientId", "clientSecret"]),
        (["templateId": "github", "clientId": "c"], ["clientSecret"]),
        (["templateId": "github", "clientSecret": "s3cret"], ["clientId"]),
        (["templateId": "github", "clientId": "c", "clientSecret": "s3cret"], []),
        (["templateId": "github", "clientId": "c", "tokenEndpointAuthMethod": "none"], []),
        (
            ["templateId": "shopify", "hosts": ["shop": "acme"], "clientId": "c", "tokenEndpointAuthMethod": "none"],
            ["clientSecret"]
        ),
        (endpoints, ["clientId"]), (["clientId": "c"], ["authorizationUrl", "tokenUrl"]),
        (["clientId": "c", "authorizationUrl": "https://p.example/a"], ["tokenUrl"]),
        (["clientId": "c", "tokenUrl": "https://p.example/t"], ["authorizationUrl"]),
        (
            (["clientId": "c", "tokenEndpointAuthMethod": "client_secret_basic"] as JSON).with(endpoints),
            ["clientSecret"]
        ),
        (
            (["clientId": "c", "tokenEndpointAuthMethod": "client_secret_bearer"] as JSON).with(endpoints),
            ["clientSecret"]
        ),
        (
            [
                "clientId": "c", "authorizationUrl": "https://p.example/{tenant}/a",
                "tokenUrl": "https://p.example/{tenant}/t",
            ],
            ["authorizationUrl", "tokenUrl"]
        ),
        ((["useDcr": true] as JSON).with(endpoints), ["dcrUrl"]),
        (["useDcr": true], ["authorizationUrl", "tokenUrl", "dcrUrl"]),
        (["discoveryUrl": "https://p.example/.well-known/openid-configuration"], ["clientId"]),
        ([:], ["clientId", "authorizationUrl", "tokenUrl"]),
    ]

    @Test(arguments: settings)
    func whatLacksIsToldAndRefused(_ settings: JSON, _ missing: [String]) throws {
        for setting in ["redirectUrl", "connectPageUrl"] {
            let world = try World(config: ["\(setting)": "https://h.example/page"])
            for operation in ["apps.create", "apps.update"] {
                let answer = try world.call(operation, settings.with(["id": "a"]))
                let warnings = answer["warnings"]?.elements ?? []
                #expect(warnings.compactMap { $0["field"]?.string } == missing)
                #expect(warnings.allSatisfy { $0["message"]?.string?.isEmpty == false })
                #expect((answer["warnings"] == nil) == missing.isEmpty)
            }
            let calls: [(String, JSON)] = [
                ("connect", ["appId": "a", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]]),
                ("fetch", ["appId": "a", "userId": "u1", "connect": ["redirectUrl": "https://h.example/done"]]),
            ]
            for (operation, request) in calls where !missing.isEmpty {
                let error = world.error(operation, request)
                #expect(error?.code == .misconfigured)
                #expect(error?.field == missing.first)
                for name in missing { #expect(error?.message.contains(name) == true) }
            }
            if missing.isEmpty {
                let url = try world.call(
                    "connect", ["appId": "a", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])[
                        "url"]
                #expect(url?.string?.contains("{") == false)
            }
            #expect(world.provider.requests.isEmpty)
        }
    }

    /// Without a client every row of the catalogue lacks one, and with one none lacks anything.
    @Test(arguments: Template.all.map(\.id))
    func everyRowOfTheCatalogue(_ id: String) throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        let template = try #require(Template.named(ID(id)))
        let request = template.settings
        let bare = try world.call("apps.create", (["id": "bare"] as JSON).with(request))["warnings"]?.elements ?? []
        #expect(bare.first?["field"]?.string == "clientId")
        let options: JSON = ["userId": "u1", "options": ["redirectUrl": "https://h.example/done", "scopes": ["s"]]]
        #expect(world.error("connect", (["appId": "bare"] as JSON).with(options))?.code == .misconfigured)
        let whole = try world.call(
            "apps.create", (["id": "whole", "clientId": "c", "clientSecret": "s3cret"] as JSON).with(request))
        #expect(whole["warnings"] == nil)
        let url = try world.call("connect", (["appId": "whole"] as JSON).with(options))["url"]?.string
        #expect(url?.contains("{") == false)
    }

    @Test func whatTheDocumentLacksIsToldWhenItIsRead() throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        _ = try world.call(
            "apps.create",
            ["id": "d", "clientId": "c", "discoveryUrl": "https://p.example/.well-known/openid-configuration"])
        world.provider.next(200, #"{"issuer":"https://p.example","token_endpoint":"https://p.example/t"}"#)
        let request: JSON = ["appId": "d", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]]
        #expect(world.error("connect", request)?.field == "authorizationUrl")
        #expect(world.error("device.start", ["appId": "d", "userId": "u1"])?.field == "deviceAuthorizationUrl")
    }

    @Test func aDeviceNeedsTheSame() throws {
        let world = try World()
        _ = try world.call("apps.create", ["id": "g", "templateId": "github"])
        let error = world.error("device.start", ["appId": "g", "userId": "u1"])
        #expect(error?.code == .misconfigured)
        #expect(error?.message == "g lacks clientId, clientSecret")
        _ = try world.call("apps.create", (["id": "n", "clientId": "c"] as JSON).with(Self.endpoints))
        #expect(world.error("device.start", ["appId": "n", "userId": "u1"])?.field == "deviceAuthorizationUrl")
        #expect(world.provider.requests.isEmpty)
    }

    /// Google and Entra refuse a request without a scope.
    @Test(arguments: ["google", "microsoft"]) func scopesAreNeededWhereTheProviderNeedsThem(_ id: String) throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        let app: JSON = ["id": "a", "templateId": .string(id), "clientId": "c", "clientSecret": "s3cret"]
        try world.call("apps.create", app)
        let place: JSON = ["redirectUrl": "https://h.example/done"]
        let error = world.error("connect", ["appId": "a", "userId": "u1", "options": place])
        #expect(error?.code == .misconfigured)
        #expect(error?.field == "defaultScopes")
        #expect(world.fetchError(["connect": place], app: "a")?.field == "defaultScopes")
        let scoped = place.with(["scopes": ["s"]])
        #expect(world.error("connect", ["appId": "a", "userId": "u1", "options": scoped]) == nil)
        try world.call("apps.update", app.with(["defaultScopes": ["s"]]))
        #expect(world.error("connect", ["appId": "a", "userId": "u1", "options": place]) == nil)
    }

    @Test(arguments: ["", " ", "\t\n"]) func aSettingThatIsBlankIsMissing(_ blank: String) throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        let app: JSON = ["id": "a", "templateId": "github", "clientId": .string(blank), "clientSecret": .string(blank)]
        guard let answer = try? world.call("apps.create", app) else { return }  // refused already
        #expect(answer["warnings"]?.elements.map { $0["field"]?.string } == ["clientId", "clientSecret"])
        #expect(world.error("connect", ["appId": "a", "userId": "u1"])?.code == .misconfigured)
    }

    @Test func aRedirectURLIsNeeded() throws {
        let world = try World()
        _ = try world.call("apps.create", (["id": "a"] as JSON).with(Self.endpoints))
        let error = world.error("connect", ["appId": "a", "userId": "u1"])
        #expect(error?.code == .misconfigured)
        #expect(error?.message == "a lacks clientId, defaultRedirectUrl")
    }

    @Test func anAPIKeyNeedsNothing() throws {
        let world = try World()
        #expect(try world.call("apps.create", ["id": "k", "appType": "apikey"])["warnings"] == nil)
    }
}
