import ArgumentParser
import DescopeConn

extension Connections {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a connection from a provider's template, from a JSON file, or for API keys.",
            discussion: """
                A file has the fields of apps.create (docs/operations.md); options replace its fields. The client secret \
                is asked for on a terminal, unless it is named or --public says that there is none.
                """)

        @Argument(help: ArgumentHelp("The connection's id; chosen for you if absent.", valueName: "app"))
        var app: String?

        @Option(
            help: ArgumentHelp("A template of the catalogue: descope-conn templates list.", valueName: "id"),
            completion: .templates)
        var template: String?

        @Flag(help: "A connection for API keys, without OAuth.")
        var apiKey = false

        @OptionGroup var settings: ConnectionSettings
        @OptionGroup var backend: BackendOptions
        @OptionGroup var answers: OutputOptions

        func validate() throws {
            if template == nil, settings.from == nil, !apiKey {
                throw ValidationError("Say what to make it from: --template, --from or --api-key.")
            }
        }

        func run() async throws {
            var request: [String: JSON] = [:]
            try settings.apply(to: &request, isCloud: backend.isCloud)
            if let app { request["id"] = .string(app) }
            if let template { request["templateId"] = .string(template) }
            if apiKey { request["appType"] = "apikey" }
            // Descope wants a name; the vault does without.
            if backend.isCloud, request["name"] == nil { request["name"] = request["id"] }
            if asksForSecret(request) {
                let answer = try Terminal.askHidden("Client secret (empty if there is none): ")
                if !answer.isEmpty { request["clientSecret"] = .string(answer) }
            }
            request["actor"] = backend.actor.map(JSON.string)
            let saved = try await backend.withClient { [request] client in
                try await client.call("apps.create", request, as: SavedApp.self)
            }
            try answers.output.answer(saved, "Made the connection \(saved.app.id).")
            saved.warn()
            if saved.app.appType != .apikey, saved.app.defaultRedirectUrl == nil, !backend.isCloud, !answers.json {
                let uri = CallbackAddress(port: CallbackAddress.defaultPort).url
                Output.note("Register the redirect URI \(uri) at the provider.")
            }
        }

        /// Whether the connection is one that usually has a secret, and somebody is there to be asked.
        private func asksForSecret(_ request: [String: JSON]) -> Bool {
            request["appType"] != "apikey" && request["clientId"] != nil && request["clientSecret"] == nil
                && !settings.public && Terminal.canAsk
        }
    }
}

extension SavedApp {
    /// Says what it lacks.
    func warn() {
        for warning in warnings ?? [] { Output.warning(warning.message) }
    }
}
