import ArgumentParser
import DescopeConn

extension Connections {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a connection from a provider's template, from a JSON file, or for API keys.",
            discussion: """
                A file has the fields of apps.create (docs/operations.md); options replace its fields. The client secret is \
                asked for on a terminal, unless it is named or --public says that there is none.
                """)

        @Argument(help: ArgumentHelp("The connection's id; chosen for you if absent.", valueName: "app"))
        var app: String?

        @Option(help: ArgumentHelp("A template of the catalogue: descope-conn templates list.", valueName: "id"))
        var template: String?

        @Option(
            help: ArgumentHelp("A JSON file with the settings; - is standard input.", valueName: "path"),
            completion: .file(extensions: ["json"]))
        var from: String?

        @Flag(help: "A connection for API keys, without OAuth.")
        var apiKey = false

        @Option(help: ArgumentHelp("For people.", valueName: "text"))
        var name: String?

        @Option(help: ArgumentHelp("The OAuth client's id at the provider.", valueName: "id"))
        var clientId: String?

        @Option(
            help: ArgumentHelp("A file with the client secret; - is standard input.", valueName: "path"),
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

        @OptionGroup var backend: BackendOptions
        @OptionGroup var answers: OutputOptions

        func validate() throws {
            if template == nil, from == nil, !apiKey {
                throw ValidationError("Say what to make it from: --template, --from or --api-key.")
            }
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

        func run() async throws {
            var settings = try from.map(Self.read) ?? [:]
            for (name, value) in given { settings[name] = value ?? settings[name] }
            // Descope wants a name; the vault does without.
            if backend.isCloud, settings["name"] == nil { settings["name"] = settings["id"] }
            settings["clientSecret"] = try secret(settings) ?? settings["clientSecret"]
            settings["actor"] = backend.actor.map(JSON.string)
            let saved = try await backend.withClient { [settings] client in
                try await client.call("apps.create", settings, as: SavedApp.self)
            }
            try answers.output.answer(saved, "Made the connection \(saved.app.id).")
            for warning in saved.warnings ?? [] { Output.warning(warning.message) }
            if saved.app.appType != .apikey, saved.app.defaultRedirectUrl == nil, !backend.isCloud, !answers.json {
                Output.note(
                    "Register the redirect URI \(CallbackAddress(port: CallbackAddress.defaultPort).url) at the provider."
                )
            }
        }

        private static func read(_ path: String) throws -> [String: JSON] {
            let bytes = try path == "-" ? Descriptor.read(Descriptor.input, limit: 1 << 20) : File.read(path)
            return try JSONText.read(bytes, from: path == "-" ? "standard input" : path)
        }

        /// What the options say, by the library's names.
        private var given: [String: JSON?] {
            [
                "id": app.map(JSON.string),
                "templateId": template.map(JSON.string),
                "appType": apiKey ? "apikey" : nil,
                "name": name.map(JSON.string),
                "clientId": clientId.map(JSON.string),
                "tokenEndpointAuthMethod": `public` && !backend.isCloud ? "none" : nil,
                "defaultScopes": scopes.isEmpty ? nil : .array(scopes.map(JSON.string)),
                "hosts": hosts.isEmpty
                    ? nil : .object(Dictionary(hosts.map { ($0.name, .string($0.value)) }) { _, last in last }),
            ]
        }

        private func secret(_ settings: [String: JSON]) throws -> JSON? {
            if clientSecretFile != nil || clientSecretEnv != nil {
                let source = SecretSource.choose(
                    file: clientSecretFile, variable: clientSecretEnv, question: "", canAsk: false)
                return .string(try source.read().value)
            }
            let takesSecret = settings["appType"] != "apikey" && settings["clientId"] != nil && !`public`
            guard takesSecret, settings["clientSecret"] == nil, Terminal.canAsk else { return nil }
            let answer = try Terminal.askHidden("Client secret (empty if there is none): ")
            return answer.isEmpty ? nil : .string(answer)
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
}
