import Connections
import JSON
import Testing

@Suite struct AnswerTests {
    private let host: Host

    init() throws { host = try Host() }

    @Test func asksForInputWhereTheClientCanOpenURLs() throws {
        let answer = try host.answer()
        #expect(answer["shape"]?.string == "input_required")
        #expect(answer["response"]?["result"]?["resultType"]?.string == "input_required")
        let request = answer["response"]?["result"]?["inputRequests"]?["connect-1"]
        let expected = try JSON.parse(
            """
            {"method":"elicitation/create","params":{"mode":"url","url":"https://connect.example/calendar",
             "message":"plan needs your access to calendar"}}
            """)
        #expect(request?.equals(expected) == true)
    }

    @Test func mergesSeveralConnectionsIntoOneAnswer() throws {
        let inputs = try host.answer(apps: ["calendar", "mail"])["response"]?["result"]?["inputRequests"]
        #expect(inputs?.members.map(\.key) == ["connect-1", "connect-2"])

        let elicitations = try host.answer(version: "2025-11-25", apps: ["calendar", "mail"])["response"]?["error"]?[
            "data"]?[
                "elicitations"]?.elements
        #expect(
            elicitations?.map { $0["url"]?.string } == [
                "https://connect.example/calendar", "https://connect.example/mail",
            ])
        let ids = Set(elicitations?.compactMap { $0["elicitationId"]?.string } ?? [])
        #expect(ids.count == 2)

        let result = try host.answer(capabilities: "{}", apps: ["calendar", "mail"])["response"]?["result"]
        let text = result?["content"]?.elements.first?["text"]?.string ?? ""
        #expect(text.contains("https://connect.example/calendar") && text.contains("https://connect.example/mail"))
        #expect(
            result?["structuredContent"]?["connections"]?.elements.map { $0["appId"]?.string } == ["calendar", "mail"])
    }

    @Test func answersTheErrorOf2025() throws {
        let answer = try host.answer(version: "2025-11-25")
        #expect(answer["shape"]?.string == "error")
        #expect(answer["response"]?["error"]?["code"]?.integer == -32042)
        let elicitation = answer["response"]?["error"]?["data"]?["elicitations"]?.elements.first
        #expect(
            Set(elicitation?.members.map(\.key) ?? []) == ["mode", "elicitationId", "url", "message"])
    }

    @Test(arguments: [
        ("2026-07-28", "{}"), ("2026-07-28", #"{"elicitation":{}}"#), ("2026-07-28", #"{"elicitation":{"form":{}}}"#),
        ("2025-11-25", #"{"elicitation":{}}"#), ("2025-06-18", urlElicitation), ("2024-11-05", "{}"),
    ])
    func answersAResultWhereTheClientCannotOpenURLs(version: String, capabilities: String) throws {
        let answer = try host.answer(version: version, capabilities: capabilities)
        #expect(answer["shape"]?.string == "result")
        let message =
            "Failed to run plan, additional permissions required. Please grant additional permissions using the "
            + "following URL and try again: https://connect.example/calendar"
        let expected = JSON.object([
            "resultType": version < "2026-07-28" ? nil : .string("complete"),
            "content": .array([.object(["type": .string("text"), "text": .string(message)])]),
            "structuredContent": .object([
                "error": .string("connection_required"),
                "requiresConnection": .boolean(true),
                "connectionUrl": .string("https://connect.example/calendar"),
                "message": .string(message),
                "appId": .string("calendar"),
            ]),
            "isError": .boolean(true),
        ])
        #expect(answer["response"]?["result"]?.equals(expected) == true)
    }

    @Test func answersAnErrorWhereResultsHaveNoWords() throws {
        let call = #""method":"prompts/get","name":"brief","userId":"alice""#
        let error = try host.answer(call, capabilities: "{}")["response"]?["error"]
        #expect(error?["code"]?.integer == -32603)
        #expect(error?["message"]?.string?.contains("https://connect.example/calendar") == true)
        #expect(try host.answer(call)["shape"]?.string == "input_required")
        let listing = #""method":"completion/complete","name":"brief","userId":"alice""#
        #expect(try host.answer(listing)["shape"]?.string == "error")
    }

    @Test(arguments: [
        "http://connect.example/", "ftp://connect.example/", "https://user@connect.example/", "javascript:alert(1)",
        "connect",
    ])
    func sendsNobodyToAnUnsafeURL(url: String) throws {
        let refused = error {
            try host.run(
                "mcp.answer",
                """
                {\(Host.call),"protocolVersion":"2026-07-28",
                 "connections":[{"appId":"calendar","connectionUrl":"\(url)"}]}
                """)
        }
        #expect(refused?.field == "connections[0].connectionUrl")
    }

    @Test(arguments: ["2026", "draft-2026", "2026-07-281", "20260728--"])
    func takesRevisionsOnly(version: String) throws {
        let refused = error { _ = try host.answer(version: version) }
        #expect(refused?.field == "protocolVersion")
    }

    @Test func needsAConnectionAndAUser() throws {
        let withoutConnection = error { _ = try host.answer(apps: []) }
        #expect(withoutConnection?.field == "connections")
        let withoutUser = error { _ = try host.answer(#""method":"tools/call","name":"plan""#) }
        #expect(withoutUser?.field == "userId")
    }
}
