import ArgumentParser
import DescopeConn

struct Connections: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The connections: which services tokens are for, and as which OAuth client.",
        subcommands: [List.self, Show.self, Create.self, Update.self, Delete.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all connections.")

        @OptionGroup var backend: BackendOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let list = try await backend.withClient { try await $0.apps.list(actor: backend.actor) }
            try await answers.output.list(Self.columns) { try $0(list.apps) }
            if let unreadable = list.unreadable {
                Output.warning("\(Text.count(unreadable, "connection")) cannot be decrypted")
            }
        }

        private static let columns: [Column<App>] = [
            Column("id", style: { _ in .bold }) { $0.id },
            Column("type") { $0.appType?.rawValue ?? AppType.oauth.rawValue },
            Column("name") { $0.name ?? "" },
            Column("template") { $0.templateId ?? "" },
            Column("scopes", style: { _ in .faint }) { $0.defaultScopes?.joined(separator: " ") ?? "" },
        ]
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a connection's settings, never its secret.")

        @Argument(help: ArgumentHelp("The connection's id.", valueName: "app"), completion: .connections)
        var app: String
        @OptionGroup var backend: BackendOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let loaded = try await backend.withClient { try await $0.apps.load(id: app, actor: backend.actor) }
            try answers.output.details(loaded, JSON(of: loaded).members(first: Self.first))
        }

        private static let first = ["id", "name", "description", "appType", "templateId", "clientId", "defaultScopes"]
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a connection for good, and in a vault its tokens.")

        @Argument(help: ArgumentHelp("The connection's id.", valueName: "app"), completion: .connections)
        var app: String
        @Flag(help: "Do not revoke the tokens at their provider.")
        var noRevoke = false
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var backend: BackendOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            try await backend.withClient { client in
                try await client.apps.load(id: app, actor: backend.actor)
                try confirmation.confirm("Delete the connection \(app) and all its tokens?")
                let deletion = try await client.apps.delete(
                    id: app, revoke: backend.isCloud ? nil : !noRevoke, actor: backend.actor)
                try answers.output.answer(deletion, ["Deleted the connection \(app)."] + deletion.lines)
            }
        }
    }
}

extension JSON {
    /// A value as the JSON that it is encoded as.
    init(of value: some Encodable) throws {
        self = try JSONText.read(Array(JSONText.of(value, pretty: false).utf8), from: "the answer")
    }
}
