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
}
