import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct FetchTests {
    private let fetch = #"{"appId":"google","userId":"u"}"#

    private func expiring(in seconds: Int64, _ id: String = "old", _ more: String = "") -> HTTPResult {
        let expiry = #""accessTokenExpiry":"\#(now + seconds)""#
        return reply(200, #"{"token":{"id":"\#(id)","accessToken":"a","hasRefreshToken":true,\#(expiry)\#(more)}}"#)
    }

    private func id(_ played: Played) throws -> String? { try played.result.get()["token"]?["id"]?.string }

    @Test func aTokenThatLivesLongEnoughIsTheAnswer() throws {
        #expect(try play("fetch", fetch, expiring(in: 60)).requests.count == 1)
        #expect(try play("fetch", fetch, token(#","accessTokenExpiry":"0""#)).requests.count == 1)
        let short = #"{"appId":"google","userId":"u","minTtlSeconds":0}"#
        #expect(try play("fetch", short, expiring(in: 1)).requests.count == 1)
    }

    @Test func aTokenThatEndsTooSoonIsRefreshedOnce() throws {
        let request = #"{"appId":"google","userId":"u","minTtlSeconds":300,"options":{"withRefreshToken":true}}"#
        let played = try play("fetch", request, expiring(in: 299), expiring(in: 10, "new"))
        #expect(try id(played) == "new")
        try #require(played.requests.count == 2)
        let sent = try JSON.parse(try #require(played.requests[1].bodyText))
        #expect(
            sent.equals(
                try JSON.parse(
                    #"{"appId":"google","userId":"u","options":{"withRefreshToken":true,"forceRefresh":true}}"#)))
    }

    @Test func whatCannotOrHasJustBeenRefreshedIsNot() throws {
        let forced = #"{"appId":"google","userId":"u","options":{"forceRefresh":true}}"#
        #expect(try play("fetch", forced, expiring(in: 1)).requests.count == 1)
        let none = reply(200, #"{"token":{"accessToken":"a","hasRefreshToken":false,"accessTokenExpiry":\#(now + 1)}}"#)
        #expect(try play("fetch", fetch, none).requests.count == 1)
    }

    /// It needs a new grant, which Adaptive Connect may ask for.
    @Test func aDeadTokenThatCannotBeRefreshedIsNotAnswered() throws {
        let dead = reply(200, #"{"token":{"accessToken":"a","hasRefreshToken":false,"accessTokenExpiry":\#(now)}}"#)
        let error = try play("fetch", fetch, dead).error
        #expect(error?.code == .notFound && error?.reason == .reauthorize)
    }

    @Test func aFailedRefreshLeavesATokenThatStillLives() throws {
        #expect(try id(try play("fetch", fetch, expiring(in: 10), reply(500, "{}"))) == "old")
        #expect(try id(try play("fetch", fetch, expiring(in: 10), reply(429, "{}"))) == "old")
        #expect(try play("fetch", fetch, expiring(in: 0), reply(500, "{}")).error?.code == .unavailable)
        #expect(try play("fetch", fetch, expiring(in: 10), noToken).error?.code == .notFound)
        #expect(try play("fetch", fetch, expiring(in: 10), reply(403, "{}")).error?.code == .forbidden)
    }

    // MARK: - Adaptive Connect

    private let url = "https://api.descope.com/v1/outbound/oauth/connect?appId=google&state=x"
    private var connected: HTTPResult { reply(200, #"{"url":"\#(url)"}"#) }

    private func adaptive(_ more: String = "", connect: String = "") -> String {
        #"{"appId":"google","userId":"u","accessToken":"\#(userToken)""# + more
            + #","connect":{"redirectUrl":"https://a.example/done"\#(connect)}}"#
    }

    @Test func aMissingTokenBecomesAConnectURL() throws {
        let played = try play("fetch", adaptive(), noToken, connected)
        let error = try #require(played.error).json
        let expected = try JSON.parse(
            #"""
            {"error":{"code":"connection_required","reason":"missing","requiresConnection":true,"connectionUrl":"\#(url)",
            "appId":"google","httpStatus":404,"errorCode":"E111504","errorDescription":"token not found",
            "message":"Additional permissions required. Please grant additional permissions using the following URL and try again: \#(url)"}}
            """#)
        #expect(error.equals(expected), "\(error.text)")
        try #require(played.requests.count == 2)
        #expect(played.requests[1].url.hasSuffix("/v1/mgmt/outbound/app/connect"))
        #expect(played.requests[1].header("authorization") == "Bearer \(projectID):\(userToken)")
        let sent = try JSON.parse(try #require(played.requests[1].bodyText))
        #expect(
            sent.equals(try JSON.parse(#"{"appId":"google","options":{"redirectUrl":"https://a.example/done"}}"#)))
    }

    @Test func theURLAsksForWhatTheFetchLooksFor() throws {
        let played = try play(
            "fetch", adaptive(#","scopes":["a","b"],"externalIdentifier":"work""#), noToken, connected)
        #expect(played.error?.reason == .scopes)
        #expect(played.error?.missingScopes == ["a", "b"])
        let options = try JSON.parse(try #require(played.requests.last?.bodyText))["options"]
        #expect(options?["scopes"]?.strings == ["a", "b"])
        #expect(options?["externalIdentifier"]?.string == "work")

        let named = try play(
            "fetch", adaptive(#","scopes":["a"]"#, connect: #","scopes":["a","c"]"#), noToken, connected)
        #expect(
            try JSON.parse(try #require(named.requests.last?.bodyText))["options"]?["scopes"]?.strings == ["a", "c"])
    }

    @Test(arguments: [401, 403, 400, 429, 500])
    func otherRefusalsAreNoReasonToConnect(status: Int) throws {
        let played = try play("fetch", adaptive(), reply(status, "{}"))
        #expect(played.requests.count == 1)
        #expect(played.error?.connectionURL == nil)
        #expect(played.error?.code != .connectionRequired)
    }

    @Test func anUnknownUserIsNotSentToConnect() throws {
        let played = try play("fetch", adaptive(), reply(404, #"{"errorCode":"E112102"}"#))
        #expect(played.requests.count == 1)
        #expect(played.error?.code == .notFound)
    }

    @Test func withoutAConnectURLItSaysWhy() throws {
        let tenant =
            #"{"appId":"g","tenantId":"t","accessToken":"a.b.c","connect":{"redirectUrl":"https://a.example"}}"#
        let keyed = #"{"appId":"g","userId":"u","connect":{"redirectUrl":"https://a.example"}}"#
        for (request, words) in [(tenant, "for a tenant"), (keyed, "needs the user's accessToken")] {
            let played = try play("fetch", request, noToken)
            #expect(played.requests.count == 1)
            #expect(played.error?.code == .notFound)
            #expect(played.error?.reason == .missing)
            #expect(played.error?.message.contains(words) == true)
        }
    }

    @Test func aFailedConnectIsTheError() throws {
        let app = try play("fetch", adaptive(), noToken, reply(404, #"{"errorCode":"E011004"}"#))
        #expect(app.error?.code == .notFound)
        #expect(app.error?.reason == .app)
        #expect(try play("fetch", adaptive(), noToken, reply(401, "{}")).error?.code == .unauthorized)
        #expect(try play("fetch", adaptive(), noToken, reply(200, "<html>")).error?.code == .unavailable)
    }

    @Test func aConnectURLIsAskedForAgainWhenTheGatewayFails() throws {
        let played = try play("fetch", adaptive(), noToken, reply(503, "{}"), connected)
        #expect(played.error?.connectionURL == url)
        #expect(played.pauses.count == 1)
    }
}
