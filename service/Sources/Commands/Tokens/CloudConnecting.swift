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
        guard let accessToken = try command.backend.accessToken else {
            throw Failure(
                .usage, "Descope's cloud makes a connect URL for the user that an access token names",
                hint: "Name a file with --access-token-file, or put the token into DESCOPE_ACCESS_TOKEN.")
        }
        try await command.backend.withClient { client in
            let url = try await client.connect(
                appId: command.app, accessToken: accessToken, options: command.options(server.address.url))
            try command.show(url)
            guard let visit = try server.next(until: command.deadline(url)) else { throw Connect.tooLate }
            do {
                // Whether something was granted is not for the browser to say.
                let token = try await client.fetchToken(
                    appId: command.app, userId: subject.user, tenantId: subject.tenant,
                    scopes: command.options("").scopes, externalIdentifier: command.account, accessToken: accessToken)
                visit.visitor.show(.connected(command.app))
                try command.report(Connected(token), subject, scopes: token.scopes)
            } catch let error as ConnError {
                let failure = Failure(error, hint: "Run the command again.")
                visit.visitor.show(.failed(failure.message))
                throw failure
            }
        }
    }

    /// What was granted, without the token.
    private struct Connected: Encodable {
        var tokenId: String?
        var appId: String
        var userId: String?
        var tenantId: String?
        var scopes: [String]?

        init(_ token: Token) {
            tokenId = token.id
            appId = token.appId
            userId = token.userId
            tenantId = token.tenantId
            scopes = token.scopes
        }
    }
}
