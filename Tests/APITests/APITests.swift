import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// Descope's API, as its SDKs write it down on the wire. Tests/api has Descope's Python SDK itself.
@Suite struct APITests {
    private let service: Service
    private var clock: MovableClock { service.clock }
    private var provider: CannedProvider { service.provider }

    init() throws { service = try Service() }

    @discardableResult
    private func run(_ operation: String, _ request: JSON = [:]) throws -> JSON { try service.run(operation, request) }

    private static let manager: JSON = ["manager": true]
    private static let alice: JSON = ["userId": "alice", "tenantIds": ["t1"]]
    private static let root = Service.root

    private func call(
        _ method: String, _ path: String, query: String = "", _ body: String = "", as caller: JSON? = manager
    ) throws -> Service.Answer {
        try service.call(method, path, query: query, body, as: caller.map { ["caller": $0] } ?? [:])
    }

    private func post(_ path: String, _ body: String, as caller: JSON? = manager) throws -> Service.Answer {
        try call("POST", Self.root + path, body, as: caller)
    }

    private func storeKey(_ subject: JSON) throws { try service.storeKey(subject) }

    // MARK: - The recorded forms

    /// Python says null, Go says "" and null arrays, and both mean nothing.
    @Test(arguments: [
        #"{"appId":"key","userId":"alice","tenantId":null,"options":null}"#,
        #"{"appId":"key","userId":"alice","tenantId":"","options":{"withRefreshToken":false,"forceRefresh":false}}"#,
        #"{"appId":"key","userId":"alice","options":{"refreshToken":true},"loginId":"x","provider":"key"}"#,
        #"{"appId":"key","userId":"alice","options":{}}"#, #"{"appId":"key","userId":"alice","scopes":[]}"#,
    ])
    func nullAndEmptyAreAbsentAndWhatIsUnknownIsIgnored(body: String) throws {
        try storeKey(["userId": "alice"])
        for path in ["/app/user/token", "/app/user/token/latest"] {
            let answer = try post(path, body)
            #expect(answer.status == 200)
            #expect(answer.body["token"]?["accessToken"]?.string == "sk")
        }
    }

    /// Protobuf's JSON: 64-bit numbers are strings, and nothing is left out.
    @Test func aTokenHasAllOfItsMembers() throws {
        try run(
            "store_token",
            [
                "appId": "crm", "userId": "u", "accessToken": "at", "refreshToken": "rt",
                "accessTokenExpiry": .integer(clock.seconds + 3600), "scopes": ["read"],
            ])
        let body = #"{"appId":"crm","userId":"u","scopes":["read"]}"#
        let token = try #require(try post("/app/user/token", body).body["token"])
        #expect(token["accessTokenExpiry"]?.string == String(clock.seconds + 3600))
        #expect(token["hasRefreshToken"]?.boolean == true)
        for name in ["refreshToken", "lastRefreshTime", "lastRefreshError", "tenantId", "externalIdentifier"] {
            #expect(token[name]?.string == "", "\(name)")
        }
        let asked = #"{"appId":"crm","userId":"u","options":{"withRefreshToken":true}}"#
        #expect(try post("/app/user/token/latest", asked).body["token"]?["refreshToken"]?.string == "rt")
        let own = try post("/app/user/token/latest", asked, as: ["userId": "u"])
        #expect(own.body["token"]?["refreshToken"]?.string == "")
    }

