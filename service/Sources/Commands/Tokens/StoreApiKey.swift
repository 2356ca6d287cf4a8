import ArgumentParser
import DescopeConn

struct StoreApiKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store-api-key",
        abstract: "Keep an API key, in place of an earlier one.",
        discussion: "The key is asked for on a terminal, and otherwise read from standard input.")

    @Argument(help: ArgumentHelp("The connection's id.", valueName: "app"))
    var app: String

    @Option(
        help: ArgumentHelp("A file with the API key; - is standard input.", valueName: "path"), completion: .file())
    var apiKeyFile: String?

    @Option(help: ArgumentHelp("The environment variable with the API key.", valueName: "name"))
    var apiKeyEnv: String?

    @OptionGroup var subject: SubjectOptions
    @OptionGroup var backend: BackendOptions
    @OptionGroup var answers: OutputOptions

    func validate() throws {
        if apiKeyFile != nil, apiKeyEnv != nil { throw ValidationError("Name one source of the API key, not two.") }
    }

    func run() async throws {
        let subject = try subject.subject(isCloud: backend.isCloud)
        try await backend.withClient { client in
            let source = SecretSource.choose(
                file: apiKeyFile, variable: apiKeyEnv, question: "API key of \(subject.words) at \(app): ",
                canAsk: Terminal.canAsk)
            let id = try await client.storeApiKey(
                appId: app, apiKey: try source.read(), userId: subject.user, tenantId: subject.tenant,
                actor: backend.actor)
            try answers.output.answer(Stored(tokenId: id), "Kept the API key of \(subject.words) at \(app).")
        }
    }

    private struct Stored: Encodable {
        var tokenId: String?
    }
}
