import ArgumentParser
import DescopeConn

struct Flows: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What a vault's pages lead users through: docs/flows.md.",
        subcommands: [List.self, Show.self, Save.self, Delete.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all flows.")

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let list = try await vault.withClient { try await $0.flows.list(actor: Actor.name) }
            try await answers.output.list(Self.columns) { try $0(list.flows) }
            if let unreadable = list.unreadable {
                Output.warning("\(Text.count(unreadable, "flow")) cannot be decrypted")
            }
        }

        private static let columns: [Column<Flow>] = [
            Column("id", style: { _ in .bold }) { $0.id },
            Column("name") { $0.name ?? "" },
            Column("actions") { $0.actions.map(\.type.rawValue).joined(separator: " ") },
        ]
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a flow, as JSON that save takes.")

        @Argument(help: ArgumentHelp("The flow's id.", valueName: "flow"))
        var flow: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions

        func run() async throws {
            let loaded = try await vault.withClient { try await $0.flows.load(id: flow, actor: Actor.name) }
            try Output(json: false).line(JSONText.of(loaded, pretty: true))
        }
    }

    struct Save: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a flow, or replace it, from JSON.",
            discussion: "The JSON is a flow as docs/flows.md describes it; its id may be in it, or be named.")

        @Argument(help: ArgumentHelp("A file; - is standard input.", valueName: "path"), completion: .file())
        var path: String
        @Option(help: ArgumentHelp("The flow's id, in place of the file's.", valueName: "flow"))
        var id: String?
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let bytes =
                path == "-"
                ? try Descriptor.read(Descriptor.input, limit: 1 << 20) : try File.read(path, limit: 1 << 20)
            guard case .object(var fields) = try JSONText.read(bytes, from: path, as: JSON.self) else {
                throw Failure(.usage, "\(path) must hold a JSON object")
            }
            if let id { fields["id"] = .string(id) }
            fields["actor"] = .string(Actor.name)
            let given = fields
            let saved = try await vault.withClient { client in
                do {
                    return try await client.call("flows.create", given, as: SavedFlow.self)
                } catch let error as ConnError where error.code == .conflict && given["id"] != nil {
                    return try await client.call("flows.update", given, as: SavedFlow.self)
                }
            }
            try answers.output.answer(saved, "Saved the flow \(saved.flow.id).")
            for warning in saved.warnings ?? [] { Output.warning("\(warning.field): \(warning.message)") }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a flow. What users have connected by it stays.")

        @Argument(help: ArgumentHelp("The flow's id.", valueName: "flow"))
        var flow: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            try await vault.withClient { try await $0.flows.delete(id: flow, actor: Actor.name) }
            try answers.output.answer(JSON.object(["id": .string(flow)]), "Deleted the flow \(flow).")
        }
    }
}
