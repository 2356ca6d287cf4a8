import DescopeConn

/// Connects a user of Descope's cloud: Descope has the callback, and sends the browser on to this machine afterwards.
struct CloudConnecting {
    let command: Connect
    let subject: Subject

    func run() async throws {
        // Nobody else can know the path, and say that it is done before it is.
        let path = "/connected/\(Random.bytes(16).hexadecimal)"
        var server = try CallbackServer(
            CallbackAddress(port: command.port ?? CallbackAddress.defaultPort, path: path))
        try await command.backend.withClient { client in
            let url = try await client.connect(
                appId: command.app, userId: subject.user, tenantId: subject.tenant,
                options: command.options(server.address.url))
            try command.show(url)
            guard let visit = try server.next(until: command.deadline(url)) else { throw Connect.tooLate }
            let tokens = try await client.listTokens(
                appId: command.app, userId: subject.user, tenantId: subject.tenant
            ).tokens
            guard let token = tokens.first else {
                visit.visitor.show(.failed("nothing was granted"))
                throw Failure(
                    .connectionRequired, "the browser came back, but nothing was granted", hint: "Run the command again.")
            }
            visit.visitor.show(.connected(command.app))
            try command.answers.output.answer(token, "Connected \(command.app) for \(subject.words).")
        }
    }
}
