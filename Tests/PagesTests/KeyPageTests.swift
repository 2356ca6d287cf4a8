import Connections
import Foundation
import HTTP
import JSON
import TestSupport
import Testing

@Suite struct KeyPageTests {
    private let site: Site

    init() throws { site = try Site() }

    private let weather = [("app", "weather")]
    private let key = "sk-<secret>"

    private func fetch(_ subject: JSON = ["userId": "alice"]) throws -> String? {
        try site.run("fetch", subject.with(["appId": "weather"]))["token"]?["accessToken"]?.string
    }

    @Test func aKeyIsKeptForTheUser() throws {
        let answer = try site.submit("/key", weather, [("key", " \(key)\r\n")])
        #expect(answer.status == 303)
        #expect(answer.location == "\(Site.base)/connected?app=weather")
        #expect(try fetch() == key)
    }

    @Test func aKeyIsKeptForATenant() throws {
        let answer = try site.submit("/key", weather + [("tenant", "t1")], [("key", key)])
        #expect(answer.location == "\(Site.base)/connected?app=weather&tenant=t1")
        #expect(try fetch(["tenantId": "t1"]) == key)
        #expect(try site.tokens().isEmpty)
    }

    @Test func aTenantThatIsNotOnesOwnGetsNoKey() throws {
        #expect(try site.get("/key", weather + [("tenant", "t2")]).status == 403)
        let token = try site.get("/key", weather).formToken ?? ""
        let posted = try site.send(
            "POST", "/key", weather + [("tenant", "t2")],
            more: ["headers": Site.formHeaders, "body": .string("form=\(token)&key=sk")])
        #expect(posted.status == 403)
        #expect(try site.tokens(["tenantId": "t2"]).isEmpty)
    }

    @Test func aKeyIsNeverShownAgain() throws {
        _ = try site.submit("/key", weather, [("key", key)])
        for path in ["/key", "/", "/connected"] {
            #expect(!(try site.get(path, weather).body.contains("secret")), "\(path)")
        }
    }

    @Test(arguments: ["", "  \n", "two\nlines", String(repeating: "k", count: 65_537)])
    func whatIsNoKeyIsNotKept(key: String) throws {
        let answer = try site.submit("/key", weather, [("key", key)])
        #expect(answer.status == 422 || answer.status == 413)
        #expect(answer.body.contains("role=\"alert\""))
        #expect(try site.tokens().isEmpty)
    }

    /// What another site can make a browser send.
    @Test(arguments: [
        ["origin": "https://evil.example"] as JSON, ["origin": "null"],
        ["origin": "https://app.example.com.evil.example"],
        ["origin": "http://app.example.com"], [:], ["sec-fetch-site": "cross-site"], ["sec-fetch-site": "same-site"],
        ["sec-fetch-site": "none"],
    ])
    func aFormOfAnotherSiteIsNotTaken(headers: JSON) throws {
        let headers: JSON = headers.with(["content-type": "application/x-www-form-urlencoded"])
        let answer = try site.submit("/key", weather, [("key", key)], headers: headers)
        #expect(answer.status == 403)
        #expect(try site.tokens().isEmpty)
    }

