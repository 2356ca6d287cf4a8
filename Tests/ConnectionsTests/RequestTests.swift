import Runtime
import TestSupport
import Testing

@testable import Connections
@testable import JSON

@Suite struct RequestTests {
    private func refusal(_ text: String, operation: String? = nil, backend: BackendKind = .vault) -> ConnError? {
        Array(text.utf8).withUnsafeBytes { bytes in
            do throws(ConnError) {
                _ = try Request(bytes, operation: operation, backend: backend)
                return nil
            } catch {
                return error
            }
        }
    }

    /// What is wrong, as a reader of the error sees it.
    struct Wrong: Sendable, CustomTestStringConvertible {
        var request: String
        var field: String?
        var words: String
        var backend = BackendKind.vault
        var testDescription: String { request }
    }

    static let wrong: [Wrong] = [
        // the whole
        Wrong(request: "[]", field: nil, words: "must be a JSON object"),
        Wrong(request: "{", field: nil, words: "it ends too early"),
        Wrong(request: "", field: nil, words: "it ends too early"),
        Wrong(request: #"{"op":"list","userId":"u","userId":"v"}"#, field: "userId", words: "stands twice"),
        // its operation
        Wrong(request: "{}", field: "op", words: "is missing"),
        Wrong(request: #"{"op":null}"#, field: "op", words: "is missing"),
        Wrong(request: #"{"op":1}"#, field: "op", words: "must be a string"),
        Wrong(request: #"{"op":"fecth"}"#, field: "op", words: "did you mean fetch?"),
        Wrong(request: #"{"op":"Fetch"}"#, field: "op", words: "did you mean fetch?"),
        Wrong(request: #"{"op":"app.list"}"#, field: "op", words: "did you mean apps.list?"),
        Wrong(request: #"{"op":"something else"}"#, field: "op", words: "op is not an operation"),
        // its fields
        Wrong(request: #"{"op":"fetch","userId":"u"}"#, field: "appId", words: "is missing"),
        Wrong(request: #"{"op":"fetch","appId":null,"userId":"u"}"#, field: "appId", words: "is missing"),
        Wrong(request: #"{"op":"fetch","appId":"","userId":"u"}"#, field: "appId", words: "must not be empty"),
        Wrong(request: #"{"op":"fetch","appId":1,"userId":"u"}"#, field: "appId", words: "must be a string"),
        Wrong(request: #"{"op":"fetch","appId":"a\nb","userId":"u"}"#, field: "appId", words: "control character"),
        Wrong(
            request: #"{"op":"fetch","appId":"\#(String(repeating: "x", count: 257))","userId":"u"}"#, field: "appId",
            words: "is longer than 256 bytes"),
        Wrong(request: #"{"op":"fetch","appId":"a"}"#, field: "userId", words: "userId or tenantId is missing"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userID":"u"}"#, field: "userID",
            words: "is not a field here; did you mean userId?"),
        Wrong(
            request: #"{"op":"store_api_key","appId":"a","userId":"u","apiKey":"k","api\u212Aey":"k"}"#,
            field: "api\u{212A}ey", words: "is not a field here"),
        Wrong(request: #"{"op":"fetch","appId":"a","userId":"u","x":null}"#, field: "x", words: "is not a field here"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","accessToken":"t"}"#, field: "accessToken",
            words: "is not for the vault backend"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","minTtlSeconds":1.5}"#, field: "minTtlSeconds",
            words: "must be an integer"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","minTtlSeconds":-1}"#, field: "minTtlSeconds",
            words: "must be from 0 to 86400"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","scopes":"s"}"#, field: "scopes",
            words: "must be an array of strings"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","scopes":["s",2]}"#, field: "scopes[1]",
            words: "must be a string"),
        Wrong(
            request:
                #"{"op":"fetch","appId":"a","userId":"u","scopes":[\#(String(repeating: "\"s\",", count: 256))"s"]}"#,
            field: "scopes", words: "has more than 256 elements"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","options":[]}"#, field: "options",
            words: "must be an object"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","options":{"forceRefresh":1}}"#,
            field: "options.forceRefresh", words: "must be true or false"),
        Wrong(
            request: #"{"op":"fetch","appId":"a","userId":"u","options":{"forceRefrehs":true}}"#,
            field: "options.forceRefrehs", words: "did you mean forceRefresh?"),
        Wrong(
            request: #"{"op":"connect","appId":"a","options":{}}"#, field: "options.redirectUrl", words: "is missing"),
        Wrong(
            request: #"{"op":"connect","appId":"a","options":{"redirectUrl":"javascript://x/%0aalert(1)"}}"#,
            field: "options.redirectUrl", words: "is not an absolute URL that a browser may be sent to"),
        Wrong(
            request: #"{"op":"apps.create","tokenUrl":"http://example.com/token"}"#, field: "tokenUrl",
            words: "is not an https URL"),
        Wrong(request: #"{"op":"apps.create","appType":"x"}"#, field: "appType", words: "must be one of oauth, apikey"),
        Wrong(
            request: #"{"op":"apps.create","tokenUrlParams":{}}"#, field: "tokenUrlParams",
            words: "must be an array of objects"),
        Wrong(
            request: #"{"op":"apps.create","tokenUrlParams":[{"key":"k","value":"v"},1]}"#, field: "tokenUrlParams[1]",
            words: "must be an object"),
        Wrong(
            request: #"{"op":"apps.create","tokenUrlParams":[{"key":"k"}]}"#, field: "tokenUrlParams[0].value",
            words: "is missing"),
        Wrong(
            request: #"{"op":"store_tokens","tokens":[\#(String(repeating: "{\"appId\":\"a\"},", count: 1000)){}]}"#,
            field: "tokens", words: "has more than 1000 elements"),
        Wrong(
            request:
                #"{"op":"store_api_key","appId":"a","userId":"u","apiKey":"\#(String(repeating: "x", count: 65537))"}"#,
            field: "apiKey", words: "is longer than 65536 bytes"),
        Wrong(
            request: #"{"op":"delete"}"#, field: "tokenId", words: "tokenId or appId or userId or tenantId is missing"),
        Wrong(
            request: #"{"op":"delete","tokenId":"t","userId":"u"}"#, field: "userId",
            words: "cannot be combined with tokenId"),
    ]

    @Test(arguments: wrong) func everyErrorNamesItsField(_ wrong: Wrong) throws {
        let error = try #require(refusal(wrong.request, backend: wrong.backend))
        #expect(error.code == .invalidRequest)
        #expect(error.field == wrong.field)
        #expect(error.message.contains(wrong.words), "\(error.message)")
        #expect(error.message.utf8.count < 256)
    }

    @Test(arguments: [
        #"{"op":"fetch","appId":"a","userId":"u","tenantId":null}"#,
        #"{"op":"fetch","appId":"a","userId":"u","accessToken":null}"#,
        #"{"op":"fetch","appId":"a","tenantId":"t","scopes":[],"minTtlSeconds":0,"options":{}}"#,
        #"{"op":"connect","appId":"a","options":{"redirectUrl":"myapp://back","prompt":["login"]}}"#,
        #"{"op":"apps.update","id":"a","clientSecret":"","tokenUrl":"http://localhost:1/t"}"#,
        #"{"op":"delete","tokenId":"t"}"#, #"{"op":"apps.list"}"#, #"{"op":"describe"}"#,
    ]) func taken(_ text: String) { #expect(refusal(text) == nil, "\(refusal(text)?.message ?? "")") }

    @Test func anOperationGivenByNameIsNotNamedAgain() {
        #expect(refusal(#"{"appId":"a","userId":"u"}"#, operation: "fetch") == nil)
        #expect(refusal(#"{"op":"fetch","appId":"a","userId":"u"}"#, operation: "fetch")?.field == "op")
    }

    @Test func whoKnowsWhichOperation() {
        #expect(refusal(#"{"op":"complete","state":"s","code":"c"}"#, backend: .cloud)?.code == .unsupported)
        #expect(refusal(#"{"op":"vendor.special","x":1}"#, backend: .plugin) == nil)
        #expect(refusal(#"{"op":"fetch","appId":"a","userId":"u","accessToken":"t"}"#, backend: .cloud) == nil)
    }

    @Test func size() {
        let request = #"{"op":"apps.list"}"#
        #expect(refusal(request + String(repeating: " ", count: Request.maxBytes - request.utf8.count)) == nil)
        #expect(refusal(request + String(repeating: " ", count: Request.maxBytes)) != nil)
        #expect(refusal(String(repeating: "x", count: Request.maxBytes + 1))?.code == .limit)
    }

    @Test func errorsHoldNoValue() {
        for text in [
            #"{"op":"store_api_key","appId":"a","userId":"u","apiKey":"hunter2\n"}"#,
            #"{"op":"store_api_key","appId":"a","userId":["hunter2"],"apiKey":"x"}"#,
            #"{"op":"apps.create","appType":"hunter2"}"#, #"{"op":"apps.create","tokenUrl":"hunter2"}"#,
            #"{"op":"hunter2"}"#, #"{"op":"list" "hunter2"}"#,
        ] {
            #expect(refusal(text).map { !$0.json.text.contains("hunter2") } == true)
        }
    }

    /// A key in the wrong place is not shown, and nothing is that a terminal would take for more than a name.
    @Test(arguments: [
        "sk_live_51H8xYz", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "s3cr3t/with+slash==", "\\u0007\\u001b[31mk", "größe",
        String(repeating: "k", count: 33),
    ])
    func anUnknownFieldIsShownOnlyIfItLooksLikeOne(_ key: String) throws {
        let shown = try JSON.parse(#"{"\#(key)":1}"#).members[0].key
        for (text, field) in [
            (#"{"op":"apps.list","\#(key)":1}"#, nil),
            (#"{"op":"fetch","appId":"a","userId":"u","options":{"\#(key)":1}}"#, "options"),
            (#"{"op":"store_tokens","tokens":[{"\#(key)":"x"}]}"#, "tokens[0]"),
            (#"{"op":"apps.create","templateId":"zoho","hosts":{"\#(key)":1}}"#, "hosts"),
            (#"{"op":"apps.list","\#(key)":1,"\#(key)":2}"#, nil), (#"{"op":"\#(key)"}"#, "op"),
            (#"{"op":"apps.create","appType":"\#(key)"}"#, "appType"),
        ] as [(String, String?)] {
            let error = try #require(refusal(text, backend: .vault))
            #expect(error.code == .invalidRequest)
            #expect(error.field == field, "\(text)")
            #expect(!error.message.contains(shown), "\(error.message)")
        }
    }

    @Test func nearestNames() {
        let names = ["appId", "userId", "tenantId", "fetch"]
        #expect(nearest(to: "appid", in: names) == "appId")
        #expect(nearest(to: "tenatId", in: names) == "tenantId")
        #expect(nearest(to: "fetchh", in: names) == "fetch")
        #expect(nearest(to: "banana", in: names) == nil)
        #expect(nearest(to: "", in: names) == nil)
        #expect(nearest(to: String(repeating: "x", count: 1000), in: names) == nil)
    }

    @Test func describeListsEverything() throws {
        let description = Operation.description
        let operations = try #require(description["operations"]).elements
        #expect(operations.compactMap { $0["op"]?.string } == Operation.all.map(\.name))
        #expect(description["errorCodes"]?.strings == ErrorCode.allCases.map(\.rawValue))
        #expect(description["reasons"]?.strings == ["missing", "scopes", "reauthorize", "app"])
        for (operation, described) in zip(Operation.all, operations) {
            let fields = try #require(described["fields"]).elements
            #expect(fields.compactMap { $0["name"]?.string } == operation.own.map(\.name))
            #expect(fields.allSatisfy { $0["type"]?.string != nil && $0["required"]?.boolean != nil })
        }
        let fetch = try #require(operations.first { $0["op"]?.string == "fetch" })
        #expect(fetch["atLeastOneOf"]?.text == #"[["userId","tenantId"]]"#)
        let ttl = try #require(fetch["fields"]?.elements.first { $0["name"]?.string == "minTtlSeconds" })
        #expect(ttl["maximum"]?.integer == 86400)
    }

    @Test func subjects() {
        #expect(Subject(userID: nil, tenantID: nil) == nil)
        for (user, tenant) in [("u", nil), (nil, "t"), ("u", "t")] as [(ID?, ID?)] {
            let subject = Subject(userID: user, tenantID: tenant)
            #expect(subject?.userID == user)
            #expect(subject?.tenantID == tenant)
        }
    }
}
