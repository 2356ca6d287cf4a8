import ArgumentParser
import DescopeConn

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The keys that seal the vault's rows; docs/keys.md says how to change them.",
        subcommands: [List.self, Add.self, Activate.self, Reseal.self, Drop.self, ReplaceMaster.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the sealing keys, and how many rows each has sealed.")

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let keys = try await vault.withClient { try await $0.keys.list(actor: Actor.name) }
            guard !answers.json else { return try answers.output.answer(keys, []) }
            try await answers.output.list(Self.columns) { try $0(keys.keys) }
            Output.note("The master key is \(keys.masterKey).")
        }

        private static let columns: [Column<SealingKey>] = [
            Column("id", style: { _ in .bold }) { $0.id },
            Column("active", style: { _ in .green }) { $0.active ? "active" : "" },
            Column("added") { Time.text($0.addedAt) },
            Column("rows") { "\($0.rows)" },
        ]
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a sealing key, and print its id. It seals nothing before it is activated.")

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let id = try await vault.withClient { try await $0.keys.add(actor: Actor.name) }
            try answers.output.answer(Added(id: id), id)
        }

        private struct Added: Encodable {
            var id: String
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Seal with this key what is written from now on.")

        @Argument(help: ArgumentHelp("The key's id.", valueName: "id"))
        var key: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions

        func run() async throws {
            try await vault.withClient { try await $0.keys.activate(id: key, actor: Actor.name) }
        }
    }

    struct Reseal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal with the active key what other keys have sealed.",
            discussion: "It may take long. When it is interrupted, what is done stays done, and the next run goes on.")

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let resealing = try await vault.withClient { try await $0.keys.reseal(actor: Actor.name) }
            try answers.output.answer(resealing, "Sealed \(Text.count(resealing.resealed, "row")) again.")
            if resealing.unreadable > 0 {
                Output.warning("\(Text.count(resealing.unreadable, "row")) cannot be decrypted")
                throw ExitStatus.problemFound
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a sealing key for good. One that still seals a row is kept.")

        @Argument(help: ArgumentHelp("The key's id.", valueName: "id"))
        var key: String
        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions

        func run() async throws {
            try confirmation.confirm("Remove the key \(key) for good?")
            try await vault.withClient { try await $0.keys.drop(id: key, actor: Actor.name) }
        }
    }
}
