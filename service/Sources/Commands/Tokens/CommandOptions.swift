import ArgumentParser
import DescopeConn

/// How a command is run with a token.
struct CommandOptions: ParsableArguments {
    @Option(
        name: [.customLong("env")],
        help: ArgumentHelp("The environment variable in which the command finds the token.", valueName: "name"))
    var variable = "ACCESS_TOKEN"

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("A command to run with the token in its environment.", valueName: "command"))
    var command: [String] = []

    func validate() throws {
        let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
        guard let first = variable.first, letters.contains(first),
            variable.allSatisfy({ letters.contains($0) || "0123456789".contains($0) })
        else { throw ValidationError("A variable's name has letters, digits and underscores.") }
    }

    /// Becomes the command. It gets neither the vault's key nor Descope's.
    func run(with token: Token) -> Failure {
        Execution.replaceProcess(
            command, environment: Environment.forChild(adding: [variable: token.accessToken.value]))
    }
}
