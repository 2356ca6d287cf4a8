import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// What each operation answers.
@Suite struct AnswerTests {
    private func expectAnswer(
        _ operation: String, _ request: String, _ body: String, _ expected: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let played = try play(operation, request, reply(200, body))
        #expect(played.error == nil, sourceLocation: sourceLocation)
        let answer = try played.result.get()
        #expect(answer.equals(try JSON.parse(expected)), "\(answer.text)", sourceLocation: sourceLocation)
    }

    private let wire = #"""
        {"token":{"id":"t1","appId":"google","userId":"u","tokenSub":"","accessToken":"ya29","accessTokenType":"Bearer",
        "accessTokenExpiry":"1741107113","hasRefreshToken":true,"refreshToken":"1//r","lastRefreshTime":"0",
        "lastRefreshError":"","scopes":["a"],"tenantId":"","grantedBy":"","externalIdentifier":"","new":1}}
        """#

    @Test func aTokenHasNoEmptyMembers() throws {
        try expectAnswer(
            "fetch", #"{"appId":"google","userId":"u"}"#, wire,
            #"""
            {"token":{"id":"t1","appId":"google","userId":"u","accessToken":"ya29","accessTokenType":"Bearer",
            "accessTokenExpiry":1741107113,"hasRefreshToken":true,"scopes":["a"]}}
            """#)
    }

    @Test func theRefreshTokenComesOnlyWhenAskedFor() throws {
        let played = try play(
            "fetch", #"{"appId":"google","userId":"u","options":{"withRefreshToken":true}}"#, reply(200, wire))
        #expect(try played.result.get()["token"]?["refreshToken"]?.string == "1//r")
    }

    @Test func whyARefreshFailedRepeatsNoToken() throws {
        for (words, expected) in [("1//refresh is dead", Redaction.withheld), ("it is\ndead", "it is dead")] {
            let body = JSON.object([
                "token": .object([
                    "appId": .string("g"), "accessToken": .string("ya29.a0"), "refreshToken": .string("1//refresh"),
                    "lastRefreshError": .string(words),
                ])
            ])
            let played = try play("fetch", #"{"appId":"g","userId":"u"}"#, reply(200, body.text))
            #expect(try played.result.get()["token"]?["lastRefreshError"]?.string == expected)
        }
    }

    @Test func storingAndDeletingAnswerNothing() throws {
        let key = #"{"appId":"g","userId":"u","apiKey":"secret"}"#
        try expectAnswer("store_api_key", key, "{}", "{}")
        try expectAnswer("store_api_key", key, "", "{}")
        try expectAnswer("delete", #"{"tokenId":"x"}"#, "{}", "{}")
        let gone = try play("delete", #"{"tokenId":"x"}"#, noToken)
        #expect(gone.answer == "{}")
    }

    @Test func aRefusedBatchNamesItsFailures() throws {
        let request = #"{"tokens":[{"appId":"g","userId":"u","refreshToken":"1//secret"}]}"#
        try expectAnswer("store_tokens", request, #"{"failures":[]}"#, #"{"failures":[]}"#)
        try expectAnswer("store_tokens", request, "{}", #"{"failures":[]}"#)
        try expectAnswer(
            "store_tokens", request,
            #"{"failures":[{"appId":"g","userId":"u","errorCode":"E152110","reason":"no\nsuch app"}]}"#,
            #"{"failures":[{"appId":"g","userId":"u","errorCode":"E152110","reason":"no such app"}]}"#)
        let echo = try play("store_tokens", request, reply(200, #"{"failures":[{"reason":"bad 1//secret"}]}"#))
        #expect(echo.answer?.contains("1//secret") == false)
    }

    @Test func aListNamesWhatIsConnected() throws {
        try expectAnswer(
            "list", #"{"userId":"u","tenantId":"t"}"#, #"{"appIds":["a","b"]}"#,
            #"""
            {"tokens":[{"appId":"a","userId":"u","tenantId":"t","status":"active"},
            {"appId":"b","userId":"u","tenantId":"t","status":"active"}]}
            """#)
        try expectAnswer(
            "list", #"{"userId":"u","appId":"b"}"#, #"{"appIds":["a","b"]}"#,
            #"{"tokens":[{"appId":"b","userId":"u","status":"active"}]}"#)
        try expectAnswer(
            "list", #"{"userId":"u","appId":"jos\u00e9"}"#, #"{"appIds":["jose\u0301"]}"#, #"{"tokens":[]}"#)
        try expectAnswer("list", #"{"userId":"u"}"#, "{}", #"{"tokens":[]}"#)
    }

    @Test func aConnectionNeverShowsItsSecret() throws {
        let app = #"{"id":"a","name":"n","clientSecret":"shown","pkce":false}"#
        try expectAnswer(
            "apps.load", #"{"id":"a"}"#, #"{"app":\#(app)}"#, #"{"app":{"id":"a","name":"n","pkce":false}}"#)
        try expectAnswer("apps.list", "{}", #"{"apps":[\#(app)]}"#, #"{"apps":[{"id":"a","name":"n","pkce":false}]}"#)
    }

    @Test(arguments: [
        ("fetch", #"{"appId":"g","userId":"u"}"#, #"{"token":{}}"#),
        ("fetch", #"{"appId":"g","userId":"u"}"#, #"{"token":{"accessToken":""}}"#),
        ("fetch", #"{"appId":"g","userId":"u"}"#, #"{"token":{"token":"x"}}"#),
        ("connect", #"{"appId":"g","accessToken":"a.b.c"}"#, "{}"),
        ("connect", #"{"appId":"g","accessToken":"a.b.c"}"#, #"{"url":"javascript:alert(1)"}"#),
        ("apps.load", #"{"id":"a"}"#, #"{"id":"a"}"#),
        ("apps.list", "{}", #"{"apps":{}}"#),
    ])
    func anAnswerWithoutWhatWasAskedForIsAFailure(operation: String, request: String, body: String) throws {
        let played = try play(operation, request, reply(200, body))
        #expect(played.error?.code == .unavailable)
        #expect(played.error?.message.contains("answered without") == true)
    }

    @Test(arguments: [
        ("fetch", #"{"appId":"g","userId":"u"}"#, #"{"token":{"userId":"v","accessToken":"ya29"}}"#, "userId"),
        (
            "fetch", #"{"appId":"g","userId":"u","scopes":["s"]}"#, #"{"token":{"appId":"h","accessToken":"ya29"}}"#,
            "appId"
        ),
        ("fetch", #"{"appId":"g","tenantId":"t"}"#, #"{"token":{"userId":"v","accessToken":"ya29"}}"#, "userId"),
        ("fetch", #"{"appId":"g","userId":"u"}"#, #"{"token":{"tenantId":"t","accessToken":"ya29"}}"#, "tenantId"),
        (
            "store_tokens", #"{"tokens":[{"appId":"g","userId":"u","refreshToken":"1//r"}]}"#,
            #"{"failures":[{"appId":"g","userId":"v","reason":"ya29"}]}"#, "userId"
        ),
        ("list", #"{"userId":"u"}"#, #"{"userId":"v","appIds":["ya29"]}"#, "userId"),
        ("apps.load", #"{"id":"a"}"#, #"{"app":{"id":"b","name":"ya29"}}"#, "id"),
        ("apps.update", #"{"id":"a","name":"n"}"#, #"{"app":{"id":"b","name":"ya29"}}"#, "id"),
        ("apps.create", #"{"id":"a","name":"n"}"#, #"{"app":{"id":"b","name":"ya29"}}"#, "id"),
    ])
    func anAnswerAboutSomethingElseIsAnError(operation: String, request: String, body: String, name: String) throws {
        let error = try #require(try play(operation, request, reply(200, body)).error)
        #expect(error.code == .providerError)
        #expect(error.message.hasSuffix("answered with another \(name) than was asked for"))
        #expect(!error.json.text.contains("ya29"))
    }

    /// Though a refresh that fails leaves one that still lives.
    @Test func aRefreshThatBringsSomebodyElsesTokenIsAnError() throws {
        let short = #""accessTokenExpiry":"\#(now + 10)","hasRefreshToken":true"#
        let played = try play(
            "fetch", #"{"appId":"g","userId":"u"}"#,
            reply(200, #"{"token":{"userId":"u","accessToken":"a",\#(short)}}"#),
            reply(200, #"{"token":{"userId":"v","accessToken":"b"}}"#))
        #expect(played.requests.count == 2)
        #expect(played.error?.code == .providerError)
    }

    @Test func aListThatNamesNoConnectionsIsAFailure() throws {
        #expect(try play("list", #"{"userId":"u"}"#, reply(200, #"{"appIds":[1]}"#)).error?.code == .unavailable)
        // equal for Swift's String
        let other = try play("list", #"{"userId":"u","appId":"\u00e9"}"#, reply(200, #"{"appIds":["e\u0301"]}"#))
        #expect(other.answer == #"{"tokens":[]}"#)
    }
}
