import ArgumentParser
import DescopeConn

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write tokens with all their secrets to a file, as import and Descope's batch take them.",
        discussion: """
            The file is one that only you can read. What it holds is not encrypted, and each token in it is recorded in \
            the audit.
            """)

    @Argument(
        help: ArgumentHelp("The file, which must not exist; - is standard output.", valueName: "path"),
        completion: .file())
    var path: String

    @Option(help: ArgumentHelp("Only this connection.", valueName: "id"), completion: .connections)
    var app: String?

    @Option(help: ArgumentHelp("Only this user.", valueName: "id"))
    var user: String?

    @Option(help: ArgumentHelp("Only this tenant, or with --user the user in it.", valueName: "id"))
    var tenant: String?

    @OptionGroup(title: "Where the vault is") var vault: VaultOptions

    func run() async throws {
        guard path == "-" || !File.exists(path) else { throw Failure(.conflict, "there is already a file \(path)") }
        guard path != "-" || !Terminal.isOne(Descriptor.output) else {
            throw Failure(
                .usage, "a terminal is no place for secrets", hint: "Name a file, or a command to pipe them to.")
        }
        try await vault.withClient(["allowExport": true]) { client in
            var progress = Progress("Exporting", total: try await total(client))
            var (tokens, apiKeys): ([NewToken], [NewApiKey]) = ([], [])
            var unreadable = 0
            var after: String?
            repeat {
                let page = try await client.exportTokens(
                    appId: app, userId: user, tenantId: tenant, limit: 200, after: after, actor: Actor.name)
                tokens += page.tokens
                apiKeys += page.apiKeys
                unreadable += page.unreadable ?? 0
                after = page.next
                progress.update(tokens.count + apiKeys.count)
            } while after != nil
            progress.end()
            try write(tokens, apiKeys)
            let counts = "\(Text.count(tokens.count, "token")) and \(Text.count(apiKeys.count, "API key"))"
            Output.note("Exported \(counts)\(path == "-" ? "" : " to \(path)").")
            if unreadable > 0 {
                Output.warning("\(Text.count(unreadable, "row")) cannot be decrypted, and were left out")
            }
        }
    }

    /// How many there are, where the vault can tell.
    private func total(_ client: Client) async throws -> Int? {
        guard app != nil || user != nil || tenant != nil else { return nil }
        return try await client.listTokens(appId: app, userId: user, tenantId: tenant, limit: 1, count: true).total
    }

    private func write(_ tokens: [NewToken], _ apiKeys: [NewApiKey]) throws {
        let text = "{\"tokens\":\(try lines(tokens)),\n\"apiKeys\":\(try lines(apiKeys))}\n"
        if path != "-" {
            try File.create(path, text.utf8)
        } else if let error = Descriptor.write(text.utf8, to: Descriptor.output) {
            throw File.failure("cannot write the tokens", error)
        }
    }

    private func lines(_ values: [some Encodable]) throws -> String {
        "[" + (try values.map { "\n" + (try JSONText.of($0, pretty: false)) }).joined(separator: ",") + "]"
    }
}
