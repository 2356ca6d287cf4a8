import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

/// The callback is third parties' text: whatever stands in it, a refusal of the provider's is told as one.
@Suite struct CallbackTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
    }

    private func state(_ app: String = "google") throws -> String {
        let url = try world.call(
            "connect", ["appId": "\(app)", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        return query(url["url"]?.string, "state") ?? ""
    }

    private func complete(_ more: JSON, _ app: String = "google") throws -> ConnError? {
        world.error("complete", (["state": "\(try state(app))", "openedBy": ["userId": "u1"]] as JSON).with(more))
    }

    private static let long = String(repeating: "x", count: 3000)
    private static let many = JSON.texts(Dictionary(uniqueKeysWithValues: (0..<200).map { (ID("p\($0)"), "v") }))

    private static let refusals: [JSON] = [
        ["error": "access_denied", "errorDescription": "AADSTS65004: declined.\r\nTrace ID: 1\r\n"],
        ["error": "access_denied", "errorDescription": "\u{0}\u{7}\u{7f}\u{85} ‮"],
        ["error": "access_denied", "errorDescription": "\(long)"], ["error": "access_denied\r\n"],
        ["error": "access_denied", "errorDescription": "", "code": "", "iss": ""],
        ["error": "access_denied", "code": "c0de"], ["error": "access_denied", "code": ["a", "b"]],
        ["error": ["access_denied", "server_error"], "errorDescription": ["one", "two"]],
        ["error": ["", "access_denied"], "iss": ["https://a.example", "https://b.example"]],
        ["error": "access_denied", "parameters": ["error_details": "a\r\nb", "": "x", "b": "\(long)"]],
        [
            "error": "access_denied",
            "parameters": ["a": ["1", "2"], "n": 5, "o": ["p": "q"], "t": true, "nothing": nil, "e": []],
        ],
        ["error": "access_denied", "parameters": ["\(long)": "x"]],
        ["error": "access_denied", "parameters": many],
        ["error": "access_denied", "parameters": ["error": "x", "code": "y", "state": "z", "iss": "w"]],
    ]

    @Test(arguments: refusals) func aRefusalIsARefusal(_ more: JSON) throws { try expectRefusal(try complete(more)) }

    /// Parameters that stand twice, and what no JSON value can hold: only a host's text has them.
    @Test(arguments: [#""a":"1","a":"2""#, #""a\u0000b":"1","x":"\ud800","y":1e999"#])
    func aRefusalOfAnotherAlphabetIsARefusal(_ parameters: String) throws {
        let text =
            #"{"state":"\#(try state())","openedBy":{"userId":"u1"},"error":"access_denied","parameters":{\#(parameters)}}"#
        try expectRefusal(world.error("complete", text: text))
    }

    private func expectRefusal(_ error: ConnError?) throws {
        #expect(error?.code == .providerError, "\(error?.message ?? "")")
        #expect(error?.errorCode == "access_denied")
        #expect(error?.appID == "google")
        let words = error?.errorDescription ?? ""
        #expect(words.count <= 512)
        #expect(
            words.unicodeScalars.allSatisfy { $0.value >= 0x20 && ![0x7F, 0x85, 0x2028, 0x202E].contains($0.value) })
        #expect(world.provider.requests.isEmpty)
        #expect(world.fetchError()?.reason == .missing)
    }

    private static let told: [(callback: JSON, code: String?, description: String?)] =
        [
            (["error": "access_denied", "errorDescription": "a\r\n\tb \u{0} c"], "access_denied", "a b \u{FFFD} c"),
            (["error": "access_denied", "errorDescription": "\(long)"], "access_denied", String(long.prefix(512))),
            (["error": "\(long)"], String(long.prefix(64)), nil),
            (["error": "denied", "errorDescription": ["", "why"]], "denied", "why"),
            (["error": "denied", "parameters": ["error_reason": "user_denied"]], "denied", "user_denied"),
            (
                ["error": "denied", "errorDescription": "why", "parameters": ["error_message": "other"]], "denied",
                "why"
            ),
            (["errorDescription": "The user declined"], nil, "The user declined"),
            (["error": "", "errorDescription": "The user declined", "code": ""], nil, "The user declined"),
            (["error": ["a": "b"], "code": "c0de"], "b", nil),
            (["error": 403, "code": "c0de"], "403", nil),
            // What providers are documented to say, however their hosts' parsers hand it on.
            (["parameters": ["error_code": "200", "error_message": "Permissions error"]], "200", "Permissions error"),
            (["parameters": ["error_code": 200, "error_message": "Permissions error"]], "200", "Permissions error"),
            (["parameters": ["error_code": 1349126]], "1349126", nil),
            (["parameters": ["error_message": "App not set up"]], nil, "App not set up"),
            (["parameters": ["error_reason": "user_denied"]], "user_denied", "user_denied"),
            (
                [
                    "error": "access_denied", "errorDescription": "Permissions error",
                    "parameters": ["error_reason": "user_denied", "error_code": "200"],
                ],
                "access_denied", "Permissions error"
            ),
            (
                ["error": "user_cancelled_login", "errorDescription": "The user cancelled LinkedIn login"],
                "user_cancelled_login", "The user cancelled LinkedIn login"
            ),
            (["error": "access_denied", "parameters": ["error_subtype": "access_denied"]], "access_denied", nil),
            (["parameters": ["error": "access_denied", "realmId": "17"]], "access_denied", nil),
            (["code": "c0de", "parameters": ["error": "access_denied"]], "access_denied", nil),
            (
                [
                    "parameters": [
                        "error": "access_denied", "error_subcode": "cancel", "error_uri": "https://p.example/e",
                    ]
                ],
                "access_denied", nil
            ),
            (["parameters": ["error_subcode": "cancel"]], "cancel", nil),
            (["parameters": ["errCode": "-7", "errMsg": "cancelled"]], "-7", "cancelled"),
            (["parameters": ["ERROR_CODE": ["", "7"], "Error_Message": ["text": "no"]]], "7", "no"),
            (["parameters": ["error_hint": "ask your admin"]], "ask your admin", nil),
            (["errorDescription": ["a": ["b": ["The user declined"]]]], nil, "The user declined"),
            (["errorDescription": ["a": nil], "parameters": ["error_message": "no"]], nil, "no"),
            (["parameters": ["reason": "user_denied"]], "user_denied", nil),
            (["parameters": ["denied": "1"]], "1", nil), (["parameters": ["Message": "no"]], nil, "no"),
            (["error": "none", "parameters": ["reason": "user_denied"]], "user_denied", nil),
            (
                [
                    "error": "user_cancelled_authorize",
                    "parameters": ["user": ["name": ["firstName": "A"], "email": "a@b.example"]],
                ],
                "user_cancelled_authorize", nil
            ),
            (
                ["error": "denied", "parameters": ["error_message": "took c0de-c0de-1", "code": "c0de-c0de-1"]],
                "denied",
                Redaction.withheld
            ),
            (
                ["error": "denied", "parameters": ["error_message": "an id.token.1", "idToken": "id.token.1"]],
                "denied",
                Redaction.withheld
            ),
            (
                ["error": "denied", "code": "c0de-c0de-1", "errorDescription": "not c0de-c0de-1"], "denied",
                Redaction.withheld
            ),
        ]

    @Test(arguments: told)
    func whatIsToldIsCleanAndCut(_ more: JSON, _ code: String?, _ description: String?) throws {
        let error = try complete(more)
        #expect(error?.code == .providerError)
        #expect(error?.errorCode == code)
        #expect(error?.errorDescription == description)
    }

    @Test func whatIsNeitherAGrantNorARefusalUsesNothingUp() throws {
        let state = try state()
        let callbacks: [JSON] = [
            ["code": ""], ["error": ""], ["code": []], ["errorDescription": "", "code": ""], ["code": ["a": "b"]],
            ["errorDescription": [:]], ["error": false], ["parameters": [:]],
            ["parameters": ["error": "", "error_code": nil]],
            ["parameters": ["user": "{}", "interest": "7"]],
        ]
        for more in callbacks {
            let error = world.error(
                "complete", (["state": "\(state)", "openedBy": ["userId": "u1"]] as JSON).with(more))
            #expect(error?.code == .invalidRequest)
            #expect(error?.field == "code")
        }
        let twice = world.error("complete", ["state": "\(state)", "openedBy": ["userId": "u1"], "code": ["a", "b"]])
        #expect(twice?.code == .providerError)
        #expect(twice?.field == "code")
        world.provider.next(200, tokens("at-1"))
        let done = try world.call(
            "complete",
            [
                "state": "\(state)", "openedBy": ["userId": "u1"], "code": ["c0de", "c0de"], "error": "",
                "errorDescription": "",
            ]
        )
        #expect(done["tokenId"] != nil)
        #expect(world.provider.forms.last?.contains("code=c0de&") == true)
    }

    /// A provider that has not sent the state back has refused all the same.
    @Test(arguments: [
        "", #""state":null,"#, #""state":"","#, #""state":["a","b"],"#, #""state":{"a":"b"},"#, #""state":7,"#,
        #""state":"a\u0000\ud800\n","#, #""state":"\#(long)","#,
    ])
    func aRefusalOfNoKnownFlowIsTold(_ state: String) throws {
        let opened = #""openedBy":{"userId":"u1"}"#
        let error = world.error("complete", text: #"{\#(state)\#(opened),"error":"access_denied"}"#)
        #expect(error?.code == .notFound)
        #expect(error?.errorCode == "access_denied")
        let grant = world.error("complete", text: #"{\#(state)\#(opened),"code":"c"}"#)
        #expect(grant?.field == "state")
        #expect(grant?.code != .providerError)
    }

    @Test func aStateThatStandsTwiceIsOne() throws {
        let state = try state()
        world.provider.next(200, tokens("at-1"))
        _ = try world.call(
            "complete", ["state": ["\(state)", "\(state)"], "openedBy": ["userId": "u1"], "code": "c"])
    }

    /// Only where third parties' text stands may a request be no strict JSON.
    @Test(arguments: [
        #"{"state":"STATE","openedBy":{"userId":"u1"},"openedBy":{"userId":"u2"},"code":"c"}"#,
        #"{"state":"STATE","openedBy":{"userId":"u1","userId":"u2"},"code":"c"}"#,
        #"{"state":"STATE","openedBy":{"userId":"u1"},"code":"c","code":"d"}"#,
        #"{"state":"STATE","openedBy":{"userId":"u1"},"code":"c"} x"#,
        #"{"state":"STATE","openedBy":{"userId":"u1"},"code":"c""#,
        #"{"state":"STATE","openedBy":{"userId":"u1\u0000"},"code":"c"}"#,
        #"{"state":"STATE","openedBy":{"userId":"\ud800"},"code":"c"}"#,
        #"{"state":"STATE","openedBy":NaN,"code":"\u0000"}"#,
        #"{"state":"STATE","openedBy":undefined,"parameters":{"a":"\u0000","b":[{"openedBy":1}]},"code":"c"}"#,
        #"{"code":"\u0000","openedBy":{"userId":1e999},"state":"STATE"}"#,
    ])
    func theRestOfTheRequestStaysStrict(_ request: String) throws {
        #expect(world.error("complete", text: request.replacing("STATE", with: try state()))?.code == .invalidRequest)
        let listed = #"{"userId":"u1","appId":"a\u0000b"}"#
        #expect(world.error("list", text: listed)?.message.contains("NUL") == true)
        #expect(world.error("list", text: #"{"userId":"u1","userId":"u1"}"#)?.field == "userId")
    }

    // MARK: - What providers need of it

    @Test func parametersThatAreNotNeededDoNotHinderAGrant() throws {
        let state = try state()
        world.provider.next(200, tokens("at-1"))
        let done = try world.call(
            "complete",
            [
                "state": "\(state)", "openedBy": ["userId": "u1"], "code": "c",
                "parameters": (["session_state": "a\r\nb", "x": ["1", "2"], "y": "\(Self.long)"] as JSON).with(
                    Self.many),
            ]
        )
        #expect(done["tokenId"] != nil)
    }

    @Test func whatIsKeptMustBeThereOnce() throws {
        _ = try world.call(
            "apps.create", ["id": "q", "templateId": "quickbooks", "clientId": "c", "clientSecret": "s3cret"])
        let realms: [JSON] = [["1", "2"], true, nil, [:]]
        for realm in realms {
            let error = try complete(["code": "c", "parameters": ["realmId": realm]], "q")
            #expect(error?.field == "parameters.realmId")
        }
        let refusal = try complete(["code": "c", "error": "access_denied", "parameters": [:]], "q")
        #expect(refusal?.errorCode == "access_denied")
        let state = try state("q")
        world.provider.next(200, tokens("at-1"))
        _ = try world.call(
            "complete",
            ["state": "\(state)", "openedBy": ["userId": "u1"], "code": "c", "parameters": ["realmId": ["17", "17"]]])
        #expect(try world.fetch(app: "q")["metadata"]?.text == #"{"realmId":"17"}"#)
    }

    /// A host's parser may make a number of it.
    @Test func whatIsKeptMayBeANumber() throws {
        _ = try world.call(
            "apps.create", ["id": "q", "templateId": "quickbooks", "clientId": "c", "clientSecret": "s3cret"])
        let state = try state("q")
        world.provider.next(200, tokens("at-1"))
        let callback: JSON = ["state": .string(state), "code": "c", "parameters": ["realmId": 1234567]]
        _ = try world.call("complete", callback.with(["openedBy": ["userId": "u1"]]))
        #expect(try world.fetch(app: "q")["metadata"] == ["realmId": "1234567"])
    }

    /// Where the connection says so, whatever the document does.
    @Test func aConnectionMaySayThatTheIssuerIsAlwaysThere() throws {
        try world.makeApp("i", ["issuer": "https://p.example", "callback": ["issuer": true]])
        #expect(try complete(["code": "c"], "i")?.field == "iss")
        #expect(try complete(["code": "c", "iss": "https://evil.example"], "i")?.field == "iss")
        #expect(world.provider.requests.isEmpty)
        let state = try state("i")
        world.provider.next(200, tokens("at-1"))
        let callback: JSON = ["state": .string(state), "code": "c", "iss": "https://p.example"]
        #expect(try world.call("complete", callback.with(["openedBy": ["userId": "u1"]]))["tokenId"] != nil)
    }

    /// Some send an `error` each time.
    @Test(arguments: ["0", "none", "OK"]) func anErrorThatIsNoneDoesNotHinderAGrant(_ error: String) throws {
        let state = try state()
        world.provider.next(200, tokens("at-1"))
        let callback: JSON = ["state": .string(state), "code": "c", "error": .string(error)]
        #expect(try world.call("complete", callback.with(["openedBy": ["userId": "u1"]]))["tokenId"] != nil)
    }

    // MARK: - RFC 9207

    private func discovered(_ more: JSON) throws {
        _ = try world.call(
            "apps.create",
            ["id": "d", "clientId": "c", "discoveryUrl": "https://p.example/.well-known/openid-configuration"])
        let document: JSON = [
            "issuer": "https://p.example", "authorization_endpoint": "https://p.example/a",
            "token_endpoint": "https://p.example/t",
        ]
        world.provider.next(200, document.with(more))
    }

    private static let otherIssuers: [JSON] = [
        ["code": "c"], ["code": "c", "iss": ""], ["code": "c", "iss": "https://p.example/"],
        ["code": "c", "iss": ["https://p.example", "https://evil.example"]], ["code": "c", "iss": []],
        ["code": "c", "iss": "https://P.example"], ["code": "c", "iss": "https://p.example\u{0}"],
        ["code": "c", "iss": ["a": "https://p.example"]], ["code": "c", "parameters": ["iss": "https://p.example"]],
    ]

    @Test(arguments: otherIssuers)
    func theIssuerMustBeThereWhereTheProviderSendsIt(_ more: JSON) throws {
        try discovered(["authorization_response_iss_parameter_supported": true])
        let error = try complete(more, "d")
        #expect(error?.code == .providerError)
        #expect(error?.field == "iss")
        #expect(world.provider.requests.count == 1)
        let refusal = try complete(["error": "access_denied", "errorDescription": "no"], "d")
        #expect(refusal?.errorCode == "access_denied")
        #expect(refusal?.errorDescription == "no")
    }

    @Test func aTenantOfManyIsTheIssuer() throws {
        _ = try world.call(
            "apps.create",
            [
                "id": "e", "clientId": "c",
                "discoveryUrl": "https://p.example/common/v2.0/.well-known/openid-configuration",
            ]
        )
        world.provider.next(
            200,
            [
                "issuer": "https://p.example/{tenantid}/v2.0", "authorization_endpoint": "https://p.example/a",
                "token_endpoint": "https://p.example/t",
            ])
        #expect(try complete(["code": "c", "iss": "https://evil.example/t1/v2.0"], "e")?.field == "iss")
        let state = try state("e")
        world.provider.next(200, tokens("at-1"))
        let done = try world.call(
            "complete",
            ["state": "\(state)", "openedBy": ["userId": "u1"], "code": "c", "iss": "https://p.example/t1/v2.0"])
        #expect(done["tokenId"] != nil)
    }
}
