import ArgumentParser
import DescopeConn

struct ManagementKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The keys with which programs may use the whole of a vault's REST API.",
        subcommands: [List.self, Create.self, Delete.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all keys, without the keys themselves.")

        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            let list = try await vault.withClient { try await $0.managementKeys.list(actor: Actor.name) }
            try await answers.output.list(Self.columns) { try $0(list.keys) }
            if let unreadable = list.unreadable {
                Output.warning("\(Text.count(unreadable, "key")) cannot be decrypted")
            }
        }

        private static let columns: [Column<ManagementKey>] = [
            Column("id", style: { _ in .bold }) { $0.id },
            Column("name") { $0.name },
            Column("created") { Time.text($0.createdAt) },
            Column("expires") { $0.expiresAt.map { Time.text($0) } ?? "never" },
            Column("addresses") { $0.addresses?.joined(separator: " ") ?? "all" },
        ]
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key, and print it.",
            discussion: "It is printed once. The vault keeps only its hash.")

        @Argument(help: ArgumentHelp("What it is for.", valueName: "name"))
        var name: String
        @Option(help: ArgumentHelp("In how many days it expires; never by default.", valueName: "days"))
        var days: Int?
        @Option(
            name: .customLong("address"),
            help: ArgumentHelp(
                "An address or a network (CIDR) that it may be used from; all by default. May be repeated.",
                valueName: "address"))
        var addresses: [String] = []
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func validate() throws {
            if let days, !(1...36_500).contains(days) { throw ValidationError("--days must be from 1 to 36500.") }
        }

        func run() async throws {
            let created = try await vault.withClient { client in
                try await client.managementKeys.create(
                    name: name, expiresIn: days.map { $0 * 86_400 }, addresses: addresses.isEmpty ? nil : addresses,
                    actor: Actor.name)
            }
            try answers.output.answer(created, created.key.value)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a key. It is refused from then on.")

        @Argument(help: ArgumentHelp("The key's id.", valueName: "id"))
        var id: String
        @OptionGroup(title: "Where the vault is") var vault: VaultOptions
        @OptionGroup var answers: OutputOptions

        func run() async throws {
            try await vault.withClient { try await $0.managementKeys.delete(id: id, actor: Actor.name) }
            try answers.output.answer(JSON.object(["id": .string(id)]), "Deleted the management key \(id).")
        }
    }
}
