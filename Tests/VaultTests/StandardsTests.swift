import Connections
import Foundation
import HTTP
import JSON
import Runtime
import TestSupport
import Testing
import Vault

/// The vault against an authorization server that knows only clients which registered themselves (RFC 7591), takes only
/// pushed requests (RFC 9126), binds tokens to resources (RFC 8707), and serves devices (RFC 8628).
@Suite(.serialized) struct StandardsTests {
    private let live: LiveVault
    private let clock = MovableClock(milliseconds: Clock.system.milliseconds())

    init() throws { live = try LiveVault(try TestServer("standards"), clock: clock.clock) }

    private func discoveryURL(_ issuer: String, _ live: LiveVault? = nil) -> String {
        (live ?? self.live).server.url("/.well-known/oauth-authorization-server/\(issuer)")
    }

    private func makeApp(_ live: LiveVault? = nil) throws {
        let live = live ?? self.live
        let app = try live.call(
            "apps.create", ["id": "a", "name": "Acme", "useDcr": true, "discoveryUrl": "\(discoveryURL("t1", live))"])
        #expect(app["app"]?["clientId"] == nil)
    }

    private func clients(_ issuer: String) throws -> Int64? { try live.control(.get, "clients")[issuer]?.integer }

    @Test func aConnectionThatRegistersPushesAndRefreshes() throws {
        try makeApp()
        let made = try live.connectURL("a", ["scopes": ["read"]])
        let url = try #require(made["url"]?.string)
        let names = URLComponents(string: url)?.queryItems?.map(\.name)
        #expect(names == ["client_id", "request_uri"], "nothing of the request stands in the URL")
        #expect(made["expiresIn"]?.integer == 60)
        let callback = try live.callback(of: url)
        let again = try live.exchange(HTTPRequest(.get, url, timeoutMilliseconds: 10_000))
        #expect(again.status == 400, "a pushed request is used once")
        let done = try live.complete(callback)
        #expect(done["scopes"]?.strings == ["read"])
        let before = try live.call("fetch", ["appId": "a", "userId": "u1"])["token"]?["accessToken"]?.string
        let after = try live.call("fetch", ["appId": "a", "userId": "u1", "options": ["forceRefresh": true]])["token"]
        #expect(after?["accessToken"]?.string != nil && after?["accessToken"]?.string != before)
        #expect(try clients("t1") == 1)
    }

    @Test func aClientIsRegisteredOnceForEachIssuer() throws {
        try makeApp()
        try live.connect("a")
        try live.connect("a")
        #expect(try clients("t1") == 1)
        _ = try live.call("apps.update", ["id": "a", "useDcr": true, "discoveryUrl": "\(discoveryURL("t2"))"])
        try live.connect("a")
        #expect(try clients("t2") == 1)
        _ = try live.call("apps.update", ["id": "a", "useDcr": true, "discoveryUrl": "\(discoveryURL("t1"))"])
        try live.connect("a")
        #expect(try clients("t1") == 1)
    }

    @Test func aClientIsRegisteredAgainWhenItsSecretHasExpired() throws {
        _ = try live.control(.post, "settings", ["secretSeconds": 7200])
        try makeApp()
        try live.connect("a")
        clock.advance(seconds: 7200 + 600)  // the server goes by its own
        let error = #expect(throws: ConnError.self) { try live.call("fetch", ["appId": "a", "userId": "u1"]) }
        #expect(error?.code == .misconfigured)
        _ = try live.control(.post, "settings", ["secretSeconds": 0])  // the server's clock was not moved
        try live.connect("a")
        #expect(try clients("t1") == 2)
    }

    @Test func anotherRedirectURIIsRegisteredBesideTheFirst() throws {
        try makeApp()
        try live.connect("a")
        _ = try live.call(
            "apps.update",
            [
                "id": "a", "useDcr": true, "defaultRedirectUrl": "https://new.example/cb",
                "discoveryUrl": "\(discoveryURL("t1"))",
            ])
        try live.connect("a")
        _ = try live.call("apps.update", ["id": "a", "useDcr": true, "discoveryUrl": "\(discoveryURL("t1"))"])
        try live.connect("a")
        #expect(try clients("t1") == 2)
    }

