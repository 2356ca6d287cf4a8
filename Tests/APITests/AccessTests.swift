import Connections
import JSON
import Runtime
import TestSupport
import Testing

/// Who asks, by what they have brought.
@Suite struct AccessTests {
    private static let license = "/v1/mgmt/license"
    private static let root = Service.root
    private static let project = Service.project

    private static func service(_ more: JSON = [:], issuer: JSON = [:]) throws -> Service {
        let api: JSON = ["projectId": .string(project), "issuers": [Service.issuer(issuer)]]
        return try Service(api: api.with(more))
    }

    // MARK: - Management keys

    @Test func aManagementKeyMayDoEverything() throws {
        let service = try Self.service()
        let who = Service.bearer(try service.managementKey())
        #expect(try service.call("GET", Self.license, as: who).status == 200)
        let body = #"{"appId":"key","userId":"alice","apiKey":"sk-1"}"#
        #expect(try service.call("POST", "\(Self.root)/app/user/apikey/upload", body, as: who).status == 200)
        let fetched = try service.fetch(["userId": "alice"], as: who)
        #expect(fetched.body["token"]?["accessToken"]?.string == "sk-1")
        let app = try service.call("GET", "\(Self.root)/app/crm", as: who)
        #expect(app.body["app"]?["clientId"]?.string == "c")
        // It names no user.
        #expect(try service.call("POST", "\(Self.root)/app/connect", #"{"appId":"crm"}"#, as: who).status == 403)
    }

    @Test func theAuditTellsWhichKeyItWas() throws {
        let service = try Self.service()
        let made = try service.run("management_keys.create", ["name": "backend"])
        try service.storeKey(["userId": "alice"])
        _ = try service.fetch(["userId": "alice"], as: Service.bearer(made["key"]?.string ?? ""))
        let records = try service.run("audit.list")["records"]?.elements ?? []
        let actor = records.first { $0["op"]?.string == "fetch" }?["actor"]?.string
        #expect(actor == "management key \(made["id"]?.string ?? "?")")
        #expect(!records.contains { $0["op"]?.string == "management_keys.verify" })
    }

    /// What the SDKs send: `Bearer P:KEY`, with a token between the two where they have one.
    @Test(arguments: ["Bearer $P:$K", "bearer $P:$K", "BEARER  $P:$K", "Bearer $P::$K", "Bearer $P:$K:"])
    func aHeaderIsReadAsTheSDKsWriteIt(header: String) throws {
        let service = try Self.service()
        let text = header.replacing("$P", with: Self.project).replacing("$K", with: try service.managementKey())
        #expect(try service.call("GET", Self.license, as: ["authorization": .string(text)]).status == 200)
    }

