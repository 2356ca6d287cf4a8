import DescopeConn
import Testing

@testable import Commands

@Suite struct ExitStatusTests {
    private func failure(_ json: String) throws -> Failure {
        Failure(try JSONText.read(Array(json.utf8), from: "it", as: ConnError.self))
    }

    @Test func theReasonDecidesWhatIsMissing() throws {
        #expect(try failure(#"{"code": "not_found", "message": "m"}"#).status == .notFound)
        #expect(try failure(#"{"code": "not_found", "message": "m", "reason": "app"}"#).status == .notFound)
        #expect(
            try failure(#"{"code": "not_found", "message": "m", "reason": "scopes"}"#).status == .connectionRequired)
        #expect(try failure(#"{"code": "of_a_later_version", "message": "m"}"#).status == .failure)
    }

    @Test func whatTheProviderSaysIsPassedOn() throws {
        let refusal = #"{"code": "provider_error", "message": "the provider refused", "errorCode": "access_denied"}"#
        #expect(try failure(refusal).message == "the provider refused: access_denied")
        let limited = try failure(#"{"code": "rate_limited", "message": "m", "retryAfterMs": 1500}"#)
        #expect(limited.status == .unavailable)
        #expect(limited.hint == "Try again in 2 seconds.")
    }

    @Test func aSettingIsSaidAsAnOption() throws {
        let hint = try failure(#"{"code": "invalid_config", "message": "m", "field": "key.file"}"#).hint
        #expect(hint?.contains("--key-file") == true)
    }

    @Test func eachStatusIsExplained() {
        #expect(Set(ExitStatus.allCases.map(\.about)).count == ExitStatus.allCases.count)
    }
}

@Suite struct UsageTests {
    @Test(arguments: [
        ("Unexpected argument 'sk-123'", "there is an argument too many (a secret is never an argument: see --help)"),
        (
            "2 unexpected arguments: 'sk-123', 'x'",
            "there is an argument too many (a secret is never an argument: see --help)"
        ),
        ("Unknown option '--api-key=sk-123'", "Unknown option '--api-key'"),
        ("Missing expected argument '<app>'\nmore", "Missing expected argument '<app>'"),
    ])
    func whatWasTypedIsNotRepeated(message: String, words: String) {
        #expect(Usage.words(for: message) == words)
    }

    @Test(arguments: [
        ["connect"], ["connections", "create", "x"],
        [
            "connections", "create", "x", "--template", "y", "--public",
            "--client-secret-env", "S",
        ], ["store-api-key", "x", "--api-key-file", "f", "--api-key-env", "E"],
        ["exec", "x"], ["fetch", "x", "--json", "--", "true"], ["delete", "--token", "t", "--user", "u"],
        ["list", "--project", "p", "--key-file", "k"], ["audit", "list", "--last", "0"],
    ])
    func argumentsThatDoNotGoTogether(arguments: [String]) {
        #expect(throws: (any Error).self) { try DescopeConnCommand.parseAsRoot(arguments) }
    }

    @Test func theCommandOfAFetchComesAfterTheTerminator() throws {
        let fetch = try #require(
            try DescopeConnCommand.parseAsRoot(["fetch", "crm", "--env", "T", "--", "curl", "--header", "x"]) as? Fetch)
        #expect(fetch.command.command == ["curl", "--header", "x"])
        #expect(fetch.command.variable == "T")
        #expect(!fetch.header)
    }
}
