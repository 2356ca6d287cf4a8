import Connections
import Foundation
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct ConsoleOverviewTests {
    private let site: Site

    init() throws { site = try Site() }

    private func store(_ app: String, _ user: String, expires seconds: Int64?, refresh: Bool = false) throws {
        let fields: JSON = ["appId": .string(app), "userId": .string(user), "accessToken": "at-secret"]
        if let seconds { fields.set("accessTokenExpiry", .integer(site.clock.clock.seconds + seconds)) }
        if refresh { fields.set("refreshToken", "rt-secret") }
        try site.run("store_token", fields)
    }

    private func page(_ query: [(String, String)] = []) throws -> Shown {
        try site.get("/console", query, as: Site.administrator)
    }

    @Test func showsWhatNeedsAttention() throws {
        try store("crm", "good", expires: 86400, refresh: true)
        try store("crm", "dead", expires: -10)
        try store("crm", "soon", expires: 86400 * 3 + 60)
        try store("weather2", "sooner", expires: 60)
        let shown = try page()
        for text in [
            "Connections: 3", "In order: 1", "or could not be refreshed: 2", "Must be connected again: 1",
            "A &lt;b&gt;CRM&lt;/b&gt;", "tokens?app=crm&amp;status=needs_reauthorization",
            "tokens?app=weather2&amp;status=expiring", "2023-11-14: 1", "2023-11-17: 1",
        ] { #expect(shown.body.contains(text), "\(text)") }
        #expect(!shown.body.contains("Weather<"))  // all is well there
        #expect(!shown.body.contains("secret") && !shown.body.contains(" style="))
    }

    @Test func aRefreshThatFailedIsSeen() throws {
        try store("crm", "bob", expires: 3600, refresh: true)
        site.provider.next(503, "")
        _ = try? site.run("fetch", ["appId": "crm", "userId": "bob", "options": ["forceRefresh": true]])
        let shown = try page()
        #expect(shown.body.contains("or could not be refreshed: 1"))
        #expect(shown.body.contains("data-column=\"Refresh failed\"><a href"))
    }

    @Test func saysWhereNothingIs() throws {
        let shown = try page()
        #expect(shown.body.contains("Nothing needs attention."))
        #expect(shown.body.contains("Nothing expires by itself in that time."))
    }

    @Test func saysThatItHasNotLookedAtAll() throws {
        for index in 0..<210 { try store("crm", "user-\(index)", expires: nil) }
        let shown = try page()
        #expect(shown.body.contains("the first 200 tokens are looked at"))
        #expect(shown.body.contains("In order: 200"))
    }

    @Test func manyConnectionsComeInPages() throws {
        for index in 0..<60 { try site.run("apps.create", ["id": .string("app-\(index)"), "appType": "apikey"]) }
        #expect(try page().body.contains("1 to 50 of 63"))
        #expect(try page([("page", "2")]).body.contains("51 to 63 of 63"))
    }
}
