import Connections
import JSON
import Runtime
import TestSupport
import Testing

/// Browsers that call from a page of the config's origins.
@Suite struct CORSTests {
    private static let root = Service.root
    private static let origin = "https://app.example"

    private let service: Service

    init() throws {
        service = try Service(api: [
            "projectId": .string(Service.project), "issuers": [Service.issuer()],
            "origins": [.string(Self.origin), "http://localhost:3000"],
        ])
        try service.storeKey(["userId": "alice"])
    }

    private struct Endpoint {
        let method: String
        let path: String
        var query = ""
        var body = ""
    }

    private static let browsers = [
        Endpoint(method: "GET", path: "\(root)/apps"),
        Endpoint(method: "GET", path: "\(root)/apps-with-user-token", query: "userId=alice"),
        Endpoint(
            method: "POST", path: "/v1/outbound/oauth/connect",
            body: #"{"appId":"crm","options":{"redirectUrl":"https://h.example/done"}}"#),
    ]

    private static let others = [
        Endpoint(method: "POST", path: "\(root)/app/user/token", body: #"{"appId":"key","userId":"alice"}"#),
        Endpoint(method: "POST", path: "\(root)/app/user/token/latest", body: #"{"appId":"key","userId":"alice"}"#),
        Endpoint(method: "POST", path: "\(root)/app/connect", body: browsers[2].body),
        Endpoint(method: "GET", path: "\(root)/apps-with-tenant-token", query: "tenantId=t1"),
        Endpoint(method: "GET", path: "\(root)/tokens"),
        Endpoint(method: "DELETE", path: "\(root)/user/tokens", query: "userId=alice"),
        Endpoint(method: "GET", path: "/v1/mgmt/license"), Endpoint(method: "GET", path: "\(root)/app/crm"),
    ]

    private func call(_ endpoint: Endpoint, method: String? = nil, _ who: JSON) throws -> Service.Answer {
        try service.call(method ?? endpoint.method, endpoint.path, query: endpoint.query, endpoint.body, as: who)
    }

    private func cookie(_ origin: String?) -> JSON {
        let who: JSON = ["sessionCookie": .string(service.jwt(["sub": "alice", "drn": "DS"]))]
        if let origin { who.set("origin", .string(origin)) }
        return who
    }

    private func names(_ answer: Service.Answer) -> [String] {
        answer.headers.members.map(\.key).filter { $0.hasPrefix("access-control") }.sorted()
    }

    @Test(arguments: browsers) private func aPageOfTheConfigsOriginsMayCall(_ endpoint: Endpoint) throws {
        for origin in [Self.origin, "http://localhost:3000"] {
            for who in [
                cookie(origin), service.user("alice").with(["origin": .string(origin)]),
                cookie(origin).with(["authorization": .string("Bearer \(Service.project)")]),
            ] {
                let answer = try call(endpoint, who)
                #expect(answer.status == 200)
                #expect(answer.headers["access-control-allow-origin"]?.string == origin)
                #expect(answer.headers["access-control-allow-credentials"]?.string == "true")
                #expect(answer.headers["vary"]?.string == "Origin")
            }
        }
    }

    /// Errors too, since a page could not read them otherwise.
    @Test(arguments: browsers) private func aPageReadsWhatIsWrong(_ endpoint: Endpoint) throws {
        for who in [[:], ["sessionCookie": "x"], ["sessionCookie": .string(service.jwt(["sub": "alice", "exp": 1]))]]
            as [JSON]
        {
            let answer = try call(endpoint, who.with(["origin": .string(Self.origin)]))
            #expect(answer.status == 401)
            #expect(answer.headers["access-control-allow-origin"]?.string == Self.origin)
        }
    }

    /// Another site's page is sent with the user's cookie as well.
    @Test(
        arguments: browsers,
        [
            nil, "https://evil.example", "https://app.example.evil.example", "https://app.example:444",
            "http://app.example",
            "HTTPS://APP.EXAMPLE", "https://app.example/", "null", "*", "",
        ])
    private func anotherPageIsNobody(_ endpoint: Endpoint, origin: String?) throws {
        let answer = try call(endpoint, cookie(origin))
        #expect(answer.status == 401 && answer.code == "E011008")
        #expect(names(answer).isEmpty)
        #expect(answer.headers["vary"]?.string == "Origin")
        // A token of its own may be sent by anybody who has it, and read by no page.
        let own = try call(endpoint, service.user("alice").with(origin.map { ["origin": .string($0)] } ?? [:]))
        #expect(own.status == 200)
        #expect(names(own).isEmpty)
    }

    @Test(arguments: others) private func noOtherEndpointTakesTheCookie(_ endpoint: Endpoint) throws {
        let answer = try call(endpoint, cookie(Self.origin))
        #expect(answer.status == 401)
        #expect(names(answer).isEmpty && answer.headers["vary"] == nil)
        let preflight = try call(endpoint, method: "OPTIONS", ["origin": .string(Self.origin)])
        #expect(preflight.status == 405)
        #expect(names(preflight).isEmpty)
    }

    /// Before a browser sends what is not simple it asks, with no cookie.
    @Test(arguments: browsers) private func aBrowserMayAskBefore(_ endpoint: Endpoint) throws {
        let answer = try call(endpoint, method: "OPTIONS", ["origin": .string(Self.origin)])
        #expect(answer.status == 204)
        #expect(answer.headers["access-control-allow-origin"]?.string == Self.origin)
        #expect(answer.headers["access-control-allow-credentials"]?.string == "true")
        #expect(answer.headers["access-control-allow-methods"]?.string == endpoint.method)
        let allowed = (answer.headers["access-control-allow-headers"]?.string ?? "").split(separator: ", ").map(
            String.init)
        for name in [
            "authorization", "content-type", "x-descope-sdk-session-id", "x-descope-sdk-name", "x-descope-sdk-version",
            "x-descope-project-id", "x-descope-refresh-cookie-name",
        ] { #expect(allowed.contains(name)) }
        #expect(answer.headers["vary"]?.string == "Origin")
        let other = try call(endpoint, method: "OPTIONS", ["origin": "https://evil.example"])
        #expect(other.status == 204)
        #expect(names(other).isEmpty)
        #expect(other.headers["vary"]?.string == "Origin")
    }

    /// Sandboxed pages of anybody's have it.
    @Test func theOriginNullIsNobodys() throws {
        let who: JSON = ["sessionCookie": .string(service.jwt(["sub": "alice"])), "origin": "null"]
        let answer = try service.call("GET", "\(Self.root)/apps", as: who)
        #expect(answer.status == 401)
        #expect(names(answer).isEmpty)
    }

    /// It would never be met.
    @Test(arguments: [
        "https://app.example/", "https://app.example/path", "https://APP.example", "HTTPS://app.example",
        "https://app.example:443", "http://app.example:80", "https://app.example?", "https://app.example#",
        "https://u@app.example", "app.example", "*", "https://*.app.example", "null", "https://bücher.example",
        "https://app.example ", "https://",
    ])
    func whatIsNoOriginIsToldWhenItOpens(_ origin: String) {
        let error = #expect(throws: ConnError.self) {
            try Service(api: ["issuers": [Service.issuer()], "origins": [.string(Self.origin), .string(origin)]])
        }
        #expect(error?.code == .invalidConfig && error?.field == "api.origins[1]")
    }

    @Test(arguments: ["https://app.example:8443", "http://[::1]:3000", "https://xn--bcher-kva.example"])
    func anOriginIsAsBrowsersSendIt(_ origin: String) throws {
        let service = try Service(api: ["issuers": [Service.issuer()], "origins": [.string(origin)]])
        let who: JSON = [
            "sessionCookie": .string(service.jwt(["sub": "alice"])), "origin": .string(origin),
        ]
        #expect(try service.call("GET", "\(Self.root)/apps", as: who).status == 200)
    }

    /// Whatever a browser sends as an origin.
    @Test(arguments: [1, [], [:], "\u{1}", "https://app.example\r\nx: y"] as [JSON]) func anOriginThatIsWrongIsNobodys(
        _ origin: JSON
    ) throws {
        let who: JSON = ["sessionCookie": .string(service.jwt(["sub": "alice"])), "origin": origin]
        let answer = try service.call("GET", "\(Self.root)/apps", as: who)
        #expect(answer.status == 401)
        #expect(names(answer).isEmpty)
    }
}
