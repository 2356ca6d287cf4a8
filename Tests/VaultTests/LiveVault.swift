import Connections
import Foundation
import HTTP
import JSON
import Runtime
import TestSupport
import Testing
import Vault

/// A vault over libcurl, against a server of `Tests/servers`.
final class LiveVault: Sendable {
    let server: TestServer
    private let client: Client
    private let transport: CurlTransport

    init(_ server: TestServer, clock: Clock = .system) throws {
        self.server = server
        transport = try CurlTransport(options: HTTPOptions(proxy: ""))
        let config: JSON = ["redirectUrl": "https://app.example/callback", "allowPrivateAddresses": true]
        client = Client(
            backend: try VaultBackend(store: MemoryStore(), config: try World.config(config), clock: clock),
            transport: transport)
    }

    deinit { client.closeAndWait() }

    @discardableResult
    func call(_ operation: String, _ request: JSON) throws(ConnError) -> JSON {
        try client.call(operation, request, context: .until(.after(milliseconds: 30_000)))
    }

    /// Where the provider sends the browser that opens the URL: it grants at once.
    func callback(of url: String?) throws -> [URLQueryItem] {
        let answer = try exchange(HTTPRequest(.get, url ?? "", timeoutMilliseconds: 10_000))
        let location = answer.headers["location"]
        let words = answer.body.withBytes { String(decoding: $0, as: UTF8.self) }
        return try #require(location.flatMap(URLComponents.init)?.queryItems, "\(words)")
    }

    /// Completes as a host does that hands on all of the query.
    func complete(_ callback: [URLQueryItem]) throws -> JSON {
        let request = JSON.object()
        let parameters = JSON.object()
        for item in callback {
            let isField = ["state", "code", "iss"].contains(item.name)
            (isField ? request : parameters).set(item.name, .string(item.value ?? ""))
        }
        request.set("parameters", parameters)
        request.set("openedBy", .object(["userId": .string("u1")]))
        return try call("complete", request)
    }

    func connectURL(_ app: String, _ options: JSON = [:]) throws -> JSON {
        let redirect: JSON = ["redirectUrl": "https://h.example/done"]
        return try call("connect", ["appId": "\(app)", "userId": "u1", "options": redirect.with(options)])
    }

    @discardableResult
    func connect(_ app: String, _ options: JSON = [:]) throws -> JSON {
        try complete(try callback(of: try connectURL(app, options)["url"]?.string))
    }

    func control(_ method: HTTPRequest.Method, _ name: String, _ body: JSON? = nil) throws -> JSON {
        let answer = try exchange(
            HTTPRequest(
                method, server.url("/control/\(name)"), body: body.map { Secret($0.text) }, timeoutMilliseconds: 10_000)
        )
        #expect(answer.status == 200)
        return try answer.body.withBytes { try JSON.parse($0) }
    }

    func exchange(_ request: HTTPRequest) throws -> HTTPResponse {
        try transport.perform(request, deadline: .never, cancellation: Cancellation()).get()
    }
}
