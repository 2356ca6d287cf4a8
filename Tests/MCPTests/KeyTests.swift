import Cloud
import Connections
import JSON
import MCP
import Runtime
import TestSupport
import Testing

/// Who can open whose states, with backends that keep nothing: no request is sent.
@Suite struct KeyTests {
    private let clock = MovableClock()

    private func cloud(_ more: JSON) throws -> MCPBackend {
        let config: JSON = ["backend": "cloud", "projectId": "P2testtesttesttesttesttest01"]
        let settings = try CloudConfig(config.with(more), environment: { _ in nil })
        return MCPBackend(CloudBackend(settings, clock: clock.clock), clock: clock.clock)
    }

    private func run(_ backend: MCPBackend, _ operation: String, _ more: JSON) throws -> JSON {
        try Replica(backend: backend, clock: clock).run(operation, Host.call.with(more))
    }

    private func state(of backend: MCPBackend) throws -> String {
        let answer = try run(
            backend, "mcp.answer",
            [
                "protocolVersion": "2026-07-28", "capabilities": urlElicitation,
                "connections": [["appId": "calendar", "connectionUrl": "https://connect.example/"]],
            ])
        return answer["response"]?["result"]?["requestState"]?.string ?? ""
    }

    /// A refusal of the user needs no look at the cloud.
    private func resume(_ backend: MCPBackend, _ state: String) throws -> String? {
        try run(
            backend, "mcp.resume", ["requestState": "\(state)", "inputResponses": ["connect-1": ["action": "decline"]]]
        )["state"]?.string
    }

    @Test(
        arguments: [
            ["managementKey": "K2testmanagementkey"],
            ["managementKey": "K2testmanagementkey", "stateKey": "0123456789abcdef0123456789abcdef"],
            ["stateKey": "0123456789abcdef0123456789abcdef"],
        ] as [JSON])
    func processesOfOneConfigShareStates(config: JSON) throws {
        let state = try state(of: try cloud(config))
        #expect(try resume(try cloud(config), state) == "declined")
    }

    @Test(
        arguments: [
            ["managementKey": "K2anothermanagementkey"],
            ["managementKey": "K2testmanagementkey", "stateKey": "0123456789abcdef0123456789abcdef"],
            [:],
        ] as [JSON])
    func othersDoNot(config: JSON) throws {
        let state = try state(of: try cloud(["managementKey": "K2testmanagementkey"]))
        let stranger = try cloud(config)
        let refused = error { _ = try resume(stranger, state) }
        #expect(refused?.field == "requestState")
    }

    @Test func withoutAnyKeyTheStatesAreTheProcessesOwn() throws {
        let backend = try cloud([:])
        let state = try state(of: backend)
        let refused = error { _ = try resume(try cloud([:]), state) }
        #expect(refused?.field == "requestState")
        #expect(try resume(backend, state) == "declined")
    }

    @Test func aStateIsGoodOnceWithoutAStoreToo() throws {
        let backend = try cloud([:])
        let state = try state(of: backend)
        #expect(try resume(backend, state) == "declined")
        let refused = error { _ = try resume(backend, state) }
        #expect(refused?.code == .conflict)
    }

    @Test func aShortKeyIsRefused() throws {
        let refused = error { _ = try cloud(["stateKey": "short"]) }
        #expect(refused?.field == "stateKey")
    }
}
