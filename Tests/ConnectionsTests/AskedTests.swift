import Connections
import JSON
import Testing

@Suite struct AskedTests {
    private func strange(_ operation: String, _ fields: String, _ answer: String) throws -> String? {
        try Asked.strangeMember(of: JSON.parse(answer), to: operation, JSON.parse(fields))
    }

    private func token(_ members: String) -> String { #"{"token":{"accessToken":"t"\#(members)}}"# }

    @Test(arguments: [
        (#"{"appId":"a","userId":"u"}"#, #","appId":"a","userId":"u""#),
        (#"{"appId":"a","userId":"u"}"#, #","appId":"a","userId":"u","tenantId":"","externalIdentifier":"home""#),
        (#"{"appId":"a","userId":"u"}"#, ""),
        (#"{"appId":"a","userId":"u"}"#, #","appId":null,"userId":"","tenantId":null"#),
        (#"{"appId":"a","userId":"u","tenantId":"t"}"#, #","appId":"a","userId":"u","tenantId":"t""#),
        (#"{"appId":"a","tenantId":"t"}"#, #","appId":"a","userId":"","tenantId":"t""#),
        (#"{"appId":"a","userId":"u","externalIdentifier":"w"}"#, #","externalIdentifier":"w","grantedBy":"admin""#),
    ])
    func aTokenOfWhoItWasAskedFor(fields: String, members: String) throws {
        #expect(try strange("fetch", fields, token(members)) == nil)
    }

    @Test(arguments: [
        (#"{"appId":"a","userId":"u"}"#, #","appId":"b","userId":"u""#, "appId"),
        (#"{"appId":"a","userId":"u"}"#, #","appId":"a","userId":"mallory""#, "userId"),
        (#"{"appId":"a","userId":"u"}"#, #","userId":"U""#, "userId"),
        (#"{"appId":"a","userId":"u"}"#, #","userId":"u ""#, "userId"),
        (#"{"appId":"a","userId":"u"}"#, #","userId":["u"]"#, "userId"),
        (#"{"appId":"a","userId":"1"}"#, #","userId":1"#, "userId"),
        // equal for Swift's String, and other ids
        (#"{"appId":"a","userId":"\u00e9"}"#, #","userId":"e\u0301""#, "userId"),
        (#"{"appId":"\u212b","userId":"u"}"#, #","appId":"\u00c5""#, "appId"),
        (#"{"appId":"a","userId":"u"}"#, #","userId":"u","tenantId":"t""#, "tenantId"),
        (#"{"appId":"a","userId":"u","tenantId":"t"}"#, #","userId":"u","tenantId":"t2""#, "tenantId"),
        (#"{"appId":"a","tenantId":"t"}"#, #","userId":"u","tenantId":"t""#, "userId"),
        (
            #"{"appId":"a","userId":"u","externalIdentifier":"w"}"#, #","externalIdentifier":"home""#,
            "externalIdentifier"
        ),
    ])
    func aTokenOfSomebodyElse(fields: String, members: String, name: String) throws {
        #expect(try strange("fetch", fields, token(members)) == name)
    }

    @Test func aTokenThatWasAskedForByItsID() throws {
        let fields = #"{"tokenId":"t1","tokenHash":"0","userId":"u"}"#
        #expect(try strange("report_rejected", fields, token(#","id":"t1","appId":"any","userId":"u""#)) == nil)
        #expect(try strange("report_rejected", fields, token(#","id":"t2","userId":"u""#)) == "id")
        #expect(try strange("report_rejected", fields, token(#","id":"t1","userId":"v""#)) == "userId")
        #expect(try strange("report_rejected", fields, token(#","id":"t1","tenantId":"t""#)) == "tenantId")
    }

    @Test func aListIsOfWhatWasAskedFor() throws {
        let user = #"{"userId":"u"}"#
        #expect(try strange("list", user, #"{"appIds":["a"]}"#) == nil)
        #expect(try strange("list", user, #"{"tokens":[{"userId":"u"},{"userId":"u","tenantId":"t"}]}"#) == nil)
        #expect(try strange("list", user, #"{"tokens":[{"userId":"u"},{"userId":"v"}]}"#) == "userId")
        #expect(try strange("list", user, #"{"userId":"v","appIds":["a"]}"#) == "userId")
        #expect(try strange("list", #"{"appId":"a"}"#, #"{"tokens":[{"appId":"a","userId":"v"}]}"#) == nil)
        #expect(try strange("list", #"{"appId":"a"}"#, #"{"tokens":[{"appId":"b"}]}"#) == "appId")
    }

    @Test func aFailureIsOneOfTheBatchs() throws {
        let batch = #"{"tokens":[{"appId":"a","userId":"u"},{"appId":"b","userId":"v"}]}"#
        #expect(try strange("store_tokens", batch, #"{"failures":[{"appId":"b","userId":"v","reason":"r"}]}"#) == nil)
        #expect(try strange("store_tokens", batch, #"{"failures":[{"reason":"r"}]}"#) == nil)
        #expect(try strange("store_tokens", batch, #"{"failures":[{"appId":"a","userId":"v"}]}"#) == "userId")
        #expect(try strange("store_tokens", batch, #"{"failures":[{"appId":"c"}]}"#) == "appId")
    }

    @Test func aConnectionIsTheOneThatWasNamed() throws {
        for operation in ["apps.load", "apps.update", "apps.create"] {
            #expect(try strange(operation, #"{"id":"a"}"#, #"{"app":{"id":"a","tenantId":"t"}}"#) == nil)
            #expect(try strange(operation, #"{"id":"a"}"#, #"{"app":{"id":"b"}}"#) == "id")
        }
        #expect(try strange("apps.create", #"{"name":"n"}"#, #"{"app":{"id":"made-up"}}"#) == nil)
        #expect(try strange("apps.create", #"{"tenantId":"t"}"#, #"{"app":{"tenantId":"t2"}}"#) == "tenantId")
    }

    @Test func whatIsConfirmedIsTheSubjects() throws {
        let fields = #"{"appId":"a","userId":"u","code":"1"}"#
        #expect(try strange("confirm", fields, #"{"tokenId":"t1","appId":"a","userId":"u"}"#) == nil)
        #expect(try strange("confirm", fields, #"{"tokenId":"t1","appId":"a","userId":"v"}"#) == "userId")
    }
}
