import Connections
import HTTP
import Runtime
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
        ("https://acme.example/.well-known/oauth-authorization-server", "https://acme.example/"),
        ("https://acme.example/.well-known/oauth-authorization-server/t1", "https://acme.example/t1/"),
        ("https://acme.example/.well-known/oauth-authorization-server/t1/", "https://acme.example/t1"),
        ("https://acme.example/.well-known/oauth-authorization-server/t1/as", "https://acme.example/t1/as/"),
        ("https://acme.example:8443/.well-known/openid-configuration/t1", "https://acme.example:8443/t1"),
        ("https://acme.example/t1/.well-known/oauth-authorization-server", "https://acme.example/t1"),
        ("https://acme.example/t1/.well-known/oauth-authorization-server", "https://acme.example/t1/"),
        ("https://acme.example/t1/.well-known/openid-configuration?p=policy", "https://acme.example/t1"),
        // An issuer, whose document is looked for.
        ("https://acme.example", "https://acme.example"), ("https://acme.example/", "https://acme.example"),
        ("https://acme.example/t1", "https://acme.example/t1/"),
        ("https://acme.example/t1/", "https://acme.example/t1/"),
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
        ("https://acme.example/t1/.well-known/oauth-authorization-server", "https://acme.example"),
        ("https://acme.example/.well-known/oauth-authorization-server/t1", "https://acme.example/t1//"),
        ("https://acme.example/t1?p=policy", "https://acme.example/t1"),
        ("https://acme.example/t1", "https://acme.example/t2"),
        ("https://acme.example/common/.well-known/openid-configuration", "https://sts.example/{tenantid}/"),
        ("https://acme.example/common/v2.0/.well-known/openid-configuration", "https://acme.example/{tenantid}"),
        ("https://acme.example/a/b/.well-known/openid-configuration", "https://acme.example/{tenantid}"),
        ("https://acme.example/.well-known/openid-configuration", "https://{tenantid}"),
        ("https://acme.example/t1/.well-known/openid-configuration", "https://acme.example/x{tenantid}"),
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

    // MARK: - Issuers of many tenants

    @Test(arguments: [
        ("common/v2.0", "https://acme.example/{tenantid}/v2.0"),
        ("organizations/v2.0", "https://acme.example/{tenantid}/v2.0"),
        ("common", "https://acme.example/{tenantid}/"), ("t1", "https://acme.example/{tenant_id}"),
    ])
    func aDocumentOfManyTenants(_ path: String, _ issuer: String) throws {
        let filled = try discover(
            open("https://acme.example/\(path)/.well-known/openid-configuration"), document(issuer))
        #expect(filled.issuer == issuer)
        let tenant = issuer.replacing("{tenantid}", with: "11111111-2222-3333-4444-555555555555")
            .replacing("{tenant_id}", with: "acme.onmicrosoft.com")
        try OAuth.checkIssuer(tenant, provider: filled)
        for other in [issuer.replacing("acme", with: "evil"), tenant + "/x", tenant.replacing("https", with: "http")] {
            #expect(throws: ConnError.self) { try OAuth.checkIssuer(other, provider: filled) }
        }
    }

    @Test(arguments: ["", "..", ".", "a b", "a?b", "{tenantid}x", "a%2Fb", "\u{e9}", "a\nb"])
    func whatIsNoTenant(_ tenant: String) throws {
        let provider = Provider.sample.with { $0.issuer = "https://acme.example/{tenantid}/v2.0" }
        #expect(throws: ConnError.self) {
            try OAuth.checkIssuer("https://acme.example/\(tenant)/v2.0", provider: provider)
        }
    }

    /// The document is that of all tenants, and callbacks must come from the one that the settings name.
    @Test func oneTenantOfMany() throws {
        let one = "https://acme.example/t17/v2.0"
        let provider = open("https://acme.example/common/v2.0/.well-known/openid-configuration").with {
            $0.issuer = one
        }
        let filled = try discover(provider, document("https://acme.example/{tenantid}/v2.0"))
        #expect(filled.issuer == one)
        try OAuth.checkIssuer(one, provider: filled)
        #expect(throws: ConnError.self) { try OAuth.checkIssuer("https://acme.example/t18/v2.0", provider: filled) }
        #expect(throws: ConnError.self) { try discover(provider, document("https://other.example/{tenantid}/v2.0")) }
        let pattern = provider.with { $0.issuer = "https://sts.example/{tenantid}/" }
        #expect(try discover(pattern, document("https://sts.example/{tenantid}/")).tokenURL != nil)
    }

    // MARK: - Where a document is looked for

    @Test(arguments: [
        (
            "https://acme.example:8443/t1/",
            [
                "https://acme.example:8443/.well-known/oauth-authorization-server/t1",
                "https://acme.example:8443/.well-known/openid-configuration/t1",
                "https://acme.example:8443/t1/.well-known/openid-configuration",
            ]
        ),
        (
            "https://acme.example",
            [
                "https://acme.example/.well-known/oauth-authorization-server",
                "https://acme.example/.well-known/openid-configuration",
            ]
        ),
        (openID, [openID]), ("https://acme.example/elsewhere.json", ["https://acme.example/elsewhere.json"]),
    ])
    func placesOfADocument(_ url: String, _ urls: [String]) throws {
        let issuer = url.hasSuffix("/") ? String(url.dropLast()) : url
        for last in urls.indices {
            var asked: [String] = []
            let step = try OAuth.discover(open(url))
            let filled = try? run(step) { request in
                asked.append(request.url)
                return asked.count == last + 1
                    ? document(urls.count > 1 ? issuer : "https://acme.example/t1") : json(404, "{}")
            }
            #expect(asked == Array(urls[...last]))
            #expect((filled?.tokenURL != nil) == (url != "https://acme.example/elsewhere.json"))
        }
        let none = #expect(throws: ConnError.self) { try discover(open(url), response(200, "<html>")) }
        #expect(none?.code == .unavailable)
    }

    /// Some servers answer every place with one document, or put a stub there.
    @Test(arguments: [
        #"{"issuer":"https://acme.example","authorization_endpoint":"https://evil.example/a","token_endpoint":"https://evil.example/t"}"#,
        #"{"issuer":"https://acme.example/t1/","authorization_endpoint":"https://evil.example/a","token_endpoint":"https://evil.example/t"}"#,
        #"{"issuer":"","token_endpoint":"https://evil.example/t"}"#, #"{"issuer":7}"#,
        #"{"issuer":["https://acme.example/t1"]}"#,
        #"{"issuer":"https://acme.example/t1","issuer":"https://acme.example/t2","token_endpoint":"https://evil.example/t"}"#,
        #"{"issuer":"https://acme.example/t1"}"#,
        #"{"issuer":"https://acme.example/t1","authorization_endpoint":"https://evil.example/a"}"#,
        #"{"issuer":"https://acme.example/t1","token_endpoint":"/t"}"#,
    ])
    func aForeignOrEmptyDocumentIsPassedOver(_ first: String) throws {
        let provider = Provider(id: "acme", clientID: "c").with { $0.issuer = "https://acme.example/t1" }
        for before in 1...2 {
            var count = 0
            let filled = try run(try OAuth.discover(provider)) { _ in
                count += 1
                return count <= before ? json(200, first) : document()
            }
            #expect(count == before + 1)
            #expect(filled.tokenURL == "https://acme.example/t1/token")
            #expect(filled.authorizationURL == "https://acme.example/t1/auth")
        }
        // And where there is no other, it is not used.
        do {
            #expect(try discover(provider, json(200, first)).tokenURL == nil)
        } catch let error as ConnError {
            #expect(error.code == .misconfigured)
        }
    }

    /// The right one may be where a server fails.
    @Test(arguments: [500, 503, 429, 0])
    func aPlaceThatMayComeBack(_ status: Int) throws {
        let provider = Provider(id: "acme", clientID: "c").with { $0.issuer = "https://acme.example/t1" }
        for place in 0..<4 {
            var answers = Array(repeating: document("https://acme.example"), count: 4)
            answers[place] =
                status == 0 ? .failure(.init(.interrupted, "acme.example", mayHaveArrived: true)) : json(status, "{}")
            let error = #expect(throws: ConnError.self) {
                try run(try OAuth.discover(provider)) { _ in answers.removeFirst() }
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func noneOfThemIsTheRightOne() throws {
        let provider = Provider(id: "acme", clientID: "c").with { $0.issuer = "https://acme.example/t1" }
        for foreign in 0..<4 {
            var answers = Array(repeating: json(404, "{}"), count: 4)
            answers[foreign] = document("https://acme.example")
            let error = #expect(throws: ConnError.self) {
                try run(try OAuth.discover(provider)) { _ in answers.removeFirst() }
            }
            #expect(error?.code == .misconfigured)
            #expect(error?.field == "issuer")
            #expect(error?.message.contains("https://acme.example/") == true)
        }
    }

    /// What stands in one place alone does not hinder; a server that cannot be reached is not asked thrice.
    @Test(
        arguments: [
            (.tooLarge, 4), (.interrupted, 4), (.timeout, 1), (.connect, 1), (.resolve, 1), (.tls, 1),
            (.blockedAddress, 1),
        ] as [(HTTPFailure.Kind, Int)])
    func aPlaceThatFails(_ kind: HTTPFailure.Kind, _ places: Int) throws {
        let provider = Provider(id: "acme", clientID: "c").with { $0.issuer = "https://acme.example/t1" }
        var asked = 0
        let error = #expect(throws: ConnError.self) {
            try run(try OAuth.discover(provider)) { _ in
                asked += 1
                return .failure(.init(kind, "acme.example", mayHaveArrived: true))
            }
        }
        #expect(asked == places)
        #expect(error?.code == (kind == .blockedAddress ? .misconfigured : .unavailable))
        guard places > 1 else { return }
        var answers = [HTTPResult.failure(.init(kind, "acme.example", mayHaveArrived: true)), document()]
        #expect(try run(try OAuth.discover(provider)) { _ in answers.removeFirst() }.tokenURL != nil)
    }

    /// A server for devices alone has no page for browsers.
    @Test func aDocumentWithLessThanItMightHave() throws {
        let provider = Provider(id: "acme", clientID: "c").with { $0.issuer = "https://acme.example/t1" }
        let body = #"{"issuer":"https://acme.example/t1","token_endpoint":"https://acme.example/t"}"#
        #expect(try discover(provider, json(200, body)).tokenURL == "https://acme.example/t")
        var answers = [json(200, body), HTTPResult.failure(.init(.timeout, "acme.example", mayHaveArrived: true))]
        let step = try OAuth.discover(provider)
        #expect(try run(step) { _ in answers.removeFirst() }.tokenURL == "https://acme.example/t")
    }

    @Test func anIssuerAloneIsEnough() throws {
        let provider = Provider(id: "acme", clientID: "c").with { $0.issuer = "https://acme.example/t1" }
        #expect(try discover(provider, document()).tokenURL == "https://acme.example/t1/token")
        #expect(throws: ConnError.self) { try discover(provider, document("https://acme.example/t1/")) }
        #expect(Provider.sample.with { $0.issuer = "https://acme.example" }.discoveryURLs.isEmpty)
        #expect(provider.with { $0.issuer = "https://acme.example/{tenantid}" }.discoveryURLs.isEmpty)
    }

    // MARK: - What cannot be used

    /// What need not be there costs itself alone.
    @Test(arguments: [
        "revocation_endpoint", "pushed_authorization_request_endpoint", "device_authorization_endpoint",
        "registration_endpoint",
    ])
    func anOptionalEndpointThatCannotBeUsed(_ name: String) throws {
        for value in [
            #""""#, #""/relative""#, #""acme.example/x""#, #""http://acme.example/x""#, #""ftp://acme.example""#, "5",
            "null", "[]", #"{"a":1}"#, "true", #""https://u:p@acme.example/x""#, #""https://acme.example/x#y""#,
            #""\ud800""#, #""https://acme.example/1","\#(name)":"https://acme.example/2""#,
        ] {
            let filled = try discover(open(), document("https://acme.example/t1", #","\#(name)":\#(value)"#))
            #expect(filled.tokenURL == "https://acme.example/t1/token")
            #expect(filled.revocation == nil && filled.pushedAuthorizationURL == nil, "\(value)")
            #expect(filled.deviceAuthorizationURL == nil && filled.registrationURL == nil, "\(value)")
        }
    }

    @Test(arguments: [
        #""token_endpoint":"""#, #""token_endpoint":"/token""#, #""token_endpoint":"http://acme.example/token""#,
        #""token_endpoint":5"#, #""token_endpoint":"https://acme.example/1","token_endpoint":"https://acme.example/2""#,
        #""token_endpoint":"https://acme.example","authorization_endpoint":"/authorize""#,
    ])
    func aRequiredEndpointThatCannotBeUsed(_ members: String) throws {
        let body = #"{"issuer":"https://acme.example/t1",\#(members)}"#
        let error = #expect(throws: ConnError.self) { try discover(open(), json(200, body)) }
        #expect(error?.code == .misconfigured)
    }

    /// Servers publish what they like beside it.
    @Test(arguments: [
        #","x":1e999,"y":"\ud800","z":{"a":1,"a":2}"#, #","token_endpoint_auth_methods_supported":null"#,
        #","token_endpoint_auth_methods_supported":["client_secret_post",5,null]"#, #","jwks_uri":"""#,
        #","mtls_endpoint_aliases":{"token_endpoint":"/x"}"#, #","scopes_supported":"all""#,
        #","require_pushed_authorization_requests":"true""#,
    ])
    func aDocumentWithOddities(_ more: String) throws {
        for type in ["application/json", "text/html", "text/plain", ""] {
            for mark in ["", "\u{FEFF}"] {
                let body =
                    mark + #"{"issuer":"https://acme.example/t1","authorization_endpoint":"https://acme.example/a","#
                    + #""token_endpoint":"https://acme.example/t"\#(more)}"#
                #expect(try discover(open(), response(200, body, ["content-type": type])).tokenURL != nil)
            }
        }
    }

    /// RFC 8414's document behind the issuer's path, where the standard does not have it.
    @Test(arguments: [false, true]) func aDocumentThatIsAppended(_ isDiscoveryURL: Bool) throws {
        let issuer = "https://acme.example/t1"
        let provider = Provider(id: "acme", clientID: "c").with {
            if isDiscoveryURL { $0.discoveryURL = issuer } else { $0.issuer = issuer }
        }
        let filled = try run(try OAuth.discover(provider)) { request in
            request.url == issuer + "/.well-known/oauth-authorization-server" ? document() : json(404, "{}")
        }
        #expect(filled.tokenURL == "https://acme.example/t1/token")
    }

    /// Both may be set, to the same.
    @Test func anIssuerAndADiscoveryURLThatIsIt() throws {
        let issuer = "https://acme.example/t1"
        let provider = Provider(id: "acme", clientID: "c").with {
            $0.issuer = issuer
            $0.discoveryURL = issuer
        }
        let filled = try run(try OAuth.discover(provider)) { request in
            request.url.contains("/.well-known/") ? document() : json(404, "{}")
        }
        #expect(filled.tokenURL != nil)
    }

    @Test(arguments: [
        "https://acme.example/t1/.well-known/openid-configuration/",
        "https://ACME.example/t1/.well-known/openid-configuration",
    ])
    func howElseADocumentsPlaceIsWritten(_ place: String) throws {
        let provider = Provider(id: "acme", clientID: "c").with { $0.discoveryURL = place }
        #expect(try discover(provider, document()).tokenURL != nil)
    }

    /// Such as by certificates or keys alone: nobody is sent there in vain.
    @Test func aServerThatTakesNoClientOfOurs() throws {
        let methods = #","token_endpoint_auth_methods_supported":["private_key_jwt","tls_client_auth"]"#
        let error = #expect(throws: ConnError.self) {
            try discover(open(), document("https://acme.example/t1", methods))
        }
        #expect(error?.code == .misconfigured)
        #expect(error?.field == "tokenEndpointAuthMethod")
        let sure = open().with { $0.authMethod = .post }
        #expect(try discover(sure, document("https://acme.example/t1", methods)).authMethod == .post)
    }

    @Test(arguments: [("true", true), (#""true""#, true), (#""no""#, false), ("false", false)])
    func whetherCallbacksCarryTheIssuer(_ value: String, _ isRequired: Bool) throws {
        let more = #","authorization_response_iss_parameter_supported":\#(value)"#
        let filled = try discover(open(), document("https://acme.example/t1", more))
        #expect(filled.requiresIssuerInCallback == isRequired)
    }

    /// The settings name where the document is, so that it may be anywhere.
    @Test func theDocumentMayBeAtAPrivateAddress() throws {
        #expect(!(try onlyRequest(of: OAuth.discover(open())).publicAddressesOnly))
    }

    @Test(arguments: [
        (#","token_endpoint":5"#, ErrorCode.misconfigured),  // the key stands twice
        (#","issuer":"https://acme.example/t2""#, .misconfigured),
        (
            #","require_pushed_authorization_requests":true,"pushed_authorization_request_endpoint":"/par""#,
            .misconfigured
        ),
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
