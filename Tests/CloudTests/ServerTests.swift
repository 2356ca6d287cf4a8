import Connections
import HTTP
import JSON
import Runtime
import Testing

/// Every operation against a server that refuses what Descope's API does not list.
@Suite struct ServerTests {
    private let server: DescopeServer
    private let google = #"{"id":"google","name":"Google","appType":"oauth","clientSecret":"hidden"}"#

    init() throws { server = try DescopeServer() }

    private func expect(
        _ operation: String, _ request: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try server.call(operation, request)
        #expect(answer.equals(try JSON.parse(expected)), "\(answer.text)", sourceLocation: sourceLocation)
    }

    private func seed(_ tokens: String = "") throws {
        try server.control(.post, "seed", #"{"apps":[\#(google)],"tokens":[\#(tokens)]}"#)
    }

    @Test func aConnectionsLife() throws {
        let settings = #"""
            "name":"n","description":"d","logo":"https://a.example/l.png","clientId":"c","clientSecret":"hidden",
            "discoveryUrl":"https://a.example/d","authorizationUrl":"https://a.example/a",
            "authorizationUrlParams":[{"key":"k","value":"v"}],"tokenUrl":"https://a.example/t",
            "tokenUrlParams":[{"key":"k","value":"v"}],"revocationUrl":"https://a.example/r","defaultScopes":["s"],
            "defaultRedirectUrl":"https://a.example/cb","callbackDomain":"a.example","pkce":true,"accessType":"offline",
            "prompt":["consent"],"useDcr":true,"dcrUrl":"https://a.example/dcr"
            """#
        let made = try server.call("apps.create", #"{"id":"a b/c","appType":"oauth","tenantId":"t",\#(settings)}"#)
        #expect(made["app"]?["id"]?.string == "a b/c")
        #expect(!made.text.contains("hidden"))
        #expect(try server.call("apps.load", #"{"id":"a b/c"}"#).equals(made))
        let updated = try server.call("apps.update", #"{"id":"a b/c",\#(settings.replacing(#""n""#, with: #""m""#))}"#)
        #expect(updated["app"]?["name"]?.string == "m")
        #expect(try server.call("apps.list", "{}")["apps"]?.elements.count == 1)
        try expect("apps.delete", #"{"id":"a b/c"}"#, "{}")
        #expect(server.error("apps.load", #"{"id":"a b/c"}"#)?.reason == .app)

        let template = try server.call(
            "apps.create", #"{"templateId":"google","id":"g","clientId":"c","clientSecret":"s","description":"d"}"#)
        #expect(template["app"]?["authorizationUrl"]?.string?.contains("accounts.google.com") == true)
        #expect(template["app"]?["description"]?.string == "d")
        let preset = try server.call("apps.create", #"{"dcrPresetId":"linear","tenantId":"t"}"#)
        #expect(preset["app"]?["useDcr"]?.boolean == true)
        #expect(server.error("apps.create", #"{"name":"n","id":"g"}"#)?.code == .conflict)
    }

    @Test func anAPIKeyIsStoredFetchedAndDeleted() throws {
        _ = try server.call("apps.create", #"{"id":"k","name":"k","appType":"apikey"}"#)
        for subject in [#""userId":"u""#, #""userId":"u","tenantId":"t""#, #""tenantId":"t""#] {
            try expect("store_api_key", #"{"appId":"k",\#(subject),"apiKey":"key-1"}"#, "{}")
            let token = try server.call("fetch", #"{"appId":"k",\#(subject)}"#)["token"]
            #expect(token?["accessToken"]?.string == "key-1")
            #expect(token?["accessTokenExpiry"] == nil)
            let id = try #require(token?["id"]?.string)
            try expect("delete", #"{"tokenId":"\#(id)"}"#, "{}")
            #expect(server.error("fetch", #"{"appId":"k",\#(subject)}"#)?.reason == .missing)
        }
    }

    @Test func importedTokensAreFoundByScopesAndListed() throws {
        try seed()
        let grant = #"""
            "refreshToken":"r","accessToken":"a","accessTokenExpiry":2000000000,"accessTokenType":"Bearer",
            "scopes":["x","y"],"idToken":"i","grantedBy":"g"
            """#
        try expect("store_token", #"{"appId":"google","userId":"u",\#(grant),"verifyRefresh":true}"#, "{}")
        try expect("store_token", #"{"appId":"google","tenantId":"t",\#(grant)}"#, "{}")
        try expect(
            "store_tokens", #"{"tokens":[{"appId":"google","userId":"v","tenantId":"t",\#(grant)}]}"#,
            #"{"failures":[]}"#)
        try expect(
            "store_tokens", #"{"tokens":[{"appId":"google","tenantId":"t2",\#(grant)}]}"#, #"{"failures":[]}"#)
        let failures = try server.call("store_tokens", #"{"tokens":[{"appId":"none","userId":"v","accessToken":"a"}]}"#)
        #expect(failures["failures"]?.elements.first?["errorCode"]?.string == "E152110")

        for subject in [#""userId":"u""#, #""tenantId":"t""#, #""userId":"v","tenantId":"t""#] {
            for scopes in [#","scopes":["y","x"]"#, ""] {
                let fetched = try server.call("fetch", #"{"appId":"google",\#(subject)\#(scopes)}"#)
                #expect(fetched["token"]?["accessToken"]?.string == "a")
                #expect(fetched["token"]?["accessTokenExpiry"]?.integer == 2_000_000_000)
                #expect(fetched["token"]?["refreshToken"] == nil)
            }
            let error = server.error("fetch", #"{"appId":"google",\#(subject),"scopes":["x"]}"#)
            #expect(error?.reason == .scopes)
            #expect(error?.missingScopes == ["x"])
        }
        let all = try server.call("fetch", #"{"appId":"google","userId":"u","options":{"withRefreshToken":true}}"#)
        #expect(all["token"]?["refreshToken"]?.string == "r")

        try expect(
            "list", #"{"userId":"u"}"#, #"{"tokens":[{"appId":"google","userId":"u","status":"active"}]}"#)
        try expect("delete", #"{"appId":"google","userId":"u"}"#, "{}")
        try expect("list", #"{"userId":"u"}"#, #"{"tokens":[]}"#)
    }

    @Test func aTokenThatEndsSoonIsRefreshed() throws {
        try seed(
            #"{"appId":"google","userId":"u","accessToken":"old","refreshToken":"r","accessTokenExpiry":"4000000000"}"#)
        let soon = #"{"path":"/v1/mgmt/outbound/app/user/token/latest","set":{"token.accessTokenExpiry":1}}"#
        try server.control(.post, "faults", soon)
        let token = try server.call("fetch", #"{"appId":"google","userId":"u"}"#)["token"]
        #expect(token?["accessToken"]?.string?.hasPrefix("refreshed-") == true)
    }

    @Test func aUserWhoHasNotConnectedGetsAURL() throws {
        try seed()
        let jwt = try server.jwt("u")
        let connect =
            #""connect":{"redirectUrl":"https://a.example/done","prompt":["consent"],"loginHint":"u@a.example"}"#
        let request = #"{"appId":"google","userId":"u","scopes":["a"],"accessToken":"\#(jwt)",\#(connect)}"#
        let error = server.error("fetch", request)
        #expect(error?.code == .connectionRequired)
        #expect(error?.connectionURL?.contains("/v1/outbound/oauth/connect?appId=google") == true)

        let log = try server.control(.get, "requests")["requests"]?.elements ?? []
        #expect(log.map { $0["credentials"]?.string } == ["token", "token"])
        #expect(log.last?["body"]?["options"]?["scopes"]?.strings == ["a"])

        let url = try server.call(
            "connect",
            #"{"appId":"google","accessToken":"\#(jwt)","options":{"redirectUrl":"https://a.example/done"}}"#)["url"]
        #expect(url?.string?.contains("/v1/outbound/oauth/connect") == true)

        let stranger = request.replacing(#""userId":"u""#, with: #""userId":"other""#)
        #expect(server.error("fetch", stranger)?.code == .forbidden)
        let unknown = request.replacing("google", with: "none")
        #expect(server.error("fetch", unknown)?.reason == .app)
    }

    @Test func aWrongKeyIsUnauthorized() throws {
        let error = try DescopeServer(key: "K2another").error("apps.list", "{}")
        #expect(error?.code == .unauthorized)
        #expect(error?.httpStatus == 401)
    }

    @Test func whatPassesIsTriedAgain() throws {
        try seed(#"{"appId":"google","userId":"u","accessToken":"a"}"#)
        let fetch = #"{"appId":"google","userId":"u"}"#
        for fault in [#"{"status":503,"times":2}"#, #"{"close":"reset"}"#, #"{"close":"fin"}"#, #"{"cut":true}"#] {
            try server.control(.post, "faults", fault)
            #expect(try server.call("fetch", fetch)["token"]?["accessToken"]?.string == "a", "\(fault)")
        }
        try server.control(.post, "faults", #"{"close":"reset","process":true}"#)
        #expect(server.error("apps.create", #"{"id":"once","name":"n"}"#)?.code == .unavailable)
        let made = try server.control(.get, "state")["apps"]?.elements.filter { $0["id"]?.string == "once" }
        #expect(made?.count == 1)
    }

    @Test func whatServersGetWrongIsSaid() throws {
        try seed()
        let cases: [(fault: String, code: ErrorCode)] = [
            (#"{"body":"<html>sign in</html>"}"#, .unavailable),
            (#"{"body":{"errorCode":"E111504"}}"#, .notFound),
            (#"{"status":302,"headers":{"Location":"http://127.0.0.1:9/"}}"#, .unavailable),
            (#"{"status":429,"headers":{"Retry-After":"7"},"body":{"errorCode":"E130429"}}"#, .rateLimited),
            (#"{"status":500,"body":""}"#, .unavailable),
        ]
        for (fault, code) in cases {
            try server.control(.post, "faults", fault)
            let error = server.error("fetch", #"{"appId":"google","userId":"u"}"#)
            #expect(error?.code == code, "\(fault)")
            if code == .rateLimited { #expect(error?.retryAfterMilliseconds == 7000) }
        }
    }

    @Test func theCallersDeadlineBoundsTheAttempts() throws {
        try server.control(.post, "faults", #"{"status":503,"times":20}"#)
        let error = server.error("apps.list", "{}", deadline: .after(milliseconds: 1))
        #expect(error?.code == .timeout)
    }

    @Test func nothingIsSentAtOpeningAndOneConnectionServesAll() throws {
        #expect(try server.control(.get, "requests")["requests"]?.elements.isEmpty == true)
        for _ in 0..<5 { _ = try server.call("apps.list", "{}") }
        let log = try server.control(.get, "requests")["requests"]?.elements ?? []
        #expect(log.count == 5)
        #expect(Set(log.compactMap { $0["connection"]?.integer }).count == 1)
    }
}
