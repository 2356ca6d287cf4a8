import ArgumentParser

struct DescopeConnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "descope-conn",
        abstract: "Third-party tokens for users and tenants, in an encrypted vault or in Descope's cloud.",
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Token",
                subcommands: [
                    Connect.self, StoreApiKey.self, Fetch.self, Exec.self, List.self, Delete.self, Import.self,
                    Export.self,
                ]),
            CommandGroup(name: "Connection", subcommands: [Connections.self, Templates.self, Flows.self]),
            CommandGroup(name: "Vault", subcommands: [Init.self, Keys.self, Audit.self, Backup.self, Doctor.self]),
            CommandGroup(name: "Service", subcommands: [Serve.self, ManagementKeys.self]),
        ])
}
