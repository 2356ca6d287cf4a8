import Connections
import Foundation
import JSON
import TestSupport
import Testing

/// What the consent page says of scopes.
@Suite struct ScopeWordsTests {
    private static let calendar = "https://www.googleapis.com/auth/calendar.readonly"

    private func consent(
        _ template: String, _ scopes: [String], _ more: JSON = [:], pageIsKnown: Bool = true, language: String = "en"
    ) throws -> Shown {
        let site = try Site(pageIsKnown: pageIsKnown)
        let app: JSON = [
            "id": "own", "templateId": .string(template), "clientId": "c", "clientSecret": "s",
            "defaultScopes": .strings(scopes),
        ]
        try site.run("apps.create", app.with(more))
        return try site.get("/connect", [("app", "own")], as: Site.alice.with(["locale": .string(language)]))
    }

    @Test(
        arguments: [true, false],
        [("en", "See your calendars"), ("de", "Ihre Kalender sehen"), ("fr", "See your calendars")])
    func theCatalogueHasWords(pageIsKnown: Bool, _ row: (language: String, words: String)) throws {
        let page = try consent("google", [Self.calendar], pageIsKnown: pageIsKnown, language: row.language)
        #expect(page.body.contains("<span>\(row.words) </span><code>\(Self.calendar)</code>"))
    }

    @Test(arguments: ["Calendars.Read", "calendars.read", "https://graph.microsoft.com/Calendars.Read"])
    func aScopeMayBeSpelledOtherwise(scope: String) throws {
        #expect(
            try consent("microsoft", [scope]).body.contains("<span>See your calendars </span><code>\(scope)</code>"))
    }

    @Test func whatIsNotKnownIsShownAsItIs() throws {
        let page = try consent("google", ["https://www.googleapis.com/auth/<unknown>", "Calendars.Read", "openid"])
        #expect(page.body.contains("<li><code>https://www.googleapis.com/auth/&lt;unknown&gt;</code></li>"))
        #expect(page.body.contains("<li><code>Calendars.Read</code></li>"))
        #expect(page.body.contains("<span>Know who you are at the service </span>"))
    }

    @Test func theConnectionsOwnWordsGoFirst() throws {
        let words = JSON.object([Self.calendar: "See <when> you are free"])
        let page = try consent("google", [Self.calendar], ["scopeDescriptions": words])
        #expect(page.body.contains("<span>See &lt;when&gt; you are free </span>"))
        #expect(!page.body.contains("See your calendars"))
    }

    @Test func whatWasNotGrantedIsSaidInWords() throws {
        let site = try Site()
        try site.run(
            "apps.create",
            [
                "id": "own", "templateId": "google", "clientId": "c", "clientSecret": "s",
                "defaultScopes": ["openid", .string(Self.calendar)],
            ])
        let page = try site.callback(
            try site.get("/connect", [("app", "own")]), granting: #"{"access_token":"t","scope":"openid"}"#)
        #expect(page.body.contains("<span>See your calendars </span>"))
    }
}
