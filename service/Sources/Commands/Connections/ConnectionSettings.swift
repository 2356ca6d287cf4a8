import ArgumentParser
import DescopeConn

/// The settings that arguments give a connection: a JSON file's, and over them those of options.
struct ConnectionSettings: ParsableArguments {
    @Option(
        help: ArgumentHelp("A JSON file with settings; - is standard input.", valueName: "path"),
        completion: .file(extensions: ["json"]))
    var from: String?

    @Option(help: ArgumentHelp("For people.", valueName: "text"))
    var name: String?

    @Option(help: ArgumentHelp("The OAuth client's id at the provider.", valueName: "id"))
    var clientId: String?

    @Option(
        help: ArgumentHelp(
            "A file with the client secret; - is standard input, which is asked on a terminal.", valueName: "path"),
        completion: .file())
    var clientSecretFile: String?

    @Option(help: ArgumentHelp("The environment variable with the client secret.", valueName: "name"))
    var clientSecretEnv: String?

    @Flag(help: "A public client, which has no secret.")
    var `public` = false

    @Option(
        name: [.customLong("scope")],
        help: ArgumentHelp("A scope to ask for by default. May be repeated.", valueName: "scope"))
    var scopes: [String] = []

    @Option(
        name: [.customLong("host")],
        help: ArgumentHelp(
            "A value for a placeholder in the template's URLs. May be repeated.", valueName: "name=value"))
    var hosts: [HostValue] = []

    @Option(help: ArgumentHelp("The redirect URI that is registered at the provider.", valueName: "url"))
    var redirectUrl: String?

    func validate() throws {
        if clientSecretFile != nil, clientSecretEnv != nil {
            throw ValidationError("Name one source of the client secret, not two.")
        }
        if `public`, clientSecretFile != nil || clientSecretEnv != nil {
            throw ValidationError("A public client has no secret.")
        }
        if from == "-", clientSecretFile == "-" {
            throw ValidationError("Standard input cannot hold the settings and the client secret.")
        }
    }

    /// Whether any setting is given.
    var isEmpty: Bool {
        from == nil && given(isCloud: false).isEmpty && clientSecretFile == nil && clientSecretEnv == nil
    }

    /// Puts the settings over others.
    func apply(to settings: inout [String: JSON], isCloud: Bool) throws {
        if let from {
            let bytes = try from == "-" ? Descriptor.read(Descriptor.input, limit: 1 << 20) : File.read(from)
            let read: [String: JSON] = try JSONText.read(bytes, from: from == "-" ? "standard input" : from)
            settings.merge(read) { $1 }
        }
        settings.merge(given(isCloud: isCloud)) { $1 }
        if clientSecretFile != nil || clientSecretEnv != nil {
            let source = SecretSource.choose(
                file: clientSecretFile, variable: clientSecretEnv, question: "Client secret: ", canAsk: Terminal.canAsk)
            settings["clientSecret"] = .string(try source.read().value)
        }
    }

    /// What the options say, by the library's names.
    private func given(isCloud: Bool) -> [String: JSON] {
        var given: [String: JSON] = [:]
        given["name"] = name.map(JSON.string)
        given["clientId"] = clientId.map(JSON.string)
        given["defaultRedirectUrl"] = redirectUrl.map(JSON.string)
        if `public`, !isCloud { given["tokenEndpointAuthMethod"] = "none" }
        if !scopes.isEmpty { given["defaultScopes"] = .array(scopes.map(JSON.string)) }
        if !hosts.isEmpty {
            given["hosts"] = .object(Dictionary(hosts.map { ($0.name, .string($0.value)) }) { _, last in last })
        }
        return given
    }
}

/// `name=value`
struct HostValue: ExpressibleByArgument {
    var name: String
    var value: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        name = String(parts[0])
        value = String(parts[1])
    }
}
