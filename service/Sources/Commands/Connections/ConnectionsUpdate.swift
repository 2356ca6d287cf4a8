import ArgumentParser
import DescopeConn

extension Connections {
    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change settings of a connection; what is not named stays.",
            discussion: """
                If the endpoints change to another authorization server's, users have to connect again (docs/connect.md, \
                Moving), unless --same-provider says that it is the same one.
                """)

        @Argument(help: ArgumentHelp("The connection's id.", valueName: "app"), completion: .connections)
        var app: String

        @Flag(help: "New endpoints are those of the same authorization server.")
        var sameProvider = false

        @OptionGroup var settings: ConnectionSettings
        @OptionGroup var backend: BackendOptions
        @OptionGroup var answers: OutputOptions

        func validate() throws {
            if settings.isEmpty { throw ValidationError("Name a setting to change.") }
        }

        func run() async throws {
            let actor = backend.actor.map(JSON.string)
            var loaded: [String: JSON] = ["id": .string(app)]
            loaded["actor"] = actor
            try await backend.withClient { [loaded] client in
                guard case .object(var request)? = try await client.call("apps.load", loaded)["app"] else {
                    throw Failure(.failure, "the connection is of another form than expected")
                }
                try settings.apply(to: &request, isCloud: backend.isCloud)
                request["id"] = .string(app)
                request["actor"] = actor
                if sameProvider { request["sameProvider"] = true }
                let saved = try await client.call("apps.update", request, as: SavedApp.self)
                try answers.output.answer(saved, "Changed the connection \(app).")
                saved.warn()
            }
        }
    }
}
