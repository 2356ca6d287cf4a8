import Connections
import Foundation
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct ErrorTests {
    private let fetch = #"{"appId":"g","userId":"u"}"#

    @Test(
        arguments: [
            (400, "E011003", .invalidRequest), (400, "E151001", .conflict), (400, nil, .invalidRequest),
            (401, "E011008", .unauthorized), (403, "E011008", .forbidden), (404, "E111504", .notFound),
            (404, "E112102", .notFound), (404, "E011004", .notFound), (404, nil, .notFound),
            (404, "E011006", .unsupported), (409, nil, .conflict), (429, "E130429", .rateLimited),
            (429, nil, .rateLimited),
            (500, "E111504", .unavailable), (502, nil, .unavailable), (501, nil, .unavailable),
            (302, nil, .unavailable),
            (200, "E111504", .notFound), (200, "E011008", .unauthorized), (200, "E999999", .unavailable),
        ] as [(Int, String?, ErrorCode)])
    func statusesAndCodesHaveOneMeaning(status: Int, errorCode: String?, code: ErrorCode) throws {
        let body = errorCode.map { #"{"errorCode":"\#($0)","errorDescription":"words"}"# } ?? "{}"
        let error = try #require(try play("fetch", fetch, reply(status, body)).error)
        #expect(error.code == code)
        #expect(error.httpStatus == status)
        #expect(error.errorCode == errorCode)
        #expect(error.errorDescription == (errorCode == nil ? nil : "words"))
        #expect(error.message.contains("api.descope.com POST /v1/mgmt/outbound/app/user/token/latest"))
    }

    @Test(arguments: ["<html>sign in</html>", #"{"token":{"acc"#, "", "[]", #"{"token":{},"token":{}}"#])
    func whatIsNoJSONIsAFailureOfTheService(body: String) throws {
        for status in [200, 404] {
            let error = try play("fetch", fetch, reply(status, body)).error
            #expect(error?.code == .unavailable)
            #expect(error?.httpStatus == status)
            #expect(error?.message.contains("not Descope's JSON") == true)
        }
    }

    @Test(arguments: ["accessToken", "refresh_token", "ClientSecret"])
    func aSecretOfTheReplyItselfIsNotRepeated(_ name: String) throws {
        for value in [#""s-ec-ret-1""#, #"["s-ec-ret-1"]"#, #"{"value":"s-ec-ret-1"}"#] {
            let body = #"{"errorCode":"E1","errorDescription":"made s-ec-ret-1","token":{"\#(name)":\#(value)}}"#
            let error = try play("fetch", fetch, reply(400, body)).error
            #expect(error?.errorDescription == Redaction.withheld)
            #expect(error?.message.contains("ret-1") == false)
        }
    }

    @Test func aRedirectIsNotFollowed() throws {
        let played = try play("fetch", fetch, reply(302, "", headers: ["location": "https://b.example"]))
        #expect(played.requests.count == 1)
        #expect(played.error?.code == .unavailable)
        #expect(played.error?.message.contains("not followed") == true)
    }

    @Test(
        arguments: [("7", 7000), ("0", 0), ("-1", nil), ("Wed, 21 Oct 2026 07:28:00 GMT", nil), ("", nil)]
            as [(String, Int?)])
    func retryAfterIsInSeconds(header: String, milliseconds: Int?) throws {
        let played = try play("fetch", fetch, reply(429, "{}", headers: ["retry-after": header]))
        #expect(played.requests.count == 1)
        #expect(played.error?.code == .rateLimited)
        #expect(played.error?.retryAfterMilliseconds == milliseconds)
    }

    @Test func whatIsMissingIsSaidAsFarAsItIsCertain() throws {
        let latest = try play("fetch", fetch, noToken).error
        #expect(latest?.reason == .missing)
        #expect(latest?.missingScopes == nil)
        #expect(latest?.appID == "g")

        let scoped = try play("fetch", #"{"appId":"g","userId":"u","scopes":["b","a"]}"#, noToken).error
        #expect(scoped?.reason == .scopes)
        #expect(scoped?.missingScopes == ["b", "a"])

        let user = try play("fetch", fetch, reply(404, #"{"errorCode":"E112102"}"#)).error
        #expect(user?.code == .notFound)
        #expect(user?.reason == nil)

        let unknown = try play("fetch", fetch, reply(404, #"{"errorCode":"E000000"}"#)).error
        #expect(unknown?.reason == nil)

        let app = try play("apps.load", #"{"id":"a"}"#, reply(404, #"{"errorCode":"E011004"}"#)).error
        #expect(app?.reason == .app)
    }

    @Test(arguments: [
        ("store_api_key", #"{"appId":"g","userId":"u","apiKey":"hunter22"}"#, "hunter22"),
        ("store_token", #"{"appId":"g","userId":"u","refreshToken":"1//refresh"}"#, "1//refresh"),
        ("store_tokens", #"{"tokens":[{"appId":"g","userId":"u","idToken":"id.to.ken"}]}"#, "id.to.ken"),
        ("apps.update", #"{"id":"a","clientSecret":"verysecret"}"#, "verysecret"),
        ("apps.list", "{}", managementKey),
        ("connect", #"{"appId":"g","accessToken":"\#(userToken)"}"#, userToken),
    ])
    func noErrorRepeatsASecret(operation: String, request: String, secret: String) throws {
        for status in [400, 401, 500, 200] {
            let body = #"{"errorCode":"E011001","errorDescription":"no \#(secret) here","errorMessage":"\#(secret)"}"#
            let error = try #require(try play(operation, request, reply(status, body)).error)
            #expect(!error.json.text.contains(secret))
            for words in [
                Data(("P2x:" + secret).utf8).base64EncodedString(),
                Data(secret.utf8).map { String($0, radix: 16) }.joined(),
                Data(secret.utf8).map { "%" + String($0, radix: 16) }.joined(), "Bearer " + secret,
            ] {
                let body = #"{"errorCode":"E011001","errorDescription":"no \#(words) here"}"#
                let error = try #require(try play(operation, request, reply(status, body)).error)
                #expect(error.errorDescription == Redaction.withheld)
                #expect(!error.json.text.contains(words))
            }
            let inCode = #"{"errorCode":"\#(secret)"}"#
            #expect(try play(operation, request, reply(status, inCode)).error?.json.text.contains(secret) == false)
        }
    }

    @Test func descriptionsAreShortAndPrintable() throws {
        let long = String(repeating: "x", count: 5000)
        let body = #"{"errorCode":"E011001","errorDescription":"a\r\nb\u001b[31m\u202e\#(long)"}"#
        let error = try #require(try play("fetch", fetch, reply(400, body)).error)
        #expect(error.errorDescription?.count == 512)
        #expect(error.errorDescription?.hasPrefix("a  b [31m x") == true)
    }

    @Test(arguments: [
        (HTTPFailure.Kind.resolve, ErrorCode.unavailable), (.connect, .unavailable), (.tls, .unavailable),
        (.timeout, .unavailable), (.interrupted, .unavailable), (.tooLarge, .unavailable), (.invalid, .misconfigured),
    ])
    func failedExchanges(kind: HTTPFailure.Kind, code: ErrorCode) throws {
        let replies = Array(repeating: lost(kind, mayHaveArrived: false), count: 3)
        #expect(try play("fetch", fetch, replies: replies).error?.code == code)
    }
}
