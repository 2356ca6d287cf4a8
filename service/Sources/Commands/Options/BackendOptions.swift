import ArgumentParser
import DescopeConn

/// Who answers a command: a vault, or Descope's cloud.
struct BackendOptions: ParsableArguments {
    @OptionGroup(title: "Where the vault is") var vaultOptions: VaultOptions

    @OptionGroup(title: "Descope's cloud in place of a vault") var cloudOptions: CloudOptions

    func validate() throws {
        if isCloud, vaultOptions.vault != nil || vaultOptions.keyFile != nil {
            throw ValidationError("Name a vault, or Descope's cloud, but not both.")
        }
    }

    var isCloud: Bool { cloudOptions.cloud || cloudOptions.project != nil }

    /// - Parameter settings: more of the configuration of a vault.
    func open(_ settings: [String: JSON]) throws -> Client {
        isCloud ? try cloudOptions.open() : try vaultOptions.place.open(settings)
    }

    /// Who asks, for the audit of a vault.
    var actor: String? { isCloud ? nil : Actor.name }
}

struct CloudOptions: ParsableArguments {
    @Flag(help: "Descope's cloud; the project is DESCOPE_PROJECT_ID unless --project names it.")
    var cloud = false

    @Option(help: ArgumentHelp("Descope's cloud, and the project there.", valueName: "id"))
    var project: String?

    @Option(
        help: ArgumentHelp(
            "A file with a management key of the project.", discussion: "By default DESCOPE_MANAGEMENT_KEY.",
            valueName: "path"), completion: .file())
    var managementKeyFile: String?

    func open() throws -> Client {
        var config: [String: JSON] = ["backend": "cloud"]
        config["projectId"] = project.map(JSON.string)
        config["managementKey"] = try managementKeyFile.map { .string(try SecretSource.file($0).read().value) }
        return try Client(config)
    }
}

/// Who the audit says has asked.
enum Actor {
    static var name: String { "cli:\(Environment.account)" }
}
