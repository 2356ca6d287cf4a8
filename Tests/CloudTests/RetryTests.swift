import Connections
import HTTP
import Runtime
import TestSupport
import Testing

@Suite struct RetryTests {
    private let fetch = #"{"appId":"google","userId":"u"}"#
    private let create = #"{"name":"n"}"#
    private let app = reply(200, #"{"app":{"id":"a"}}"#)

    @Test(arguments: [503, 520, 521, 522, 524, 530])
    func aGatewaysFailurePasses(status: Int) throws {
        let played = try play("fetch", fetch, reply(status, "<html>"), reply(status, "{}"), token())
        #expect(played.error == nil)
        #expect(played.requests.count == 3)
        #expect(Set(played.requests.map(\.url)).count == 1)
        #expect(Set(played.requests.map(\.bodyText)).count == 1)
        try #require(played.pauses.count == 2)
        #expect((50...100).contains(played.pauses[0]))
        #expect((150...300).contains(played.pauses[1]))
    }

    @Test(arguments: [400, 401, 403, 404, 429, 500, 502, 504])
    func otherStatusesAreFinal(status: Int) throws {
        #expect(try play("fetch", fetch, reply(status, "{}")).requests.count == 1)
    }

    @Test func attemptsAreBounded() throws {
        let replies = Array(repeating: reply(503, "{}"), count: 10)
        #expect(try play("fetch", fetch, replies: replies).requests.count == 3)
        for attempts in [1, 10] {
            let config = keyConfig.dropLast() + #","retry":{"attempts":\#(attempts)}}"#
            let played = try play("fetch", fetch, replies: replies, config: String(config))
            #expect(played.requests.count == attempts)
            #expect(played.error?.code == .unavailable)
            #expect(played.error?.httpStatus == 503)
            #expect(played.pauses.allSatisfy { $0 <= 2000 })
        }
    }

    @Test func whatMayNotHappenTwiceIsSentAgainOnlyWhenNothingArrived() throws {
        for request in [
            ("apps.create", create), ("apps.delete", #"{"id":"a"}"#),
            ("store_token", #"{"appId":"g","userId":"u","refreshToken":"r"}"#),
            ("store_tokens", #"{"tokens":[{"appId":"g","userId":"u","refreshToken":"r"}]}"#),
        ] {
            #expect(try play(request.0, request.1, reply(503, "{}")).requests.count == 1)
            let uncertain = try play(request.0, request.1, lost(.interrupted, mayHaveArrived: true))
            #expect(uncertain.requests.count == 1)
            #expect(uncertain.error?.message.contains("may have taken effect") == true)
        }
        let played = try play("apps.create", create, lost(.connect, mayHaveArrived: false), app)
        #expect(played.requests.count == 2)
        #expect(played.error == nil)
    }

    @Test func aLostReplyIsFetchedAgain() throws {
        #expect(try play("fetch", fetch, lost(.interrupted, mayHaveArrived: true), token()).error == nil)
        #expect(try play("fetch", fetch, lost(.resolve, mayHaveArrived: false), token()).error == nil)
    }

    @Test(arguments: [
        (HTTPFailure.Kind.timeout, true), (.tls, false), (.tooLarge, true), (.invalid, false),
    ])
    func whatWouldFailAgainIsFinal(kind: HTTPFailure.Kind, mayHaveArrived: Bool) throws {
        #expect(try play("fetch", fetch, lost(kind, mayHaveArrived: mayHaveArrived)).requests.count == 1)
    }
}
