import Crypto
import HTTP
import JSON
import Memory
import Testing

@testable import OAuth

struct TokenReplyTests {
    @Test func exampleOfTheRFC() throws {
        let reply = try reply(
            .sample,
            """
            {"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":3600,
             "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","example_parameter":"example_value"}
            """)
        #expect(reply.accessToken.string == "2YotnFZFEjr1zCsicMWpAA")
        #expect(reply.tokenType == "example")
        #expect(reply.refreshToken?.string == "tGzv3JOkF0XG5Qx2TlKWIA")
        #expect(reply.expiresAt == now + 3600)
        #expect(reply.scopes == nil)
        #expect(reply.metadata == nil)
    }

    @Test(arguments: ["", #","refresh_token":null"#, #","refresh_token":"""#, #","refresh_token":5"#])
    func withoutANewRefreshTokenThereIsNone(_ part: String) throws {
        let reply = try reply(.sample, #"{"access_token":"a"\#(part)}"#)
        #expect(reply.refreshToken == nil)
        #expect(reply.refreshExpiresAt == nil)
    }

    @Test(arguments: [
        ("access_token=a%2Bb&token_type=bearer&scope=repo%2Cgist", "application/x-www-form-urlencoded"),
        ("access_token=a%2Bb&token_type=bearer&scope=repo%2Cgist\n".replacing("\n", with: ""), "text/plain"),
        (" {\"access_token\":\"a+b\",\"scope\":\"repo,gist\"}", "text/javascript"),
    ])
    func formsAndJSONAlike(_ body: String, _ type: String) throws {
        let provider = Provider.sample.with { $0.replyScopeSeparators = ", " }
        let reply = try refresh(provider, response(200, body, ["content-type": type])).get()
        #expect(reply.accessToken.string == "a+b")
        #expect(reply.scopes == ["repo", "gist"])
    }

    @Test func nestedToken() throws {
        let provider = Provider.sample.with {
            $0.tokenPaths = ["authed_user.access_token", "access_token"]
            $0.replyScopeSeparators = ","
            $0.replyMetadata = ["team.id", "authed_user.id", "missing.id"]
        }
        let nested = try reply(
            provider,
            """
            {"ok":true,"scope":"bot","team":{"id":"T1"},
             "authed_user":{"id":"U1","scope":"search:read,chat","access_token":"xoxp-1","refresh_token":"xoxe-1",
                            "expires_in":43200,"token_type":"user"}}
            """)
        #expect(nested.accessToken.string == "xoxp-1")
        #expect(nested.refreshToken?.string == "xoxe-1")
        #expect(nested.scopes == ["search:read", "chat"])
        #expect(nested.expiresAt == now + 43200)
        #expect(nested.tokenType == "user")
        #expect(nested.metadata?.text == #"{"team.id":"T1","authed_user.id":"U1"}"#)
        #expect(try reply(provider, #"{"ok":true,"access_token":"xoxp-2"}"#).accessToken.string == "xoxp-2")
    }

    @Test(arguments: [
        (#""a b  a""#, " ", ["a", "b"]), (#""a,b""#, ",", ["a", "b"]), (#""a,b""#, " ", ["a,b"]),
        (#"["a","b","a"]"#, " ", ["a", "b"]), (#""""#, " ", nil), ("null", " ", nil), ("7", " ", nil),
    ])
    func grantedScopes(_ value: String, _ separators: String, _ expected: [String]?) throws {
        let provider = Provider.sample.with { $0.replyScopeSeparators = separators }
        #expect(try reply(provider, #"{"access_token":"a","scope":\#(value)}"#).scopes == expected)
    }

    @Test func missingScopes() {
        #expect(Scopes.missing(["b", "a", "b"], from: ["a"]) == ["b"])
        #expect(Scopes.missing(["a"], from: ["b", "a"]).isEmpty)
        let alike = ["jos\u{e9}", "jose\u{301}"]
        #expect(Scopes.unique(alike).count == 2)
        #expect(Scopes.missing(alike, from: [alike[0]]).map { ID($0) } == [ID(alike[1])])
    }

    @Test func subjectOfTheIDToken() throws {
        let token = jwt(#"{"sub":"u-17","exp":5}"#)
        #expect(try reply(.sample, #"{"access_token":"a","id_token":"\#(token)"}"#).subject == "u-17")
        #expect(try reply(.sample, #"{"access_token":"a","id_token":"a.!.c"}"#).subject == nil)
        #expect(try reply(.sample, #"{"access_token":"a","id_token":"\#(jwt(#"{"sub":7}"#))"}"#).subject == nil)
    }

    @Test func accessTokenThatRefreshesItself() throws {
        let provider = Provider.sample.with {
            $0.accessTokenRefreshes = true
            $0.refreshGrantType = "ig_refresh_token"
            $0.refreshTokenParameter = "access_token"
        }
        #expect(
            text(try onlyRequest(of: refreshStep(provider)).body)
                == "grant_type=ig_refresh_token&access_token=refresh-token-1")
        #expect(try reply(provider, #"{"access_token":"a"}"#).refreshToken?.string == "a")
    }

    // MARK: - Expiry

    @Test(
        arguments: [
            // expires_in, as a number or text
            (#""expires_in":3600"#, .jwt, now + 3600), (#""expires_in":"3600""#, .jwt, now + 3600),
            (#""expires_in":3599.9"#, .jwt, now + 3599), (#""expires_in":1,"expires_at":1"#, .jwt, now + 1),
            // bounded, and 0 says nothing
            (#""expires_in":9223372036854775807"#, .jwt, now + TokenReply.maxLifetime),
            (#""expires_in":1e300"#, .jwt, nil), (#""expires_in":0"#, .jwt, nil), (#""expires_in":-1"#, .jwt, nil),
            (#""expires_in":"soon""#, .jwt, nil), (#""expires_in":true"#, .jwt, nil),
            // expires_at, in seconds or milliseconds
            (#""expires_at":1700000900"#, .jwt, now + 900), (#""expires_at":"1700000900""#, .jwt, now + 900),
            (#""expires_at":1700000900123"#, .fixed(seconds: 7), now + 900),
            (#""expires_at":9223372036854775807"#, .jwt, now + TokenReply.maxLifetime),
            // the provider's rule
            (#""expires_in":0"#, .fixed(seconds: 7), now + 7), (#""x":0"#, .fixed(seconds: 7), now + 7),
            (#""x":0"#, .never, nil), (#""x":0"#, .jwt, nil),
        ] as [(String, Provider.ExpiryRule, Int64?)])
    func expiryLadder(_ part: String, _ rule: Provider.ExpiryRule, _ expected: Int64?) throws {
        let provider = Provider.sample.with { $0.expiryRule = rule }
        #expect(try reply(provider, #"{"access_token":"a",\#(part)}"#).expiresAt == expected)
    }

    @Test(arguments: [
        (#"{"exp":1700000060}"#, now + 60), (#"{"exp":1700000060.5}"#, now + 60), (#"{"exp":"x"}"#, nil),
        (#"{"exp":-5}"#, nil), (#"{}"#, nil), (#"{"exp":99999999999}"#, now + TokenReply.maxLifetime), ("[]", nil),
    ])
    func expiryOfAJWT(_ claims: String, _ expected: Int64?) throws {
        #expect(try reply(.sample, #"{"access_token":"\#(jwt(claims))"}"#).expiresAt == expected)
        let never = Provider.sample.with { $0.expiryRule = .never }
        #expect(try reply(never, #"{"access_token":"\#(jwt(claims))"}"#).expiresAt == nil)
    }

    @Test func expiryInMilliseconds() throws {
        let provider = Provider.sample.with { $0.expiresInMilliseconds = true }
        #expect(try reply(provider, #"{"access_token":"a","expires_in":3600000}"#).expiresAt == now + 3600)
    }

    @Test(arguments: [
        #""refresh_token_expires_in":50"#, #""refresh_expires_in":"50""#, #""x_refresh_token_expires_in":50"#,
        #""x":1"#,
    ])
    func expiryOfTheRefreshToken(_ part: String) throws {
        let provider = Provider.sample.with { $0.refreshLifetimeSeconds = 50 }
        let body = #"{"access_token":"a","refresh_token":"r",\#(part)}"#
        #expect(try reply(provider, body).refreshExpiresAt == now + 50)
    }

    // MARK: - What is no reply

    /// None of them may be taken for a token, and none may crash.
    @Test(arguments: [
        "", " ", "null", "[]", "{", "{}", "[{\"access_token\":\"a\"}]", #""access_token""#, #"{"access_token":""}"#,
        #"{"access_token":null}"#, #"{"access_token":5}"#, #"{"access_token":{"a":1}}"#, #"{"access_token":["a"]}"#,
        #"{"access_token":"a\nb"}"#, #"{"access_token":"a b"}"#, #"{"access_token":"\u20ac"}"#,
        #"{"access_token":"a","access_token":"b"}"#, #"{"access_token":"a"}x"#, #"{"access_token":"a\u0000"}"#,
        #"{"access_token":"a","error":"invalid_grant"}"#, #"{"access_token":"a","ok":false}"#,
        #"{"access_token":"a","error":{"code":190}}"#, #"{"access_token":"a","error":true}"#,
        "access_token=", "access_token", "=a", "access_token=a&access_token=b", "access_token=%", "access_token=%4",
        "access_token=%zz", "access_token=%00", "access_token=a b", "access_token=%FF", "&&&", "access_token=a&error=x",
        "<html>access_token=a</html>", String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 50),
    ])
    func unusable(_ body: String) throws {
        for type in ["application/json", "application/x-www-form-urlencoded", "text/html", ""] {
            for status in [200, 201, 302, 400, 401, 403, 500] {
                let result = try refresh(.sample, response(status, body, ["content-type": type]))
                guard case .failure(let failure) = result else {
                    Issue.record("\(status) \(type) is taken for a token")
                    continue
                }
                #expect(failure.httpStatus == status)
            }
        }
    }

    /// Every cut and every changed byte of a real reply is a token or a failure, never a crash.
    @Test func damagedReplies() throws {
        let whole = Array(
            #"{"access_token":"a","expires_in":"3600","scope":"a b","id_token":"a.e30.c","x":[1.5,{}]}"#.utf8)
        for index in whole.indices {
            for byte in [0x00, 0x22, 0x2C, 0x5C, 0x7B, 0x7D, 0x80, 0xFF] as [UInt8] {
                var damaged = whole
                damaged[index] = byte
                for bytes in [damaged, Array(damaged[...index])] {
                    let answer = Answer(.init(status: 200, headers: [:], body: .init(bytes)))
                    let reply = TokenReply(answer, provider: .sample, now: now)
                    #expect(reply?.accessToken.isToken() ?? true)
                }
            }
        }
    }
}

func jwt(_ claims: String) -> String { "e30.\(Crypto.base64URL(Array(claims.utf8))).c2ln" }