    /// A grant is refreshed by the client that it was given to, whatever others came since.
    @Test func earlierGrantsKeepTheirClient() throws {
        try makeApp()
        try live.connect("a", ["scopes": ["read"]])
        _ = try live.call(
            "apps.update",
            [
                "id": "a", "useDcr": true, "defaultRedirectUrl": "https://new.example/cb",
                "discoveryUrl": "\(discoveryURL("t1"))",
            ])
        try live.connect("a", ["scopes": ["read", "write"]])
        #expect(try clients("t1") == 2)
        for scopes in [["read"], ["write"]] {
            for _ in 0..<2 {
                let token = try live.call(
                    "fetch",
                    ["appId": "a", "userId": "u1", "scopes": .strings(scopes), "options": ["forceRefresh": true]])
                #expect(token["token"]?["accessToken"] != nil)
            }
        }
    }

    @Test func aDeletedConnectionForgetsItsClient() throws {
        try makeApp()
        try live.connect("a")
        _ = try live.call("apps.delete", ["id": "a"])
        try makeApp()
        try live.connect("a")
        #expect(try clients("t1") == 2)
    }

    @Test func aGrantForAnotherResourceIsAnotherGrant() throws {
        try makeApp()
        let resources = ["https://one.example/mcp", "https://two.example/mcp"]
        for resource in resources { try live.connect("a", ["scopes": ["read"], "resources": ["\(resource)"]]) }
        #expect(try live.call("list", ["userId": "u1"])["tokens"]?.elements.count == 2)
        for resource in resources {
            for options in [[:], ["options": ["forceRefresh": true]]] as [JSON] {
                let token = try live.call(
                    "fetch", (["appId": "a", "userId": "u1", "resources": ["\(resource)"]] as JSON).with(options))[
                        "token"]
                #expect(token?["resources"]?.strings == [resource])
                #expect(try takes(token?["accessToken"]?.string, for: resource))
            }
        }
        let fetch: JSON = ["appId": "a", "userId": "u1", "resources": ["https://three.example/mcp"]]
        let error = #expect(throws: ConnError.self) { try live.call("fetch", fetch) }
        #expect(error?.reason == .missing)
        let required = #expect(throws: ConnError.self) {
            try live.call("fetch", fetch.with(["connect": ["redirectUrl": "https://h.example/done"]]))
        }
        _ = try live.complete(try live.callback(of: required?.connectionURL))
        let token = try live.call("fetch", fetch)["token"]
        #expect(try takes(token?["accessToken"]?.string, for: "https://three.example/mcp"))
    }

    private func takes(_ token: String?, for resource: String) throws -> Bool {
        let request = HTTPRequest(
            .get, live.server.url("/t1/api?resource=\(resource)"),
            headers: [.init("Authorization", "Bearer \(token ?? "")")], timeoutMilliseconds: 10_000)
        return try live.exchange(request).status == 200
    }

    /// The real clock: the server holds the client to its interval.
    @Test func aDeviceIsGrantedAndRefused() throws {
        let live = try LiveVault(live.server)
        try makeApp(live)
        for decision in ["grant", "deny"] {
            let started = try live.call("device.start", ["appId": "a", "userId": "u1", "scopes": ["read"]])
            let code = try #require(started["userCode"]?.string)
            #expect(started["verificationUriComplete"]?.string?.hasSuffix(code) == true)
            #expect(started["interval"]?.integer == 1)
            let flow = started["flow"]?.string ?? ""
            let pending = try live.call("device.poll", ["flow": "\(flow)"])
            #expect(pending["status"]?.string == "pending")
            #expect((0...1000).contains(pending["retryAfterMs"]?.integer ?? -1))
            _ = try live.control(.post, "decide", ["userCode": "\(code)", "decision": "\(decision)"])
            let poll: JSON = ["flow": "\(flow)", "waitMs": 20000]
            if decision == "grant" {
                let done = try live.call("device.poll", poll)
                #expect(done["status"]?.string == "complete")
                #expect(done["scopes"]?.strings == ["read"])
                let forced: JSON = ["appId": "a", "userId": "u1", "options": ["forceRefresh": true]]
                #expect(try live.call("fetch", forced)["token"]?["accessToken"] != nil)
            } else {
                let error = #expect(throws: ConnError.self) { try live.call("device.poll", poll) }
                #expect(error?.code == .providerError)
                #expect(error?.errorCode == "access_denied")
            }
            let used = #expect(throws: ConnError.self) { try live.call("device.poll", poll) }
            #expect(used?.code == .notFound)
        }
        let paths = try live.control(.get, "requests")["requests"]?.elements.filter {
            $0["path"]?.string == "/t1/token" && $0["status"]?.integer == 400
        }
        #expect(paths?.count == 1, "the one that was refused: none came too early")
    }
}
