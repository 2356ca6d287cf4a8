import ArgumentParser

struct DescopeConnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "descope-conn",
        abstract: "Third-party tokens for users and tenants, in an encrypted vault or in Descope's cloud.",
        subcommands: [
            Init.self, Connections.self, Templates.self, Connect.self, StoreApiKey.self, Fetch.self, Exec.self,
            List.self, Delete.self,
        ])
}
