import ArgumentParser
import DescopeConn

struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a fresh token, or run a command with it.",
        discussion: """
            With -- and a command it is descope-conn exec. A header line is what curl reads: \
            curl -H @<(descope-conn fetch APP --header) URL.
            """)

    @OptionGroup var wanted: TokenOptions
    @Flag(help: "Print it as an Authorization header.")
    var header = false
    @OptionGroup var answers: OutputOptions
    @OptionGroup var command: CommandOptions

    func validate() throws {
        if !command.command.isEmpty, header || answers.json {
            throw ValidationError("Print the token, or run a command with it, but not both.")
        }
    }

    func run() async throws {
        let token = try await wanted.fetch()
        guard command.command.isEmpty else { throw command.run(with: token) }
        try answers.output.answer(token, header ? token.headerLine : token.accessToken.value)
    }
}

extension Token {
    /// RFC 6750, section 2.1. Servers call the type bearer in any case, and some want it in this one.
    var headerLine: String {
        let type = accessTokenType ?? "Bearer"
        return "Authorization: \(type.lowercased() == "bearer" ? "Bearer" : type) \(accessToken.value)"
    }
}
