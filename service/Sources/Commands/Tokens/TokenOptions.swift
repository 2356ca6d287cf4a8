import ArgumentParser
import DescopeConn

/// Which token a command needs.
struct TokenOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The connection's id.", valueName: "app"), completion: .connections)
    var app: String

    @Option(
        name: [.customLong("scope")],
        help: ArgumentHelp("A scope that it must have. May be repeated.", valueName: "scope"))
    var scopes: [String] = []

    @Option(help: ArgumentHelp("Which of several accounts at the connection.", valueName: "id"))
    var account: String?

    @Option(
        help: ArgumentHelp("How long it must live; it is refreshed otherwise. 60 by default.", valueName: "seconds"))
    var minTtl: Int?

    @Flag(help: "Refresh it even if it is fresh.")
    var refresh = false

    @OptionGroup var subject: SubjectOptions
    @OptionGroup var backend: BackendOptions

    func fetch() async throws -> Token {
        let subject = try subject.subject(isCloud: backend.isCloud)
        let accessToken = try backend.accessToken
        return try await backend.withClient { client in
            do throws(ConnError) {
                return try await client.fetchToken(
                    appId: app, userId: subject.user, tenantId: subject.tenant,
                    scopes: scopes.isEmpty ? nil : scopes, externalIdentifier: account, accessToken: accessToken,
                    minTtlSeconds: minTtl,
                    options: refresh ? FetchOptions(forceRefresh: true) : nil, actor: backend.actor)
            } catch {
                let isUsers = error.code == .notFound && error.reason != "app"
                throw Failure(error, hint: isUsers ? "Connect first: descope-conn connect \(words(subject))." : nil)
            }
        }
    }

    /// The arguments with which to connect.
    private func words(_ subject: Subject) -> String {
        var words = [app]
        if let user = subject.user, user != "me" { words += ["--user", user] }
        if let tenant = subject.tenant { words += ["--tenant", tenant] }
        return (words + scopes.flatMap { ["--scope", $0] }).joined(separator: " ")
    }
}