    @Test func aBrowserWithoutOriginIsTakenAtItsWord() throws {
        let headers: JSON = [
            "sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        ]
        #expect(try site.submit("/key", weather, [("key", key)], headers: headers).status == 303)
    }

    @Test func aFormIsTheUsersWhoSawIt() throws {
        let token = try site.get("/key", weather, as: Site.mallory).formToken ?? ""
        let answer = try site.send(
            "POST", "/key", weather, more: ["headers": Site.formHeaders, "body": .string("form=\(token)&key=sk")])
        #expect(answer.status == 403)
        #expect(try site.tokens().isEmpty)
    }

    @Test(arguments: [(2 * 3600, 303), (3 * 3600, 403)]) func aFormIsGoodForSomeHours(age: Int, status: Int) throws {
        let token = try site.get("/key", weather).formToken ?? ""
        site.clock.advance(milliseconds: Int64(age) * 1000)
        let answer = try site.send(
            "POST", "/key", weather, more: ["headers": Site.formHeaders, "body": .string("form=\(token)&key=sk")])
        #expect(answer.status == Int64(status))
    }

    @Test(arguments: ["multipart/form-data; boundary=x", "application/json", "text/plain", ""])
    func onlyAFormIsTaken(type: String) throws {
        let headers: JSON = ["origin": "https://app.example.com", "content-type": .string(type)]
        #expect(try site.submit("/key", weather, [("key", key)], headers: headers).status == 415)
        #expect(try site.tokens().isEmpty)
    }

    @Test func connectionsOfTheOtherTypeAreSentToTheirPage() throws {
        #expect(try site.get("/key", [("app", "crm")]).location == "\(Site.base)/connect?app=crm")
        #expect(try site.get("/connect", weather).location == "\(Site.base)/key?app=weather")
    }

    private func ticket(_ subject: JSON = ["userId": "alice"], confirmation: Bool = false) throws -> [(String, String)]
    {
        let options: JSON = ["redirectUrl": "https://app.example.com/done", "confirmation": .boolean(confirmation)]
        let url = try site.run("connect", subject.with(["appId": "weather", "options": options]))["url"]?.string
        return [("ticket", url.flatMap(URLComponents.init)?.queryItems?.first?.value ?? "")]
    }

    @Test func aConnectURLAsksForAKeyAndEndsWhereItWasToEnd() throws {
        let ticket = try ticket()
        let page = try site.get("/connect", ticket, more: ["product": "Acme"])
        #expect(page.title == "Your key for Weather")
        #expect(page.body.contains("Acme asks"))
        let body = HTTP.URL.query([("form", page.formToken ?? ""), ("key", key)])
        let done = try site.send("POST", "/key", ticket, more: ["headers": Site.formHeaders, "body": .string(body)])
        #expect(done.status == 303)
        #expect(done.location == "https://app.example.com/done")
        #expect(try fetch() == key)
    }

    @Test func somebodyElsesKeyTicketTakesNoKey() throws {
        let ticket = try ticket()
        #expect(try site.get("/connect", ticket, as: Site.mallory).status == 403)
        let token = try site.get("/key", weather, as: Site.mallory).formToken ?? ""
        let posted = try site.send(
            "POST", "/key", ticket, as: Site.mallory,
            more: ["headers": Site.formHeaders, "body": .string("form=\(token)&key=sk")])
        #expect(posted.status == 403)
        #expect(try site.tokens().isEmpty)
    }

    @Test func aKeyForATenantIsTheTenants() throws {
        let ticket = try ticket(["tenantId": "t1"])
        #expect(try site.get("/connect", ticket).title == "The key of Acme &amp; Sons for Weather")
        #expect(try site.submit("/key", ticket, [("key", key)]).status == 303)
        #expect(try fetch(["tenantId": "t1"]) == key)
    }

    @Test func aKeyThatIsConfirmedShowsItsCode() throws {
        let shown = try site.submit("/key", try ticket(confirmation: true), [("key", key)])
        #expect(shown.title == "Weather is almost connected")
        #expect(try site.tokens().isEmpty)
    }

    @Test func aTypingMistakeIsNotTheEndOfATicket() throws {
        let ticket = try ticket()
        #expect(try site.submit("/key", ticket, [("key", "")]).status == 422)
        #expect(try site.submit("/key", ticket, [("key", key)]).status == 303)
    }

    // MARK: - Several fields

    private let jira = [("app", "jira")]

    private func makeJira(_ more: JSON = [:]) throws {
        let fields: JSON = [
            ["name": "userName", "label": "User <name>", "secret": false, "hint": "As in <Jira>."],
            ["name": "apiKey", "pattern": "sk-.+", "helpUrl": "https://jira.example/keys?a=1&b=2"],
            ["name": "region", "optional": true],
        ]
        try site.run(
            "apps.create", more.with(["id": "jira", "name": "Jira", "appType": "apikey", "credentials": fields]))
    }

    @Test func aFormAsksForWhatTheConnectionWants() throws {
        try makeJira()
        let page = try site.get("/key", jira)
        #expect(page.body.contains("User &lt;name&gt;") && page.body.contains("As in &lt;Jira&gt;."))
        #expect(page.body.contains("href=\"https://jira.example/keys?a=1&amp;b=2\""))
        #expect(page.body.contains("name=\"credential-userName\" required autofocus"))
        #expect(page.body.contains("type=\"text\"") && page.body.contains("type=\"password\""))
        let sent = [("credential-userName", " bob "), ("key", "sk-1"), ("credential-region", "")]
        #expect(try site.submit("/key", jira, sent).status == 303)
        let token = try site.run("fetch", ["appId": "jira", "userId": "alice"])["token"]
        #expect(token?["accessToken"]?.string == "sk-1")
        #expect(token?["credentials"] == ["userName": "bob"])
    }

    @Test(arguments: [
        ([("key", "sk-1")], "credential-userName"), ([("credential-userName", "<bob>")], "key"),
        ([("credential-userName", "<bob>"), ("key", "tk-1")], "key"),
    ])
    func whatIsWrongIsSaidWhereItWasEntered(_ row: (sent: [(String, String)], input: String)) throws {
        try makeJira()
        let page = try site.submit("/key", jira, row.sent)
        #expect(page.status == 422)
        #expect(page.body.contains("id=\"field-\(row.input)-problem\""))
        #expect(!page.body.contains("k-1"))
        if row.sent[0].0 != "key" { #expect(page.body.contains("value=\"&lt;bob&gt;\"")) }
        #expect(try site.tokens().isEmpty)
    }

    @Test(arguments: [(401, 422), (429, 503), (500, 503), (301, 503)])
    func whatTheServiceDoesNotAcceptIsNotKept(_ row: (status: Int, shown: Int)) throws {
        try makeJira(["credentialCheck": ["url": "https://jira.example/me", "headers": ["X-Key": "{apiKey}"]]])
        site.provider.next(row.status, "")
        let sent = [("credential-userName", "bob"), ("key", "sk-1")]
        let page = try site.submit("/key", jira, sent)
        #expect(page.status == row.shown)
        #expect(page.body.contains("id=\"field-key-problem\""))
        #expect(page.formToken != nil)
        #expect(try site.tokens().isEmpty)
        site.provider.next(200, "")
        #expect(try site.submit("/key", jira, sent).status == 303)
    }
}
