import Connections
import Foundation
import HTTP
import JSON
import Memory
import Synchronization
import TestSupport
import Testing
import Vault

/// The vault over SQLite and libcurl, against a real authorization server that rotates refresh tokens and ends a grant
/// when a spent one comes back (RFC 9700 section 4.14.2).
@Suite(.serialized) struct ProviderTests {
    private let server: TestServer
    private let folder: TemporaryFolder
    private let clock = MovableClock(milliseconds: Clock.system.milliseconds())

    init() throws {
        server = try TestServer("oauth")
        folder = try TemporaryFolder()
    }

    /// A process of its own, as far as the vault is concerned.
    private func open() throws -> Client {
        let config = try VaultConfig(
            try JSON.parse(
                """
                {"backend":"vault","path":"\(folder.file("vault.db"))","redirectUrl":"http://127.0.0.1/callback",
                "key":{"bytes":"\(String(repeating: "0a", count: 32))"},"allowPrivateAddresses":true}
                """), environment: { _ in nil })
        return Client(
            backend: try VaultBackend(
                store: try SQLiteStore(path: folder.file("vault.db")), config: config, clock: clock.clock),
            transport: try CurlTransport(options: HTTPOptions(proxy: "")))
    }

    private func close(_ client: Client) {
        let ended = DispatchSemaphore(value: 0)
        client.close { ended.signal() }
        ended.wait()
    }

    private func call(_ client: Client, _ operation: String, _ request: String) throws(ConnError) -> JSON {
        var request = request
        let result: Result<JSON, ConnError> = request.withUTF8 { bytes in
            Result { () throws(ConnError) in
                try client.call(
                    UnsafeRawBufferPointer(bytes), operation: operation,
                    CallContext(deadline: .after(milliseconds: 30_000), cancellation: Cancellation()))
            }
        }
        return try result.get()
    }

    private func makeApp(_ client: Client) throws {
        _ = try call(
            client, "apps.create",
            """
            {"id":"dot","clientId":"test-client","clientSecret":"test-client-secret",
            "discoveryUrl":"\(server.url("/.well-known/oauth-authorization-server"))"}
            """)
    }

    /// Goes through the provider's login and consent, and completes.
    @discardableResult
    private func connect(_ client: Client, _ user: String, scopes: String) throws -> JSON {
        let url = try call(
            client, "connect",
            """
            {"appId":"dot","userId":"\(user)","options":{"redirectUrl":"https://h.example/done","scopes":\(scopes)}}
            """)
        let callback = try consent(url["url"]?.string ?? "", user: user)
        let query = URLComponents(string: callback)?.queryItems ?? []
        let request = JSON.object()
        for item in query { request.set(item.name, .string(item.value ?? "")) }
        return try call(client, "complete", request.text)
    }

