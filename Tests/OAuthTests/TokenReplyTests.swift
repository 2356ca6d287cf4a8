import Crypto
import HTTP
import JSON
import Runtime
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
        (#""a\tb\nc\r\nd""#, " ", ["a", "b", "c", "d"]), (#""a, b,\n c""#, ",", ["a", "b", "c"]),
        (#"["a b","c"]"#, " ", ["a", "b", "c"]), (#"["a,b"]"#, ",", ["a", "b"]), (#"["a\tb", " "]"#, " ", ["a", "b"]),
        (#""\n""#, " ", nil), ("[]", " ", []), (#"[" "]"#, " ", nil),
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
            (#""expires_in":1e300"#, .jwt, now + TokenReply.maxLifetime),
            (#""expires_in":99999999999999999999"#, .jwt, now + TokenReply.maxLifetime),
            (#""expires_in":"99999999999999999999""#, .jwt, now + TokenReply.maxLifetime),
            (#""expires_in":1e999"#, .jwt, now + TokenReply.maxLifetime), (#""expires_in":-1e999"#, .jwt, nil),
            // however it is written
            (#""expires_in":3600.0"#, .jwt, now + 3600), (#""expires_in":"3600.0""#, .jwt, now + 3600),
            (#""expires_in":" 3600 ""#, .jwt, now + 3600), (#""expires_in":"3600\r\n""#, .jwt, now + 3600),
            (#""expires_in":3.6e3"#, .jwt, now + 3600), (#""expires_in":"3.6e3""#, .jwt, now + 3600),
            (#""expires_in":"+3600""#, .jwt, now + 3600), (#""expires_in":03600"#, .jwt, now + 3600),
            (#""expires_in":null"#, .fixed(seconds: 7), now + 7), (#""expires_in":"""#, .fixed(seconds: 7), now + 7),
            (#""expires_in":"-1""#, .jwt, nil), (#""expires_in":-3600.5"#, .jwt, nil),
            (#""expires_in":"0x10""#, .jwt, nil), (#""expires_in":"nan""#, .jwt, nil),
            (#""expires_in":NaN"#, .jwt, nil),
            (#""expires_in":"infinity""#, .jwt, nil), (#""expires_in":"36 00""#, .jwt, nil),
            (#""expires_in":[3600]"#, .jwt, nil), (#""expires_in":{"value":3600}"#, .jwt, nil),
            (#""expires_in":60,"expires_in":3600"#, .jwt, now + 3600),
            // Zoho's, of which the one is in milliseconds
            (#""expires_in":3600000,"expires_in_sec":3600"#, .jwt, now + 3600),
            (#""expires_in_sec":"3600","expires_in":3600000"#, .jwt, now + 3600),
            (#""expires_in_sec":null,"expires_in":3600"#, .jwt, now + 3600),
            (#""expires_in_sec":0,"expires_in":3600"#, .jwt, now + 3600),
            (#""expires_in":0"#, .jwt, nil), (#""expires_in":-1"#, .jwt, nil),
            (#""expires_in":"soon""#, .jwt, nil), (#""expires_in":true"#, .jwt, nil),
            // expires_at, in seconds or milliseconds
            (#""expires_at":1700000900"#, .jwt, now + 900), (#""expires_at":"1700000900""#, .jwt, now + 900),
            (#""expires_at":1700000900123"#, .fixed(seconds: 7), now + 900),
            (#""expires_at":9223372036854775807"#, .jwt, now + TokenReply.maxLifetime),
            (#""expires_at":1700000900.5"#, .jwt, now + 900), (#""expires_at":1.7000009e9"#, .jwt, now + 900),
            (#""expires_at":"1700000900.25""#, .jwt, now + 900), (#""expires_at":"1700000900123""#, .jwt, now + 900),
            (#""expires_at":1700000900123.5"#, .jwt, now + 900), (#""expires_at":1700000900123456"#, .jwt, now + 900),
            (#""expires_at":" 2023-11-14 22:28:20Z ""#, .jwt, now + 900),
            (#""expires_at":"9999-12-31T23:59:59Z""#, .jwt, now + TokenReply.maxLifetime),
            (#""expires_at":"2023-11-14T22:28:20Z""#, .jwt, now + 900),
            (#""expires_at":"2023-11-14T22:28:20.123456Z""#, .jwt, now + 900),
            (#""expires_at":"2023-11-15T00:28:20+02:00""#, .jwt, now + 900),
            (#""expires_in":-1,"expires_at":1700000900"#, .jwt, now + 900),
            // what is over, or no moment, says nothing
            (#""expires_at":1699999999"#, .fixed(seconds: 7), now + 7),
            (#""expires_at":3600"#, .fixed(seconds: 7), now + 7),
            (#""expires_at":"2023-11-14T22:28:20""#, .jwt, nil), (#""expires_at":"tomorrow""#, .jwt, nil),
            (#""expires_at":null"#, .jwt, nil), (#""expires_at":-1700000900"#, .jwt, nil),
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
        // What is less than a second says nothing: a token that is born dead would be refreshed at each fetch.
        for value in ["999", "1", "0", "-5000", #""999.9""#] {
            let body = #"{"access_token":"a","expires_in":\#(value)}"#
            #expect(try reply(provider, body).expiresAt == nil)
            #expect(try reply(provider.with { $0.expiryRule = .fixed(seconds: 7) }, body).expiresAt == now + 7)
        }
        #expect(try reply(provider, #"{"access_token":"a","expires_in":1000}"#).expiresAt == now + 1)
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

    // MARK: - What is wrong and not needed

    private func read(_ bytes: [UInt8], type: String = "application/json") throws -> TokenReply {
        try refresh(
            .sample, .success(HTTPResponse(status: 200, headers: ["content-type": type], body: Secret(bytes)))
        ).get()
    }

    /// What a grant does not need never costs it.
    @Test(arguments: [
        #""n":18446744073709551616"#, #""n":-99999999999999999999"#, #""n":1e999"#, #""n":NaN"#, #""n":-Infinity"#,
        #""n":"\ud800""#, #""n":"\udfff\ud800""#, #""n":"a\u0000b""#, #""n\u0000":1"#, #""\ud800":1"#, "\"n\0\":\"\0\"",
        #""n":1,"n":2"#, #""n":{"a":1,"a":[]}"#, #""scope":"x","scope":"read write""#, "\"n\":\"line\nbreak\"",
        #""n":"\x""#, #""n":[1,2,]"#, #""n":undefined"#, #""id_token":"not one","id_token":5"#, #""token_type":["x"]"#,
        #""refresh_token":"r1","refresh_token":"r""#, #""expires_in":{}"#, #""access_token":"a","access_token":"a""#,
        #""access_token":null"#, #""error":null,"error":"""#, #""error":{}"#, #""error":{"code":0}"#,
        #""error":{"code":0,"message":""}"#, #""error":{"code":"ok","message":"","log_id":"20220829"}"#,
        #""error":{"code":"0","message":"success"}"#, #""error":{"message":null}"#, #""error":"ok""#, #""error":"OK""#,
        #""error":"""#, #""error":" ""#, #""error":null"#, #""error":false"#, #""error":0"#, #""error":0.0"#,
        #""error":"0""#, #""error":"success""#, #""error":"none""#, #""error":"null""#, #""error":"false""#,
        #""error":[]"#, #""error":[{}]"#, #""error":{"type":"","code":null,"details":[]}"#,
        (0..<300).map { #""n":\#($0)"# }.joined(separator: ","),
        (0..<300).map { #""n\#($0)":1,"n\#($0)":2"# }.joined(separator: ","),
        #""n":\#(String(repeating: "[", count: 40))\#(String(repeating: "]", count: 40))"#,
    ])
    func whatIsNotNeededCostsNothing(_ member: String) throws {
        for body in [
            #"{"access_token":"a","refresh_token":"r",\#(member)}"#,
            #"{\#(member),"refresh_token":"r","access_token":"a"}"#,
        ] {
            let reply = try read(Array(body.utf8))
            #expect(reply.accessToken.string == "a")
            #expect(reply.refreshToken?.string == "r")
            #expect(reply.tokenType == "Bearer")
            #expect(reply.scopes == (member.contains("scope") ? ["read", "write"] : nil))
        }
    }

    /// Latin-1 and other bytes that are no UTF-8, in a name or a value, in JSON and in a form.
    @Test(
        arguments: [[0xE9], [0xC3], [0xFF, 0xFE], [0xED, 0xA0, 0x80], [0], [0xF8, 0x88, 0x80, 0x80, 0x80]] as [[UInt8]])
    func bytesThatAreNoText(_ bytes: [UInt8]) throws {
        let start = Array(#"{"access_token":"a","name":"Jos"#.utf8)
        #expect(try read(start + bytes + Array(#""}"#.utf8)).accessToken.string == "a")
        let named = Array(#"{"access_token":"a","na"#.utf8)
        #expect(try read(named + bytes + Array(#"me":"José"}"#.utf8)).accessToken.string == "a")
        let form =
            Array("access_token=a&na".utf8) + bytes + Array("me=Jos".utf8) + bytes + Array("&refresh_token=r".utf8)
        #expect(try read(form).refreshToken?.string == "r")
        #expect(throws: TokenFailure.self) {
            try read(Array(#"{"access_token":"a"#.utf8) + bytes + Array(#""}"#.utf8))
        }
    }

    /// A server calls its reply what it likes, and puts a mark or white space around it.
    @Test(arguments: [
        "application/json", "application/json; charset=utf-8", "text/html", "text/html; charset=iso-8859-1",
        "text/plain",
        "text/javascript", "application/x-www-form-urlencoded", "application/octet-stream", "nonsense", "",
    ])
    func theBodySaysWhatItIs(_ type: String) throws {
        let json = #"{"access_token":"a","expires_in":"3600"}"#
        let form = "access_token=a&expires_in=3600"
        for body in [json, form, "\u{FEFF}\(json)", "\u{FEFF}\(form)", "\r\n \(json)\n", "\n\(form)\r\n", "\(json)\0"] {
            let reply = try read(Array(body.utf8), type: type)
            #expect(reply.accessToken.string == "a")
            #expect(reply.expiresAt == now + 3600)
        }
    }

    @Test(arguments: [
        "access_token=a&x", "access_token=a&=y", "access_token=a&&x=%", "access_token=a&x=%zz", "access_token=a&x=%E9",
        "access_token=a&x=%00", "access_token=a&x%00=1", "access_token=a&x=1&x=2", "access_token=a&x=a b",
        "access_token=a&access_token=a", (0..<300).map { "x=\($0)" }.joined(separator: "&") + "&access_token=a",
        "access_token=a&x=\"é\"", "x%5B%5D=1&access_token=a", "error=&access_token=a",
    ])
    func whatAFormDoesNotNeedCostsNothing(_ body: String) throws {
        #expect(try read(Array(body.utf8), type: "text/plain").accessToken.string == "a")
    }

    /// A text for people is no form.
    @Test(arguments: ["Unauthorized", "Bad request: x=1", "a b=c", "=a", "", "\u{FEFF}"])
    func wordsAreNoForm(_ body: String) throws {
        #expect(try failure(.sample, response(401, body)).kind == .transient)
    }

    private static let many = (0..<300).map { #""n":\#($0),"# }.joined()

    /// Wherever it stands twice, and however much else does: nobody knows which of them is meant.
    @Test(arguments: [
        #"{"access_token":"a","access_token":"b"}"#, #"{"access_token":"a","access_token":5}"#,
        #"{"access_token":"a","access_token":"b","access_token":"a"}"#,
        #"{"data":[{"access_token":"a","access_token":"b"}]}"#,
        #"{"data":[{"access_token":"a"}],"data":[{"access_token":"b"}]}"#,
        #"{"data":[{"access_token":"a"}],"data":[]}"#,
        #"{"data":[{"access_token":"a"}],"data":{"0":{"access_token":"b"}}}"#,
        #"{"data":{"0":{"access_token":"a"},"0":{"access_token":"b"}}}"#,
        #"{"user":{"access_token":"a"},"user":{"access_token":"b"}}"#,
        #"{"user":{"access_token":"a"},"user":{"x":1},"user":{"access_token":"b"}}"#,
        #"{"user":{"access_token":"a","access_token":"b"},"user":{"access_token":"b"}}"#,
        #"{"user":{"access_token":"a"},"user":{},"access_token":"b"}"#,
        #"{"user":{"access_token":"a","access_token":"b"},"access_token":"c"}"#,
        #"{\#(many)"access_token":"a","access_token":"b"}"#, #"{"access_token":"a",\#(many)"access_token":"b"}"#,
        #"{\#(many)"data":[{"access_token":"a"}],"data":[{"access_token":"b"}]}"#,
    ])
    func aTokenThatStandsTwice(_ body: String) throws {
        let provider = Provider.sample.with {
            $0.tokenPaths = ["user.access_token", "access_token", "data.0.access_token"]
        }
        guard case .failure(let failure) = try refresh(provider, json(200, body)) else {
            Issue.record("one of two was taken")
            return
        }
        #expect(failure.kind == .transient)
    }

    @Test(arguments: [
        #"{"user":{"access_token":"a"},"user":{"access_token":"a"}}"#,
        #"{"user":{},"user":{"access_token":"a"}}"#, #"{"user":{"access_token":"a"},"user":null}"#,
        #"{"data":[{"access_token":"b","x":1}],"data":[{"access_token":"b"}],"access_token":"a"}"#,
        #"{"data":[{"x":1,"x":2},{"access_token":"c","access_token":"d"}],"access_token":"a"}"#,
        #"{"other":{"access_token":"c","access_token":"d"},"access_token":"a"}"#,
        #"{"x":{"user":{"access_token":"c"},"user":{"access_token":"d"}},"access_token":"a"}"#,
        #"{\#(many)"access_token":"a"}"#, #"{\#(many)"access_token":"a",\#(many)"access_token":"a"}"#,
    ])
    func whatElseStandsTwiceDoesNotMatter(_ body: String) throws {
        let provider = Provider.sample.with {
            $0.tokenPaths = ["user.access_token", "access_token", "data.0.access_token"]
        }
        #expect(try reply(provider, body).accessToken.string == "a")
    }

    @Test func aFormsTokenThatStandsTwice() throws {
        let many = (0..<300).map { "x=\($0)" }.joined(separator: "&")
        for body in ["access_token=a&\(many)&access_token=b", "\(many)&access_token=a&access_token=b"] {
            #expect(throws: TokenFailure.self) { try read(Array(body.utf8), type: "text/plain") }
        }
    }

    @Test func aReplyThatIsReadLenientlyTellsNoSecret() throws {
        let body =
            #"{"access_token":"first-secret-1","access_token":"other-secret-2","error":"bad","n":1e999,"#
            + #""tokens":[{"refresh_token":"third-secret-3"}],"error_description":"DESCRIPTION"}"#
        let secrets = ["first-secret-1", "other-secret-2", "third-secret-3", "refresh-token-1", "s3cr3t-value"]
        for (secret, body) in secrets.flatMap({ [($0, body), ($0, body.replacing(#""n":1e999,"#, with: Self.many))] }) {
            let failure = try failure(.sample, json(400, body.replacing("DESCRIPTION", with: "no \(secret)")))
            #expect(failure.code == "bad")
            #expect(failure.description?.contains("withheld") == true)
        }
    }

    /// It is kept in a row, of which the whole must not be nested too deep.
    @Test func metadataIsNotNestedDeep() throws {
        let provider = Provider.sample.with { $0.replyMetadata = ["deep", "team", "big"] }
        let deep = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
        let reply = try reply(
            provider, #"{"access_token":"a","deep":\#(deep),"team":{"id":["T"]},"big":18446744073709551616}"#)
        #expect(reply.metadata?.text == #"{"team":{"id":["T"]},"big":1.8446744073709552e19}"#)
    }

    @Test func claimsOfATokenAreReadTheSame() throws {
        let token = jwt(#"{"n":1e999,"sub":"u-1","sub":"u-17","x":"\ud800","exp":1700000060}"#)
        #expect(try reply(.sample, #"{"access_token":"\#(token)","id_token":"\#(token)"}"#).subject == "u-17")
        #expect(try reply(.sample, #"{"access_token":"\#(token)"}"#).expiresAt == now + 60)
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
        #"{"access_token":"a","error":{"message":"no"}}"#, #"{"access_token":"a","error":{"type":"OAuthException"}}"#,
        #"{"access_token":"a","error":{"code":"","message":"no"}}"#, #"{"access_token":"a","error":["no"]}"#,
        #"{"access_token":"a","error":[{"code":190}]}"#, #"{"access_token":"a","error":1}"#,
        #"{"access_token":"a","error":0.5}"#, #"{"access_token":"a","error":"no"}"#,
        #"{"access_token":"a","error":{"errors":[{"reason":"x"}]}}"#, #"{"access_token":"a","error":"no","error":""}"#,
        #"{"access_token":"a","error":{"code":"no"},"error":{"code":0}}"#, "access_token=a&error=no&error=",
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
