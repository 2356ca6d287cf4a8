import Connections
import Crypto
import JSON
import Runtime
import TestSupport
import Testing

/// What of a JWT must be right besides its signature, and whom it is about.
@Suite struct ClaimTests {
    private static let signer = JWTSigner.p256
    private let verifier: Verifier

    init() throws { verifier = try Verifier(keys: Self.signer.jwk) }

    private func jwt(_ more: JSON = [:], header: JSON = [:]) -> String {
        Self.signer.jwt(verifier.claims(more), "ES256", header: header)
    }

    // MARK: - Its form

    /// Each is signed as it stands, so that nothing else is wrong with it.
    @Test func whatIsMalformedIsRefused() throws {
        let good = jwt()
        #expect(verifier.takes(good))
        let parts = good.split(separator: ".").map(String.init)
        let (header, claims, signature) = (parts[0], parts[1], parts[2])
        for text in [
            "a", "..", "...", "a.b.c", header + "." + claims, good + ".", "." + good, good + "." + signature,
            good + " ", " " + good, good + "=", header + "=." + claims + "." + signature,
            header + "." + claims + "=." + signature, header + "." + claims + "+." + signature,
            header + "..\(signature)", "." + claims + "." + signature, header + ". " + claims + "." + signature,
            good.dropLast() + "é", header.uppercased() + "." + claims + "." + signature,
        ] { #expect(!verifier.takes(text), "\(text)") }
    }

    @Test(arguments: [
        "", "null", "[]", "1", #""text""#, "{", "{}x", "{\"alg\":\"ES256\"", "\u{FEFF}{\"alg\":\"ES256\"}",
        #"{"alg":"ES256","kid":"p256","alg":"ES256"}"#, #"{"alg":"ES256","kid":"p256","crit":[]}"#,
        #"{"alg":"ES256","kid":"p256","crit":["b64"],"b64":true}"#, #"{"alg":"ES256","kid":"p256","crit":null}"#,
        #"{"kid":"p256"}"#, #"{"alg":"ES256","kid":"p256","x":"\u0000"}"#, "{'alg':'ES256'}",
        #"{"alg":"ES256","kid":"p256","x":NaN}"#,
        #"{"alg":"ES256","kid":"p256","x":"# + String(repeating: "[", count: 4000)
            + String(repeating: "]", count: 4000) + "}",
    ]) func aHeaderThatIsWrongIsRefused(header: String) {
        #expect(!verifier.takes(Self.signer.jwt(verifier.claims().text, header: header, "ES256")))
    }

    @Test(arguments: [
        #"{"iss":"https://idp.example","sub":"a","exp":4000000000,"sub":"b"}"#,
        #"{"iss":"https://idp.example","exp":4000000000,"x":{"y":1,"y":2}}"#, "[]", "", "null", "x",
        #"{"iss":"https://idp.example","exp":4000000000} {}"#, #"["iss","https://idp.example"]"#,
    ]) func claimsThatAreWrongAreRefused(claims: String) {
        let header = Self.signer.header("ES256").text
        #expect(!verifier.takes(Self.signer.jwt(claims, header: header, "ES256")))
    }

    @Test func whatIsNoUTF8IsRefused() {
        let header = JWTSigner.part(Self.signer.header("ES256").text)
        let claims = Array(#"{"iss":"https://idp.example","exp":4000000000,"sub":""#.utf8) + [0xFF] + Array("\"}".utf8)
        let signed = header + "." + Crypto.base64URL(claims)
        let signature = Crypto.base64URL(Self.signer.signature(of: signed, "ES256"))
        #expect(!verifier.takes(signed + "." + signature))
    }

    /// base64 has bits behind its last byte, which would make further texts of the same JWT.
    @Test func noOtherTextIsTheSameJWT() {
        let good = jwt()
        let last = good.last ?? "A"
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for other in alphabet where other != last {
            #expect(!verifier.takes(String(good.dropLast()) + String(other)))
        }
    }

    @Test func atMostSixteenKilobytesAreRead() {
        let frame = jwt(["x": ""]).utf8.count
        let fitting = (16_384 - frame) * 3 / 4 - 2
        #expect(verifier.takes(jwt(["x": .string(String(repeating: "a", count: fitting))])))
        #expect(!verifier.takes(jwt(["x": .string(String(repeating: "a", count: fitting + 5))])))
        #expect(!verifier.takes(String(repeating: ".", count: 60_000)))
    }

    /// Nobody learns what is wrong, and no error repeats a token.
    @Test func everyRefusalReadsTheSame() throws {
        let wrong = [
            "x", jwt(["iss": "https://other.example"]), jwt(["exp": 1]), jwt(["aud": "x"]), jwt() + "A",
            jwt(header: ["kid": "x"]),
        ]
        let errors = Set(wrong.map { verifier.error($0).map { "\($0.code) \($0.message) \($0.field ?? "")" } ?? "" })
        #expect(errors == ["unauthorized the token is not accepted jwt"])
    }

    // MARK: - Its time

    /// Five seconds are for clocks that differ.
    @Test(
        arguments: [
            (["exp": 0], false), (["exp": -4], true), (["exp": -5], false), (["exp": 1], true),
            (["nbf": 5], true), (["nbf": 6], false), (["nbf": -600], true), (["iat": 600], true),
        ] as [([String: Int64], Bool)])
    func aJWTHasItsTime(_ row: (times: [String: Int64], isTaken: Bool)) {
        let times = JSON.object()
        for (name, seconds) in row.times { times.set(name, .integer(verifier.clock.seconds + seconds)) }
        // At its very second it has expired, but for those seconds.
        let isTaken = row.isTaken || row.times["exp"] == 0
        #expect(verifier.takes(jwt(times)) == isTaken)
    }

    @Test(
        arguments: [
            ["exp": nil], ["exp": "4000000000"], ["exp": true], ["exp": [4_000_000_000]], ["exp": 0], ["exp": -1],
            ["nbf": "1"], ["nbf": [1]], ["nbf": true],
        ] as [JSON])
    func aTimeIsANumber(_ more: JSON) { #expect(!verifier.takes(jwt(more))) }

    @Test func aNumberMayBeLargeOrHaveAFraction() {
        let claims = verifier.claims().text
        for exp in ["4000000000.5", "4e9", "9223372036854775807", "1e300"] {
            let text = claims.replacing("\(verifier.clock.seconds + 600)", with: exp)
            #expect(verifier.takes(Self.signer.jwt(text, header: Self.signer.header("ES256").text, "ES256")), "\(exp)")
        }
    }

    @Test func aJWTExpires() {
        let one = jwt()
        #expect(verifier.takes(one))
        verifier.clock.advance(seconds: 604)
        #expect(verifier.takes(one))
        verifier.clock.advance(seconds: 1)
        #expect(!verifier.takes(one))
    }

    // MARK: - Its issuer

    private static let project = Verifier.project

    @Test(
        arguments: [
            ("\(project)", true), ("https://api.descope.com/\(project)", true),
            ("https://api.descope.com/v1/apps/\(project)", true),
            ("https://api.descope.com/v1/apps/agentic/\(project)/M2server", true),
            ("https://api.descope.com/v1/apps/\(project)/x/y", false),
            ("https://evil.example/v1/apps/\(project)", false), ("https://evil.example/\(project)", false),
            ("https://api.descope.com.evil.example/\(project)", false),
            ("https://api.descope.com@evil.example/\(project)", false),
            ("https://api.descope.com:444/\(project)", false), ("http://api.descope.com/\(project)", false),
            ("HTTPS://API.DESCOPE.COM/\(project)", false), ("/\(project)", false), ("x/\(project)", false),
            ("https://api.descope.com/\(project.lowercased())", false), ("\(project)/", false), (" \(project)", false),
            ("https://api.descope.com/v1/apps/x\(project)", false), ("https://api.descope.com/?\(project)", false),
            ("https://api.descope.com/v1/apps/\(project)?x", false), ("https://api.descope.com", false), ("", false),
        ] as [(JSON, Bool)])
    func aProjectIsAnIssuerByItsNames(_ row: (iss: JSON, isTaken: Bool)) throws {
        let verifier = try Verifier(["projectId": .string(Self.project), "jwks": ["keys": [Self.signer.jwk]]])
        let jwt = Self.signer.jwt(verifier.claims(["iss": row.iss]), "ES256")
        #expect(verifier.takes(jwt) == row.isTaken)
    }

    @Test(arguments: [nil, 1, ["https://idp.example"], "https://idp.example/", "https://IDP.example"] as [JSON])
    func anotherIssuerHasOneName(_ iss: JSON) { #expect(!verifier.takes(jwt(["iss": iss]))) }

    /// By somebody else's key nobody is an issuer, whatever the key is called.
    @Test func eachIssuerHasItsOwnKeys() throws {
        let (one, other) = (JWTSigner.p256, JWTSigner(.ec(curve: "P-256", coordinateBytes: 32), id: "p256"))
        let verifier = try Verifier(
            ["issuer": "https://one.example", "jwks": ["keys": [one.jwk]]],
            ["issuer": "https://other.example", "jwks": ["keys": [other.jwk]], "audiences": ["api"]])
        func claims(_ issuer: String, _ more: JSON = [:]) -> JSON { verifier.claims(more, issuer: issuer) }
        #expect(verifier.takes(one.jwt(claims("https://one.example"), "ES256")))
        #expect(verifier.takes(other.jwt(claims("https://other.example", ["aud": "api"]), "ES256")))
        #expect(!verifier.takes(other.jwt(claims("https://one.example"), "ES256")))
        #expect(!verifier.takes(one.jwt(claims("https://other.example", ["aud": "api"]), "ES256")))
        #expect(!verifier.takes(other.jwt(claims("https://other.example"), "ES256")))
    }

    @Test(
        arguments: [
            (["issuer": "https://idp.example"], "api.issuers[0].jwksUrl"), ([:], "api.issuers[0].issuer"),
            (["issuer": "x", "projectId": "P"], "api.issuers[0].issuer"),
            (["issuer": "x", "baseUrl": "https://x.example", "jwks": ["keys": []]], "api.issuers[0].baseUrl"),
            (["issuer": "x", "jwks": ["keys": []]], "api.issuers[0].jwks"),
            (["issuer": "x", "jwks": [:]], "api.issuers[0].jwks"),
            (
                ["issuer": "x", "jwksUrl": "https://x.example", "jwks": ["keys": [signer.jwk]]],
                "api.issuers[0].jwks"
            ),
            (["issuer": "x", "jwksUrl": "http://x.example/keys"], "api.issuers[0].jwksUrl"),
            (["issuer": ""], "api.issuers[0].issuer"), (["projectId": ""], "api.issuers[0].projectId"),
            (["issuer": "x", "scope": "y", "jwksUrl": "https://x.example"], "api.issuers[0].scope"),
        ] as [(JSON, String)])
    func anIssuerThatIsWrongIsToldWhereItIsConfigured(_ row: (issuer: JSON, field: String)) {
        let error = error { _ = try Verifier(row.issuer) }
        #expect(error?.code == .invalidConfig)
        #expect(error?.field == row.field)
    }

    // MARK: - Its audience

    /// (RFC 8725 section 3.9.) What is meant for somebody else is refused, also where no audience is configured.
    @Test(
        arguments: [
            (nil, nil, true), (nil, "api", false), (nil, ["api"], false), (nil, [], false), (["api"], nil, false),
            (["api"], "api", true), (["api"], ["other", "api"], true), (["api"], "other", false),
            (["api"], "API", false),
            (["api", "b"], ["b"], true), (["api"], ["api", 1], false), (["api"], ["api": true], false),
            (["api"], 1, false),
            (["api"], [], false), (["api"], "", false),
        ] as [(JSON?, JSON?, Bool)])
    func anAudienceMustBeExpected(_ row: (expected: JSON?, aud: JSON?, isTaken: Bool)) throws {
        let verifier = try Verifier(keys: Self.signer.jwk, audiences: row.expected)
        let jwt = Self.signer.jwt(verifier.claims(["aud": row.aud ?? .null]), "ES256")
        #expect(verifier.takes(jwt) == row.isTaken)
    }

    @Test(
        arguments: [
            (nil, nil, true), (nil, .string(project), true), (nil, ["x", .string(project)], true), (nil, "x", false),
            (["https://mcp.example"], .string(project), false), (["https://mcp.example"], "https://mcp.example", true),
        ] as [(JSON?, JSON?, Bool)])
    func aProjectIsAnAudienceUnlessOthersAreConfigured(_ row: (expected: JSON?, aud: JSON?, isTaken: Bool)) throws {
        let issuer: JSON = ["projectId": .string(Self.project), "jwks": ["keys": [Self.signer.jwk]]]
        if let expected = row.expected { issuer.set("audiences", expected) }
        let verifier = try Verifier(issuer)
        let claims = verifier.claims(["aud": row.aud ?? .null], issuer: Self.project)
        #expect(verifier.takes(Self.signer.jwt(claims, "ES256")) == row.isTaken)
    }

    // MARK: - Whom it is about

    @Test(
        arguments: [
            ([:], ["userId": "alice", "tenantIds": [], "roles": [], "scopes": []]),
            (["dsub": "U2alice"], ["userId": "U2alice", "tenantIds": [], "roles": [], "scopes": []]),
            (["azp": "app"], ["userId": "alice", "clientId": "app", "tenantIds": [], "roles": [], "scopes": []]),
            (["azp": "alice"], ["clientId": "alice", "tenantIds": [], "roles": [], "scopes": []]),
            (["client_id": "alice"], ["clientId": "alice", "tenantIds": [], "roles": [], "scopes": []]),
            (["sub": nil], ["tenantIds": [], "roles": [], "scopes": []]),
            (["sub": 1, "azp": 2], ["tenantIds": [], "roles": [], "scopes": []]),
            (
                ["tenants": ["t1": ["roles": ["admin"]], "t2": true, "t3": [:]], "dct": "t1", "roles": ["staff"]],
                ["userId": "alice", "tenantIds": ["t1", "t2", "t3"], "roles": ["staff", "admin"], "scopes": []]
            ),
            (
                ["dct": "t1", "roles": ["admin"], "scope": "openid outbound.token.fetch"],
                [
                    "userId": "alice", "tenantIds": ["t1"], "roles": ["admin"],
                    "scopes": ["openid", "outbound.token.fetch"],
                ]
            ),
            (
                ["tenants": ["t1": ["roles": ["admin"]]], "dct": "t2"],
                ["userId": "alice", "tenantIds": ["t1", "t2"], "roles": [], "scopes": []]
            ),
            (
                ["tenants": "t1", "dct": ["t2"], "roles": "admin", "scope": ["a"]],
                ["userId": "alice", "tenantIds": [], "roles": [], "scopes": []]
            ),
        ] as [(JSON, JSON)])
    func claimsSayWhomItIsAbout(_ row: (more: JSON, said: JSON)) throws {
        let answer = try verifier.verify(jwt(row.more)).shallowCopy()
        #expect(answer["claims"] == verifier.claims(row.more))
        answer.remove("claims")
        #expect(answer == row.said)
    }
}