    /// All of it is nobody, in the same words.
    @Test func whatIsNoManagementKeyIsNobody() throws {
        let service = try Self.service()
        let key = try service.managementKey()
        let deleted = try service.run("management_keys.create", ["name": "k"])
        try service.run("management_keys.delete", ["id": deleted["id"] ?? ""])
        let expired = try service.managementKey(["expiresIn": 60])
        service.clock.advance(seconds: 60)
        let far = try service.managementKey(["addresses": ["192.0.2.0/24"]])
        var other = Array(key)
        other[other.count - 2] = other[other.count - 2] == "A" ? "B" : "A"
        var answers: [String] = []
        for wrong in [
            String(other), key + "x", String(key.dropLast()), key.uppercased(), "K2somethingelse", "x", "🔑", "dcmk_",
            expired, far,
            deleted["key"]?.string ?? "", "dcmk_0000000000000000_" + key.suffix(43),
            String(repeating: "x", count: 60_000),
        ] {
            let answer = try service.call(
                "GET", Self.license, as: Service.bearer(wrong).with(["address": "198.51.100.7"]))
            #expect(answer.status == 401 && answer.code == "E011008", "\(wrong.prefix(80))")
            answers.append(answer.body.text)
        }
        #expect(Set(answers).count == 1)
        #expect(
            try service.call("GET", Self.license, as: Service.bearer(far).with(["address": "192.0.2.7"])).status == 200)
        #expect(try service.call("GET", Self.license, as: Service.bearer(far)).status == 401)
        #expect(try service.call("GET", Self.license, as: Service.bearer(key)).status == 200)
    }

    /// The key, without all that must be around it.
    @Test(
        arguments: [
            "", "Bearer", "Bearer ", "Bearer $P", "Bearer $P:", "Bearer $P::", "Basic $P:$K", "$P:$K", "Bearer$P:$K",
            "Bearer $K",
            "Bearer Pother:$K", "Bearer :$K", "Bearer $P $K", "Bearer $P:x:$K", "Bearer $P: $K", "Bearer  ", ":",
            "Bearer a:b:c:d:e",
            "Bearer $P:\u{1}", "Bearer\t$P:$K", "Bearer $P:$K\r\nx: y", "Bearer $P:\u{80}\u{9F}", " Bearer $P:$K",
        ])
    func aHeaderThatIsWrongIsNobody(header: String) throws {
        let service = try Self.service()
        let text = header.replacing("$P", with: Self.project).replacing("$K", with: try service.managementKey())
        for address in ["192.0.2.7", "", "not an address", "fe80::1%eth0", String(repeating: "1", count: 100), "\u{1}"]
        {
            let answer = try service.call(
                "GET", Self.license, as: ["authorization": .string(text), "address": .string(address)])
            #expect(answer.status == 401 && answer.code == "E011008", "\(header) from \(address)")
        }
    }

    /// What a server may pass on, and what it looks like from a host that passes on what it has.
    @Test(arguments: [nil, "", 1, true, [], [:], ["Bearer x"]] as [JSON]) func whatIsNoTextIsNobody(_ value: JSON)
        throws
    {
        let service = try Self.service(["origins": ["https://app.example"]])
        let who: JSON = ["authorization": value, "sessionCookie": value, "origin": "https://app.example"]
        #expect(try service.call("GET", "\(Self.root)/apps", as: who).status == 401)
    }

    @Test func withoutAProjectInTheConfigAnyIsTaken() throws {
        let service = try Service()
        let key = try service.managementKey()
        for project in [Self.project, "Pother", ""] {
            let header: JSON = ["authorization": .string("Bearer \(project):\(key)")]
            #expect(try service.call("GET", Self.license, as: header).status == 200)
        }
    }

    /// Whatever else the request has brought.
    @Test func aHostMayKnowBetter() throws {
        let service = try Self.service()
        try service.storeKey(["userId": "alice"])
        let key = Service.bearer(try service.managementKey())
        let asAlice = key.with(["caller": ["userId": "alice"]])
        #expect(try service.fetch(["userId": "alice"], as: asAlice).status == 200)
        #expect(try service.fetch(["userId": "bob"], as: asAlice).status == 403)
        #expect(
            try service.call("GET", Self.license, as: Service.bearer("x").with(["caller": ["manager": true]])).status
                == 200
        )
    }

    // MARK: - JWTs

    private static let subjects: [JSON] = [
        ["userId": "alice"], ["userId": "bob"], ["userId": "alice", "tenantId": "t2"], ["tenantId": "t1"],
        ["tenantId": "t2"],
    ]

    /// Without policies: users have their own tokens, and clients those of their tenants.
    @Test(
        arguments: [
            (["sub": "alice"], [200, 403, 200, 403, 403]),
            (["sub": "alice", "tenants": ["t1": [:]], "dct": "t1"], [200, 403, 200, 403, 403]),
            (["sub": "key-id", "dsub": "alice"], [200, 403, 200, 403, 403]),
            (["sub": "alice", "azp": "app"], [200, 403, 200, 403, 403]),
            (["sub": "app", "azp": "app"], [403, 403, 403, 403, 403]),
            (["sub": "app", "azp": "app", "tenants": ["t1": [:]]], [403, 403, 403, 200, 403]),
            // A client of that name has nothing of the user's.
            (["sub": "alice", "azp": "alice", "dct": "t2"], [403, 403, 403, 403, 200]),
            ([:], [403, 403, 403, 403, 403]),
        ] as [(JSON, [Int64])])
    func aJWTsTokensAreItsOwn(_ row: (claims: JSON, statuses: [Int64])) throws {
        let service = try Self.service()
        for subject in Self.subjects { try service.storeKey(subject) }
        let jwt = service.jwt(row.claims)
        for who in [Service.bearer(jwt), ["authorization": .string("Bearer " + jwt)]] as [JSON] {
            #expect(try Self.subjects.map { try service.fetch($0, as: who).status } == row.statuses)
        }
        #expect(try service.call("GET", "\(Self.root)/tokens", as: Service.bearer(jwt)).status == 403)
    }

    @Test func whatIsWrongWithAJWTIsNotTold() throws {
        let service = try Self.service()
        let stranger = JWTSigner(.ec(curve: "P-256", coordinateBytes: 32), id: "p256")
        let wrong = [
            service.jwt(["sub": "alice"], signer: stranger), service.jwt(["sub": "alice", "exp": 1]),
            service.jwt(["sub": "alice", "iss": "https://evil.example/\(Self.project)"]),
            service.jwt(["sub": "alice", "aud": "x"]), "a.b.c", "..", service.jwt(["sub": "alice"]) + "x",
            service.jwt(["sub": "alice", "x": .string(String(repeating: "x", count: 16_384))]),
        ]
        let answers = try wrong.map { try service.fetch(["userId": "alice"], as: Service.bearer($0)) }
        #expect(answers.allSatisfy { $0.status == 401 && $0.code == "E011008" })
        #expect(Set(answers.map(\.body.text)).count == 1)
        // No issuer, no JWTs.
        #expect(
            try Service().fetch(["userId": "alice"], as: Service.bearer(service.jwt(["sub": "alice"]))).status == 401)
    }

    /// A 503 is tried again by the SDKs.
    @Test func keysThatCannotBeReadAreTriedAgain() throws {
        let service = try Service(api: ["issuers": [["projectId": .string(Self.project)]]])
        try service.storeKey(["userId": "alice"])
        #expect(try service.fetch(["userId": "alice"], as: service.user("alice")).status == 503)
        service.clock.advance(seconds: 5)
        service.provider.next(200, ["keys": [JWTSigner.p256.jwk]])
        #expect(try service.fetch(["userId": "alice"], as: service.user("alice")).status == 200)
    }

    @Test func anIssuerMayWantAScope() throws {
        let service = try Self.service(issuer: ["requiredScope": "outbound.token.fetch"])
        try service.storeKey(["userId": "alice"])
        for (scope, status) in [
            ("openid outbound.token.fetch", Int64(200)), ("outbound.token.fetch", 200), (nil, 403), ("openid", 403),
            ("outbound.token.fetch.x", 403), ("OUTBOUND.TOKEN.FETCH", 403),
        ] {
            let who = service.user("alice", ["scope": scope.map(JSON.string) ?? .null])
            #expect(try service.fetch(["userId": "alice"], as: who).status == status)
        }
    }

    /// The token says for whom, and the SDK's own key is not looked at.
    @Test func ofATokenAndAKeyTheTokenCounts() throws {
        let service = try Self.service()
        try service.storeKey(["userId": "alice"])
        let both = Service.bearer("\(service.jwt(["sub": "alice"])):\(try service.managementKey())")
        #expect(try service.fetch(["userId": "alice"], as: both).status == 200)
        #expect(try service.fetch(["userId": "bob"], as: both).status == 403)
    }

    @Test func aRefreshTokenIsForManagementKeysAlone() throws {
        let service = try Self.service()
        try service.run("store_token", ["appId": "crm", "userId": "u", "accessToken": "at", "refreshToken": "rt"])
        let body = #"{"appId":"crm","userId":"u","options":{"withRefreshToken":true}}"#
        let path = "\(Self.root)/app/user/token/latest"
        func refreshToken(_ who: JSON) throws -> String? {
            try service.call("POST", path, body, as: who).body["token"]?["refreshToken"]?.string
        }
        #expect(try refreshToken(service.user("u")) == "")
        #expect(try refreshToken(Service.bearer(service.managementKey())) == "rt")
    }

    /// A user sees which connections there are, and none of their settings.
    @Test func aUserSeesNoSettings() throws {
        let service = try Self.service()
        let apps = try service.call("GET", "\(Self.root)/apps", as: service.user("alice")).body["apps"]?.elements ?? []
        #expect(apps.compactMap { $0["id"]?.string } == ["crm", "key"])
        #expect(apps.allSatisfy { $0["clientId"] == nil && $0["tokenUrl"] == nil })
    }
}
