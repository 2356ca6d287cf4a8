import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// What each operation sends.
@Suite struct RequestTests {
    struct Case: Sendable {
        var operation: String
        var request: String
        var line: String
        var body: String?
        var reply = "{}"
    }

    private static let mgmt = "https://api.descope.com/v1/mgmt/outbound"
    private static let app = #"{"app":{"id":"a"}}"#
    private static let fetched = #"{"token":{"accessToken":"x"}}"#

    @Test(arguments: [
        Case(
            operation: "fetch", request: #"{"appId":"g","userId":"u","scopes":["b","a"]}"#,
            line: "POST /app/user/token", body: #"{"appId":"g","userId":"u","scopes":["b","a"]}"#, reply: fetched),
        Case(
            operation: "fetch",
            request:
                #"{"appId":"g","userId":"u","tenantId":"t","scopes":null,"options":{"forceRefresh":true,"withRefreshToken":null},"externalIdentifier":"work"}"#,
            line: "POST /app/user/token/latest",
            body:
                #"{"appId":"g","userId":"u","tenantId":"t","options":{"forceRefresh":true},"externalIdentifier":"work"}"#,
            reply: fetched),
        Case(
            operation: "fetch", request: #"{"appId":"g","userId":"u","scopes":[]}"#,
            line: "POST /app/user/token/latest", body: #"{"appId":"g","userId":"u"}"#, reply: fetched),
        Case(
            operation: "fetch", request: #"{"appId":"g","tenantId":"t","scopes":["a"],"minTtlSeconds":5}"#,
            line: "POST /app/tenant/token", body: #"{"appId":"g","tenantId":"t","scopes":["a"]}"#, reply: fetched),
        Case(
            operation: "fetch", request: #"{"appId":"g","tenantId":"t"}"#,
            line: "POST /app/tenant/token/latest", body: #"{"appId":"g","tenantId":"t"}"#, reply: fetched),
        Case(
            operation: "store_api_key", request: #"{"appId":"g","userId":"u","tenantId":"t","apiKey":"secret"}"#,
            line: "POST /app/user/apikey/upload",
            body: #"{"appId":"g","userId":"u","tenantId":"t","apiKey":"secret"}"#),
        Case(
            operation: "store_api_key", request: #"{"appId":"g","tenantId":"t","apiKey":"secret"}"#,
            line: "POST /app/tenant/apikey/upload", body: #"{"appId":"g","tenantId":"t","apiKey":"secret"}"#),
        Case(
            operation: "store_token",
            request:
                #"{"appId":"g","userId":"u","refreshToken":"r","accessTokenExpiry":1700000000,"verifyRefresh":true}"#,
            line: "POST /app/user/oauthtoken/upload",
            body: #"{"appId":"g","userId":"u","refreshToken":"r","accessTokenExpiry":1700000000,"verifyRefresh":true}"#),
        Case(
            operation: "store_token", request: #"{"appId":"g","tenantId":"t","accessToken":"a"}"#,
            line: "POST /app/tenant/oauthtoken/upload", body: #"{"appId":"g","tenantId":"t","accessToken":"a"}"#),
        Case(
            operation: "store_tokens",
            request:
                #"{"tokens":[{"appId":"g","userId":"u","refreshToken":"r","idToken":null},{"appId":"g","userId":"v","tenantId":"t","accessToken":"a"}]}"#,
            line: "POST /app/user/oauthtoken/batch/upload",
            body:
                #"{"tokens":[{"appId":"g","userId":"u","refreshToken":"r"},{"appId":"g","userId":"v","tenantId":"t","accessToken":"a"}]}"#
        ),
        Case(
            operation: "store_tokens", request: #"{"tokens":[{"appId":"g","tenantId":"t","accessToken":"a"}]}"#,
            line: "POST /app/tenant/oauthtoken/batch/upload",
            body: #"{"tokens":[{"appId":"g","tenantId":"t","accessToken":"a"}]}"#),
        Case(operation: "delete", request: #"{"tokenId":"x/y z"}"#, line: "DELETE /token?id=x%2Fy%20z", body: nil),
        Case(
            operation: "delete", request: #"{"appId":"g","userId":"u+1"}"#,
            line: "DELETE /user/tokens?appId=g&userId=u%2B1", body: nil),
        Case(operation: "delete", request: #"{"userId":"u"}"#, line: "DELETE /user/tokens?userId=u", body: nil),
        Case(
            operation: "list", request: #"{"userId":"u","tenantId":"t","appId":"g"}"#,
            line: "GET /apps-with-user-token?userId=u&tenantId=t", body: nil),
        Case(
            operation: "apps.create",
            request:
                #"{"name":"n","id":"a","clientSecret":"s","tenantId":"t","appType":"apikey","tokenUrlParams":[{"key":"k","value":"v"}]}"#,
            line: "POST /app/create",
            body:
                #"{"name":"n","id":"a","clientSecret":"s","tenantId":"t","appType":"apikey","tokenUrlParams":[{"key":"k","value":"v"}]}"#,
            reply: app),
        Case(
            operation: "apps.create",
            request: #"{"templateId":"google","clientId":"c","clientSecret":"s","name":"n","defaultScopes":["a"]}"#,
            line: "POST /app/create/bytemplate",
            body:
                #"{"templateId":"google","clientId":"c","clientSecret":"s","overrides":{"name":"n","defaultScopes":["a"]}}"#,
            reply: app),
        Case(
            operation: "apps.create", request: #"{"templateId":"google"}"#,
            line: "POST /app/create/bytemplate", body: #"{"templateId":"google"}"#, reply: app),
        Case(
            operation: "apps.create", request: #"{"dcrPresetId":"linear","tenantId":"t"}"#,
            line: "POST /app/create/bydcrpreset", body: #"{"dcrPresetId":"linear","tenantId":"t"}"#, reply: app),
        Case(
            operation: "apps.update", request: #"{"id":"a","name":"n","clientSecret":"","pkce":false}"#,
            line: "POST /app/update", body: #"{"app":{"id":"a","name":"n","clientSecret":"","pkce":false}}"#,
            reply: app),
        Case(operation: "apps.delete", request: #"{"id":"a"}"#, line: "POST /app/delete", body: #"{"id":"a"}"#),
        Case(
            operation: "apps.load", request: #"{"id":"a/b"}"#, line: "GET /app/a%2Fb", body: nil,
            reply: #"{"app":{"id":"a/b"}}"#),
        Case(operation: "apps.list", request: "{}", line: "GET /apps", body: nil),
    ])
    func sends(_ expected: Case) throws {
        let played = try play(expected.operation, expected.request, reply(200, expected.reply))
        #expect(played.error == nil)
        let request = try #require(played.requests.first)
        let parts = expected.line.split(separator: " ")
        #expect(request.method.rawValue == parts[0])
        #expect(request.url == Self.mgmt + parts[1])
        #expect(request.timeoutMilliseconds == 10_000)
        #expect(request.header("authorization") == "Bearer \(projectID):\(managementKey)")
        #expect(request.header("x-descope-sdk-name") == "descope_conn")
        #expect(request.header("x-descope-project-id") == projectID)
        if let body = expected.body {
            #expect(try JSON.parse(try #require(request.bodyText)).equals(try JSON.parse(body)))
            #expect(request.header("content-type") == "application/json")
            #expect(request.headers.count == 4)
        } else {
            #expect(request.body == nil)
            #expect(request.headers.count == 3)
        }
    }

    @Test func connectGoesWithTheUsersToken() throws {
        let played = try play(
            "connect",
            #"{"appId":"g","accessToken":"\#(userToken)","options":{"redirectUrl":"https://a.example/done","loginHint":null}}"#,
            reply(200, #"{"url":"https://api.descope.com/v1/outbound/oauth/connect?appId=g"}"#))
        #expect(played.answer == #"{"url":"https://api.descope.com/v1/outbound/oauth/connect?appId=g"}"#)
        let request = try #require(played.requests.first)
        #expect(request.url == Self.mgmt + "/app/connect")
        #expect(request.header("authorization") == "Bearer \(projectID):\(userToken)")
        let sent = try JSON.parse(try #require(request.bodyText))
        #expect(sent.equals(try JSON.parse(#"{"appId":"g","options":{"redirectUrl":"https://a.example/done"}}"#)))
    }

    @Test func anAccessTokenStandsInForTheKey() throws {
        for config in [keyConfig, keylessConfig] {
            let played = try play(
                "fetch", #"{"appId":"g","userId":"u","accessToken":"\#(userToken)"}"#, token(), config: config)
            #expect(played.requests.first?.header("authorization") == "Bearer \(projectID):\(userToken)")
            #expect(played.requests.first?.bodyText?.contains("accessToken") == false)
        }
    }

    @Test(arguments: [
        ("fetch", #"{"appId":"g","userId":"u"}"#), ("apps.list", "{}"), ("delete", #"{"tokenId":"x"}"#),
    ])
    func withoutACredentialNothingIsSent(operation: String, request: String) throws {
        let played = try play(operation, request, config: keylessConfig)
        #expect(played.requests.isEmpty)
        #expect(played.error?.code == .unauthorized)
        #expect(played.error?.field == "managementKey")
    }

    @Test(
        arguments: [
            ("connect", #"{"appId":"g"}"#, .invalidRequest, "accessToken"),
            ("connect", #"{"appId":"g","userId":"u","accessToken":"a.b.c"}"#, .unsupported, "userId"),
            ("connect", #"{"appId":"g","tenantId":"t","accessToken":"a.b.c"}"#, .unsupported, "tenantId"),
            ("connect", #"{"appId":"g","accessToken":"a.b.c:KEY"}"#, .invalidRequest, "accessToken"),
            ("fetch", #"{"appId":"g","userId":"u","accessToken":"a b"}"#, .invalidRequest, "accessToken"),
            ("delete", #"{"appId":"g","tenantId":"t"}"#, .unsupported, "tenantId"),
            ("delete", #"{"userId":"u","tenantId":"t"}"#, .unsupported, "tenantId"),
            ("list", #"{"appId":"g"}"#, .unsupported, nil),
            ("list", #"{"tenantId":"t"}"#, .unsupported, nil),
            ("apps.create", #"{"dcrPresetId":"p","name":"n"}"#, .invalidRequest, "name"),
            ("apps.create", #"{"dcrPresetId":"p","templateId":"n"}"#, .invalidRequest, "templateId"),
            ("apps.create", #"{"templateId":"p","appType":"apikey"}"#, .invalidRequest, "appType"),
            ("apps.load", #"{"id":".."}"#, .invalidRequest, "id"),
            ("store_tokens", #"{"tokens":[]}"#, .invalidRequest, "tokens"),
            ("store_tokens", #"{"tokens":[{"appId":"g"}]}"#, .invalidRequest, "tokens[0].userId"),
            (
                "store_tokens", #"{"tokens":[{"appId":"g","userId":"u"},{"appId":"g","tenantId":"t"}]}"#,
                .invalidRequest, "tokens[1].userId"
            ),
        ] as [(String, String, ErrorCode, String?)])
    func whatDescopeCannotDoIsRefusedBeforeItIsSent(
        operation: String, request: String, code: ErrorCode, field: String?
    ) throws {
        let played = try play(operation, request)
        #expect(played.requests.isEmpty)
        #expect(played.error?.code == code)
        #expect(played.error?.field == field)
    }
}
