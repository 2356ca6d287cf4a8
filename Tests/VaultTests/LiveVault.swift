import Connections
import Dispatch
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
        let config = """
            {"backend":"vault","path":"unused","redirectUrl":"https://app.example/callback",
            "key":{"bytes":"\(String(repeating: "0a", count: 32))"},"allowPrivateAddresses":true}
            """
        transport = try CurlTransport(options: HTTPOptions(proxy: ""))
        client = Client(
            backend: try VaultBackend(
                store: MemoryStore(), config: try VaultConfig(try JSON.parse(config), environment: { _ in nil }),
                clock: clock),
            transport: transport)
    }

    deinit {
        let ended = DispatchSemaphore(value: 0)
        client.close { ended.signal() }
        ended.wait()
    }

    func call(_ operation: String, _ request: JSON) throws(ConnError) -> JSON {
        var text = request.text
        let result: Result<JSON, ConnError> = text.withUTF8 { bytes in
            Result { () throws(ConnError) in
                try client.call(
                    UnsafeRawBufferPointer(bytes), operation: operation,
                    CallContext(deadline: .after(milliseconds: 30_000), cancellation: Cancellation()))
            }
        }
        return try result.get()
    }

    func call(_ operation: String, _ request: String) throws -> JSON { try call(operation, try JSON.parse(request)) }

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

    func connectURL(_ app: String, _ options: String = "") throws -> JSON {
        try call(
            "connect",
            #"{"appId":"\#(app)","userId":"u1","options":{"redirectUrl":"https://h.example/done"\#(options)}}"#)
    }

    @discardableResult
    func connect(_ app: String, _ options: String = "") throws -> JSON {
        try complete(try callback(of: try connectURL(app, options)["url"]?.string))
    }

    func control(_ method: HTTPRequest.Method, _ name: String, _ body: String? = nil) throws -> JSON {
        let answer = try exchange(
            HTTPRequest(
                method, server.url("/control/\(name)"), body: body.map { Secret($0) }, timeoutMilliseconds: 10_000))
        #expect(answer.status == 200)
        return try answer.body.withBytes { try JSON.parse($0) }
    }

    func exchange(_ request: HTTPRequest) throws -> HTTPResponse {
        try transport.perform(request, deadline: .never, cancellation: Cancellation()).get()
    }
}
