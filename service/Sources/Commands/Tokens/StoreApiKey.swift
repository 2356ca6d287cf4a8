import ArgumentParser
import DescopeConn

struct StoreApiKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store-api-key",
        abstract: "Keep an API key, in place of an earlier one.",
        discussion: """
            The key is asked for on a terminal, with what else the connection wants (its credentials), and otherwise read \
            from standard input.
            """)

    @Argument(help: ArgumentHelp("The connection's id.", valueName: "app"), completion: .connections)
    var app: String

    @Option(
        help: ArgumentHelp("A file with the API key; - is standard input.", valueName: "path"), completion: .file())
    var apiKeyFile: String?

    @Option(help: ArgumentHelp("The environment variable with the API key.", valueName: "name"))
    var apiKeyEnv: String?

    @Option(
        help: ArgumentHelp(
            "A JSON file with all that the connection wants, by its names; - is standard input.", valueName: "path"),
        completion: .file(extensions: ["json"]))
    var credentialsFile: String?

    @OptionGroup var subject: SubjectOptions
    @OptionGroup var backend: BackendOptions
    @OptionGroup var answers: OutputOptions

    func validate() throws {
        if [apiKeyFile, apiKeyEnv, credentialsFile].compactMap(\.self).count > 1 {
            throw ValidationError("Name one source of the API key, not two.")
        }
    }

    func run() async throws {
        let subject = try subject.subject(isCloud: backend.isCloud)
        try await backend.withClient { client in
            var credentials = try await credentials(subject, client)
            guard let apiKey = credentials.removeValue(forKey: Self.keyName) else {
                throw Failure(.usage, "there is no \(Self.keyName) in \(credentialsFile ?? "the credentials")")
            }
            let id = try await client.storeApiKey(
                appId: app, apiKey: apiKey, userId: subject.user, tenantId: subject.tenant,
                credentials: credentials.isEmpty ? nil : credentials, actor: backend.actor)
            try answers.output.answer(Stored(tokenId: id), "Kept the API key of \(subject.words) at \(app).")
        }
    }

    /// What the connection's credentials call the key itself.
    private static let keyName = "apiKey"

    private func credentials(_ subject: Subject, _ client: Client) async throws -> [String: Secret] {
        if let credentialsFile {
            let isInput = credentialsFile == "-"
            let bytes = try isInput ? Descriptor.read(Descriptor.input, limit: 1 << 20) : File.read(credentialsFile)
            return try JSONText.read(bytes, from: isInput ? "standard input" : credentialsFile)
        }
        let question = "API key of \(subject.words) at \(app): "
        let source = SecretSource.choose(
            file: apiKeyFile, variable: apiKeyEnv, question: question, canAsk: Terminal.canAsk)
        guard case .prompt = source, !backend.isCloud,
            let fields = try await client.apps.load(id: app, actor: backend.actor).credentials
        else { return [Self.keyName: try source.read()] }
        return try Self.ask(fields)
    }

    private static func ask(_ fields: [CredentialField]) throws -> [String: Secret] {
        var values: [String: Secret] = [:]
        for field in fields {
            for note in [field.hint, field.helpUrl].compactMap(\.self) { Output.note(note) }
            let question = Text.printable(field.label ?? field.name) + (field.optional == true ? " (optional): " : ": ")
            let answer = try field.secret == false ? Terminal.ask(question) : Terminal.askHidden(question)
            if !answer.isEmpty { values[field.name] = Secret(answer) }
        }
        return values
    }

    private struct Stored: Encodable {
        var tokenId: String?
    }
}
