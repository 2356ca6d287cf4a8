import Connections
import Foundation
import HTTP
import JSON
import MCP
import Runtime
import StoreSQLite
import Synchronization
import TestSupport
import Vault

/// A vault in a temporary folder, with the operations for MCP servers above it.
final class Host: Sendable {
    private let folder: TemporaryFolder
    private let backend: MCPBackend
    let clock = MovableClock()

    init() throws {
        folder = try TemporaryFolder()
        backend = try Self.open(folder, clock.clock)
        for app in ["calendar", "mail"] {
            try run(
                "apps.create",
                [
                    "id": .string(app), "clientId": "c", "authorizationUrl": "http://127.0.0.1:1/authorize",
                    "tokenUrl": "http://127.0.0.1:1/token",
                ])
        }
        try run("apps.create", ["id": "weather", "appType": "apikey"])
    }

    deinit { backend.close() }

    private static func open(_ folder: TemporaryFolder, _ clock: Clock) throws -> MCPBackend {
        let path = folder.file("vault.db")
        let config: JSON = [
            "backend": "vault", "path": .string(path), "key": ["bytes": .string(String(repeating: "5a", count: 32))],
            "audit": "all",
        ]
        let vault = try VaultBackend(
            store: try SQLiteStore(path: path), config: try VaultConfig(config, environment: { _ in nil }), clock: clock
        )
        return MCPBackend(vault, clock: clock)
    }

    /// Runs `body` with another process's view of the same vault: it shares the file and nothing else.
    func withReplica<Result>(_ body: (Replica) throws -> Result) throws -> Result {
        let backend = try Self.open(folder, clock.clock)
        defer { backend.close() }
        return try body(Replica(backend: backend, clock: clock))
    }

    @discardableResult
    func run(
        _ operation: String, _ request: JSON = [:], reply: String? = nil, onPause: (Flight?) throws -> Void = { _ in }
    ) throws -> JSON {
        try replica.run(operation, request, reply: reply, onPause: onPause)
    }

    /// - Parameter text: a request in which a client's own words stand, which may be no JSON of ours.
    @discardableResult
    func run(_ operation: String, text: String) throws -> JSON {
        try StepDriver(text, operation, of: backend, CannedProvider(), clock).finish()
    }

    private var replica: Replica { Replica(backend: backend, clock: clock) }
}

struct Replica {
    let backend: MCPBackend
    let clock: MovableClock

    /// Performs an operation without waiting: each pause moves the clock.
    /// - Parameters:
    ///   - reply: what the provider answers, with status 200.
    ///   - onPause: called at each pause, with what would end it early.
    @discardableResult
    func run(
        _ operation: String, _ request: JSON = [:], reply: String? = nil, onPause: (Flight?) throws -> Void = { _ in }
    ) throws -> JSON {
        let provider = CannedProvider()
        if let reply { provider.next(200, reply) }
        let call = StepDriver(operation, request, of: backend, provider, clock)
        while !call.isDone {
            if call.isPaused || call.isWaitingForFlight { try onPause(call.flight) }
            guard call.step() else { throw ConnError(.internal, "it waits for another call") }
        }
        return try call.result.get()
    }
}

let urlElicitation: JSON = ["elicitation": ["form": [:], "url": [:]]]

extension Host {
    static let call: JSON = [
        "method": "tools/call", "name": "plan", "arguments": ["day": "monday", "n": 1], "userId": "alice",
    ]

    /// Asks for the answer to a call that needs connections.
    /// - Parameter wanting: more of each connection.
    func answer(
        _ call: JSON = Host.call, version: String = "2026-07-28", capabilities: JSON = urlElicitation,
        apps: [String] = ["calendar"], confirmation: Bool = false, wanting: JSON = [:], more: JSON = [:]
    ) throws -> JSON {
        let connections = apps.map { app -> JSON in
            wanting.with([
                "appId": .string(app), "connectionUrl": "https://connect.example/\(app)",
                "confirmation": .boolean(confirmation),
            ])
        }
        let client: JSON = [
            "protocolVersion": .string(version), "capabilities": capabilities, "connections": .array(connections),
        ]
        return try run("mcp.answer", call.with(client).with(more))
    }

    /// The requestState of the answer to a call that needs connections.
    /// - Parameter wanting: more of each connection.
    func state(
        _ call: JSON = Host.call, apps: [String] = ["calendar"], wanting: JSON = [:], more: JSON = [:]
    ) throws -> String {
        try answer(call, apps: apps, wanting: wanting, more: more)["response"]?["result"]?["requestState"]?.string ?? ""
    }

    @discardableResult
    func resume(
        _ state: String, _ call: JSON = Host.call, more: JSON = [:], onPause: (Flight?) throws -> Void = { _ in }
    ) throws -> JSON {
        try run("mcp.resume", call.with(["requestState": .string(state)]).with(more), onPause: onPause)
    }

    /// Alice follows a connect URL, and leaves out what the provider does not name then.
    func connect(_ app: String, asking scopes: [String], granting scope: String) throws {
        let options: JSON = ["redirectUrl": "https://h.example/", "scopes": .strings(scopes)]
        let url = try run("connect", ["appId": .string(app), "userId": "alice", "options": options])
        let state = url["url"]?.string.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value
        try run(
            "complete", ["state": .string(state ?? ""), "code": "c", "openedBy": ["userId": "alice"]],
            reply: #"{"access_token":"t-\#(app)","scope":"\#(scope)"}"#)
    }

    func grant(_ app: String, to user: String = "alice", scopes: [String] = []) throws {
        try run(
            "store_token",
            ["appId": .string(app), "userId": .string(user), "accessToken": "t-\(app)", "scopes": .strings(scopes)])
    }
}
