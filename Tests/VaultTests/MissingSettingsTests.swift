import Connections
import HTTP
import JSON
import OAuth
import Runtime
import Testing

/// Nothing that cannot work is handed to a browser.
@Suite struct MissingSettingsTests {
    private static let endpoints = #""authorizationUrl":"https://p.example/a","tokenUrl":"https://p.example/t""#

    /// Settings, and what they lack: when the connection is made, and when a user is to be sent somewhere.
    static let settings: [(settings: String, missing: [String])] = [
        (#""clientId":"c",\#(endpoints)"#, []),
        (#""templateId":"github""#, ["clientId", "clientSecret"]),
        (#""templateId":"github","clientId":"c""#, ["clientSecret"]),
        (#""templateId":"github","clientSecret":"s3cret""#, ["clientId"]),
        (#""templateId":"github","clientId":"c","clientSecret":"s3cret""#, []),
        (#""templateId":"github","clientId":"c","tokenEndpointAuthMethod":"none""#, []),
        (
            #""templateId":"shopify","hosts":{"shop":"acme"},"clientId":"c","tokenEndpointAuthMethod":"none""#,
            ["clientSecret"]
        ),
        (endpoints, ["clientId"]), (#""clientId":"c""#, ["authorizationUrl", "tokenUrl"]),
        (#""clientId":"c","authorizationUrl":"https://p.example/a""#, ["tokenUrl"]),
        (#""clientId":"c","tokenUrl":"https://p.example/t""#, ["authorizationUrl"]),
        (#""clientId":"c","tokenEndpointAuthMethod":"client_secret_basic",\#(endpoints)"#, ["clientSecret"]),
        (#""clientId":"c","tokenEndpointAuthMethod":"client_secret_bearer",\#(endpoints)"#, ["clientSecret"]),
        (
            #""clientId":"c","authorizationUrl":"https://p.example/{tenant}/a","tokenUrl":"https://p.example/{tenant}/t""#,
            ["authorizationUrl", "tokenUrl"]
        ),
        (#""useDcr":true,\#(endpoints)"#, ["dcrUrl"]), (#""useDcr":true"#, ["authorizationUrl", "tokenUrl", "dcrUrl"]),
        (#""discoveryUrl":"https://p.example/.well-known/openid-configuration""#, ["clientId"]),
        ("", ["clientId", "authorizationUrl", "tokenUrl"]),
    ]

    @Test(arguments: settings)
    func whatLacksIsToldAndRefused(_ settings: String, _ missing: [String]) throws {
        for config in [
            #","redirectUrl":"https://h.example/callback""#, #","connectPageUrl":"https://h.example/connect""#,
        ] {
            let world = try World(config: config)
            let more = settings.isEmpty ? "" : ",\(settings)"
            for operation in ["apps.create", "apps.update"] {
                let answer = try world.call(operation, #"{"id":"a"\#(more)}"#)
                let warnings = answer["warnings"]?.elements ?? []
                #expect(warnings.compactMap { $0["field"]?.string } == missing)
                #expect(warnings.allSatisfy { $0["message"]?.string?.isEmpty == false })
                #expect((answer["warnings"] == nil) == missing.isEmpty)
            }
            for (operation, request) in [
                ("connect", #"{"appId":"a","userId":"u1","options":{"redirectUrl":"https://h.example/done"}}"#),
                ("fetch", #"{"appId":"a","userId":"u1","connect":{"redirectUrl":"https://h.example/done"}}"#),
            ] where !missing.isEmpty {
                let error = world.error(operation, request)
                #expect(error?.code == .misconfigured)
                #expect(error?.field == missing.first)
                for name in missing { #expect(error?.message.contains(name) == true) }
            }
            if missing.isEmpty {
                let url = try world.call(
                    "connect", #"{"appId":"a","userId":"u1","options":{"redirectUrl":"https://h.example/done"}}"#)[
                        "url"]
                #expect(url?.string?.contains("{") == false)
            }
            #expect(world.provider.requests.isEmpty)
        }
    }

    /// Without a client every row of the catalogue lacks one, and with one none lacks anything.
    @Test(arguments: Template.all.map(\.id))
    func everyRowOfTheCatalogue(_ id: String) throws {
        let world = try World(config: #","redirectUrl":"https://h.example/callback""#)
        let template = try #require(Template.named(ID(id)))
        let hosts = template.hosts.filter { $0.fallback == nil }.map { #""\#($0.name)":"acme""# }.joined(separator: ",")
        let request = #""templateId":"\#(id)""# + (hosts.isEmpty ? "" : #","hosts":{\#(hosts)}"#)
        let bare = try world.call("apps.create", #"{"id":"bare",\#(request)}"#)["warnings"]?.elements ?? []
        #expect(bare.first?["field"]?.string == "clientId")
        let options = #""userId":"u1","options":{"redirectUrl":"https://h.example/done"}"#
        #expect(world.error("connect", #"{"appId":"bare",\#(options)}"#)?.code == .misconfigured)
        let whole = try world.call("apps.create", #"{"id":"whole",\#(request),"clientId":"c","clientSecret":"s3cret"}"#)
        #expect(whole["warnings"] == nil)
        let url = try world.call("connect", #"{"appId":"whole",\#(options)}"#)["url"]?.string
        #expect(url?.contains("{") == false)
    }

    @Test func whatTheDocumentLacksIsToldWhenItIsRead() throws {
        let world = try World(config: #","redirectUrl":"https://h.example/callback""#)
        _ = try world.call(
            "apps.create",
            #"{"id":"d","clientId":"c","discoveryUrl":"https://p.example/.well-known/openid-configuration"}"#)
        world.provider.next(200, #"{"issuer":"https://p.example","token_endpoint":"https://p.example/t"}"#)
        let request = #"{"appId":"d","userId":"u1","options":{"redirectUrl":"https://h.example/done"}}"#
        #expect(world.error("connect", request)?.field == "authorizationUrl")
        #expect(world.error("device.start", #"{"appId":"d","userId":"u1"}"#)?.field == "deviceAuthorizationUrl")
    }

    @Test func aDeviceNeedsTheSame() throws {
        let world = try World()
        _ = try world.call("apps.create", #"{"id":"g","templateId":"github"}"#)
        let error = world.error("device.start", #"{"appId":"g","userId":"u1"}"#)
        #expect(error?.code == .misconfigured)
        #expect(error?.message == "g lacks clientId, clientSecret")
        _ = try world.call("apps.create", #"{"id":"n","clientId":"c",\#(Self.endpoints)}"#)
        #expect(world.error("device.start", #"{"appId":"n","userId":"u1"}"#)?.field == "deviceAuthorizationUrl")
        #expect(world.provider.requests.isEmpty)
    }

    @Test func aRedirectURLIsNeeded() throws {
        let world = try World()
        _ = try world.call("apps.create", #"{"id":"a",\#(Self.endpoints)}"#)
        let error = world.error("connect", #"{"appId":"a","userId":"u1"}"#)
        #expect(error?.code == .misconfigured)
        #expect(error?.message == "a lacks clientId, defaultRedirectUrl")
    }

    @Test func anAPIKeyNeedsNothing() throws {
        let world = try World()
        #expect(try world.call("apps.create", #"{"id":"k","appType":"apikey"}"#)["warnings"] == nil)
    }
}
