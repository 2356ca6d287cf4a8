import Connections
import HTTP
import Memory
import Testing

@testable import OAuth

struct DiscoveryTests {
    private static let openID = "https://acme.example/t1/.well-known/openid-configuration"

    private func open(_ url: String = openID) -> Provider {
        Provider(id: "acme", clientID: "client", clientSecret: Secret("s3cr3t-value")).with { $0.discoveryURL = url }
    }

    private func discover(_ provider: Provider, _ answer: HTTPResult) throws -> Provider {
        try run(OAuth.discover(provider)) { _ in answer }
    }

    private func document(_ issuer: String = "https://acme.example/t1", _ more: String = "") -> HTTPResult {
        json(
            200,
            """
            {"issuer":"\(issuer)","authorization_endpoint":"https://acme.example/t1/auth",
             "token_endpoint":"https://acme.example/t1/token"\(more)}
            """)
    }

    @Test func fillsWhatIsOpen() throws {
        let filled = try discover(
            open(),
            document(
                "https://acme.example/t1",
                #","revocation_endpoint":"https://acme.example/t1/revoke","#
                    + #""pushed_authorization_request_endpoint":"https://acme.example/t1/par","#
                    + #""device_authorization_endpoint":"https://acme.example/t1/device","#
                    + #""registration_endpoint":"https://acme.example/t1/register","#
                    + #""authorization_response_iss_parameter_supported":true,"#
                    + #""token_endpoint_auth_methods_supported":["client_secret_post"]"#))
        #expect(filled.issuer == "https://acme.example/t1")
        #expect(filled.authorizationURL == "https://acme.example/t1/auth")
        #expect(filled.tokenURL == "https://acme.example/t1/token")
        #expect(filled.revocation?.url == "https://acme.example/t1/revoke")
        #expect(filled.pushedAuthorizationURL == "https://acme.example/t1/par")
        #expect(filled.deviceAuthorizationURL == "https://acme.example/t1/device")
        #expect(filled.registrationURL == "https://acme.example/t1/register")
        #expect(filled.requiresIssuerInCallback)
        #expect(filled.authMethod == .post)
    }

    @Test func anIssuerThatReadsTheSameIsAnother() throws {
        let provider = open().with { $0.issuer = "https://acme.example/jos\u{e9}" }
        #expect(throws: ConnError.self) { try discover(provider, document("https://acme.example/jose\u{301}")) }
        try OAuth.checkIssuer("https://acme.example/jos\u{e9}", provider: provider)
        #expect(throws: ConnError.self) {
            try OAuth.checkIssuer("https://acme.example/jose\u{301}", provider: provider)
        }
    }

    @Test func settingsStay() throws {
        let provider = open().with {
            $0.tokenURL = "https://own.example/token"
            $0.revocation = .init(url: "https://own.example/revoke")
            $0.authMethod = .basic
        }
        let filled = try discover(
            provider,
            document(
                "https://acme.example/t1",
                #","revocation_endpoint":"https://x.example","token_endpoint_auth_methods_supported":["client_secret_post"]"#
            ))
        #expect(filled.tokenURL == "https://own.example/token")
        #expect(filled.revocation?.url == "https://own.example/revoke")
        #expect(filled.authMethod == .basic)
    }

    @Test(arguments: [
        (openID, "https://acme.example/t1"), (openID, "https://acme.example/t1/"),
        ("https://acme.example/.well-known/oauth-authorization-server", "https://acme.example"),
        ("https://acme.example/.well-known/oauth-authorization-server/t1", "https://acme.example/t1"),
        ("https://acme.example:8443/.well-known/openid-configuration/t1", "https://acme.example:8443/t1"),
    ])
    func issuerOfThePlace(_ url: String, _ issuer: String) throws {
        #expect(try discover(open(url), document(issuer)).issuer == issuer)
    }

    @Test(arguments: [
        (openID, "https://evil.example"), (openID, "https://acme.example"), (openID, "https://acme.example/t2"),
        (openID, "http://acme.example/t1"), (openID, ""),
        ("https://acme.example/.well-known/oauth-authorization-server/t1", "https://acme.example"),
        ("https://acme.example/.well-known/oauth-authorization-serverx", "https://acme.examplex"),
        ("https://acme.example/elsewhere.json", "https://acme.example"),
    ])
    func anotherIssuer(_ url: String, _ issuer: String) {
        let error = #expect(throws: ConnError.self) { try discover(open(url), document(issuer)) }
        #expect(error?.code == .misconfigured)
    }

    @Test func issuerOfTheSettings() throws {
        let provider = open("https://acme.example/elsewhere.json").with { $0.issuer = "https://acme.example" }
        #expect(try discover(provider, document("https://acme.example")).tokenURL != nil)
        #expect(throws: ConnError.self) { try discover(provider, document("https://acme.example/")) }
    }

    /// The settings name where the document is, so that it may be anywhere.
    @Test func theDocumentMayBeAtAPrivateAddress() throws {
        #expect(!(try onlyRequest(of: OAuth.discover(open())).publicAddressesOnly))
    }

    @Test(arguments: [
        (#","token_endpoint":5"#, ErrorCode.unavailable),  // the key stands twice
        (#","revocation_endpoint":5"#, .misconfigured),
        (#","revocation_endpoint":"http://acme.example/revoke""#, .misconfigured),
        (#","require_pushed_authorization_requests":true"#, .misconfigured),
    ])
    func unusableDocument(_ more: String, _ code: ErrorCode) {
        let error = #expect(throws: ConnError.self) {
            try discover(open(), document("https://acme.example/t1", more))
        }
        #expect(error?.code == code)
    }

    @Test(arguments: [
        (response(404, ""), ErrorCode.unavailable), (response(200, "<html>"), .unavailable),
        (json(200, "[]"), .unavailable), (json(302, "{}"), .unavailable),
        (.failure(.init(.blockedAddress, "10.0.0.1", mayHaveArrived: false)), .misconfigured),
        (.failure(.init(.timeout, "acme.example", mayHaveArrived: true)), .unavailable),
    ])
    func noDocument(_ answer: HTTPResult, _ code: ErrorCode) {
        let error = #expect(throws: ConnError.self) { try discover(open(), answer) }
        #expect(error?.code == code)
    }

    @Test(arguments: ["http://acme.example/.well-known/openid-configuration", "file:///etc/passwd", "acme"])
    func unusableURL(_ url: String) {
        #expect(throws: ConnError.self) { try discover(open(url), document()) }
    }

    // MARK: - RFC 9207

    @Test func issuerInTheCallback() throws {
        var provider = Provider.sample
        try OAuth.checkIssuer(nil, provider: provider)
        try OAuth.checkIssuer("https://anyone.example", provider: provider)
        provider.issuer = "https://acme.example"
        try OAuth.checkIssuer(nil, provider: provider)
        try OAuth.checkIssuer("https://acme.example", provider: provider)
        for other in ["https://acme.example/", "https://evil.example", ""] {
            #expect(throws: ConnError.self) { try OAuth.checkIssuer(other, provider: provider) }
        }
        provider.requiresIssuerInCallback = true
        #expect(throws: ConnError.self) { try OAuth.checkIssuer(nil, provider: provider) }
    }
}
