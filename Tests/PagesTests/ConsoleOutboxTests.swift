import Connections
import Foundation
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct ConsoleOutboxTests {
    private let site: Site

    init() throws {
        site = try Site()
        try site.run(
            "apps.update",
            [
                "id": "crm", "clientId": "c", "authorizationUrl": "https://crm.example/authorize",
                "tokenUrl": "https://crm.example/token", "revocationUrl": "https://crm.example/revoke",
            ])
    }

    /// Deletes tokens of users while the provider is down.
    private func delete(_ users: [String]) throws {
        for user in users {
            try site.run(
                "store_token",
                ["appId": "crm", "userId": .string(user), "accessToken": "at-secret", "refreshToken": "rt"])
        }
        site.provider.otherwise { _ in .success(HTTPResponse(status: 503, headers: [:], body: Secret(""))) }
        try site.run("delete", ["appId": "crm"])
    }

    private func page(_ query: [(String, String)] = []) throws -> Shown {
        try site.get("/console/outbox", query, as: Site.administrator)
    }

    @Test func showsWhatWaits() throws {
        #expect(try page().body.contains("Nothing waits."))
        try delete(["bob<i>"])
        let shown = try page()
        #expect(shown.body.contains("bob&lt;i&gt;") && shown.body.contains("connection?id=crm"))
        #expect(!shown.body.contains("at-secret"))
        site.clock.advance(seconds: 90)
        #expect(try page().body.contains("due"))
    }

    @Test func runsWhatIsDue() throws {
        try delete(["bob"])
        let early = try site.submit("/console/outbox", as: Site.administrator)
        #expect(early.body.contains("Still waiting: 1."))
        site.clock.advance(seconds: 3600)
        site.provider.otherwise { _ in .success(HTTPResponse(status: 200, headers: [:], body: Secret(""))) }
        let done = try site.submit("/console/outbox", as: Site.administrator)
        #expect(done.body.contains("Revoked by their providers: 1."))
        #expect(done.body.contains("Nothing waits."))
        let nothing = try site.submit("/console/outbox", as: Site.administrator)
        #expect(nothing.body.contains("Nothing was due"))
    }

    @Test func aPageHasFiftyAndLeadsToTheNext() throws {
        try delete((0..<60).map { "user-\($0)-" })
        let first = try page()
        let second = try site.follow(try #require(first.link("Next page")), as: Site.administrator)
        let shown = (0..<60).map { index in [first, second].filter { $0.body.contains("user-\(index)-") }.count }
        #expect(shown == Array(repeating: 1, count: 60))
        #expect(second.link("Next page") == nil)
        #expect(try page([("after", "<i>")]).status == 400)
    }
}
