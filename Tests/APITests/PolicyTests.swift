import Connections
import JSON
import Runtime
import TestSupport
import Testing

/// What policies allow.
@Suite struct PolicyTests {
    private static let root = Service.root

    /// Alice and the tenant t1 have a key at `key`, and a token of the scopes `read` and `write` at `crm`.
    private static func service(_ policies: JSON) throws -> Service {
        let service = try Service(api: ["issuers": [Service.issuer()], "policies": policies])
        for subject in [["userId": "alice"], ["tenantId": "t1"]] as [JSON] {
            try service.storeKey(subject)
            try service.run(
                "store_token",
                subject.with([
                    "appId": "crm", "accessToken": "at", "accessTokenExpiry": .integer(service.clock.seconds + 3600),
                    "scopes": ["read", "write"],
                ]))
        }
        return service
    }

    private struct Case: CustomTestStringConvertible {
        let policies: JSON
        /// Of the JWT. Without a `sub` it is alice.
        let claims: JSON
        /// Whether she has the key, and the token; and the tenant's.
        let user: (key: Bool, token: Bool)
        let tenant: (key: Bool, token: Bool)
        var testDescription: String { "\(policies.text) for \(claims.text)" }

        init(
            _ policies: JSON, _ claims: JSON = [:], user: (Bool, Bool) = (false, false),
            tenant: (Bool, Bool) = (false, false)
        ) {
            self.policies = policies
            self.claims = claims
            self.user = user
            self.tenant = tenant
        }
    }

    private static let member: JSON = ["tenants": ["t1": ["roles": ["admin"]]], "dct": "t1"]
    private static let anything: JSON = ["name": "p"]

    private static let cases = [
        // None, and one that names nothing.
        Case([]), Case([anything], user: (true, true)), Case([anything], member, user: (true, true)),
        // Whom it is about.
        Case([["name": "p", "users": ["alice"]]], user: (true, true)), Case([["name": "p", "users": ["bob"]]]),
        Case([["name": "p", "users": ["Alice"]]]), Case([["name": "p", "users": []]]),
        Case([["name": "p", "users": ["bob", "alice"]]], user: (true, true)),
        Case([["name": "p", "clients": ["app"]]]),
        Case([["name": "p", "clients": ["app"]]], ["azp": "app"], user: (true, true)),
        Case([["name": "p", "clients": ["alice"]]]),
        Case([["name": "p", "clients": ["app"]]], ["client_id": "app"], user: (true, true)),
        Case([["name": "p", "clients": ["app"]]], ["azp": "other", "client_id": "app"]),
        Case([["name": "p", "roles": ["staff"]]], ["roles": ["staff"]], user: (true, true)),
        Case([["name": "p", "roles": ["staff"]]]),
        Case([["name": "p", "roles": ["admin"]]], member, user: (true, true)),
        Case([["name": "p", "roles": ["admin"]]], member.with(["dct": nil])),
        Case([["name": "p", "roles": ["admin"]]], member.with(["dct": "t2"])),
        Case([["name": "p", "tenants": ["t1"]]], member, user: (true, true)),
        Case([["name": "p", "tenants": ["t2"]]], member),
        Case([["name": "p", "scopes": ["fetch"]]], ["scope": "openid fetch"], user: (true, true)),
        Case([["name": "p", "scopes": ["fetch"]]], ["scope": "openid"]), Case([["name": "p", "scopes": ["fetch"]]]),
        // All of them.
        Case([["name": "p", "scopes": ["fetch", "crm"]]], ["scope": "fetch"]),
        Case([["name": "p", "scopes": ["fetch", "crm"]]], ["scope": "crm fetch"], user: (true, true)),
        Case([["name": "p", "users": ["alice"], "roles": ["staff"]]]),
        Case([["name": "p", "users": ["alice"], "roles": ["staff"]]], ["roles": ["staff"]], user: (true, true)),
        // What it allows.
        Case([["name": "p", "connections": ["key"]]], user: (true, false)),
        Case([["name": "p", "connections": ["crm"]]], user: (false, true)),
        Case([["name": "p", "connections": []]]), Case([["name": "p", "connections": ["KEY"]]]),
        Case([["name": "p", "connectionScopes": ["read", "write", "more"]]], user: (false, true)),
        Case([["name": "p", "connectionScopes": ["read"]]]), Case([["name": "p", "connectionScopes": []]]),
        // One of several is enough, by itself.
        Case([["name": "p", "users": ["bob"]], ["name": "q", "connections": ["key"]]], user: (true, false)),
        Case([["name": "p", "connectionScopes": ["read"]], ["name": "q", "connectionScopes": ["write"]]]),
        Case(
            [
                ["name": "p", "connections": ["key"], "users": ["bob"]],
                ["name": "q", "connections": ["crm"], "users": ["alice"]],
            ], user: (false, true)),
        Case(
            [
                ["name": "p", "connections": ["crm"], "connectionScopes": ["read"]],
                ["name": "q", "connections": ["key"]],
            ], user: (true, false)),
        // Tenants' own tokens are for who belongs to them, where a policy says so.
        Case([["name": "p", "tenantTokens": true]], user: (true, true)),
        Case([["name": "p", "tenantTokens": true]], member, user: (true, true), tenant: (true, true)),
        Case(
            [["name": "p", "tenantTokens": true, "connections": ["key"]], anything], member, user: (true, true),
            tenant: (true, false)),
        Case(
            [["name": "p", "tenantTokens": true, "connectionScopes": ["read"]], anything], member, user: (true, true)),
        Case([["name": "p", "tenantTokens": true, "users": ["bob"]], anything], member, user: (true, true)),
        // A client has no user's, whatever a policy says.
        Case(
            [["name": "p", "clients": ["app"], "tenantTokens": true]], member.with(["sub": "app", "azp": "app"]),
            tenant: (true, true)),
        Case(
            [["name": "p", "clients": ["app"], "users": ["alice"], "tenantTokens": true]],
            member.with(["sub": "app", "azp": "app"])),
        Case([anything], member.with(["sub": "app", "azp": "app"])),
        Case([anything], member.with(["sub": "alice", "azp": "alice"])),
    ]

