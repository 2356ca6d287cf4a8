import Cloud
import Connections
import Foundation
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// The strict Descope server, and a client of ours that speaks with it over libcurl.
final class DescopeServer: Sendable {
    let client: Client
    private let server: TestServer
    private let transport: CurlTransport

    /// - Parameters:
    ///   - key: the client's management key; the server's is `managementKey`.
    ///   - cache: the client's setting.
    init(key: String = managementKey, cache: String = "null") throws {
        server = try TestServer("descope")
        transport = try CurlTransport(options: HTTPOptions(proxy: ""))
        let project = #""projectId":"\#(projectID)","managementKey":"\#(key)""#
        let config = try CloudConfig(
            JSON.parse(#"{"backend":"cloud",\#(project),"baseUrl":"\#(server.url("/"))","proxy":"","cache":\#(cache)}"#)
        ) { _ in nil }
        client = try Client(CloudBackend(config), http: config.http)
    }

    /// Steers the server, and reads what it has seen.
    @discardableResult
    func control(_ method: HTTPRequest.Method, _ name: String, _ body: String? = nil) throws -> JSON {
        let request = HTTPRequest(
            method, server.url("/control/\(name)"), headers: [HTTPRequest.Header("content-type", "application/json")],
            body: body.map { Secret($0) }, timeoutMilliseconds: 10_000)
        let response = try transport.perform(request, deadline: .never, cancellation: Cancellation()).get()
        let text = response.body.withBytes { String(decoding: $0, as: UTF8.self) }
        try #require(response.status == 200, "\(text)")
        return try JSON.parse(text)
    }

    func call(_ operation: String, _ request: String, deadline: Deadline = .never) throws(ConnError) -> JSON {
        try client.answer(request, operation: operation, context: .until(deadline)).get()
    }

    func error(_ operation: String, _ request: String, deadline: Deadline = .never) -> ConnError? {
        client.answer(request, operation: operation, context: .until(deadline)).error
    }

    func jwt(_ user: String) throws -> String {
        let token = try control(.post, "jwt", #"{"sub":"\#(user)","scope":"outbound.token.fetch"}"#)["token"]?.string
        return try #require(token)
    }
}
