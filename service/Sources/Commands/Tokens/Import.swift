import ArgumentParser
import DescopeConn

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep tokens and API keys brought from elsewhere.",
        discussion: """
            The file is what export writes, {"tokens": [...], "apiKeys": [...]}, or an array of tokens as Descope's batch \
            has them (NewToken in docs/operations.md). Tokens are kept in batches of 100, each whole or not at all; after a \
            failure, correct the file and import all of it again.
            """)

    @Argument(help: ArgumentHelp("The JSON file; - is standard input.", valueName: "path"), completion: .file())
    var path: String

    @OptionGroup var backend: BackendOptions
    @OptionGroup var answers: OutputOptions

    func run() async throws {
        let origin = path == "-" ? "standard input" : path
        let bytes =
            try path == "-"
            ? Descriptor.read(Descriptor.input, limit: 1 << 30) : File.read(path, limit: 1 << 30)
        let batches = try Batches(try JSONText.read(bytes, from: origin), from: origin)
        try await backend.withClient { client in
            var progress = Progress("Importing", total: batches.count)
            var imported = Imported()
            do {
                for tokens in batches.tokens {
                    try await store(tokens, client)
                    imported.tokens += tokens.count
                    progress.update(imported.count)
                }
                for key in batches.apiKeys {
                    let _: JSON = try await client.call("store_api_key", request(key))
                    imported.apiKeys += 1
                    progress.update(imported.count)
                }
            } catch {
                progress.end()
                Output.note("Imported \(imported.count) of \(batches.count) before it failed.")
                throw error
            }
            progress.end()
            try answers.output.answer(
                imported,
                "Imported \(Text.count(imported.tokens, "token")) and \(Text.count(imported.apiKeys, "API key")).")
        }
    }

    private func store(_ tokens: [JSON], _ client: Client) async throws {
        struct Answer: Decodable {
            var failures: [StoreFailure]
        }
        let answer = try await client.call("store_tokens", request(["tokens": .array(tokens)]), as: Answer.self)
        guard let first = answer.failures.first else { return }
        for failure in answer.failures {
            let subject = Subject(user: failure.userId, tenant: failure.tenantId)
            let reason = failure.reason ?? failure.errorCode ?? "refused"
            Output.note("\(failure.appId), \(subject.words): \(reason)")
        }
        let code = first.errorCode.map(ErrorCode.init) ?? .invalidRequest
        throw Failure(
            ExitStatus.ofCode[code] ?? .usage,
            "\(Text.count(answer.failures.count, "token")) of a batch cannot be kept, and so none of it was",
            hint: "Correct the file, and import it again.")
    }

    private func request(_ fields: [String: JSON]) -> [String: JSON] {
        guard let actor = backend.actor else { return fields }
        return fields.merging(["actor": .string(actor)]) { $1 }
    }

    private struct Imported: Encodable {
        var tokens = 0
        var apiKeys = 0

        var count: Int { tokens + apiKeys }
    }
}
