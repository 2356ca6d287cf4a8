import DescopeConn
import Foundation
import Testing

@Suite struct ClientTests {
    private func withVault(_ body: (Client) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let key = String(repeating: "0a", count: 32)
        let client = try Client([
            "backend": "vault", "path": .string(folder.path + "/vault.db"), "key": ["bytes": .string(key)],
        ])
        try await body(client)
        await client.close()
    }

    @Test func aTokenIsKeptAndFetched() async throws {
        try await withVault { client in
            let saved = try await client.apps.create(
                id: "crm", name: "CRM", clientId: "c", authorizationUrl: "https://p.example/a",
                tokenUrl: "https://p.example/t", defaultScopes: ["read"])
            #expect(saved.app.name == "CRM")
            #expect(saved.app.defaultScopes == ["read"])
            let id = try await client.storeToken(
                appId: "crm", userId: "alice", accessToken: "the-token", accessTokenExpiry: 2_147_483_647)
            let token = try await client.fetchToken(appId: "crm", userId: "alice")
            #expect(token.accessToken.value == "the-token")
            #expect(token.id == id)
            #expect(!"\(token)".contains("the-token"))
            let page = try await client.listTokens(userId: "alice", count: true)
            #expect(page.tokens.map(\.status) == [.expiring])
            #expect(page.total == 1)
            #expect(try await client.deleteTokens(appId: "crm").deleted == 1)
            #expect(try await client.audit.verify().ok)
        }
    }

    @Test func errorsAreTyped() async throws {
        try await withVault { client in
            do throws(ConnError) {
                _ = try await client.fetchToken(appId: "none", userId: "alice")
                Issue.record("it was found")
            } catch {
                #expect(error.code == .notFound)
                #expect(error.reason == "app")
            }
        }
        do throws(ConnError) {
            _ = try Client(["backend": "vault"])
            Issue.record("it was opened")
        } catch {
            #expect(error.code == .invalidConfig)
        }
    }

    @Test func callsRunSideBySide() async throws {
        try await withVault { client in
            let ids = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 {
                    group.addTask { try await client.describe().operations.count }
                }
                return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
        }
    }

    /// A cancelled task's call ends early, in the library too.
    @Test func aCallIsCancelledWithItsTask() async throws {
        let listener = try Listener()
        let client = try Client([
            "backend": "cloud", "projectId": .string("P" + String(repeating: "2", count: 27)), "managementKey": "K",
            "baseUrl": .string("http://127.0.0.1:\(listener.port)"),
        ])
        let call = Task { () throws(ConnError) in try await client.fetchToken(appId: "crm", userId: "alice") }
        try await listener.waitForConnection()
        call.cancel()
        let result = await call.result
        guard case .failure(let error) = result else {
            Issue.record("it was answered")
            return
        }
        #expect((error as? ConnError)?.code == .cancelled)
    }

    @Test func aCallEndsWhenItsTimeIsUp() async throws {
        let listener = try Listener()
        let client = try Client([
            "backend": "cloud", "projectId": .string("P" + String(repeating: "2", count: 27)), "managementKey": "K",
            "baseUrl": .string("http://127.0.0.1:\(listener.port)"),
        ])
        do throws(ConnError) {
            _ = try await client.fetchToken(appId: "crm", userId: "alice", timeout: .milliseconds(50))
            Issue.record("it was answered")
        } catch {
            #expect(error.code == .timeout)
        }
    }

    @Test func aSecretIsNotPrinted() throws {
        let token = NewToken(appId: "crm", userId: "alice", refreshToken: "the-secret")
        var dumped = ""
        dump(token, to: &dumped)
        for text in ["\(token)", String(reflecting: token), dumped] {
            #expect(text.contains("alice"))
            #expect(!text.contains("the-secret"))
        }
        let encoded = String(decoding: try JSONEncoder().encode(token), as: UTF8.self)
        #expect(encoded.contains("the-secret"))
    }

    @Test func whoWaitsWhenTheClientIsClosedIsToldSo() async throws {
        let listener = try Listener()
        let client = try Client([
            "backend": "cloud", "projectId": .string("P" + String(repeating: "2", count: 27)), "managementKey": "K",
            "baseUrl": .string("http://127.0.0.1:\(listener.port)"),
        ])
        let waiting = Task { try await client.fetchToken(appId: "crm", userId: "alice") }
        try await listener.waitForConnection()
        await client.close()
        do {
            _ = try await waiting.value
            Issue.record("it was answered")
        } catch let error as ConnError {
            #expect(error.code == .cancelled)
        }
    }

    @Test func aClosedClientRefuses() async throws {
        try await withVault { client in
            await client.close()
            await #expect(throws: ConnError.self) { try await client.apps.list() }
        }
    }
}
