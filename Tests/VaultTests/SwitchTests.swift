import Connections
import JSON
import OAuth
import Runtime
import TestSupport
import Testing

/// What a row of the catalogue can switch, a connection can: without a template, and over one.
@Suite struct SwitchTests {
    private let world: World

    init() throws { world = try World(config: ["redirectUrl": "https://h.example/callback"]) }

    private static let settings: [(setting: String, change: JSON)] = [
        ("bodyFormat", "json"), ("replyScopeSeparators", ","), ("replyScopeName", "scopes"),
        (
            "scopeRules",
            [
                "aliases": ["a": "b"], "prefixes": ["p/"], "implies": ["x": "y z"], "unnamed": ["u"],
                "ignoresCase": true, "complete": false,
            ]
        ),
        ("needsScopes", true), ("droppedAuthorizeParameters", ["response_type"]),
        ("renamedAuthorizeParameters", ["client_id": "key"]),
        ("renamedTokenParameters", ["code": "auth_code"]), ("tokenPaths", ["data.access_token"]),
        ("expiresInMilliseconds", true), ("expiry", ["rule": "fixed", "seconds": 60]),
        ("replyMetadata", ["team.id"]), ("errors", ["gone": "permanent"]), ("errorPaths", ["status"]),
        ("errorMessages", ["is gone": "permanent"]), ("refresh", ["rotation": "fixed", "graceSeconds": 5]),
        ("callback", ["metadata": ["realmId"], "scopes": "scope", "signature": "hmac"]),
        ("revocation", ["method": "DELETE", "takes": "access_token"]),
    ]

    @Test func noneIsForgotten() { #expect(Self.settings.map(\.setting) == Switch.all.map(\.name)) }

    @Test(arguments: settings)
    func eachIsKeptAndShown(_ row: (setting: String, change: JSON)) throws {
        try world.makeApp("a", ["\(row.setting)": row.change])
        let loaded = try #require(try world.call("apps.load", ["id": "a"])["app"])
        #expect(loaded[row.setting] == row.change)
        let again = try world.call("apps.update", loaded)["app"]
        #expect(again?[row.setting]?.text == loaded[row.setting]?.text)
        _ = try #require(
            try world.call("apps.update", (["id": "a", "clientId": "c"] as JSON).with(World.providerURLs))["app"])
        #expect(try world.call("apps.load", ["id": "a"])["app"]?[row.setting] == nil)
    }

    private static let refused: [(setting: JSON, field: String)] = [
        (["errors": ["gone": "fatal"]], "errors"), (["errors": ["gone": 5]], "errors.gone"),
        (["errorMessages": ["gone": "dead"]], "errorMessages"), (["expiry": ["rule": "fixed"]], "expiry"),
        (["expiry": ["seconds": 5]], "expiry.rule"), (["refresh": ["rotation": "often"]], "refresh.rotation"),
        (["scopeRules": ["alias": [:]]], "scopeRules.alias"),
        (["revocation": ["url": "https://p.example/"]], "revocation.url"),
        (["callback": ["hosts": ["a": "b"]]], "callback.hosts"), (["bodyFormat": "xml"], "bodyFormat"),
        (["droppedAuthorizeParameters": ["state"]], "droppedAuthorizeParameters"),
        (["renamedAuthorizeParameters": ["client_id": "state"]], "renamedAuthorizeParameters"),
        (["renamedAuthorizeParameters": ["code_challenge": "x"]], "renamedAuthorizeParameters"),
        (["authorizationUrlParams": [["key": "state", "value": "x"]]], "authorizationUrlParams"),
        (["authorizationUrlParams": [["key": "redirect_uri", "value": "x"]]], "authorizationUrlParams"),
    ]

    @Test(arguments: refused)
    func whatCannotBeIsRefused(_ setting: JSON, _ field: String) {
        let error = world.error(
            "apps.create", (["id": "a", "clientId": "c"] as JSON).with(World.providerURLs).with(setting))
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == field)
    }

    /// The kinds of refusals that providers answer in place of `invalid_grant`.
    private static let deaths: [(setting: JSON, status: Int, body: JSON)] = [
        (["errors": ["gone": "permanent"]], 400, ["error": "GONE"]),
        (["errorPaths": ["errors.0.errorType"]], 400, ["errors": [["errorType": "invalid_grant"]]]),
        (["errorPaths": ["status"], "errors": ["dead": "permanent"]], 400, ["status": "DEAD"]),
        (["errorMessages": ["refresh token is dead": "permanent"]], 400, ["message": "The refresh token is dead."]),
        (
            ["errorMessages": ["is dead": "permanent"]], 400,
            ["error": "invalid_request", "error_description": "It is dead"]
        ),
        (["name": "n"], 401, ["error": "invalid_token"]),
    ]

    @Test(arguments: deaths)
    func deadGrantsAskForTheUser(_ setting: JSON, _ status: Int, _ body: JSON) throws {
        try world.makeApp("a", setting)
        try world.connect(app: "a")
        world.provider.next(status, body)
        #expect(world.fetchError(["options": ["forceRefresh": true]], app: "a")?.reason == .reauthorize)
    }

    /// A connection adds to its template's without losing it, and is told what is in force.
    @Test func membersGoOverTheTemplates() throws {
        let create: JSON =
            [
                "id": "h", "templateId": "hubspot", "clientId": "c", "clientSecret": "s3cret",
                "errors": ["gone": "permanent"],
            ]
        let app = try #require(try world.call("apps.create", create)["app"])
        #expect(app["errors"]?["gone"]?.string == "permanent")
        #expect(app["errors"]?["BAD_REFRESH_TOKEN"]?.string == "permanent")
        for body in [["status": "GONE"], ["status": "BAD_REFRESH_TOKEN"]] as [JSON] {
            try world.connect(app: "h")
            world.provider.next(400, body)
            #expect(world.fetchError(["options": ["forceRefresh": true]], app: "h")?.reason == .reauthorize)
        }
        // What is loaded and written back keeps what is the connection's own, and nothing else.
        _ = try world.call("apps.update", app)
        let own = try #require(try world.call("apps.update", ["id": "h", "clientId": "c"])["app"])
        #expect(own["errors"]?["gone"] == nil)
        #expect(own["errors"]?["BAD_REFRESH_TOKEN"]?.string == "permanent")
    }

    /// All that a template shows can be written back.
    @Test(arguments: Template.all.map(\.id))
    func whatIsShownIsTaken(_ id: String) throws {
        let template = try #require(Template.named(ID(id)))
        let app = try #require(
            try world.call("apps.create", template.settings.with(["id": "a", "clientId": "c"]))["app"])
        #expect(try world.call("apps.update", app)["app"]?.text == app.text)
    }
}
