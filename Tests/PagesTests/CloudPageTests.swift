import Cloud
import Connections
import JSON
import MCP
import Pages
import TestSupport
import Testing

/// Over Descope's cloud the pages ask for keys and show what is connected.
@Suite struct CloudPageTests {
    private let provider = CannedProvider()

    private func handle(_ method: String, _ path: String, query: String = "", body: String = "") throws -> Shown {
        let config: JSON = [
            "backend": "cloud", "projectId": "P2testtesttesttesttesttest01", "managementKey": "K2testmanagementkey",
            "baseUrl": "https://descope.example",
        ]
        let clock = MovableClock()
        let backend = PagesBackend(
            MCPBackend(CloudBackend(try CloudConfig(config, environment: { _ in nil }))), clock: clock.clock)
        let request: JSON = [
            "method": "\(method)", "base": "\(Site.base)", "path": "\(path)", "query": "\(query)", "body": "\(body)",
            "headers": Site.formHeaders, "user": ["userId": "alice"],
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

    @Test func whatTheCloudHasPagesForIsNotDoneHere() throws {
        #expect(try handle("GET", "/connect", query: "ticket=x").status == 501)
        #expect(try handle("GET", "/callback", query: "state=x&code=y").status == 501)
    }
}