    /// Python's URL parameters have a name, those of all others a key. The secret is never answered.
    @Test(arguments: ["name", "key"]) func parametersHaveANameOrAKey(name: String) throws {
        let answer = try post(
            "/app/create",
            #"{"id":"m","name":"n","description":null,"authorizationUrlParams":[{"\#(name)":"a","value":"b"}],"#
                + #""clientSecret":"s3cret","templateId":"custom","prompt":null,"pkce":true}"#)
        let app = try #require(answer.body["app"])
        #expect(app["authorizationUrlParams"]?.text == #"[{"key":"a","value":"b"}]"#)
        #expect(app["clientSecret"] == nil)
        #expect(app["pkce"]?.boolean == true && app["useDcr"]?.boolean == false)
        #expect(app["description"]?.string == "" && app["prompt"]?.elements.isEmpty == true)
    }

    /// Node writes an absent parameter as the word.
    @Test func undefinedIsAbsent() throws {
        for subject in [["userId": "alice"], ["userId": "bob"]] as [JSON] { try storeKey(subject) }
        let deletion = try call("DELETE", Self.root + "/user/tokens", query: "appId=undefined&userId=alice")
        #expect(deletion.status == 200)
        #expect(try run("list", ["appId": "key"])["tokens"]?.elements.count == 1)
        let nothing = try call("DELETE", Self.root + "/user/tokens", query: "appId=undefined&userId=undefined")
        #expect(nothing.status == 400)
        #expect(nothing.body["errorCode"]?.string == "E011002")
        #expect(try run("list", ["appId": "key"])["tokens"]?.elements.count == 1)
    }

    @Test(arguments: ["//v1/mgmt/outbound/apps", "/v1/mgmt/outbound/apps/"]) func aSlashTooManyDoesNotMatter(
        path: String
    ) throws {
        #expect(try call("GET", path).body["apps"]?.elements.count == 2)
    }

    /// Java asks by the query, and does not nest what it updates.
    @Test func javaIsUnderstood() throws {
        #expect(try call("GET", Self.root + "/app", query: "id=crm").body["app"]?["name"]?.string == "CRM")
        #expect(try post("/app/update", #"{"id":"crm","name":"New"}"#).body["app"]?["name"]?.string == "New")
    }

    @Test func anIdMayHoldASlash() throws {
        _ = try post("/app/create", #"{"id":"a b/c","name":"n"}"#)
        #expect(try call("GET", Self.root + "/app/a b/c").body["app"]?["id"]?.string == "a b/c")
    }

    @Test func anUpdateKeepsTheSecretUnlessItClearsIt() throws {
        _ = try post(
            "/app/update", #"{"app":{"id":"crm","name":"n","clientId":"c","tokenUrl":"https://crm.example/token"}}"#)
        func secret() throws -> Bool {
            try run("apps.update", ["id": "crm", "clientId": "c", "sameProvider": true])["warnings"]?.text
                .contains("clientSecret") == false
        }
        _ = try secret()
        let cleared = try post("/app/update", #"{"app":{"id":"crm","name":"n","clientSecret":""}}"#)
        #expect(cleared.status == 200)
    }

    @Test func aTemplateIsTakenWithWhatOverridesIt() throws {
        let body = #"{"templateId":"github","id":"gh","clientId":"c","clientSecret":"s","overrides":{"name":"Hub"}}"#
        let app = try post("/app/create/bytemplate", body).body["app"]
        #expect(app?["name"]?.string == "Hub")
        #expect(app?["templateId"]?.string == "github")
        #expect(app?["tokenUrl"]?.string == "https://github.com/login/oauth/access_token")
        #expect(try post("/app/create/bytemplate", #"{"id":"x"}"#).status == 400)
    }

    @Test func everySDKsFirstCallIsAnswered() throws {
        #expect(try call("GET", "/v1/mgmt/license").body["rateLimitTier"]?.string == "tier1")
    }

    @Test func theListsThatPeopleAskForAreThere() throws {
        for number in 0..<150 { try storeKey(["userId": .string("u\(number)")]) }
        try storeKey(["tenantId": "t1"])
        let first = try call("GET", Self.root + "/tokens", query: "appId=key")
        #expect(first.body["tokens"]?.elements.count == 100)
        #expect(first.body["tokens"]?.elements.allSatisfy { $0["accessToken"]?.string == "" } == true)
        let next = URL.query([("appId", "key"), ("after", first.body["next"]?.string ?? "")])
        #expect(try call("GET", Self.root + "/tokens", query: next).body["tokens"]?.elements.count == 51)
        #expect(try call("GET", Self.root + "/templates").body["templates"]?.elements.isEmpty == false)
        let apps = try call("GET", Self.root + "/apps-with-tenant-token", query: "tenantId=t1")
        #expect(apps.body["appIds"]?.strings == ["key"])
        #expect(try call("DELETE", Self.root + "/tenant/tokens", query: "tenantId=t1").status == 200)
        #expect(try run("list", ["tenantId": "t1"])["tokens"]?.elements.isEmpty == true)
    }

    // MARK: - Who may

    private static let managed: [(String, String, String)] = [
        ("GET", "/app/crm", ""), ("GET", "/app", "id=crm"), ("POST", "/app/create", ""),
        ("POST", "/app/update", ""), ("POST", "/app/delete", ""), ("POST", "/app/create/bytemplate", ""),
        ("POST", "/app/user/apikey/upload", ""), ("POST", "/app/tenant/apikey/upload", ""),
        ("POST", "/app/user/oauthtoken/upload", ""), ("POST", "/app/tenant/oauthtoken/upload", ""),
        ("POST", "/app/user/oauthtoken/batch/upload", ""), ("POST", "/app/tenant/oauthtoken/batch/upload", ""),
        ("DELETE", "/token", "id=x"), ("DELETE", "/user/tokens", "userId=alice"),
        ("DELETE", "/tenant/tokens", "tenantId=t1"), ("GET", "/tokens", "userId=alice"), ("GET", "/templates", ""),
    ]

    @Test(arguments: managed) func onlyAManagementKeyManages(_ row: (method: String, path: String, query: String))
        throws
    {
        for (caller, status) in [(Self.alice, Int64(403)), (nil, 401), (["manager": false], 403)] as [(JSON?, Int64)] {
            let answer = try call(row.method, Self.root + row.path, query: row.query, "{}", as: caller)
            #expect(answer.status == status)
            #expect(answer.body["errorCode"]?.string == "E011008")
        }
        #expect(try run("apps.list")["apps"]?.elements.count == 2)
    }

    @Test(
        arguments: [
            ("/app/user/token", #"{"appId":"key","userId":"alice"}"#, 200),
            ("/app/user/token", #"{"appId":"key","userId":"bob"}"#, 403),
            ("/app/user/token/latest", #"{"appId":"key","userId":"alice","tenantId":"t2"}"#, 200),
            ("/app/user/token/latest", #"{"appId":"key","userId":"bob","tenantId":"t1"}"#, 403),
            ("/app/tenant/token", #"{"appId":"key","tenantId":"t1"}"#, 200),
            ("/app/tenant/token/latest", #"{"appId":"key","tenantId":"t2"}"#, 403),
            ("/app/tenant/token", #"{"appId":"key","tenantId":"t2","userId":"alice"}"#, 403),
            ("/app/user/token", #"{"appId":"key","tenantId":"t1"}"#, 400),
        ] as [(String, String, Int64)])
    func aUserHasItsOwnTokensAndThoseOfItsTenants(_ row: (path: String, body: String, status: Int64)) throws {
        for subject in [
            ["userId": "alice"], ["userId": "bob"], ["userId": "alice", "tenantId": "t2"],
            ["userId": "bob", "tenantId": "t1"], ["tenantId": "t1"], ["tenantId": "t2"],
        ] as [JSON] { try storeKey(subject) }
        #expect(try post(row.path, row.body, as: Self.alice).status == row.status)
        #expect(try post(row.path, row.body, as: nil).status == 401)
    }

    @Test func whoHasWhatIsToldToTheOwner() throws {
        try storeKey(["userId": "alice"])
        let path = Self.root + "/apps-with-user-token"
        #expect(try call("GET", path, query: "userId=alice", as: Self.alice).body["appIds"]?.strings == ["key"])
        #expect(try call("GET", path, query: "userId=bob", as: Self.alice).status == 403)
        #expect(try call("GET", path, as: Self.alice).status == 400)
    }

    // MARK: - Connect

    @Test(arguments: ["/v1/mgmt/outbound/app/connect", "/v1/outbound/oauth/connect"])
    func aUserGetsAConnectURLOfTheirOwn(path: String) throws {
        let body =
            #"{"appId":"crm","options":{"redirectUrl":"https://h.example/done","scopes":"[\"a\", \"b\"]","toolId":"x"}}"#
        let url = try #require(try call("POST", path, body, as: Self.alice).body["url"]?.string)
        #expect(url.hasPrefix("https://crm.example/authorize?"))
        #expect(url.contains("scope=a%20b"))
        let state = url.split(separator: "&").first { $0.hasPrefix("state=") }?.dropFirst(6) ?? ""
        provider.next(200, #"{"access_token":"t"}"#)
        try run("complete", ["state": .string(String(state)), "code": "c", "openedBy": ["userId": "alice"]])
        #expect(try run("list", ["userId": "alice"])["tokens"]?.elements.count == 1)
    }

    @Test(
        arguments: [
            (#"{"appId":"crm","options":{"redirectUrl":"https://h.example/done"}}"#, manager, 403),
            (
                #"{"appId":"crm","tenantId":"t2","tenantLevel":true,"options":{"redirectUrl":"https://h.example/d"}}"#,
                alice, 403
            ),
            (
                #"{"appId":"crm","tenantId":"t1","tenantLevel":true,"options":{"redirectUrl":"https://h.example/d"}}"#,
                alice, 200
            ),
            (#"{"appId":"gone","options":{"redirectUrl":"https://h.example/done"}}"#, alice, 404),
            (#"{"appId":"crm","options":{"redirectUrl":"javascript:alert(1)"}}"#, alice, 400),
            (#"{"appId":"crm","options":{"scopes":["a"]}}"#, alice, 400),
            (#"{"appId":"crm","userId":"bob","options":{"redirectUrl":"https://h.example/done"}}"#, alice, 200),
        ] as [(String, JSON, Int64)])
    func aConnectURLIsForWhoAsks(_ row: (body: String, caller: JSON, status: Int64)) throws {
        #expect(try post("/app/connect", row.body, as: row.caller).status == row.status)
    }

    // MARK: - What is wrong

    @Test(
        arguments: [
            ("GET", "/", 404), ("GET", "", 404), ("GET", "/v1/mgmt/user", 404), ("POST", "/v1/mgmt/license", 405),
            ("PUT", "/v1/mgmt/outbound/apps", 405), ("GET", "/v1/mgmt/outbound/app/user/token", 404),
            ("get", "/v1/mgmt/outbound/apps", 405), ("DELETE", "/v1/mgmt/outbound/tokens", 405),
            ("GET", "/v1/mgmt/outbound/app/{id}", 404), ("GET", "/../v1/mgmt/outbound/apps", 404),
        ] as [(String, String, Int64)])
    func whatIsNoEndpointIsToldSo(_ row: (method: String, path: String, status: Int64)) throws {
        let answer = try call(row.method, row.path)
        #expect(answer.status == row.status)
        #expect(answer.body["errorCode"]?.string == (row.path.contains("/app/") ? "E111504" : "E011006"))
        #expect(answer.body["errorDescription"]?.string?.isEmpty == false)
    }

    @Test(arguments: [
        "[]", "null", "x", "{", #"{"appId":"key","appId":"key","userId":"alice"}"#, #"{"appId":1,"userId":"alice"}"#,
        #"{"appId":"key","userId":["alice"]}"#, #"{"appId":"key","userId":"a\u0000"}"#, #"{"userId":"alice"}"#,
        String(repeating: "[", count: 5000), #"{"appId":"key","userId":"alice","scopes":"read"}"#,
        #"{"appId":"key","userId":"alice","options":{"forceRefresh":"yes"}}"#,
    ])
    func aBodyThatIsWrongIsABadRequest(body: String) throws {
        let answer = try post("/app/user/token", body)
        #expect(answer.status == 400)
        #expect(answer.body["errorCode"]?.string?.hasPrefix("E0110") == true)
    }

    @Test func whatIsSecretIsInNoError() throws {
        let answer = try post("/app/user/apikey/upload", #"{"appId":"gone","userId":"u","apiKey":"sk-s3cret"}"#)
        #expect(answer.status == 404)
        #expect(!answer.body.text.contains("s3cret"))
        let wrong = try post("/app/user/apikey/upload", #"{"appId":"key","userId":"u","apiKey":{"sk-s3cret":1}}"#)
        #expect(wrong.status == 400 && !wrong.body.text.contains("s3cret"))
    }

    @Test func aBusyProviderSaysWhenToComeBack() throws {
        try run(
            "store_token",
            ["appId": "crm", "userId": "u", "refreshToken": "rt", "accessToken": "old", "accessTokenExpiry": 1])
        provider.next(429, "{}", headers: ["retry-after": "7"])
        let answer = try post("/app/user/token/latest", #"{"appId":"crm","userId":"u"}"#)
        #expect(answer.status == 429)
        // Not all who wait come back at once.
        let seconds = answer.headers["retry-after"]?.string.flatMap { Int($0) } ?? 0
        #expect((7...14).contains(seconds))
        #expect(answer.body["errorCode"]?.string == "E130429")
    }

    @Test func theAuditTellsWhoAsked() throws {
        try storeKey(["userId": "alice"])
        _ = try post("/app/user/token", #"{"appId":"key","userId":"alice"}"#, as: Self.alice)
        let fetches = try run("audit.list")["records"]?.elements.filter { $0["op"]?.string == "fetch" }
        #expect(fetches?.compactMap { $0["actor"]?.string } == ["alice"])
    }
}
