import ArgumentParser
import DescopeConn

struct Templates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The catalogue of providers that connections can be made from.",
        subcommands: [List.self, Search.self, Show.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all templates.")

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let templates = try await vault.withClient { try await $0.templates.list() }
            try await answers.output.list(Templates.columns) { try $0(templates) }
        }
    }

    struct Search: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the templates that have all these words in their id, name or notes.")

        @Argument(help: ArgumentHelp("In any case, and also parts of words.", valueName: "word"))
        var words: [String]
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let templates = try await vault.withClient { try await $0.templates.list() }
            let found = templates.filter { $0.matches(words) }
            try await answers.output.list(Templates.columns) { try $0(found) }
            if found.isEmpty { throw ExitStatus.notFound }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a template, as docs/providers.md describes it.")

        @Argument(help: ArgumentHelp("The template's id.", valueName: "id"), completion: .templates)
        var template: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let row = try await vault.withClient { try await $0.templates.load(id: template) }
            try answers.output.details(row, JSON.object(row).members(first: ["id", "name", "notes", "hosts"]))
        }
    }

    static let columns: [Column<Template>] = [
        Column("id", style: { _ in .bold }) { $0.id },
        Column("name") { $0.name },
        Column("hosts") { $0.hosts?.keys.sorted().joined(separator: " ") ?? "" },
        Column("notes", style: { _ in .faint }) { $0.notes ?? "" },
    ]
}

extension Template {
    func matches(_ words: [String]) -> Bool {
        let text = [id, name, notes ?? ""].joined(separator: "\n").lowercased()
        return words.allSatisfy { text.contains($0.lowercased()) }
    }
}