    @Test(arguments: cases) private func aPolicyAllows(_ row: Case) throws {
        let service = try Self.service(row.policies)
        let who = service.user("alice", row.claims)
        func statuses(_ subject: JSON) throws -> [Int64] {
            try ["key", "crm"].map { try service.fetch(subject, app: $0, as: who).status }
        }
        func expected(_ has: (key: Bool, token: Bool)) -> [Int64] { [has.key, has.token].map { $0 ? 200 : 403 } }
        #expect(try statuses(["userId": "alice"]) == expected(row.user))
        #expect(try statuses(["tenantId": "t1"]) == expected(row.tenant))
        // Nobody has somebody else's.
        #expect(try statuses(["userId": "bob"]) == [403, 403])
        #expect(try statuses(["tenantId": "t2"]) == [403, 403])
        // And a management key may do everything.
        let key = Service.bearer(try service.managementKey())
        #expect(try service.fetch(["userId": "alice"], app: "crm", as: key).status == 200)
        #expect(try service.fetch(["tenantId": "t1"], app: "crm", as: key).status == 200)
    }

    /// What may not be had is not in a list either.
    @Test func listsShowWhatMayBeHad() throws {
        let service = try Self.service([
            ["name": "p", "connections": ["key"], "tenantTokens": true],
            ["name": "q", "connections": ["crm"], "users": ["alice"]],
            ["name": "r", "connections": ["gone"]],
        ])
        func ids(_ path: String, _ query: String, _ who: JSON) throws -> [String] {
            let body = try service.call("GET", Self.root + path, query: query, as: who).body
            return body["appIds"]?.strings ?? (body["apps"]?.elements ?? []).compactMap { $0["id"]?.string }
        }
        let (alice, bob) = (service.user("alice", Self.member), service.user("bob", Self.member))
        #expect(try ids("/apps", "", alice) == ["crm", "key"])
        #expect(try ids("/apps", "", bob) == ["key"])
        #expect(try ids("/apps", "", Service.bearer(service.managementKey())) == ["crm", "key"])
        #expect(try ids("/apps-with-user-token", "userId=alice", alice) == ["crm", "key"])
        // The policy for crm is not about tenants' tokens.
        #expect(try ids("/apps-with-tenant-token", "tenantId=t1", alice) == ["key"])
        #expect(try ids("/apps-with-tenant-token", "tenantId=t1", bob) == ["key"])
    }

