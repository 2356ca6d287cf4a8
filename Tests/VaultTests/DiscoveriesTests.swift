import Connections
import HTTP
import JSON
import OAuth
import Runtime
import TestSupport
import Testing

@testable import Vault

/// When a discovery document is fetched, and by whom.
@Suite struct DiscoveriesTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try make("d")
    }

    private func make(_ id: String, at url: String = "https://p.example/.well-known/openid-configuration") throws {
        _ = try world.call("apps.create", ["id": "\(id)", "clientId": "c", "discoveryUrl": "\(url)"])
    }

    private static func request(_ id: String) -> JSON {
        ["appId": "\(id)", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]]
    }

    private func connect(_ id: String = "d") -> ConnError? { world.error("connect", Self.request(id)) }

    private static func document(_ issuer: String = "https://p.example") -> JSON {
        [
            "issuer": "\(issuer)", "authorization_endpoint": "https://p.example/a",
            "token_endpoint": "https://p.example/t",
        ]
    }

    @Test func whoeverAsksMeanwhileWaitsForTheOneThatIsUnderWay() throws {
        let first = world.begin("connect", Self.request("d"))
        #expect(first.isAtProvider)
        try make("e")
        let others = ["d", "e", "d"].map { world.begin("connect", Self.request($0)) }
        #expect(others.allSatisfy { $0.isWaitingForFlight })
        world.provider.next(200, Self.document())
        for call in [first] + others { call.step() }
        for call in [first] + others { #expect(try call.result.get()["url"]?.string != nil) }
        #expect(world.provider.requests.count == 1)
    }

    /// Nobody waits for one whose caller has gone away.
    @Test func oneThatIsGivenUpIsTakenOver() throws {
        let first = world.begin("connect", Self.request("d"))
        let second = world.begin("connect", Self.request("d"))
        #expect(second.isWaitingForFlight)
        first.cancel()
        second.step()
        #expect(second.isAtProvider)
        world.provider.next(200, Self.document())
        second.step()
        #expect(try second.result.get()["url"] != nil)
    }

    @Test(arguments: [200, 404, 500, 0])
    func aFailureIsKeptForSomeSeconds(_ status: Int) throws {
        if status == 0 { world.provider.nextIsLost() } else { world.provider.next(status, "<html>") }
        let waiting = [world.begin("connect", Self.request("d")), world.begin("connect", Self.request("d"))]
        for call in waiting {
            call.step()
            #expect(throws: ConnError.self) { try call.result.get() }
        }
        try make("e")
        for id in ["d", "e"] {
            let error = connect(id)
            #expect(error?.code == .unavailable)
            #expect(error?.httpStatus == (status == 0 ? nil : status))
            #expect(error?.message.contains("https://p.example/.well-known/openid-configuration") == true)
        }
        #expect(world.provider.requests.count == 1)
        world.clock.advance(seconds: 5)
        world.provider.next(200, Self.document())
        #expect(connect() == nil)
    }

    /// A document that one connection does not take may be what another one wants.
    @Test func anotherIssuersDocumentIsKeptForNobodyElse() throws {
        world.provider.next(200, Self.document("https://other.example"))
        for _ in 0..<3 { #expect(connect()?.field == "issuer") }
        #expect(world.provider.requests.count == 1)
        _ = try world.call(
            "apps.create",
            [
                "id": "s", "clientId": "c", "issuer": "https://other.example",
                "discoveryUrl": "https://p.example/.well-known/openid-configuration",
            ]
        )
        world.provider.next(200, Self.document("https://other.example"))
        #expect(connect("s") == nil)
        #expect(connect()?.field == "issuer")
        #expect(world.provider.requests.count == 2)
        world.clock.advance(seconds: 5)
        world.provider.next(200, Self.document())
        #expect(connect() == nil)
        #expect(connect("s") == nil)
        #expect(world.provider.requests.count == 3)
    }

    /// Whatever is wrong with a document, it is not asked for again at once.
    private static let useless: [JSON] = [
        ["issuer": "https://p.example", "authorization_endpoint": "https://p.example/a", "token_endpoint": "/t"],
        [
            "issuer": "https://p.example", "authorization_endpoint": "https://p.example/a",
            "token_endpoint": "https://p.example/t", "require_pushed_authorization_requests": true,
        ],
        ["issuer": "https://p.example"], ["issuer": 5],
    ]

    @Test(arguments: useless)
    func aDocumentOfNoUseIsKeptForSomeSeconds(_ document: JSON) throws {
        world.provider.next(200, document)
        for _ in 0..<2 { #expect(connect()?.code == .misconfigured) }
        #expect(world.provider.requests.count == 1)
        world.clock.advance(seconds: 5)
        world.provider.next(200, Self.document())
        #expect(connect() == nil)
    }

    /// When there are too many, the one goes that would end first.
    @Test func thereIsAlwaysRoomForTheLatest() throws {
        let discoveries = Discoveries()
        func isAsked(_ index: Int) throws -> Bool {
            let issuer = "https://p.example/t\(index)"
            var provider = Provider(id: "t", clientID: "c")
            provider.discoveryURL = "\(issuer)/.well-known/openid-configuration"
            world.clock.advance(milliseconds: 1)
            let step = try discoveries.fill(provider, clock: world.clock.clock)
            guard case .http(_, let then) = step else { return false }
            let answer = HTTPResponse(status: 200, headers: [:], body: Secret(Self.document(issuer).text))
            guard case .done(let filled) = try then(.success(answer)) else { return false }
            return filled.tokenURL != nil
        }
        for index in 0...1024 { #expect(try isAsked(index)) }
        for index in [1, 512, 1024] { #expect(try !isAsked(index)) }
        #expect(try isAsked(0))
    }

    @Test func aForeignDocumentIsPassedOver() throws {
        _ = try world.call("apps.create", ["id": "i", "clientId": "c", "issuer": "https://p.example/t1"])
        world.provider.next(200, Self.document("https://p.example"))
        world.provider.next(404, "{}")
        world.provider.next(200, Self.document("https://p.example/t1"))
        #expect(connect("i") == nil)
        #expect(connect("i") == nil)
        #expect(world.provider.requests.count == 3)
    }

    @Test func anIssuerIsEnough() throws {
        _ = try world.call("apps.create", ["id": "i", "clientId": "c", "issuer": "https://p.example/t1"])
        for status in [404, 404] { world.provider.next(status, "{}") }
        world.provider.next(200, Self.document("https://p.example/t1"))
        #expect(connect("i") == nil)
        #expect(connect("i") == nil)
        #expect(
            world.provider.requests.map(\.url) == [
                "https://p.example/.well-known/oauth-authorization-server/t1",
                "https://p.example/.well-known/openid-configuration/t1",
                "https://p.example/t1/.well-known/openid-configuration",
            ])
    }
}
