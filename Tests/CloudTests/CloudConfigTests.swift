import Cloud
import Connections
import HTTP
import JSON
import Runtime
import Testing

@Suite struct CloudConfigTests {
    private func open(_ members: String, _ environment: [String: String] = [:]) throws(ConnError) -> CloudConfig {
        let config: JSON
        do { config = try JSON.parse(#"{"backend":"cloud"\#(members)}"#) } catch { fatalError(error.message) }
        return try CloudConfig(config, environment: { environment[$0] })
    }

    private func problem(_ members: String, _ environment: [String: String] = [:]) -> ConnError? {
        do {
            _ = try open(members, environment)
            return nil
        } catch {
            return error
        }
    }

    @Test func defaults() throws {
        let config = try open(#","projectId":"\#(projectID)""#)
        #expect(config.baseURL == "https://api.descope.com")
        #expect(config.managementKey == nil)
        #expect(config.timeoutMilliseconds == 10_000)
        #expect(config.attempts == 3)
        #expect(config.http.caFile == nil && config.http.proxy == nil)
    }

    @Test(arguments: [
        ("P" + String(repeating: "a", count: 27), "https://api.descope.com"),
        ("P" + String(repeating: "a", count: 30), "https://api.descope.com"),
        ("Peuc1" + String(repeating: "a", count: 27), "https://api.euc1.descope.com"),
    ])
    func theProjectsRegionNamesTheHost(id: String, host: String) throws {
        #expect(try open(#","projectId":"\#(id)""#).baseURL == host)
    }

    @Test func theEnvironmentFillsWhatIsAbsent() throws {
        let environment = [
            "DESCOPE_PROJECT_ID": projectID, "DESCOPE_MANAGEMENT_KEY": "K1",
            "DESCOPE_BASE_URI": "http://127.0.0.1:8080/",
        ]
        let config = try open("", environment)
        #expect(config.projectID == projectID)
        #expect(config.managementKey?.withBytes { $0.elementsEqual("K1".utf8) } == true)
        #expect(config.baseURL == "http://127.0.0.1:8080")
        #expect(try open(#","baseUrl":"https://a.example""#, environment).baseURL == "https://a.example")
        let both = environment.merging(["DESCOPE_BASE_URL": "https://first.example"]) { $1 }
        #expect(try open(#","baseUrl":null"#, both).baseURL == "https://first.example")
    }

    @Test func aBaseURLKeepsItsPath() throws {
        let config = try open(#","projectId":"\#(projectID)","baseUrl":"https://a.example/descope//""#)
        #expect(config.baseURL == "https://a.example/descope")
    }

    @Test(arguments: [
        ("", "projectId"),
        (#","projectId":"P123""#, "projectId"),
        (#","projectId":"P2testtesttesttesttesttest/1""#, "projectId"),
        (#","projectId":"P2testtesttesttesttesttesté""#, "projectId"),
        (#","managementKey":"K:1""#, "managementKey"),
        (#","managementKey":"K 1""#, "managementKey"),
        (#","managementKey":7"#, "managementKey"),
        (#","baseUrl":"http://api.example.com""#, "baseUrl"),
        (#","baseUrl":"ftp://127.0.0.1""#, "baseUrl"),
        (#","baseUrl":"https://u:p@a.example""#, "baseUrl"),
        (#","baseUrl":"https://a.example?b=c""#, "baseUrl"),
        (#","baseUrl":"https://a.example/?""#, "baseUrl"),
        (#","timeoutMs":0"#, "timeoutMs"),
        (#","timeoutMs":600001"#, "timeoutMs"),
        (#","timeoutMs":1.5"#, "timeoutMs"),
        (#","retry":{"attempts":11}"#, "retry.attempts"),
        (#","retry":{"tries":1}"#, "retry.tries"),
        (#","projectID":"x""#, "projectID"),
    ])
    func aWrongConfigNamesItsField(members: String, field: String) {
        let id = members.contains("projectId") || members.isEmpty ? "" : #","projectId":"\#(projectID)""#
        let error = problem(id + members)
        #expect(error?.code == .invalidConfig)
        #expect(error?.field == field)
    }

    @Test func aCAFileThatIsNotThereIsFoundAtOpening() throws {
        let config = try JSON.parse(
            #"{"backend":"cloud","projectId":"\#(projectID)","caFile":"/nonexistent/ca.pem"}"#)
        do throws(ConnError) {
            let config = try CloudConfig(config) { _ in nil }
            _ = try Client(CloudBackend(config), http: config.http)
            Issue.record("it opened")
        } catch {
            #expect(error.code == .invalidConfig)
            #expect(error.field == "caFile")
        }
    }

    @Test func aWrongKeyIsNotRepeated() {
        let error = problem(#","projectId":"\#(projectID)""#, ["DESCOPE_MANAGEMENT_KEY": "secret key"])
        #expect(error?.field == "managementKey")
        #expect(error?.json.text.contains("secret key") == false)
    }
}