    @Test func aListIsRefusedToWhomNoPolicyIsAbout() throws {
        let service = try Self.service([["name": "p", "users": ["bob"]]])
        let alice = service.user("alice", Self.member)
        #expect(
            try service.call("GET", "\(Self.root)/apps-with-user-token", query: "userId=alice", as: alice).status == 403
        )
        #expect(
            try service.call("GET", "\(Self.root)/apps-with-tenant-token", query: "tenantId=t1", as: alice).status
                == 403)
        #expect(try service.call("GET", "\(Self.root)/apps", as: alice).body["apps"]?.elements.isEmpty == true)
    }

    /// A token that could do more than a policy allows would be of no use.
    @Test(
        arguments: [
            (#"{"appId":"crm","options":{"redirectUrl":"https://h.example/d","scopes":["read"]}}"#, 200),
            (#"{"appId":"crm","options":{"redirectUrl":"https://h.example/d","scopes":"[\"read\"]"}}"#, 200),
            (#"{"appId":"crm","options":{"redirectUrl":"https://h.example/d","scopes":["read","write"]}}"#, 403),
            (#"{"appId":"crm","options":{"redirectUrl":"https://h.example/d","scopes":"[\"write\"]"}}"#, 403),
            (#"{"appId":"crm","options":{"redirectUrl":"https://h.example/d"}}"#, 200),
            (#"{"appId":"key","options":{"redirectUrl":"https://h.example/d"}}"#, 403),
            (
                #"{"appId":"crm","tenantId":"t1","tenantLevel":true,"options":{"redirectUrl":"https://h.example/d"}}"#,
                403
            ),
        ] as [(String, Int64)])
    func aConnectIsAllowedToo(_ row: (body: String, status: Int64)) throws {
        let service = try Self.service([["name": "p", "connections": ["crm"], "connectionScopes": ["read"]]])
        let who = service.user("alice", Self.member)
        for path in ["\(Self.root)/app/connect", "/v1/outbound/oauth/connect"] {
            #expect(try service.call("POST", path, row.body, as: who).status == row.status)
        }
    }

    /// What is refused was not handed out: nothing says that it was, and a token for one fetch is still there.
    @Test func aTokenThatIsRefusedWasNotFetched() throws {
        let service = try Self.service([["name": "p", "connectionScopes": ["read"]]])
        try service.run(
            "apps.create",
            ["id": "once", "clientId": "c", "deleteAfterFirstFetch": true, "tokenUrl": "https://once.example/t"])
        try service.run(
            "store_token",
            [
                "appId": "once", "userId": "alice", "accessToken": "at", "scopes": ["read", "write"],
                "accessTokenExpiry": .integer(service.clock.seconds + 3600),
            ])
        #expect(try service.fetch(["userId": "alice"], app: "once", as: service.user("alice")).status == 403)
        let fetches = try service.run("audit.list")["records"]?.elements.filter { $0["op"]?.string == "fetch" } ?? []
        #expect(!fetches.contains { $0["outcome"]?.string == "ok" }, "\(fetches.map(\.text))")
        let key = Service.bearer(try service.managementKey())
        #expect(try service.fetch(["userId": "alice"], app: "once", as: key).status == 200)
    }

    /// To look at a token first asks the provider no oftener.
    @Test func aRefreshThatIsAskedForIsMadeOnce() throws {
        let service = try Self.service([["name": "p", "connectionScopes": ["read"]]])
        try service.run(
            "store_token",
            [
                "appId": "crm", "userId": "bob", "accessToken": "old", "refreshToken": "rt", "scopes": ["read"],
                "accessTokenExpiry": .integer(service.clock.seconds + 3600),
            ])
        service.provider.next(200, #"{"access_token":"new","expires_in":3600}"#)
        let body = #"{"appId":"crm","userId":"bob","options":{"forceRefresh":true}}"#
        let answer = try service.call(
            "POST", "\(Self.root)/app/user/token/latest", body, as: service.user("bob"))
        #expect(answer.body["token"]?["accessToken"]?.string == "new")
        #expect(service.provider.refreshes.count == 1)
    }

    @Test(
        arguments: [
            ([["users": ["a"]]], "api.policies[0].name"), ([["name": "p", "user": ["a"]]], "api.policies[0].user"),
            ([["name": "p"], ["name": "q", "users": "alice"]], "api.policies[1].users"),
            (["name": "p"], "api.policies"),
            ([["name": "p", "tenantTokens": "yes"]], "api.policies[0].tenantTokens"),
            ([["name": "p", "connections": [""]]], "api.policies[0].connections[0]"),
        ] as [(JSON, String)])
    func aPolicyThatIsWrongIsToldWhereItIsConfigured(_ row: (policies: JSON, field: String)) {
        let failure = error { _ = try Service(api: ["policies": row.policies]) }
        #expect(failure?.code == .invalidConfig)
        #expect(failure?.field == row.field)
    }
}
