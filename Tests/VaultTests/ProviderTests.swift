import Connections
import Foundation
import HTTP
import JSON
import Runtime
import StoreSQLite
import Synchronization
import TestSupport
import Testing

@testable import Vault

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
    private func open(_ more: JSON = [:]) throws -> Client {
        let path = folder.file("vault.db")
        let config: JSON = [
            "path": .string(path), "redirectUrl": "http://127.0.0.1/callback", "allowPrivateAddresses": true,
        ]
        return Client(
            backend: try VaultBackend(
                store: try SQLiteStore(path: path), config: try World.config(config.with(more)), clock: clock.clock,
                jitter: Jitter { 0 }),
            transport: try CurlTransport(options: HTTPOptions(proxy: "")))
    }

    private func call(
        _ client: Client, _ operation: String, _ request: JSON = [:], milliseconds: Int = 30_000
    ) throws(ConnError) -> JSON {
        try client.call(operation, request, context: .until(.after(milliseconds: milliseconds)))
    }

    private func makeApp(_ client: Client) throws {
        _ = try call(
            client, "apps.create",
            [
                "id": "dot", "clientId": "test-client", "clientSecret": "test-client-secret",
                "discoveryUrl": "\(server.url("/.well-known/oauth-authorization-server"))",
            ])
    }

    /// Goes through the provider's login and consent, and completes.
    @discardableResult
    private func connect(_ client: Client, _ user: String, scopes: [String]) throws -> JSON {
        let url = try call(
            client, "connect",
            [
                "appId": "dot", "userId": "\(user)",
                "options": ["redirectUrl": "https://h.example/done", "scopes": .strings(scopes)],
            ])
        return try call(client, "complete", try callback(of: url["url"]?.string, user: user, openedBy: user))
    }

    /// What the provider's callback brings when a user of the provider grants what the URL asks for.
    /// - Parameter opener: who is signed in at the host.
    private func callback(of url: String?, user: String, openedBy opener: String?) throws -> JSON {
        let query = URLComponents(string: try consent(url ?? "", user: user))?.queryItems ?? []
        let request = JSON.object()
        for item in query { request.set(item.name, .string(item.value ?? "")) }
        if let opener { request.set("openedBy", .object(["userId": .string(opener)])) }
        return request
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
    private func control(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil) throws -> JSON {
        let transport = try CurlTransport(options: HTTPOptions(proxy: ""))
        defer { transport.close() }
        let request = HTTPRequest(
            method, server.url("/control/\(path)"), headers: [.init("content-type", "application/json")],
            body: body.map { .init($0.text) }, timeoutMilliseconds: 10_000)
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
        defer { client.closeAndWait() }
        try makeApp(client)
        let done = try connect(client, "alice", scopes: ["read", "write"])
        #expect(done["scopes"]?.strings.map(Set.init) == ["read", "write"])
        let fetch: JSON = ["appId": "dot", "userId": "alice", "scopes": ["write"]]
        let first = try call(client, "fetch", fetch)["token"]?["accessToken"]?.string
        #expect(try owner(of: first) == "alice")
        let forced: JSON = ["appId": "dot", "userId": "alice", "options": ["forceRefresh": true]]
        let second = try call(client, "fetch", forced)["token"]?["accessToken"]?.string
        #expect(second != first)
        #expect(try owner(of: second) == "alice")
        _ = try control(.post, "revoke", ["user": "alice"])
        let error = #expect(throws: ConnError.self) { try call(client, "fetch", forced) }
        #expect(error?.reason == .reauthorize)
        try connect(client, "alice", scopes: ["read", "write"])
        #expect(try owner(of: try call(client, "fetch", fetch)["token"]?["accessToken"]?.string) == "alice")
    }

    /// Three vaults on one file, eight callers on each: one refresh for each expiry, and the grant lives.
    @Test func manyCallersInManyVaultsRefreshOnce() throws {
        let clients = try (0..<3).map { _ in try open() }
        defer { for client in clients { client.closeAndWait() } }
        try makeApp(clients[0])
        try connect(clients[0], "alice", scopes: ["read"])
        for round in 1...3 {
            let before = try call(clients[0], "fetch", ["appId": "dot", "userId": "alice"])["token"]
            let hash = sha256(before?["accessToken"]?.string ?? "")
            let id = before?["id"]?.string ?? ""
            let tokens = Mutex<Set<String>>([])
            DispatchQueue.concurrentPerform(iterations: 24) { number in
                do throws(ConnError) {
                    let answer = try call(
                        clients[number % 3], "report_rejected",
                        ["tokenId": "\(id)", "tokenHash": "\(hash)", "userId": "alice"])
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
        defer { client.closeAndWait() }
        try makeApp(client)
        try connect(client, "bob", scopes: ["read"])
        _ = try control(.post, "settings", ["graceSeconds": 60])
        _ = try control(.post, "faults", ["path": "/token", "close": "reset", "process": true])
        let forced: JSON = ["appId": "dot", "userId": "bob", "options": ["forceRefresh": true]]
        let error = #expect(throws: ConnError.self) { try call(client, "fetch", forced) }
        #expect(error?.code == .unavailable)
        clock.advance(milliseconds: Int64(error?.retryAfterMilliseconds ?? 0))
        let token = try call(client, "fetch", forced)["token"]?["accessToken"]?.string
        #expect(try owner(of: token) == "bob")
    }

    // MARK: - Who opened it

    /// The host's page: connected, opened and completed in three processes.
    @Test func aLinkOfAlicesIsNothingToBob() throws {
        let page: JSON = ["connectPageUrl": "https://h.example/connect"]
        let (first, second, third) = (try open(page), try open(page), try open(page))
        defer { for client in [first, second, third] { client.closeAndWait() } }
        try makeApp(first)
        let link = try call(
            first, "connect",
            [
                "appId": "dot", "userId": "alice",
                "options": ["redirectUrl": "https://h.example/done", "scopes": ["read"]],
            ])
        let url = link["url"]?.string ?? ""
        #expect(url.hasPrefix("https://h.example/connect?ticket="))
        let ticket = query(url, "ticket") ?? ""
        func opened(_ client: Client, as user: String) throws(ConnError) -> String? {
            try call(client, "open", ["ticket": "\(ticket)", "openedBy": ["userId": "\(user)"]])["url"]?.string
        }
        let refused = #expect(throws: ConnError.self) { try opened(second, as: "bob") }
        #expect(refused?.code == .forbidden)
        // Alice opens it herself, and sends bob on to the provider: bob's grant does not become hers.
        let trap = try opened(second, as: "alice")
        let bobs = try callback(of: trap, user: "bob", openedBy: "bob")
        let caught = #expect(throws: ConnError.self) { try call(third, "complete", bobs) }
        #expect(caught?.code == .forbidden)
        bobs.remove("openedBy")
        let nobody = #expect(throws: ConnError.self) { try call(third, "complete", bobs) }
        #expect(nobody?.field == "openedBy")
        #expect(try control(.get, "counts")["authorization_code"] == nil)
        // Her own window still works.
        let alices = try callback(of: try opened(second, as: "alice"), user: "alice", openedBy: "alice")
        let done = try call(third, "complete", alices)
        #expect(try call(first, "complete", alices).text == done.text)
        let token = try call(first, "fetch", ["appId": "dot", "userId": "alice"])["token"]?["accessToken"]?.string
        #expect(try owner(of: token) == "alice")
    }

    @Test func aTypedCodeLetsAGrantOut() throws {
        let client = try open()
        defer { client.closeAndWait() }
        try makeApp(client)
        let link = try call(
            client, "connect",
            [
                "appId": "dot", "userId": "u1",
                "options": ["redirectUrl": "https://h.example/done", "scopes": ["read"], "confirmation": true],
            ])
        let held = try call(client, "complete", try callback(of: link["url"]?.string, user: "bob", openedBy: nil))
        #expect(held["confirmationRequired"]?.boolean == true)
        #expect(throws: ConnError.self) { try call(client, "fetch", ["appId": "dot", "userId": "u1"]) }
        _ = try call(
            client, "confirm", ["appId": "dot", "userId": "u1", "code": "\(held["code"]?.string ?? "")"])
        let token = try call(client, "fetch", ["appId": "dot", "userId": "u1"])["token"]?["accessToken"]?.string
        #expect(try owner(of: token) == "bob")
    }

    /// A grant that nobody confirms is revoked.
    @Test func aGrantThatIsNotConfirmedDoesNotStayAtTheProvider() throws {
        let client = try open()
        defer { client.closeAndWait() }
        try makeApp(client)
        let link = try call(
            client, "connect",
            [
                "appId": "dot", "userId": "u1",
                "options": ["redirectUrl": "https://h.example/done", "confirmation": true],
            ])
        _ = try call(client, "complete", try callback(of: link["url"]?.string, user: "bob", openedBy: nil))
        #expect(try control(.get, "grants")["bob"]?.integer == 1)
        #expect(try call(client, "revocations.run", [:])["revoked"]?.integer == 0)
        clock.advance(seconds: HeldGrant.lifetime + Expiry.clockMargin)
        #expect(try call(client, "revocations.run", [:])["revoked"]?.integer == 1)
        #expect(try control(.get, "grants")["bob"]?.integer == 0)
    }

    // MARK: - Callers who have gone

    /// A token that is handed out once is not spent by who was told that his time is up: it is refreshed, kept, and there
    /// for the next one, and the audit tells of no fetch but that one's.
    @Test(arguments: [false, true]) func whatComesTooLateIsKeptForTheNext(_ isSubmitted: Bool) throws {
        let client = try open(["audit": "all"])
        _ = try call(
            client, "apps.create",
            [
                "id": "dot", "clientId": "test-client", "clientSecret": "test-client-secret",
                "deleteAfterFirstFetch": true,
                "discoveryUrl": "\(server.url("/.well-known/oauth-authorization-server"))",
            ])
        try connect(client, "alice", scopes: ["read"])
        clock.advance(seconds: 86_400)
        _ = try control(.post, "faults", ["path": "/token", "held": true])
        var milliseconds = 200
        repeat {  // a busy machine may take longer than that to ask the provider
            let error = #expect(throws: ConnError.self) {
                let fetch: JSON = ["appId": "dot", "userId": "alice"]
                let context = CallContext.until(.after(milliseconds: milliseconds))
                return try client.call("fetch", fetch, submitted: isSubmitted, context: context)
            }
            #expect(error?.code == .timeout)
            milliseconds *= 2
        } while try control(.get, "counts")["refresh_token"]?["ok"]?.integer != 1
        _ = try control(.post, "release", [:])
        client.closeAndWait()
        let next = try open(["audit": "all"])
        defer { next.closeAndWait() }
        let fetches = { [self] () throws in
            try call(next, "audit.list", ["appId": "dot"])["records"]?.elements.filter {
                $0["op"]?.string == "fetch"
            }.compactMap { $0["outcome"]?.string }
        }
        #expect(try fetches() == [])
        #expect(try call(next, "list", ["userId": "alice"])["tokens"]?.elements.count == 1)
        let token = try call(next, "fetch", ["appId": "dot", "userId": "alice"])["token"]?["accessToken"]?.string
        #expect(try owner(of: token) == "alice")
        #expect(try fetches() == ["deleted", "ok"])
        #expect(try control(.get, "counts")["refresh_token"]?.text == #"{"ok":1}"#)
        #expect(try call(next, "list", ["userId": "alice"])["tokens"]?.elements.count == 0)
    }

    // MARK: - Deleting

    private static let answered: JSON =
        ["deleted": 1, "revocations": ["revoked": 1, "grantRevoked": 0, "pending": 0, "unsupported": 0]]

    @Test func aDeletedTokenIsDead() throws {
        let client = try open()
        defer { client.closeAndWait() }
        try makeApp(client)
        let id = try connect(client, "alice", scopes: ["read"])["tokenId"]?.string ?? ""
        let token = try call(client, "fetch", ["appId": "dot", "userId": "alice"])["token"]?["accessToken"]?.string
        #expect(try owner(of: token) == "alice")
        #expect(try call(client, "delete", ["tokenId": "\(id)"]) == Self.answered)
        #expect(try owner(of: token) == nil)
        #expect(try control(.get, "grants")["alice"]?.integer == 0)
    }

    @Test func aDeletedAppTakesItsGrantsAlong() throws {
        let client = try open()
        defer { client.closeAndWait() }
        try makeApp(client)
        for user in ["alice", "bob"] { try connect(client, user, scopes: ["read"]) }
        let answer = try call(client, "apps.delete", ["id": "dot"])
        #expect(answer["deleted"]?.integer == 2)
        #expect(answer["revocations"]?["revoked"]?.integer == 2)
        let grants = try control(.get, "grants")
        #expect(grants["alice"]?.integer == 0 && grants["bob"]?.integer == 0)
    }

    /// RFC 7009 section 2.2.1: the token lives yet, and the provider says when to come back. The connection is gone then.
    @Test func aProviderThatIsAwayIsAskedAgainWhenItSaid() throws {
        let (client, other) = (try open(), try open())
        defer { for client in [client, other] { client.closeAndWait() } }
        try makeApp(client)
        try connect(client, "alice", scopes: ["read"])
        let token = try call(client, "fetch", ["appId": "dot", "userId": "alice"])["token"]?["accessToken"]?.string
        _ = try control(.post, "faults", ["path": "/revoke", "status": 503, "headers": ["Retry-After": "120"]])
        let answer = try call(client, "apps.delete", ["id": "dot"])
        #expect(answer["revocations"]?["pending"]?.integer == 1)
        #expect(try owner(of: token) == "alice")
        clock.advance(seconds: 119)
        #expect(
            try call(other, "revocations.run", [:]).text == #"{"revoked":0,"pending":1,"failed":0}"#)
        clock.advance(seconds: 1)
        #expect(
            try call(other, "revocations.run", [:]).text == #"{"revoked":1,"pending":0,"failed":0}"#)
        #expect(try owner(of: token) == nil)
    }

    /// The provider hangs: the caller has its answer when its time is up, and the token is on its way out all the same.
    @Test func aCallersTimeIsNotSpentOnAProviderThatHangs() throws {
        let client = try open()
        defer { client.closeAndWait() }
        try makeApp(client)
        try connect(client, "alice", scopes: ["read"])
        _ = try control(.post, "faults", ["path": "/revoke", "delay": 3])
        let answer = try client.submit("delete", ["userId": "alice"], context: .until(.after(milliseconds: 300))).get()
        #expect(answer["revocations"]?["pending"]?.integer == 1)
        try connect(client, "bob", scopes: ["read"])
        _ = try control(.post, "faults", ["path": "/revoke", "delay": 3])
        let blocking = try call(client, "delete", ["userId": "bob"], milliseconds: 300)
        #expect(blocking["revocations"]?["pending"]?.integer == 1)
    }
}
