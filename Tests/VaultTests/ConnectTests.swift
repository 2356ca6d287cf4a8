import Connections
import HTTP
import JSON
import Runtime
import Store
import TestSupport
import Testing

@Suite struct ConnectTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
    }

    private func connect(_ more: JSON = ["options": ["redirectUrl": "https://h.example/done"]]) throws -> String {
        try world.call("connect", (["appId": "google", "userId": "u1"] as JSON).with(more))["url"]?.string ?? ""
    }

    private func state(of url: String) -> String { query(url, "state") ?? "" }

    @Test func theURLIsTheProvidersWithPKCEAndALongState() throws {
        let url = try connect(
            ["options": ["redirectUrl": "https://h.example/done", "scopes": ["a", "b"], "prompt": ["consent"]]])
        #expect(url.hasPrefix("https://p.example/authorize?"))
        #expect(query(url, "client_id") == "c")
        #expect(query(url, "redirect_uri") == "https://h.example/callback")
        #expect(query(url, "scope") == "a b")
        #expect(query(url, "prompt") == "consent")
        #expect(query(url, "code_challenge_method") == "S256")
        #expect(state(of: url).utf8.count >= 43)
        let parts = url.split { "?&=".contains($0) }
        #expect(!parts.contains("u1") && !url.contains("s3cret"))
        #expect(state(of: url) != state(of: try connect()))
    }

    @Test func aGrantIsKeptAndFetched() throws {
        let url = try connect(["options": ["redirectUrl": "https://h.example/done", "scopes": ["a", "b"]]])
        world.provider.next(200, tokens("at-1", refresh: "rt-1", scope: "a"))
        let done = try world.call(
            "complete", ["state": "\(state(of: url))", "code": "c0de", "openedBy": ["userId": "u1"]])
        #expect(done["appId"]?.string == "google")
        #expect(done["userId"]?.string == "u1")
        #expect(done["scopes"]?.strings == ["a"])
        #expect(done["redirectUrl"]?.string == "https://h.example/done")
        #expect(!done.text.contains("at-1") && !done.text.contains("rt-1"))
        let form = try #require(world.provider.forms.first)
        #expect(form.contains("code=c0de"))
        #expect(form.contains("code_verifier="))
        #expect(form.contains("redirect_uri=https%3A%2F%2Fh.example%2Fcallback"))
        let token = try world.fetch()
        #expect(token["accessToken"]?.string == "at-1")
        #expect(token["id"]?.string == done["tokenId"]?.string)
        #expect(token["accessTokenExpiry"]?.integer == world.clock.seconds + 3600)
        #expect(token["hasRefreshToken"]?.boolean == true)
        #expect(token["refreshToken"] == nil)
        #expect(try world.fetch(["options": ["withRefreshToken": true]])["refreshToken"]?.string == "rt-1")
    }

    @Test func aStateIsExchangedOnce() throws {
        let url = try connect()
        let callback: JSON = ["state": "\(state(of: url))", "code": "c0de", "openedBy": ["userId": "u1"]]
        world.provider.next(200, tokens("at-1"))
        let done = try world.answer("complete", callback)
        #expect(try world.answer("complete", callback) == done)
        #expect(world.provider.requests.count == 1)
        // Another code, or nobody, is not the same callback.
        let other: JSON = ["state": "\(state(of: url))", "code": "another", "openedBy": ["userId": "u1"]]
        #expect(world.error("complete", other)?.code == .notFound)
        let nobody: JSON = ["state": "\(state(of: url))", "code": "c0de"]
        #expect(world.error("complete", nobody)?.field == "openedBy")
        world.clock.advance(seconds: 601)
        #expect(world.error("complete", callback)?.code == .notFound)
    }

    @Test func ofTwoCallbacksAtATimeOneIsExchangedAndBothAreAnswered() throws {
        let request: JSON = ["state": "\(state(of: try connect()))", "code": "c0de", "openedBy": ["userId": "u1"]]
        let first = world.begin("complete", request)
        #expect(first.isAtProvider)
        let second = try world.another().begin("complete", request)
        #expect(second.isPaused)
        world.provider.next(200, tokens("at-1"))
        first.step()
        second.step()
        #expect(try first.result.get().text == second.result.get().text)
        #expect(world.provider.requests.count == 1)
    }

    /// Two processes look at the flow before either of them has written that the code is used.
    @Test func ofTwoCallbacksThatReadTheSameFlowOneIsExchanged() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store, config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
        let other = try world.another()
        let url = try world.call(
            "connect", ["appId": "google", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        let state = state(of: url["url"]?.string ?? "")
        let request: JSON = ["state": "\(state)", "code": "c0de", "openedBy": ["userId": "u1"]]
        nonisolated(unsafe) var first: StepDriver?
        store.at(.commit) { first = other.begin("complete", request) }
        let second = world.begin("complete", request)
        #expect(first?.isAtProvider == true)
        #expect(second.isPaused)
        world.provider.next(200, tokens("at-1"))
        first?.step()
        second.step()
        #expect(try first?.result.get().text == second.result.get().text)
        #expect(world.provider.requests.count == 1)
    }

    /// The process that exchanges the code has ended: whoever comes again is not left waiting for ever.
    @Test func aCallbackWhoseProcessEndedIsNotTakenAgain() throws {
        let request: JSON = ["state": "\(state(of: try connect()))", "code": "c0de", "openedBy": ["userId": "u1"]]
        world.begin("complete", request).leave()
        #expect(try world.another().error("complete", request)?.code == .notFound)
        #expect(world.provider.requests.isEmpty)
    }

    @Test func unknownAndExpiredStatesChangeNothing() throws {
        let url = try connect()
        let before = try world.store.scan(prefix: [], after: nil, limit: 100)
        for state in ["", "x", String(repeating: "A", count: 54), state(of: url) + "A"] where !state.isEmpty {
            #expect(
                world.error("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])?.code
                    == .notFound)
        }
        #expect(try world.store.scan(prefix: [], after: nil, limit: 100) == before)
        world.clock.advance(seconds: 601)
        #expect(
            world.error("complete", ["state": "\(state(of: url))", "code": "c", "openedBy": ["userId": "u1"]])?.code
                == .notFound)
        #expect(world.provider.requests.isEmpty)
    }

    @Test func whoOpensItMustBeWhoItWasMadeFor() throws {
        let state = state(of: try connect())
        let openers: [JSON] = [["userId": "u2"], ["userId": "u1", "tenantId": "t"], ["tenantId": "u1"], [:]]
        for opener in openers {
            let error = world.error("complete", ["state": "\(state)", "code": "c", "openedBy": opener])
            #expect(error?.code == .forbidden, "\(opener)")
        }
        world.provider.next(200, tokens("at-1"))
        _ = try world.call("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
    }

    @Test func aRefusalAtTheProviderIsToldAndUsesTheStateUp() throws {
        let state = state(of: try connect())
        let error = world.error(
            "complete",
            ["state": "\(state)", "error": "access_denied", "errorDescription": "no", "openedBy": ["userId": "u1"]])
        #expect(error?.code == .providerError)
        #expect(error?.errorCode == "access_denied")
        #expect(
            world.error("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])?.code == .notFound
        )
        #expect(world.fetchError()?.reason == .missing)
    }

    /// A refusal is one, whatever comes with it: no code is exchanged, and the same callback again is answered at once.
    @Test func aRefusalThatBringsACodeUsesTheStateUp() throws {
        let callback: JSON =
            [
                "state": "\(state(of: try connect()))", "code": "c", "error": "access_denied",
                "openedBy": ["userId": "u1"],
            ]
        #expect(world.error("complete", callback)?.errorCode == "access_denied")
        let again = world.begin("complete", callback)
        #expect(again.isDone)
        #expect(throws: ConnError.self) { try again.result.get() }
        #expect(world.provider.requests.isEmpty)
    }

    /// Nobody waits for what becomes of a code whose exchange has failed.
    @Test(arguments: [#"{"error":"invalid_grant"}"#, #"{"error":"invalid_client"}"#, "no JSON"])
    func aCodeWhoseExchangeFailedUsesTheStateUp(_ reply: String) throws {
        let callback: JSON = ["state": "\(state(of: try connect()))", "code": "c", "openedBy": ["userId": "u1"]]
        world.provider.next(400, reply)
        #expect(world.error("complete", callback) != nil)
        let again = world.begin("complete", callback)
        #expect(again.isDone)
        #expect(world.provider.requests.count == 1)
    }

    /// Neither the settings nor a discovery document say whose it should be.
    @Test func withoutAnIssuerTheCallbacksIsNotLookedAt() throws {
        world.provider.next(200, tokens("at-1"))
        let state = state(of: try connect())
        let done = try world.call(
            "complete",
            ["state": "\(state)", "code": "c", "iss": "https://other.example", "openedBy": ["userId": "u1"]])
        #expect(done["tokenId"] != nil)
    }

    @Test func aCallbackOfAnotherIssuerThanTheDocumentsIsRefused() throws {
        _ = try world.call(
            "apps.create",
            ["id": "d", "clientId": "c", "discoveryUrl": "https://p.example/.well-known/openid-configuration"])
        world.provider.next(200, Self.document)
        let url = try world.call(
            "connect", ["appId": "d", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        let state = state(of: url["url"]?.string ?? "")
        let error = world.error(
            "complete",
            ["state": "\(state)", "code": "c", "iss": "https://other.example", "openedBy": ["userId": "u1"]])
        #expect(error?.field == "iss")
        #expect(world.provider.requests.count == 1)
    }

    @Test func aCallbackOfAnotherIssuerChangesNothing() throws {
        try world.makeApp("strict", ["issuer": "https://p.example"])
        let url = try world.call(
            "connect", ["appId": "strict", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        let state = state(of: url["url"]?.string ?? "")
        let error = world.error(
            "complete", ["state": "\(state)", "code": "c", "iss": "https://evil.example", "openedBy": ["userId": "u1"]])
        #expect(error?.code == .providerError)
        #expect(world.provider.requests.isEmpty)
        world.provider.next(200, tokens("at-1"))
        _ = try world.call(
            "complete", ["state": "\(state)", "code": "c", "iss": "https://p.example", "openedBy": ["userId": "u1"]])
    }

    @Test func aFailedExchangeKeepsNothing() throws {
        let state = state(of: try connect())
        world.provider.next(400, #"{"error":"invalid_client"}"#)
        #expect(
            world.error("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])?.code
                == .misconfigured)
        #expect(world.fetchError()?.reason == .missing)
    }

    /// The user who connects anew keeps what he has until the new grant is there.
    @Test func anExchangeThatFailsOrEndsLeavesTheGrantThatWasThere() throws {
        try world.connect(reply: tokens("at-1"))
        let more: JSON = ["options": ["redirectUrl": "https://h.example/done", "scopes": ["read"]]]
        let callback = { [self] () throws -> JSON in
            ["state": "\(state(of: try connect(more)))", "code": "c", "openedBy": ["userId": "u1"]]
        }
        world.provider.next(400, #"{"error":"invalid_client"}"#)
        #expect(world.error("complete", try callback())?.code == .misconfigured)
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
        let ended = try world.another().begin("complete", try callback())
        #expect(ended.isAtProvider)
        ended.leave()
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
    }

    /// Whoever reads the store finds nothing to call back with.
    @Test func aStateStandsInNoRow() throws {
        let state = state(of: try connect())
        for row in try world.store.scan(prefix: [], after: nil, limit: 100) {
            #expect(!String(decoding: row.key + row.value, as: UTF8.self).contains(state))
        }
    }

    @Test func whomTheProviderTakesTheUserForIsKept() throws {
        let payload = "eyJzdWIiOiJhY2NvdW50LTEifQ"  // {"sub":"account-1"}
        try world.connect(reply: #"{"access_token":"at-1","id_token":"e30.\#(payload).x"}"#)
        #expect(try world.fetch()["tokenSub"]?.string == "account-1")
        let listed = try world.call("list", ["userId": "u1"])["tokens"]?.elements.first
        #expect(listed?["tokenSub"]?.string == "account-1")
    }

    @Test func grantsOfOtherScopesStandBesideEachOther() throws {
        let narrow = try world.connect(scopes: ["read"], reply: tokens("narrow"))
        let wide = try world.connect(scopes: ["read", "write"], reply: tokens("wide"))
        #expect(narrow != wide)
        #expect(try world.fetch(["scopes": ["read"]])["accessToken"]?.string == "narrow")
        #expect(try world.fetch(["scopes": ["write"]])["accessToken"]?.string == "wide")
        let again = try world.connect(scopes: ["write", "read"], reply: tokens("wide-2"))
        #expect(again == wide)
        #expect(try world.fetch(["scopes": ["write"]])["accessToken"]?.string == "wide-2")
        #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.count == 2)
    }

    @Test func accountsAreKeptApart() throws {
        try world.connect(reply: tokens("home"), more: ["externalIdentifier": "home"])
        try world.connect(reply: tokens("work"), more: ["externalIdentifier": "work"])
        #expect(try world.fetch(["externalIdentifier": "home"])["accessToken"]?.string == "home")
        #expect(try world.fetch(["externalIdentifier": "work"])["accessToken"]?.string == "work")
        #expect(world.fetchError(["externalIdentifier": "else"])?.reason == .missing)
    }

    private static let document: JSON = [
        "issuer": "https://p.example", "authorization_endpoint": "https://p.example/a",
        "token_endpoint": "https://p.example/t",
    ]

    private func discover(_ document: JSON) throws -> ConnError? {
        world.provider.next(200, document)
        return world.error(
            "connect", ["appId": "d", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
    }

    @Test func anotherIssuersDocumentIsNotTakenNorKeptForLong() throws {
        _ = try world.call(
            "apps.create",
            ["id": "d", "clientId": "c", "discoveryUrl": "https://p.example/.well-known/openid-configuration"])
        #expect(try discover(Self.document.with(["issuer": "https://evil.example"]))?.code == .misconfigured)
        world.clock.advance(seconds: 5)
        #expect(try discover(Self.document) == nil)
    }

    /// The document comes from elsewhere, and where it leads may be this machine's own network; what the operator wrote
    /// leads where he wants. The one does not open the door for the other.
    @Test(
        arguments: [
            ([:], "https://10.0.0.1/t", true), (["tokenUrl": "http://127.0.0.1/t"], nil, false),
            (["tokenUrl": "https://10.0.0.1/t"], nil, false),
        ] as [(JSON, String?, Bool)])
    func discoveredEndpointsMustBePublic(_ own: JSON, _ discovered: String?, _ isPublic: Bool) throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback"])
        _ = try world.call(
            "apps.create",
            (["id": "d", "clientId": "c", "discoveryUrl": "https://p.example/.well-known/openid-configuration"] as JSON)
                .with(own))
        world.provider.next(
            200,
            .object([
                "issuer": "https://p.example", "authorization_endpoint": "https://p.example/a",
                "token_endpoint": discovered.map { .string($0) }, "revocation_endpoint": "https://10.0.0.1/r",
            ]))
        let url = try world.call(
            "connect", ["appId": "d", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])["url"]
        world.provider.next(200, tokens("at-1"))
        _ = try world.call(
            "complete", ["state": "\(query(url?.string, "state") ?? "")", "code": "c", "openedBy": ["userId": "u1"]])
        world.provider.next(200, "")
        _ = try world.call("delete", ["userId": "u1"])
        #expect(world.provider.requests.map(\.publicAddressesOnly) == [false, isPublic, true])
    }

    @Test func discoveryIsAskedOnceAnHour() throws {
        _ = try world.call(
            "apps.create",
            ["id": "found", "clientId": "c", "discoveryUrl": "https://p.example/.well-known/openid-configuration"])
        world.provider.next(200, Self.document)
        for _ in 0..<2 {
            let url = try world.call(
                "connect", ["appId": "found", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
            #expect(url["url"]?.string?.hasPrefix("https://p.example/a?") == true)
        }
        #expect(world.provider.requests.count == 1)
        world.clock.step(seconds: -86_400)
        world.clock.advance(seconds: 3600)
        world.provider.next(200, Self.document)
        _ = try world.call(
            "connect", ["appId": "found", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        #expect(world.provider.requests.count == 2)
    }

    @Test func whatLacksIsTheOperatorsToMend() throws {
        _ = try world.call("apps.create", ["id": "bare", "clientId": "c"])
        let error = world.error(
            "connect", ["appId": "bare", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        #expect(error?.code == .misconfigured)
        #expect(world.error("connect", ["appId": "none", "userId": "u1"])?.reason == .app)
        #expect(world.error("connect", ["appId": "google"])?.code == .invalidRequest)
    }
}
