import Connections
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct HomePageTests {
    private let site: Site

    init() throws { site = try Site() }

    private func store(_ app: String, _ subject: JSON, more: JSON = [:]) throws -> String {
        let fields: JSON = subject.with(["appId": .string(app), "accessToken": "t"]).with(more)
        return try site.run("store_token", fields)["tokenId"]?.string ?? ""
    }

    @Test func showsWhatIsConnectedAsWhomAndWithWhat() throws {
        _ = try store(
            "crm", ["userId": "alice"], more: ["externalIdentifier": "alice@<crm>", "scopes": ["read", "write"]])
        let page = try site.get("/")
        #expect(page.title == "Your connections")
        for text in ["Signed in as Alice", "alice@&lt;crm&gt;", "read, write", "A &lt;b&gt;CRM&lt;/b&gt;", "Weather"] {
            #expect(page.body.contains(text), "\(text)")
        }
    }

    /// Each subject has connections of its own.
    @Test func showsNobodyElses() throws {
        _ = try store("crm", ["userId": "bob"], more: ["externalIdentifier": "bob@crm"])
        _ = try store("crm", ["tenantId": "t1"], more: ["externalIdentifier": "acme@crm"])
        let own = try site.get("/")
        #expect(!own.body.contains("bob@crm"))
        #expect(!own.body.contains("acme@crm"))
        let tenant = try site.get("/", [("tenant", "t1")])
        #expect(tenant.title == "Connections of Acme &amp; Sons")
        #expect(tenant.body.contains("acme@crm"))
        #expect(!tenant.body.contains("bob@crm"))
        #expect(try site.get("/", [("tenant", "t2")]).status == 403)
    }

    /// What a user has in a tenant is another connection than the user's own, and the tenant's.
    @Test func aUsersTokenInATenantIsNeithersOwn() throws {
        let id = try store("weather2", ["userId": "alice", "tenantId": "t1"])
        let own = try site.get("/")
        #expect(own.body.contains("Acme &amp; Sons</dd>"))
        #expect(own.body.contains("token=\(id)"))
        #expect(own.body.contains("Connect<span class=\"unseen\"> Second"))
        #expect(!own.body.contains("Connect again<span class=\"unseen\"> Second"))
        #expect(try site.get("/connected", [("app", "weather2")]).title == "Second is not connected")
        #expect(!(try site.get("/", [("tenant", "t1")]).body.contains("token=\(id)")))
        #expect(try site.submit("/disconnect", [("app", "weather2"), ("token", id)]).status == 200)
        #expect(try site.tokens(["userId": "alice", "tenantId": "t1"]).isEmpty)
    }

    /// However many connections there are, a page is about those that it shows.
    @Test func aPageReadsTheConnectionsThatItShows() throws {
        try site.makeMany(300)
        for index in 0..<3 { _ = try store("crm", ["userId": "alice"], more: ["externalIdentifier": "a\(index)"]) }
        var offered: [String] = []
        var next: String? = "\(Site.base)/"
        while let link = next {
            _ = site.store.takeRows()
            let page = try site.follow(link)
            #expect(site.store.takeRows() <= 70)
            #expect(page.body.contains("A &lt;b&gt;CRM&lt;/b&gt;"))
            offered += page.body.components(separatedBy: "/key?app=").dropFirst().map {
                String($0.prefix { $0 != "\"" })
            }
            let more = page.body.components(separatedBy: "?offer=").dropFirst().first?.prefix { $0 != "\"" }
            next = more.map { "\(Site.base)/?offer=\($0)" }
        }
        #expect(offered.count == 301 && Set(offered).count == 301)
        #expect(try site.get("/", [("offer", "x")]).status == 400)
    }

    @Test func onlyWhatTheHostOffersIsRead() throws {
        try site.makeMany(300)
        _ = site.store.takeRows()
        let page = try site.get("/", more: ["apps": ["weather", "many-7", "gone"]])
        #expect(site.store.takeRows() <= 20)
        #expect(page.body.contains("One of many 7") && page.body.contains("Weather"))
        #expect(page.body.components(separatedBy: "<article").count == 3)
    }

    @Test func aPageHasFiftyAndTheNextHasTheRest() throws {
        for index in 0..<60 {
            _ = try store("crm", ["userId": "alice"], more: ["externalIdentifier": .string("account-\(index)-")])
        }
        let first = try site.get("/")
        let next = first.body.components(separatedBy: "after=").dropFirst().first?.prefix { $0 != "\"" }
        let second = try site.send(
            "GET", "/", more: ["query": .string("after=\(next ?? "")")])
        let shown = (0..<60).map { index in
            [first, second].filter { $0.body.contains("account-\(index)-") }.count
        }
        #expect(shown == Array(repeating: 1, count: 60))
    }

    @Test func onlyWhatTheHostOffersIsOffered() throws {
        let page = try site.get("/", more: ["apps": ["weather"]])
        #expect(page.body.contains("/key?app=weather"))
        #expect(!page.body.contains("/connect?app=crm"))
        let others = try site.get("/", more: ["exceptApps": ["weather", "gone"]])
        #expect(!others.body.contains("/key?app=weather"))
        #expect(others.body.contains("/connect?app=crm"))
    }

    @Test func disconnectingAsksFirst() throws {
        let id = try store("crm", ["userId": "alice"])
        let query = [("app", "crm"), ("token", id)]
        #expect(try site.get("/disconnect", query).title == "Disconnect A &lt;b&gt;CRM&lt;/b&gt;?")
        #expect(try site.tokens().count == 1)
        let done = try site.submit("/disconnect", query)
        #expect(done.title == "A &lt;b&gt;CRM&lt;/b&gt; is disconnected")
        #expect(done.body.contains("cannot be told to end it"))  // it has no revocationUrl
        #expect(try site.tokens().isEmpty)
        let gone = try site.get("/disconnect", query)
        #expect(gone.title == "This access no longer exists")
    }

    /// What will become of an access is said as it then is.
    @Test func onlyAProviderThatRevokesIsSaidToBeTold() throws {
        let id = try store("crm", ["userId": "alice"])
        #expect(try site.get("/disconnect", [("app", "crm"), ("token", id)]).body.contains("cannot be told"))
        let key = try site.run("store_api_key", ["appId": "weather", "userId": "alice", "apiKey": "k"])["tokenId"]
        let page = try site.get("/disconnect", [("app", "weather"), ("token", key?.string ?? "")])
        #expect(page.body.contains("The key is deleted here. It stays valid at Weather"))
    }

    @Test(arguments: [(200, "has ended the access"), (503, "has not confirmed yet")])
    func tellsWhatTheProviderSaidAboutRevocation(status: Int, text: String) throws {
        try site.run(
            "apps.update",
            [
                "id": "crm", "clientId": "c", "authorizationUrl": "https://crm.example/authorize",
                "tokenUrl": "https://crm.example/token", "revocationUrl": "https://crm.example/revoke",
            ])
        let id = try store("crm", ["userId": "alice"])
        site.provider.next(status, "")
        #expect(try site.submit("/disconnect", [("app", "crm"), ("token", id)]).body.contains(text))
    }

    @Test(arguments: [["userId": "bob"] as JSON, ["tenantId": "t2"], ["tenantId": "t1"]])
    func nobodyElsesTokenIsDeleted(subject: JSON) throws {
        let id = try store("crm", subject)
        let own = try store("crm", ["userId": "alice"])
        let token = try site.get("/disconnect", [("app", "crm"), ("token", own)]).formToken ?? ""
        _ = try site.send(
            "POST", "/disconnect", [("app", "crm"), ("token", id)],
            more: ["headers": Site.formHeaders, "body": .string("form=\(token)")])
        #expect(try site.tokens(subject).count == 1)
    }

    @Test func theAuditNamesTheUser() throws {
        _ = try site.submit("/key", [("app", "weather")], [("key", "sk")])
        let records = try site.run("audit.list", ["limit": 1000])["records"]?.elements ?? []
        #expect(records.contains { $0["actor"]?.string == "alice" })
    }
}
