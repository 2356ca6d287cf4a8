import Connections
import HTTP
import JSON
import Runtime
import Testing

@testable import OAuth

struct ClassifierTests {
    @Test(arguments: TokenFailure.codes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, [200, 400, 401, 403])
    func everyCode(_ row: (code: ID, kind: TokenFailure.Kind), status: Int) throws {
        let failure = try failure(.sample, json(status, #"{"error":"\#(row.code)","error_description":"why"}"#))
        #expect(failure.kind == row.kind)
        #expect(failure.code == row.code.text)
        #expect(failure.description == "why")
        #expect(!failure.mayHaveArrived)
    }

    @Test(
        arguments: [
            (200, "{}", .transient), (200, #"{"ok":false}"#, .transient), (200, #"{"error":"what"}"#, .transient),
            (200, "", .transient), (204, "", .transient), (200, "<html>", .transient),
            (301, "", .transient), (302, #"{"error":"what"}"#, .transient), (307, "<html>", .transient),
            (400, "", .transient), (400, "{}", .transient), (400, #"{"error":"what"}"#, .transient),
            (401, "", .transient), (401, "<html>", .transient), (401, #"{"message":"no"}"#, .misconfigured),
            (403, "", .transient), (403, "<html>", .transient), (403, #"{"error":"what"}"#, .transient),
            (404, "<html>", .transient), (404, #"{"message":"no"}"#, .misconfigured), (405, "{}", .misconfigured),
            (408, "", .transient), (418, "{}", .transient), (429, "", .transient),
            (429, #"{"error":"invalid_grant"}"#, .transient),
            (500, "", .transient), (500, #"{"error":"invalid_client"}"#, .transient), (502, "<html>", .transient),
            (503, #"{"error":"invalid_grant"}"#, .transient), (504, "", .transient), (599, "", .transient),
        ] as [(Int, String, TokenFailure.Kind)])
    func everyStatus(_ status: Int, _ body: String, _ kind: TokenFailure.Kind) throws {
        let failure = try failure(.sample, response(status, body))
        #expect(failure.kind == kind)
        #expect(failure.httpStatus == status)
    }

    @Test(
        arguments: [
            (.resolve, .transient), (.connect, .transient), (.tls, .transient), (.timeout, .transient),
            (.interrupted, .transient), (.tooLarge, .transient), (.blockedAddress, .misconfigured),
            (.invalid, .misconfigured),
        ] as [(HTTPFailure.Kind, TokenFailure.Kind)], [true, false])
    func everyTransportFailure(_ row: (HTTPFailure.Kind, TokenFailure.Kind), mayHaveArrived: Bool) throws {
        let failure = try failure(.sample, .failure(.init(row.0, "acme.example", mayHaveArrived: mayHaveArrived)))
        #expect(failure.kind == row.1)
        #expect(failure.mayHaveArrived == mayHaveArrived)
    }

    @Test(arguments: [
        (200, "not json", true), (200, "{}", true), (500, "", true), (504, "<html>", true),
        (200, #"{"error":"invalid_grant"}"#, false), (302, "", false), (403, "", false), (429, "", false),
    ])
    func lostReplies(_ status: Int, _ body: String, _ mayHaveArrived: Bool) throws {
        #expect(try failure(.sample, response(status, body)).mayHaveArrived == mayHaveArrived)
    }

    @Test(arguments: [
        #"{"error":"gone"}"#, #"{"error":{"code":"gone","message":"x"}}"#, #"{"error":{"type":"gone"}}"#,
        #"{"code":"gone","message":"x"}"#,
    ])
    func providersOwnCodes(_ body: String) throws {
        let provider = Provider.sample.with { $0.errorMap = ["gone": .permanent] }
        for status in [200, 400, 401] {
            #expect(try failure(provider, json(status, body)).kind == .permanent)
        }
        #expect(try failure(.sample, json(400, body)).kind == .transient)
        let alike = Provider.sample.with { $0.errorMap = ["gon\u{e9}": .permanent] }
        #expect(try failure(alike, json(400, body.replacing("gone", with: "gone\u{301}"))).kind == .transient)
    }

    /// A provider that is unwell, limits our rate or does not know the client has not looked at the grant, whatever code or
    /// words of its own stand beside that.
    @Test(
        arguments: [
            (503, #"{"error":"gone"}"#, .transient), (500, #"{"message":"token is dead"}"#, .transient),
            (429, #"{"error":"gone","message":"token is dead"}"#, .transient),
            (400, #"{"error":"gone","message":"Too Many Requests"}"#, .transient),
            (400, #"{"error":"invalid_grant","error_description":"login rate exceeded"}"#, .transient),
            (401, #"{"error":"invalid_client","error_description":"token is dead"}"#, .misconfigured),
            (400, #"{"error":"unsupported_grant_type","error_description":"token is dead"}"#, .misconfigured),
            (400, #"{"error":"server_error","error_description":"token is dead"}"#, .transient),
            (400, #"{"error":"invalid_request","error_description":"Token is dead"}"#, .permanent),
            (403, #"{"error":"unauthorized_client","error_description":"token is dead"}"#, .permanent),
            (400, #"{"error":"what","error_description":"token is dead"}"#, .permanent),
        ] as [(Int, String, TokenFailure.Kind)])
    func whatGoesBeforeAProvidersOwn(_ status: Int, _ body: String, _ kind: TokenFailure.Kind) throws {
        let provider = Provider.sample.with {
            $0.errorMap = ["gone": .permanent]
            $0.errorMessages = [("token is dead", .permanent)]
        }
        #expect(try failure(provider, json(status, body)).kind == kind)
    }

    /// The bearer there is the client's secret.
    @Test func aBearersTokenIsTheClients() throws {
        let provider = Provider.sample.with { $0.authMethod = .bearer }
        #expect(try failure(provider, json(401, #"{"error":"invalid_token"}"#)).kind == .misconfigured)
        #expect(try failure(provider, json(400, #"{"error":"invalid_grant"}"#)).kind == .permanent)
    }

    @Test(arguments: ["", "{}", "<html>"]) func aChallengeHasACode(_ body: String) throws {
        func kind(_ challenge: String, _ status: Int = 401) throws -> TokenFailure.Kind {
            try failure(.sample, response(status, body, ["www-authenticate": challenge])).kind
        }
        #expect(try kind(#"Bearer realm="x", error="invalid_token", error_description="gone""#) == .permanent)
        #expect(try kind(#"Bearer error="invalid_token""#) == .permanent)
        #expect(try kind(#"Basic realm="x",error=invalid_client"#) == .misconfigured)
        #expect(try kind(#"Bearer error="invalid_token""#, 403) == .transient)
    }

    /// Not in an object, or in a list.
    @Test(
        arguments: [
            #"[{"error":"invalid_grant"}]"#, #""invalid_grant""#, "invalid_grant", " Invalid_Grant\n",
            #"{"errors":[{"code":"invalid_grant"}]}"#, #"{"errors":[{"error":"invalid_grant"}]}"#,
            #"{"errors":["invalid_grant"]}"#,
            #"{"errors":{"code":"invalid_grant"}}"#, #"{"data":{"error":"invalid_grant"}}"#,
            #"{"error":" invalid_grant\n"}"#, #"{"error":190.0}"#, #"[{"errorCode":"DEAD"}]"#, "The token is dead.",
        ])
    func whereElseACodeStands(_ body: String) throws {
        let provider = Provider.sample.with {
            $0.errorMap = ["190": .permanent, "dead": .permanent]
            $0.errorPaths = ["0.errorCode"]
            $0.errorMessages = [("token is dead", .permanent)]
        }
        for type in ["application/json", "text/plain", ""] {
            #expect(try failure(provider, response(400, body, ["content-type": type])).kind == .permanent)
            #expect(try failure(provider, response(503, body, ["content-type": type])).kind == .transient)
        }
    }

    @Test func providersMapGoesFirst() throws {
        let provider = Provider.sample.with { $0.errorMap = ["invalid_request": .permanent, "190": .permanent] }
        #expect(try failure(provider, json(400, #"{"error":"invalid_request"}"#)).kind == .permanent)
        #expect(try failure(provider, json(400, #"{"error":{"code":190,"message":"m"}}"#)).code == "190")
    }

    /// Nobody loses a grant over a code whose words say that this time it is something else.
    @Test func wordsSoftenACode() throws {
        let provider = Provider.sample.with {
            $0.errorMap = ["190": .permanent, "7": .misconfigured]
            $0.errorMessages = [("app is gone", .misconfigured), ("token is gone", .permanent), ("wait", .transient)]
        }
        func kind(_ code: Int, _ words: String) throws -> TokenFailure.Kind {
            try failure(provider, json(400, #"{"error":{"code":\#(code),"message":"\#(words)"}}"#)).kind
        }
        #expect(try kind(190, "x") == .permanent)
        #expect(try kind(190, "The token is gone") == .permanent)
        #expect(try kind(190, "The app is gone") == .misconfigured)
        #expect(try kind(190, "Please wait") == .transient)
        #expect(try kind(7, "The token is gone") == .misconfigured)
        #expect(try kind(8, "The token is gone") == .permanent)
    }

    @Test(arguments: [
        ("120", 120_000), ("0", 0), (" 5 ", 5000), ("99999999999999999999999", RetryAfter.maxMilliseconds),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60_000), ("Tue, 14 Nov 2023 22:13:20 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", RetryAfter.maxMilliseconds),
        ("Tue, 14 Foo 2023 22:14:20 GMT", nil), ("Tue, 99 Nov 2023 22:14:20 GMT", nil), ("soon", nil), ("", nil),
        ("-5", nil), ("1.5", nil),
    ])
    func retryAfter(_ value: String, _ expected: Int?) throws {
        let failure = try failure(.sample, response(429, "", ["retry-after": value]))
        #expect(failure.retryAfterMilliseconds == expected)
        #expect(failure.asConnError.code == .rateLimited)
        #expect(failure.asConnError.retryAfterMilliseconds == expected)
    }

    /// The provider's clock says what its date means, whatever this machine's says.
    @Test func aDateOfRetryAfterIsOneOfTheProvidersClock() throws {
        let headers: [ID: String] = [
            "retry-after": "Tue, 14 Nov 2000 22:14:20 GMT", "date": "Tue, 14 Nov 2000 22:13:20 GMT",
        ]
        #expect(try failure(.sample, response(429, "", headers)).retryAfterMilliseconds == 60_000)
    }

    /// 29 February is a day, and the day after 28 February of a year without one is 1 March.
    @Test(arguments: [
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800), ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
    ])
    func dates(_ value: String, _ seconds: Int64) {
        #expect(RetryAfter.milliseconds(value, now: seconds - 60) == 60_000)
    }

    @Test func wordsAreOneShortLineWithoutSecrets() throws {
        func words(_ text: String) throws -> String? {
            let body = JSON.object(["error": .string("what"), "error_description": .string(text)])
            return try failure(.sample, json(400, body.text)).description
        }
        #expect(try words("one\r\ntwo") == "one  two")
        #expect(try words(String(repeating: "€", count: 500))?.count == 256)
        #expect(try words("token refresh-token-1 is dead") == Redaction.withheld)
        #expect(try words("secret s3cr3t-value is wrong") == Redaction.withheld)
        #expect(try failure(.sample, json(400, #"{"error":"refresh-token-1"}"#)).code == Redaction.withheld)
    }

    /// RFC 6749 section 5.2: `unauthorized_client` is about the client. `access_denied` is no code of a token endpoint, but
    /// for a device's user (RFC 8628 section 3.5): elsewhere the status tells, and no refresh token is given up over it.
    @Test(
        arguments: [
            (400, "unauthorized_client", "Invalid OAuth client credentials", .misconfigured),
            (401, "unauthorized_client", "Missing valid authorization header", .misconfigured),
            (401, "access_denied", "Unauthorized", .misconfigured),
            (400, "access_denied", "Unauthorized", .transient), (403, "access_denied", "", .transient),
            (401, "unauthorized", "", .misconfigured), (401, "invalid_request", "", .misconfigured),
            (400, "admin_policy_enforced", "", .misconfigured), (400, "invalid_scope", "", .misconfigured),
            (400, "authorization_declined", "", .transient), (400, "expired", "", .transient),
            (400, "invalid_grant", "revoked", .permanent), (401, "invalid_grant", "revoked", .permanent),
        ] as [(Int, String, String, TokenFailure.Kind)])
    func whoseFaultItIs(_ status: Int, _ code: String, _ words: String, _ kind: TokenFailure.Kind) throws {
        let body = JSON.object(["error": .string(code), "error_description": .string(words)]).text
        #expect(try failure(.sample, json(status, body)).kind == kind)
        let exchange = try run(exchangeStep(.sample)) { _ in json(status, body) }
        guard case .failure(let failure) = exchange else { throw UnexpectedStep() }
        #expect(failure.kind == (code == "access_denied" && status != 401 ? .permanent : kind))
    }

    /// A provider that limits our rate says so under any code.
    @Test(arguments: [
        #"{"error":"access_denied","error_description":"Rate limit exceeded. Try again later."}"#,
        #"{"error":"Access Denied","error_description":"You have made too many requests continuously."}"#,
        #"{"error":"invalid_request","message":"Too Many Requests"}"#, #"{"error":"rate_limit_exceeded"}"#,
        #"{"error_code":"rate_limit_exceeded"}"#, #"{"error":"too_many_requests"}"#,
        #"{"error":{"code":"x","message":"rate-limited"}}"#, #"{"error":"Too many requests"}"#,
        #"{"error":"invalid_grant","error_description":"rate limit exceeded"}"#,
        #"{"error":"invalid_client","error_description":"Request was throttled. Expected available in 5 seconds."}"#,
        #"{"error":"temporarily_unavailable"}"#,
    ])
    func wordsAboutRateLimiting(_ body: String) throws {
        for status in [200, 400, 401, 403, 429, 503] {
            #expect(try failure(.sample, json(status, body)).kind == .transient, "\(status)")
        }
    }

    /// What stands as the words, and is a code, is one.
    @Test func aCodeInPlaceOfWords() throws {
        #expect(try failure(.sample, json(400, #"{"status":400,"message":"invalid_grant"}"#)).kind == .permanent)
        #expect(try failure(.sample, json(400, #"{"message":"invalid_client"}"#)).kind == .misconfigured)
        #expect(try failure(.sample, json(400, #"{"message":"no invalid_grant"}"#)).kind == .transient)
        #expect(try failure(.sample, json(400, #"{"error":"what","message":"invalid_grant"}"#)).code == "what")
    }

    @Test func asConnError() throws {
        let permanent = try failure(.sample, json(400, #"{"error":"invalid_grant","error_description":"d"}"#))
            .asConnError
        #expect(permanent.code == .providerError)
        #expect(permanent.errorCode == "invalid_grant")
        #expect(permanent.errorDescription == "d")
        #expect(permanent.httpStatus == 400)
        #expect(try failure(.sample, response(502, "")).asConnError.code == .unavailable)
        #expect(try failure(.sample, json(401, #"{"error":"invalid_client"}"#)).asConnError.code == .misconfigured)
    }
}
