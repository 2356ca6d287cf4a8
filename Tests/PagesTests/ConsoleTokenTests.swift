import Connections
import Foundation
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct ConsoleTokenTests {
    private let site: Site

    init() throws { site = try Site() }

    private func page(_ path: String, _ query: [(String, String)] = []) throws -> Shown {
        try site.get(path, query, as: Site.administrator)
    }

    private func store(_ app: String, _ subject: JSON, more: JSON = [:]) throws -> String {
        let fields: JSON = subject.with(["appId": .string(app), "accessToken": "at-secret"]).with(more)
        return try site.run("store_token", fields)["tokenId"]?.string ?? ""
    }

    /// A token of bob's at the CRM that can be refreshed.
    private func bobs(_ more: JSON = [:]) throws -> [(String, String)] {
        let id = try store(
            "crm", ["userId": "bob"],
            more: JSON.object(["refreshToken": "rt-secret", "scopes": ["read", "extra"]]).with(more))
        return [("app", "crm"), ("user", "bob"), ("token", id)]
    }

    @Test func findsTheTokensOfAUser() throws {
        let expiry = site.clock.clock.seconds + 7200
        _ = try store(
            "crm", ["userId": "bob"],
            more: [
                "externalIdentifier": "bob@<crm>", "scopes": ["read", "write"], "accessTokenExpiry": .integer(expiry),
            ])
        _ = try store("weather2", ["userId": "bob", "tenantId": "t<9>"])
        _ = try store("crm", ["userId": "carol"], more: ["externalIdentifier": "carol@crm"])
        let found = try page("/console/tokens", [("user", "bob")])
        #expect(found.status == 200)
        for text in [
            "bob@&lt;crm&gt;", "read, write", "in 2 h", "A &lt;b&gt;CRM&lt;/b&gt;", "in t&lt;9&gt;", "Expires soon",
            "value=\"bob\"",
        ] { #expect(found.body.contains(text), "\(text)") }
        #expect(!found.body.contains("carol"))
        #expect(!found.body.contains("secret"))
    }

    @Test func findsTheTokensOfATenantOrAConnection() throws {
        _ = try store("crm", ["tenantId": "t1"], more: ["externalIdentifier": "acme@crm"])
        _ = try store("weather2", ["tenantId": "t1"], more: ["externalIdentifier": "acme@second"])
        let ofTenant = try page("/console/tokens", [("tenant", "t1")])
        #expect(ofTenant.body.contains("acme@crm") && ofTenant.body.contains("acme@second"))
        let both = try page("/console/tokens", [("tenant", "t1"), ("app", "crm")])
        #expect(both.body.contains("acme@crm") && !both.body.contains("acme@second"))
        #expect(try page("/console/tokens", [("app", "weather2")]).body.contains("acme@second"))
    }

    @Test func findsByStatus() throws {
        _ = try bobs()
        _ = try store("weather2", ["userId": "bob"], more: ["accessTokenExpiry": 1])
        let query = [("user", "bob")]
        let active = try page("/console/tokens", query + [("status", "active")])
        #expect(
            active.body.contains("app=crm&amp;user=bob&amp;token") && !active.body.contains("app=weather2&amp;user"))
        let dead = try page("/console/tokens", query + [("status", "needs_reauthorization")])
        #expect(!dead.body.contains("app=crm&amp;user") && dead.body.contains("app=weather2&amp;user=bob&amp;token"))
    }

    @Test func aPageHasFiftyAndLeadsToTheNext() throws {
        for index in 0..<60 {
            _ = try store("crm", ["userId": "bob"], more: ["externalIdentifier": .string("account-\(index)-")])
        }
        let first = try page("/console/tokens", [("user", "bob")])
        let next = try #require(first.link("Next page"))
        let second = try site.follow(next, as: Site.administrator)
        let shown = (0..<60).map { index in [first, second].filter { $0.body.contains("account-\(index)-") }.count }
        #expect(shown == Array(repeating: 1, count: 60))
        #expect(second.link("Next page") == nil)
    }

    /// Whatever stands in the URL, the page says what is wrong with it, and shows it as text.
    @Test(arguments: [
        [("user", "<script>alert(1)</script>")], [("user", String(repeating: "x", count: 5000))],
        [("user", "\u{0}\u{7}")],
        [("user", "bob"), ("status", "dead")], [("user", "bob"), ("after", "nonsense")], [("app", "\u{202E}gone")],
        [("status", "active")], [("tenant", "%ff&=")],
    ])
    func filtersMayHoldAnything(query: [(String, String)]) throws {
        let found = try page("/console/tokens", query)
        #expect([200, 422].contains(found.status))
        #expect(!found.body.contains("<script>"))
        #expect(found.body.contains("name=\"user\""))
    }

    @Test func bytesThatAreNoTextAreNoMatch() throws {
        let found = try site.send(
            "GET", "/console/tokens", as: Site.administrator, more: ["query": "user=%ff%fe%00&status"])
        #expect([200, 422].contains(found.status))
    }

    // MARK: - One token

    @Test func showsScopesAsRequiredGrantedAndMissing() throws {
        let shown = try page("/console/token", try bobs())
        #expect(shown.status == 200)
        #expect(shown.list(after: "Required") == ["read", "write"])
        #expect(shown.list(after: "Granted") == ["read", "extra"])
        #expect(shown.list(after: "Missing") == ["write"])
        #expect(!shown.body.contains("secret"))
    }

    /// A provider may call a scope by another name.
    @Test func whatGoesByAnotherNameIsNotMissing() throws {
        try site.run(
            "apps.create",
            [
                "id": "google", "templateId": "google", "clientId": "c", "clientSecret": "s",
                "defaultScopes": ["email", "drive"],
            ])
        let id = try store(
            "google", ["userId": "bob"], more: ["scopes": ["https://www.googleapis.com/auth/userinfo.email"]])
        let shown = try page("/console/token", [("app", "google"), ("user", "bob"), ("token", id)])
        #expect(shown.list(after: "Missing") == ["drive"])
    }

    @Test func theLinkToSendOnIsOnesOwn() throws {
        #expect(try page("/console/token", try bobs()).body.contains("<code>\(Site.base)/connect?app=crm</code>"))
        let tenants = try store("crm", ["tenantId": "t1"])
        let ofTenant = try page("/console/token", [("app", "crm"), ("tenant", "t1"), ("token", tenants)])
        #expect(ofTenant.body.contains("<code>\(Site.base)/connect?app=crm&amp;tenant=t1</code>"))
        let inTenant = try store("crm", ["userId": "bob", "tenantId": "t1"])
        let neither = try page(
            "/console/token", [("app", "crm"), ("user", "bob"), ("tenant", "t1"), ("token", inTenant)])
        #expect(neither.status == 200)
        #expect(!neither.body.contains("<code>\(Site.base)"))
    }

    @Test func refreshesWithoutShowingTheToken() throws {
        let query = try bobs()
        site.provider.next(200, #"{"access_token":"new-secret","refresh_token":"next-secret","expires_in":7200}"#)
        let done = try site.submit("/console/token", query, as: Site.administrator)
        #expect(done.body.contains("It has been refreshed."))
        #expect(done.body.contains("just now"))
        #expect(!done.body.contains("secret"))
        let fetched = try site.run("fetch", ["appId": "crm", "userId": "bob"])["token"]
        #expect(fetched?["accessToken"]?.string == "new-secret")
        let records = try site.run("audit.list", ["limit": 1000, "userId": "bob"])["records"]?.elements ?? []
        #expect(records.contains { $0["actor"]?.string == "root" && $0["op"]?.string == "fetch" })
    }

    @Test func saysWhatTheProviderSaysToARefresh() throws {
        let query = try bobs()
        site.provider.next(400, #"{"error":"invalid_grant","error_description":"revoked by its owner"}"#)
        let refused = try site.submit("/console/token", query, as: Site.administrator)
        #expect(refused.body.contains("no longer accepts this access"))
        #expect(refused.body.contains("invalid_grant"))
        #expect(refused.body.contains("Must be connected again"))
    }

    @Test func aProviderInTroubleLeavesTheTokenAsItIs() throws {
        let expiry = site.clock.clock.seconds + 7200
        let query = try bobs(["accessTokenExpiry": .integer(expiry)])
        site.provider.next(503, "")
        let failed = try site.submit("/console/token", query, as: Site.administrator)
        #expect(failed.status == 200)
        #expect(!failed.body.contains("It has been refreshed."))
        #expect(try site.tokens(["userId": "bob"]).count == 1)
    }

    /// A fetch would delete it, and nobody would get it.
    @Test func whatMayBeFetchedOnceIsNotRefreshed() throws {
        try site.run(
            "apps.update",
            [
                "id": "crm", "clientId": "c", "authorizationUrl": "https://crm.example/authorize",
                "tokenUrl": "https://crm.example/token", "deleteAfterFirstFetch": true,
            ])
        let query = try bobs()
        #expect(try page("/console/token", query).formToken == nil)
        let token = try site.formToken(for: "/console/token")
        let posted = try site.send(
            "POST", "/console/token", query, as: Site.administrator,
            more: ["headers": Site.formHeaders, "body": .string("form=\(token)")])
        #expect(posted.body.contains("are deleted when they are fetched"))
        #expect(try site.tokens(["userId": "bob"]).count == 1)
    }

    @Test func deletingAsksFirst() throws {
        let query = try bobs()
        let asked = try page("/console/token/delete", query)
        #expect(asked.title == "Delete the token for A &lt;b&gt;CRM&lt;/b&gt;?")
        #expect(try site.tokens(["userId": "bob"]).count == 1)
        let done = try site.submit("/console/token/delete", query, as: Site.administrator)
        #expect(done.body.contains("cannot be told to end the access"))
        #expect(try site.tokens(["userId": "bob"]).isEmpty)
        #expect(try page("/console/token", query).status == 404)
        #expect(try page("/console/token/delete", query).status == 404)
        let records = try site.run("audit.list", ["limit": 1000])["records"]?.elements ?? []
        #expect(records.contains { $0["actor"]?.string == "root" && $0["op"]?.string == "delete" })
    }

    @Test(arguments: [(200, "revoked by the provider: 1"), (503, "not yet revoked by the provider: 1")])
    func tellsWhatTheProviderSaidAboutRevocation(status: Int, text: String) throws {
        try site.run(
            "apps.update",
            [
                "id": "crm", "clientId": "c", "authorizationUrl": "https://crm.example/authorize",
                "tokenUrl": "https://crm.example/token", "revocationUrl": "https://crm.example/revoke",
            ])
        let query = try bobs()
        site.provider.next(status, "")
        #expect(try site.submit("/console/token/delete", query, as: Site.administrator).body.contains(text))
    }

    @Test(arguments: [
        [], [("app", "crm")], [("app", "crm"), ("token", "T1")], [("app", "crm"), ("token", "T1"), ("user", "bob")],
        [("app", "nope"), ("token", "T1"), ("user", "bob")], [("app", "crm"), ("token", "<b>"), ("user", "<b>")],
    ])
    func whatDoesNotExistIsSaidSo(query: [(String, String)]) throws {
        for path in ["/console/token", "/console/token/delete"] {
            let shown = try page(path, query)
            #expect([400, 404].contains(shown.status))
            #expect(shown.body.contains("aria-label=\"Console\""))
        }
    }
}
