import Cloud
import Connections
import HTTP
import JSON
import MCP
import Pages
import TestSupport
import Testing

/// Over Descope's cloud the pages ask for keys and show what is connected.
@Suite struct CloudPageTests {
    private let provider = CannedProvider()

    private func handle(
        _ method: String, _ path: String, query: String = "", body: String = "", as user: JSON = ["userId": "alice"]
    ) throws -> Shown {
        let config: JSON = [
            "backend": "cloud", "projectId": "P2testtesttesttesttesttest01", "managementKey": "K2testmanagementkey",
            "baseUrl": "https://descope.example",
        ]
        let clock = MovableClock()
        let backend = PagesBackend(
            MCPBackend(CloudBackend(try CloudConfig(config, environment: { _ in nil }))), clock: clock.clock)
        let request: JSON = [
            "method": "\(method)", "base": "\(Site.base)", "path": "\(path)", "query": "\(query)", "body": "\(body)",
            "headers": Site.formHeaders, "user": user,
        ]
        return Shown(try StepDriver("pages.handle", request, of: backend, provider, clock).finish())
    }

    @Test func showsWhatIsConnected() throws {
        provider.next(
            200,
            #"{"apps":[{"id":"weather","name":"Weather","appType":"apikey"},{"id":"maps","name":"Maps","appType":"apikey"},{"id":"crm","name":"CRM"}]}"#
        )
        provider.next(200, #"{"appIds":["crm"]}"#)
        let page = try handle("GET", "/")
        #expect(page.status == 200)
        #expect(page.body.contains("<h3>CRM</h3>"))
        #expect(page.body.contains("/key?app=weather"))
        #expect(!page.body.contains("/connect?app=crm"))
    }

    /// Its console shows what the cloud tells other programs.
    @Test func theConsoleShowsWhatThereIs() throws {
        provider.next(200, #"{"apps":[{"id":"crm","name":"<CRM>"}]}"#)
        let list = try handle("GET", "/console/connections", as: Site.administrator)
        #expect(list.status == 200)
        #expect(list.body.contains("&lt;CRM&gt;"))
        #expect(!list.body.contains("/console/audit"))
        provider.next(200, #"{"appIds":["crm"]}"#)
        provider.next(200, #"{"app":{"id":"crm","name":"CRM"}}"#)
        let tokens = try handle("GET", "/console/tokens", query: "user=bob", as: Site.administrator)
        #expect(tokens.status == 200)
        #expect(tokens.body.contains(">CRM<"))
        #expect(!tokens.body.contains("/console/token?"))
        provider.next(200, #"{"apps":[{"id":"crm","name":"CRM"}]}"#)
        #expect(try handle("GET", "/console", as: Site.administrator).body.contains("Connections: 1"))
    }

    @Test(arguments: ["/console/audit", "/console/keys", "/console/keys/add", "/console/outbox"])
    func theConsoleSaysWhatTheCloudDoesNotOffer(path: String) throws {
        let refused = try handle("GET", path, as: Site.administrator)
        #expect(refused.status == 501)
        #expect(refused.body.contains("Its own console does."))
        #expect(try handle("GET", path).status == 403)
    }

    /// What is not set is empty there, and nothing that the form does not show is lost.
    @Test func aConnectionOfTheCloudIsEdited() throws {
        let app = #"""
            {"app":{"id":"crm","name":"CRM","description":"","clientId":"c","discoveryUrl":"","authorizationUrl":"https://crm.example/a","tokenUrl":"https://crm.example/t","defaultScopes":["a"],"pkce":true,"prompt":["login"],"callbackDomain":"","authorizationUrlParams":[{"key":"k","value":"v"}]}}
            """#
        for _ in 0..<3 { provider.next(200, app) }
        let shown = try handle("GET", "/console/connection", query: "id=crm", as: Site.administrator)
        #expect(shown.status == 200)
        let form = try #require(shown.forms.first { $0.action.contains("version=") })
        #expect(!shown.body.contains("sameProvider"))
        let fields = form.fields.filter { $0.0 != "name" } + [("name", "Renamed")]
        let saved = try handle(
            "POST", "/console/connection", query: String(form.action.split(separator: "?").last ?? ""),
            body: HTTP.URL.query(fields), as: Site.administrator)
        #expect(saved.body.contains("The settings are saved."))
        let sent = try JSON.parse(provider.requests.last?.bodyText ?? "")["app"]
        #expect(sent?["name"]?.string == "Renamed")
        #expect(sent?["prompt"]?.strings == ["login"])
        #expect(sent?["pkce"]?.boolean == true)
        #expect(sent?["authorizationUrlParams"]?.elements.first?["value"]?.string == "v")
        #expect(sent?["clientSecret"] == nil)
    }

    @Test func whatTheCloudHasPagesForIsNotDoneHere() throws {
        #expect(try handle("GET", "/connect", query: "ticket=x").status == 501)
        #expect(try handle("GET", "/callback", query: "state=x&code=y").status == 501)
    }
}
