import DescopeConn

/// Options that say which backend to open.
protocol Opening {
    /// - Parameter settings: more of the configuration of a vault.
    func open(_ settings: [String: JSON]) throws -> Client
}

extension VaultOptions: Opening {
    func open(_ settings: [String: JSON]) throws -> Client { try place.open(settings) }
}

extension BackendOptions: Opening {}

extension Opening {
    /// Opens it for one command, and closes it whatever comes of the command.
    func withClient<Answer>(
        _ settings: [String: JSON] = [:], _ body: (Client) async throws -> Answer
    ) async throws -> Answer {
        let client = try open(settings)
        let answer: Answer
        do {
            answer = try await body(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        return answer
    }
}
