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

    /// The user's own credential in the cloud, if there is one.
    var accessToken: Secret? {
        get throws { isCloud ? try cloudOptions.accessToken : nil }
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

    @Option(
        help: ArgumentHelp(
            "A file with the user's own Descope access token, for connect and fetch.",
            discussion: "By default DESCOPE_ACCESS_TOKEN.", valueName: "path"), completion: .file())
    var accessTokenFile: String?

    /// The user's own credential; it goes before the management key.
    var accessToken: Secret? {
        get throws {
            if let accessTokenFile { return try SecretSource.file(accessTokenFile).read() }
            return Environment.value(Self.accessTokenVariable).map { Secret($0) }
        }
    }

    static let accessTokenVariable = "DESCOPE_ACCESS_TOKEN"

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
