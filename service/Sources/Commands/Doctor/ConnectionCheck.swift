import DescopeConn

/// Whether a connection's settings are complete, and its provider can be reached.
struct ConnectionCheck {
    let client: Client
    let app: String
    let subject: Subject
    let actor: String?

    func findings() async throws -> [Finding] {
        let connection: App
        do {
            connection = try await client.apps.load(id: app, actor: actor)
        } catch {
            return [.problem(app, Failure(error))]
        }
        guard connection.appType != .apikey else { return [.ok(app, "it takes API keys")] }
        return await [settings(connection)] + endpoints(connection)
    }

    /// The library finds what is missing when it makes a connect URL.
    private func settings(_ connection: App) async -> Finding {
        let address = CallbackAddress.choose(port: nil, registered: connection.defaultRedirectUrl)
        do {
            try await client.connect(
                appId: app, userId: subject.user, tenantId: subject.tenant,
                options: ConnectOptions(redirectUrl: connection.defaultRedirectUrl ?? address.url), actor: actor)
            return .ok(app, "its settings are complete")
        } catch {
            return .problem(app, Failure(error))
        }
    }

    private func endpoints(_ connection: App) -> [Finding] {
        let urls = [
            connection.authorizationUrl, connection.tokenUrl, connection.discoveryUrl, connection.revocationUrl,
        ]
        var servers: [Server] = []
        for server in urls.compactMap({ $0.flatMap(Server.init(url:)) }) where !servers.contains(server) {
            servers.append(server)
        }
        let proxy = ["https_proxy", "all_proxy"].first { Environment.value($0) != nil }
        if let proxy { return [.ok("provider", "\(proxy) is set, so that nothing is reached directly")] }
        return servers.map { server in
            if let why = server.unreachable(within: 5) {
                return .problem(
                    "provider", "\(server.words) cannot be reached: \(why)",
                    hint: "Check the connection's URLs, the network and a proxy.")
            }
            return .ok("provider", "\(server.words) can be reached")
        }
    }
}
