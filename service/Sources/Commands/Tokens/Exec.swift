import ArgumentParser
import DescopeConn

struct Exec: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a command with a fresh token in its environment.",
        usage: "descope-conn exec <app> [<options>] -- <command> ...",
        discussion: """
            The command takes the place of this program, so that signals reach it and its exit status is the answer. The \
            vault's key and Descope's management key are taken out of its environment.
            """)

    @OptionGroup var wanted: TokenOptions
    @OptionGroup var command: CommandOptions

    func validate() throws {
        if command.command.isEmpty { throw ValidationError("Name the command after --.") }
    }

    func run() async throws {
        throw command.run(with: try await wanted.fetch())
    }
}