    private func consent(_ url: String, user: String) throws -> String {
        let browser = Process()
        browser.executableURL = Repository.python
        browser.arguments = [
            Repository.root.appending(path: "Tests/servers/consent.py").path, url, "--user", user, "--password",
            "\(user)-password",
        ]
        let output = Pipe()
        browser.standardOutput = output
        try browser.run()
        browser.waitUntilExit()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A control request of the server.
    private func control(_ method: HTTPRequest.Method, _ path: String, _ body: String? = nil) throws -> JSON {
        let transport = try CurlTransport(options: HTTPOptions(proxy: ""))
        defer { transport.close() }
        let request = HTTPRequest(
            method, server.url("/control/\(path)"), headers: [.init("content-type", "application/json")],
            body: body.map { .init($0) }, timeoutMilliseconds: 10_000)
        let response = try transport.perform(request, deadline: .never, cancellation: Cancellation()).get()
        return try response.body.withBytes { try JSON.parse($0) }
    }

    /// Who the provider's API takes the token for.
    private func owner(of token: String?) throws -> String? {
        let transport = try CurlTransport(options: HTTPOptions(proxy: ""))
        defer { transport.close() }
        let request = HTTPRequest(
            .get, server.url("/api/me"), headers: [.init("authorization", "Bearer \(token ?? "")")],
            timeoutMilliseconds: 10_000)
        let response = try transport.perform(request, deadline: .never, cancellation: Cancellation()).get()
        return response.status == 200 ? try response.body.withBytes { try JSON.parse($0)["user"]?.string } : nil
    }

    @Test func aGrantIsConnectedFetchedRefreshedAndRefused() throws {
        let client = try open()
        defer { close(client) }
        try makeApp(client)
        let done = try connect(client, "alice", scopes: #"["read","write"]"#)
        #expect(done["scopes"]?.strings.map(Set.init) == ["read", "write"])
        let fetch = #"{"appId":"dot","userId":"alice","scopes":["write"]}"#
        let first = try call(client, "fetch", fetch)["token"]?["accessToken"]?.string
        #expect(try owner(of: first) == "alice")
        let forced = #"{"appId":"dot","userId":"alice","options":{"forceRefresh":true}}"#
        let second = try call(client, "fetch", forced)["token"]?["accessToken"]?.string
        #expect(second != first)
        #expect(try owner(of: second) == "alice")
        _ = try control(.post, "revoke", #"{"user":"alice"}"#)
        let error = #expect(throws: ConnError.self) { try call(client, "fetch", forced) }
        #expect(error?.reason == .reauthorize)
        try connect(client, "alice", scopes: #"["read","write"]"#)
        #expect(try owner(of: try call(client, "fetch", fetch)["token"]?["accessToken"]?.string) == "alice")
    }

    /// Three vaults on one file, eight callers on each: one refresh for each expiry, and the grant lives.
    @Test func manyCallersInManyVaultsRefreshOnce() throws {
        let clients = try (0..<3).map { _ in try open() }
        defer { for client in clients { close(client) } }
        try makeApp(clients[0])
        try connect(clients[0], "alice", scopes: #"["read"]"#)
        for round in 1...3 {
            let before = try call(clients[0], "fetch", #"{"appId":"dot","userId":"alice"}"#)["token"]
            let hash = sha256(before?["accessToken"]?.string ?? "")
            let id = before?["id"]?.string ?? ""
            let tokens = Mutex<Set<String>>([])
            DispatchQueue.concurrentPerform(iterations: 24) { number in
                do throws(ConnError) {
                    let answer = try call(
                        clients[number % 3], "report_rejected", #"{"tokenId":"\#(id)","tokenHash":"\#(hash)"}"#)
                    tokens.withLock { _ = $0.insert(answer["token"]?["accessToken"]?.string ?? "") }
                } catch {
                    Issue.record(error)
                }
            }
            #expect(tokens.withLock { $0.count } == 1)
            #expect(try control(.get, "counts")["refresh_token"]?["ok"]?.integer == Int64(round))
        }
        #expect(try control(.get, "counts")["refresh_token"]?["reuse"] == nil)
        #expect(try control(.get, "grants")["alice"]?.integer == 1)
    }

    @Test func aReplyThatGotLostDoesNotLoseTheGrantWhereTheProviderIsLenient() throws {
        let client = try open()
        defer { close(client) }
        try makeApp(client)
        try connect(client, "bob", scopes: #"["read"]"#)
        _ = try control(.post, "settings", #"{"graceSeconds":60}"#)
        _ = try control(.post, "faults", #"{"path":"/token","close":"reset","process":true}"#)
        let forced = #"{"appId":"dot","userId":"bob","options":{"forceRefresh":true}}"#
        let error = #expect(throws: ConnError.self) { try call(client, "fetch", forced) }
        #expect(error?.code == .unavailable)
        clock.advance(milliseconds: Int64(error?.retryAfterMilliseconds ?? 0))
        let token = try call(client, "fetch", forced)["token"]?["accessToken"]?.string
        #expect(try owner(of: token) == "bob")
    }
}
