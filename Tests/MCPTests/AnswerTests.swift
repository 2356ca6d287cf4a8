import Connections
import JSON
import TestSupport
import Testing

@testable import MCP

@Suite struct AnswerTests {
    private let host: Host

    init() throws { host = try Host() }

    @Test func asksForInputWhereTheClientCanOpenURLs() throws {
        let answer = try host.answer()
        #expect(answer["shape"]?.string == "input_required")
        #expect(answer["response"]?["result"]?["resultType"]?.string == "input_required")
        let request = answer["response"]?["result"]?["inputRequests"]?["connect-1"]
        let expected: JSON = [
            "method": "elicitation/create",
            "params": [
                "mode": "url", "url": "https://connect.example/calendar",
                "message": "plan needs your access to calendar",
            ],
        ]
        #expect(request == expected)
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

        let result = try host.answer(capabilities: [:], apps: ["calendar", "mail"])["response"]?["result"]
        let text = result?["content"]?.elements.first?["text"]?.string ?? ""
        #expect(text.hasPrefix("https://connect.example/calendar\nhttps://connect.example/mail\n\n"))
        #expect(
            result?["_meta"]?["descope-conn/connection"]?["connections"]?.elements.map { $0["appId"]?.string } == [
                "calendar", "mail",
            ])
    }

    @Test func answersTheErrorOf2025() throws {
        let answer = try host.answer(version: "2025-11-25")
        #expect(answer["shape"]?.string == "error")
        #expect(answer["response"]?["error"]?["code"]?.integer == -32042)
        let elicitation = answer["response"]?["error"]?["data"]?["elicitations"]?.elements.first
        #expect(
            Set(elicitation?.members.map(\.key) ?? []) == ["mode", "elicitationId", "url", "message"])
        let completion = answer["completions"]?.elements.first
        #expect(completion?["elicitationId"]?.string == elicitation?["elicitationId"]?.string)
    }

    private static let withoutURLs: [(version: String, capabilities: JSON)] = [
        ("2026-07-28", [:]), ("2026-07-28", ["elicitation": [:]]), ("2026-07-28", ["elicitation": ["form": [:]]]),
        ("2026-07-28", ["elicitation": ["url": false]]), ("2026-07-28", ["elicitation": ["url": nil]]),
        ("2026-07-28", ["elicitation": ["url"]]), ("2026-07-28", ["elicitation": true, "extensions": []]),
        ("2025-11-25", ["elicitation": [:]]), ("2025-06-18", urlElicitation), ("2024-11-05", [:]),
        ("DRAFT-2026-v1", urlElicitation), ("2026", urlElicitation), ("2026-07-281", urlElicitation),
    ]

    @Test(arguments: withoutURLs)
    func answersAResultWhereTheClientCannotOpenURLs(version: String, capabilities: JSON) throws {
        let answer = try host.answer(version: version, capabilities: capabilities)
        #expect(answer["shape"]?.string == "result")
        let result = answer["response"]?["result"]
        let text = result?["content"]?.elements.first?["text"]?.string ?? ""
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "https://connect.example/calendar")
        #expect(lines.count == 3 && lines.dropFirst().first == "")
        #expect(text.contains("call plan again with the same arguments"))
        #expect(result?["resultType"]?.string == (version == "2026-07-28" ? "complete" : nil))
        #expect(result?["isError"]?.boolean == true)
        let expected: JSON = [
            "error": "connection_required", "requiresConnection": true, "appId": "calendar",
            "connectionUrl": "https://connect.example/calendar", "message": "plan needs your access to calendar",
        ]
        #expect(result?["_meta"]?["descope-conn/connection"] == expected)
        // A tool's outputSchema says what may stand there, and this is not what the tool answers.
        #expect(result?["structuredContent"] == nil)
    }

    // MARK: - What is known of clients

    @Test(arguments: [
        ("claude-code", "2.1.87", "result"), ("claude-code", "2.1.107", "result"),
        ("claude-code", "2.1.108", "error"), ("claude-code", "3.0", "error"), ("claude-code", nil, "error"),
        ("claude-code", "beta", "error"), ("Claude-Code", "2.1.87", "error"), ("another", "2.1.87", "error"),
    ])
    func aClientThatShowsNoURLsIsNotBelieved(name: String, version: String?, shape: String) throws {
        let info = JSON.object(["name": .string(name), "version": version.map { .string($0) }])
        let answer = try host.answer(version: "2025-11-25", more: ["clientInfo": info])
        #expect(answer["shape"]?.string == shape)
    }

    private static let withApps: [(capabilities: JSON, name: String, shape: String)] = [
        (
            ["extensions": ["io.modelcontextprotocol/ui": ["mimeTypes": ["text/html;profile=mcp-app"]]]], "claude-ai",
            "app"
        ),
        (["extensions": ["io.modelcontextprotocol/ui": ["mimeTypes": ["text/html"]]]], "claude-ai", "result"),
        (["extensions": ["io.modelcontextprotocol/ui": [:]]], "claude-ai", "result"),
        (["elicitation": [:]], "Visual Studio Code", "app"),
        (["elicitation": [:]], "Visual Studio Code - Insiders", "app"),
        (
            ["extensions": ["io.modelcontextprotocol/ui": ["mimeTypes": ["text/html;profile=mcp-app"]]]],
            "cursor-vscode", "result"
        ),
        (urlElicitation, "Visual Studio Code", "input_required"),
    ]

    @Test(arguments: withApps)
    func aClientWithAppsIsShownTheCard(capabilities: JSON, name: String, shape: String) throws {
        let answer = try host.answer(
            capabilities: capabilities, more: ["clientInfo": ["name": "\(name)", "version": "9999.0.0-insider"]])
        #expect(answer["shape"]?.string == shape)
        if shape == "app" {
            let result = answer["response"]?["result"]
            #expect(result?["content"]?.elements.first?["text"]?.string?.hasPrefix("https://connect") == true)
            #expect(result?["_meta"]?["descope-conn/connection"]?["connectionUrl"]?.string != nil)
        }
    }

    @Test func readsAllOfTheTableOfClients() {
        #expect(KnownClient.all.count >= 3)
    }

    @Test(arguments: [
        ("2.1.9", "2.1.10"), ("2.1", "2.1.1"), ("1.108.2", "1.109.0-insider"), ("v1.2", "1.10"), ("0", "0.0.1"),
    ])
    func versionsAreComparedByTheirNumbers(lower: String, higher: String) throws {
        let (lower, higher) = (try #require(ClientVersion(lower)), try #require(ClientVersion(higher)))
        #expect(lower < higher && !(higher < lower))
        #expect(ClientVersion("1.0") == ClientVersion("1"))
    }

    @Test func theCardIsAResourceOfMCPApps() throws {
        let card = try host.run("mcp.card", [:])
        #expect(card["uri"]?.string?.hasPrefix("ui://") == true)
        #expect(card["mimeType"]?.string == "text/html;profile=mcp-app")
        #expect(card["toolMeta"]?["ui"]?["resourceUri"]?.string == card["uri"]?.string)
        let html = card["text"]?.string ?? ""
        #expect(html.hasPrefix("<!doctype html>"))
        // Hosts let it load nothing, and it wants nothing.
        for loaded in ["src=", "href=", "@import", "fetch("] { #expect(!html.contains(loaded)) }
    }

    // MARK: - Codes

    @Test func asksForTheCodeBesideThePage() throws {
        let requests = try host.answer(apps: ["calendar", "mail"], confirmation: true)["response"]?["result"]?[
            "inputRequests"]
        #expect(requests?.members.map(\.key) == ["connect-1", "connect-2", "confirm-1", "confirm-2"])
        let form = requests?["confirm-2"]?["params"]
        #expect(form?["mode"]?.string == "form")
        #expect(form?["message"]?.string?.contains("mail") == true)
        #expect(form?["requestedSchema"]?["required"]?.strings == ["code"])
    }

    /// Nobody else could ask for it.
    @Test(
        arguments: [
            ("2026-07-28", ["elicitation": ["url": [:]]]), ("2025-11-25", urlElicitation), ("2026-07-28", [:]),
        ] as [(String, JSON)])
    func theModelAsksForTheCodeWhereNoFormCan(version: String, capabilities: JSON) throws {
        let answer = try host.answer(
            version: version, capabilities: capabilities, apps: ["calendar", "mail"], confirmation: true)
        #expect(answer["shape"]?.string == "result")
        let text = answer["response"]?["result"]?["content"]?.elements.first?["text"]?.string ?? ""
        #expect(text.hasPrefix("https://connect.example/calendar\n\n"))  // one at a time
        #expect(text.contains("confirmation_code") && !text.contains("mail"))
    }

    @Test func answersAnErrorWhereResultsHaveNoWords() throws {
        let call: JSON = ["method": "prompts/get", "name": "brief", "userId": "alice"]
        let error = try host.answer(call, capabilities: [:])["response"]?["error"]
        #expect(error?["code"]?.integer == -32603)
        #expect(error?["message"]?.string?.contains("https://connect.example/calendar") == true)
        #expect(try host.answer(call)["shape"]?.string == "input_required")
        let listing: JSON = ["method": "completion/complete", "name": "brief", "userId": "alice"]
        #expect(try host.answer(listing)["shape"]?.string == "error")
    }

    @Test(arguments: [
        "http://connect.example/", "ftp://connect.example/", "https://user@connect.example/", "javascript:alert(1)",
        "connect", "https://connect.example/\u{2028}x", "https://connect.example/\u{A0}x",
        "https://connect.example/\u{202E}x",
    ])
    func sendsNobodyToAnUnsafeURL(url: String) throws {
        let refused = error {
            try host.run(
                "mcp.answer",
                (["protocolVersion": "2026-07-28", "connections": [["appId": "calendar", "connectionUrl": "\(url)"]]]
                    as JSON).with(Host.call))
        }
        #expect(refused?.field == "connections[0].connectionUrl")
    }

    @Test func needsAConnectionAndAUser() throws {
        let withoutConnection = error { _ = try host.answer(apps: []) }
        #expect(withoutConnection?.field == "connections")
        let withoutUser = error { _ = try host.answer(["method": "tools/call", "name": "plan"]) }
        #expect(withoutUser?.field == "userId")
    }

    // MARK: - What clients send

    /// None of it costs the user the URL.
    private static let odd: [String] = [
        #""a\u0000b""#, #""a\nb\r\n\u0085\u2028c""#, #""\ud800""#, #""\u202e\u200b""#, "\"\"", "7", "1e999", "true",
        "[]", "{}", #"{"a":{"a":"\u0000","a":NaN}}"#, "\"\(String(repeating: "x", count: 100_000))\"",
        String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
    ]

    @Test(arguments: odd)
    func whateverAClientSendsGetsTheURL(_ odd: String) throws {
        func url(_ call: String, version: String = #""2026-07-28""#, more: String = "") throws -> String? {
            let answer = try host.run(
                "mcp.answer",
                text:
                    #"{\#(call),"userId":"alice","protocolVersion":\#(version),"connections":[{"appId":"calendar","connectionUrl":"https://connect.example/calendar"}]\#(more)}"#
            )
            let response = answer["response"]
            let text = response?["result"]?["content"]?.elements.first?["text"] ?? response?["error"]?["message"]
            #expect(
                text?.string?.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
                    == true)
            return text?.string.flatMap { $0.split(separator: "\n").first }.map(String.init)
        }
        let expected = "https://connect.example/calendar"
        #expect(try url(#""method":"tools/call","name":\#(odd)"#) == expected)
        #expect(try url(#""method":"resources/read","name":\#(odd)"#) == expected)
        #expect(try url(#""method":"prompts/get","name":"p","arguments":\#(odd)"#) == expected)
        #expect(try url(#""method":"prompts/get","name":"p","arguments":{"a":\#(odd)}"#) == expected)
        #expect(try url(#""method":"tools/call","name":"t""#, version: odd) == expected)
        for (name, value) in [
            ("clientInfo", odd), ("clientInfo", #"{"name":\#(odd),"version":\#(odd)}"#), ("capabilities", odd),
            (
                "capabilities",
                #"{"elicitation":\#(odd),"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":\#(odd)}}}"#
            ),
        ] {
            #expect(try url(#""method":"tools/call","name":"t""#, more: #","\#(name)":\#(value)"#) == expected)
        }
    }

    /// What comes from the server itself is told to be wrong.
    @Test(
        arguments: [
            (#""userId":"a\u0000""#, nil), (#""userId":"a\n""#, "userId"), (#""userId":NaN"#, nil),
            (#""userId":7"#, "userId"),
            (#""userId":"a","method":"\ud800""#, nil),
            (#""userId":"a","connections":[{"appId":"b\u0000","connectionUrl":"https://a.example/"}]"#, nil),
        ] as [(String, String?)])
    func whatTheServerSendsIsStrict(_ own: String, _ field: String?) throws {
        let connections =
            own.contains("connections")
            ? "" : #","connections":[{"appId":"calendar","connectionUrl":"https://a.example/"}]"#
        let method = own.contains("method") ? "" : #""method":"tools/call","#
        let error = error(of: {
            try host.run(
                "mcp.answer",
                text:
                    #"{\#(method)"name":"a\u0000","protocolVersion":"2026-07-28",\#(own)\#(connections)}"#)
        })
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == field)
    }

    /// Names that differ are different calls, however they are shown.
    @Test func aLongNameIsShownCutAndCountsWhole() throws {
        let name = String(repeating: "x", count: 1000)
        let state = try host.state(["method": "tools/call", "name": "\(name)1", "userId": "alice"])
        let other = error(of: {
            try host.resume(state, ["method": "tools/call", "name": "\(name)2", "userId": "alice"])
        })
        #expect(other?.field == "arguments")
        let answer = try host.answer(["method": "tools/call", "name": "\(name)", "userId": "alice"], capabilities: [:])
        let text = answer["response"]?["result"]?["content"]?.elements.first?["text"]?.string ?? ""
        #expect(text.contains(String(repeating: "x", count: 256)))
        #expect(!text.contains(String(repeating: "x", count: 257)))
    }
}
