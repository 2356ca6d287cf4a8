import Connections
import Foundation
import HTTP
import JSON
import Runtime
import Testing

@testable import OAuth

/// Providers, and gateways before them, quote the request that they refuse. None of its secrets gets into the error.
struct EchoTests {
    private static let clientSecret = "s3cr3t/with+slash=="
    private static let grant = "1//0gAbC/dEf+GhI=jKl"
    private static let verifier = "v3r1f1er-of-PKCE_~dBjftJeZ4CVP"

    private static func provider(_ method: Provider.AuthMethod, _ format: Provider.BodyFormat = .form) -> Provider {
        Provider(id: "acme", clientID: "client-p", clientSecret: Secret(clientSecret)).with {
            $0.authMethod = method
            $0.bodyFormat = format
            $0.authorizationURL = "https://acme.example/authorize"
            $0.tokenURL = "https://acme.example/token"
            $0.pushedAuthorizationURL = "https://acme.example/par"
            $0.deviceAuthorizationURL = "https://acme.example/device"
            $0.revocation = .init(url: "https://acme.example/revoke")
        }
    }

    private static let providers = [
        provider(.basic), provider(.post), provider(.bearer), provider(.post, .json), provider(.basic, .json),
    ]

    /// What asks the provider for something, and the error that it comes to.
    private static let requests:
        [(name: String, error: @Sendable (Provider, (HTTPRequest) -> HTTPResult) throws -> ConnError?)] = [
            (
                "exchange",
                { provider, answer in
                    refusal(
                        try run(
                            OAuth.exchange(
                                code: Secret(grant), verifier: Secret(verifier), redirectURI: "https://a.example/cb",
                                provider: provider, clock: clock), answer))
                }
            ),
            (
                "refresh",
                { provider, answer in
                    refusal(
                        try run(
                            OAuth.refresh(
                                refreshToken: .string(grant), scopes: nil, provider: provider, clock: clock), answer))
                }
            ),
            (
                "device",
                { provider, answer in
                    refusal(
                        try run(
                            OAuth.redeem(
                                deviceCode: Secret(grant), resources: [], provider: provider, clock: clock), answer))
                }
            ),
            (
                "revocation",
                { provider, answer in
                    let step = OAuth.revoke(
                        token: .string(grant), isRefreshToken: true, provider: provider, clock: clock)
                    guard case .failed(let failure) = try run(step, answer) else { return nil }
                    return failure.asConnError
                }
            ),
            (
                "device authorization",
                { provider, answer in
                    thrown {
                        _ = try run(
                            OAuth.authorizeDevice(scopes: ["a"], resources: [], provider: provider, clock: clock),
                            answer)
                    }
                }
            ),
            (
                "pushed authorization",
                { provider, answer in
                    thrown {
                        _ = try run(
                            AuthorizationRequest.build(
                                provider, redirectURI: "https://a.example/cb", state: grant, scopes: ["a"], clock: clock
                            ), answer)
                    }
                }
            ),
        ]

    private static func refusal(_ result: Result<TokenReply, TokenFailure>) -> ConnError? {
        if case .failure(let failure) = result { failure.asConnError } else { nil }
    }

    private static func thrown(_ body: () throws -> Void) -> ConnError? {
        do {
            try body()
            return nil
        } catch {
            return error as? ConnError
        }
    }

