import DescopeConn
import Service

/// Connects a user of a vault: the browser comes back from the provider with a code, which the vault exchanges.
struct VaultConnecting {
    let command: Connect
    let subject: Subject

    func run() async throws {
        let (app, actor) = (command.app, command.backend.actor)
        let connection = try await command.backend.withClient { try await $0.apps.load(id: app, actor: actor) }
        guard connection.appType != .apikey else {
            throw Failure(
                .usage, "\(app) takes an API key, which no browser can grant",
                hint: "Keep the key: descope-conn store-api-key \(app).")
        }
        var server = try CallbackServer(.choose(port: command.port, registered: connection.defaultRedirectUrl))
        let redirectUrl = server.address.url
        let answer = try await command.backend.withClient(["redirectUrl": .string(redirectUrl)]) { client in
            let url = try await client.connect(
                appId: app, userId: subject.user, tenantId: subject.tenant, options: command.options(redirectUrl),
                actor: actor)
            try command.show(url)
            return try await completion(client, &server, command.deadline(url))
        }
        try command.report(answer, subject, scopes: answer.scopes)
        if let missing = answer.missingScopes {
            Output.warning("these scopes were not granted: \(missing.joined(separator: " "))")
        }
    }

    private func completion(
        _ client: Client, _ server: inout CallbackServer, _ deadline: ContinuousClock.Instant
    ) async throws -> CompleteAnswer {
        while let visit = try server.next(until: deadline) {
            do throws(ConnError) {
                let answer = try await complete(client, visit.query)
                visit.visitor.show(.connected(command.app))
                return answer
            } catch {
                let failure = Failure(error)
                visit.visitor.show(.failed(failure.message))
                guard Self.isForeign(error) else { throw failure }
                Output.warning("a browser came back with something else: \(failure.message)")
            }
        }
        throw Connect.tooLate
    }

    private func complete(_ client: Client, _ query: Query) async throws(ConnError) -> CompleteAnswer {
        var query = query
        return try await client.complete(
            state: query.take("state"), code: query.take("code"), error: query.take("error"),
            errorDescription: query.take("error_description"), iss: query.take("iss"), parameters: query.rest,
            openedBy: opener, actor: command.backend.actor)
    }

    /// Who has the terminal also has the browser, as both are on this machine.
    private var opener: Opener {
        Opener(userId: subject.user, tenants: subject.tenant.map { [$0] })
    }

    /// Whether what came does not belong to this connect, which therefore goes on.
    private static func isForeign(_ error: ConnError) -> Bool {
        [.notFound, .invalidRequest].contains(error.code)
    }
}