    /// How the request is quoted.
    private static let quotations: [(name: String, quote: @Sendable (HTTPRequest) -> String)] = [
        ("the body", { text($0.body) }),
        ("the end of the body", { String(text($0.body).suffix(100)) }),
        ("the body, decoded", { text($0.body).replacing("+", with: " ").removingPercentEncoding ?? "" }),
        ("the body in base64", { Data(text($0.body).utf8).base64EncodedString() }),
        ("the body in JSON", { JSON.strings([text($0.body)]).text }),
        ("the header", { header("Authorization", $0) ?? "" }),
        (
            "the header, encoded",
            { (header("Authorization", $0) ?? "").addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" }
        ),
        (
            "the header, decoded",
            { request in
                let word = header("Authorization", request)?.split(separator: " ").last ?? ""
                return Data(base64Encoded: String(word)).map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
        ),
    ]

    /// Where providers put their words.
    private static let places: [@Sendable (String) -> JSON] = [
        { .object(["error": .string("invalid_request"), "error_description": .string($0)]) },
        { .object(["error": .object(["code": .string("invalid_request"), "message": .string($0)])]) },
        { .object(["code": .integer(7), "message": .string($0)]) }, { .object(["error": .string($0)]) },
        { .object(["error": .object(["type": .string($0)])]) },
    ]

    @Test(arguments: requests.map(\.name), quotations.map(\.name))
    func whatAProviderQuotesIsWithheld(_ name: String, _ quotation: String) throws {
        let request = try #require(Self.requests.first { $0.name == name })
        let quote = try #require(Self.quotations.first { $0.name == quotation }).quote
        for provider in Self.providers {
            for place in Self.places {
                for words in ["", "cannot parse "] {
                    var quoted = ""
                    let error = try request.error(provider) { request in
                        quoted = quote(request)
                        return json(400, place(words + quoted).text)
                    }
                    let said = [try #require(error).errorDescription, error?.errorCode].compactMap { $0 }
                    #expect(!said.contains(where: Self.holdsSecret), "\(quoted): \(said)")
                    // What is said is cut, and what comes after that no matter.
                    let isSecret = Self.holdsSecret(String(quoted.prefix(50)))
                    #expect(!isSecret || said.contains(Redaction.withheld), "\(quoted): \(said)")
                    #expect(!isSecret || !said.contains { $0.contains("cannot parse") }, "\(quoted): \(said)")
                }
            }
        }
    }

    /// Says so of all that the quotations make, by other means than the library's.
    private static func holdsSecret(_ text: String) -> Bool {
        func encoded(_ text: String) -> [String] {
            [text, text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""]
        }
        func decoded(_ text: String) -> [String] {
            text.split { !$0.isASCII || !($0.isLetter || $0.isNumber || "+/=".contains($0)) }
                .compactMap { Data(base64Encoded: String($0)) }.map { String(decoding: $0, as: UTF8.self) }
        }
        let plain = text.removingPercentEncoding ?? ""
        let texts = [text, plain, plain.replacing("\\", with: "")] + decoded(text) + decoded(plain)
        let all = texts + texts.map { $0.removingPercentEncoding ?? "" }
        return [clientSecret, grant, verifier].contains { secret in all.contains { $0.contains(secret) } }
    }

    /// A reply that is no token may hold one all the same.
    @Test func aTokenOfTheReplyItselfIsNotRepeated() throws {
        let body = #"{"error":"what","error_description":"made at-new-0123456789","access_token":"at-new-0123456789"}"#
        #expect(try failure(.sample, json(200, body)).description == Redaction.withheld)
    }

    /// Wherever a reply that is no token has one: each of them holds SECRET, and says it.
    @Test(arguments: [
        #"{"token":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"type":"error","token":"SECRET","message":"made SECRET"}"#,
        #"{"accessToken":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"ACCESS_TOKEN":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"Access-Token":"SECRET","error":"SECRET"}"#,
        #"{"access_token":["SECRET"],"error":"what","error_description":"made SECRET"}"#,
        #"{"access_token":{"value":"SECRET"},"error":{"code":"what","message":"made SECRET"}}"#,
        #"{"tokens":[{"kind":"x","value":["SECRET"]}],"error":"what","error_description":"made SECRET"}"#,
        #"{"access_token":12345678,"error":"what","error_description":"made 12345678"}"#,
        #"{"data":{"key":"SECRET"},"ok":false,"message":"made SECRET"}"#,
        #"{"data":{"KEY":"SECRET"},"ok":false,"message":"made SECRET"}"#,
        #"{"key":["SECRET"],"ok":false,"message":"made SECRET"}"#,
        #"{"data":{"key":"SECRET","key":"other"},"error":"SECRET"}"#,
        #"{"idToken":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"clientSecret":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"registrationAccessToken":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"deviceCode":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"apiKey":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"private_key":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"authorization_code":"SECRET","error":"what","error_description":"made SECRET"}"#,
        #"{"password":"SECRET","errors":[{"message":"made SECRET"}]}"#,
        #"{"assertion":"SECRET","error":"what","error_description":"made SECRET"}"#,
        "accessToken=SECRET&error=SECRET", "TOKEN=SECRET&error=what&error_description=made%20SECRET",
    ])
    func aSecretOfTheReplyItselfIsNotRepeated(_ body: String) throws {
        let provider = Provider.sample.with { $0.tokenPaths = ["data.key"] }
        for secret in ["sec-ret1", "S3cret-s3cret-s3cret", "sec\\u002dret1"] {
            for status in [200, 400] {
                let failure = try failure(provider, json(status, body.replacing("SECRET", with: secret)))
                let said = [failure.code, failure.description].compactMap { $0 }
                #expect(said.contains(Redaction.withheld), "\(said)")
                #expect(!said.contains { ["ret1", "3cret", "12345"].contains(where: $0.contains) }, "\(said)")
            }
        }
    }

    /// Nobody has to know whose it is.
    @Test(arguments: [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", "xoxb-1-aB3aB3aB3aB3aB3aB3aB3", "4f2a9c0d4f2a9c0d4f2a9c0d",
    ])
    func whatLooksLikeATokenIsNotRepeated(_ token: String) throws {
        for body in [
            #"{"error":"what","error_description":"made \#(token)"}"#, #"{"code":"\#(token)"}"#,
            #"{"error":"\#(token)"}"#,
        ] {
            let failure = try failure(.sample, json(400, body))
            #expect([failure.code, failure.description].contains(Redaction.withheld))
        }
    }

    @Test(arguments: [
        "AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 0b1c2d3e-0b1c-4d3e-8f90-0b1c2d3e4f50 Timestamp: 2026-11-26 10:00:00Z",
        "The access token type Bearer is not supported", "refresh_token is invalid", "expired", "Token expired at 3600",
        "invalid_grant_of_the_second_kind_2: see https://p.example/docs/errors/oauth2-token-endpoint",
    ])
    func wordsAboutSecretsStay(_ words: String) throws {
        let body =
            #"{"error":"invalid_grant","error_description":"\#(words)","token_type":"Bearer","token_expires_in":3600,"#
            + #""issued_token_type":"refresh_token","token_url":"https://p.example/docs/errors/oauth2-token-endpoint","#
            + #""errors":{"refresh_token":["is invalid"],"access_token":null},"trace_id":"0b1c2d3e-0b1c-4d3e-8f90-0b1c2d3e4f50"}"#
        #expect(try failure(.sample, json(400, body)).description == words)
    }

    /// An operator may have a secret sent by a parameter of the connection's own.
    @Test func aSecretParameterOfTheConnectionIsNotRepeated() throws {
        let provider = Provider.sample.with {
            $0.tokenParameters = [.init("partner_secret", "p-s3cr3t-1"), .init("audience", "https://api.example")]
        }
        func described(_ words: String) throws -> String? {
            try failure(provider, json(400, #"{"error":"what","error_description":"\#(words)"}"#)).description
        }
        #expect(try described("no p-s3cr3t-1") == Redaction.withheld)
        #expect(try described("no https://api.example") == "no https://api.example")
    }
}
