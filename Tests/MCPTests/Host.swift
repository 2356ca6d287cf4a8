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

/// A clock that stands still unless a test or a pause moves it.
final class MovableClock: Sendable {
    private let now = Mutex<Int64>(1_700_000_000_000)

    var clock: Clock {
        Clock(
            milliseconds: { [self] in now.withLock { $0 } },
            monotonic: { [self] in Deadline(nanoseconds: now.withLock { UInt64($0) } * 1_000_000) })
    }

    func advance(milliseconds: Int) { now.withLock { $0 += Int64(milliseconds) } }
}

/// A vault in a temporary folder, with the operations for MCP servers above it.
final class Host: Sendable {
    private let folder: Foundation.URL
    private let backend: MCPBackend
    let clock = MovableClock()

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "mcp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        backend = try Self.open(folder, clock.clock)
        for app in ["calendar", "mail"] {
            try run(
                "apps.create",
                """
                {"id":"\(app)","clientId":"c","authorizationUrl":"http://127.0.0.1:1/authorize",
                 "tokenUrl":"http://127.0.0.1:1/token"}
                """)
        }
        try run("apps.create", #"{"id":"weather","appType":"apikey"}"#)
    }

    deinit {
        backend.close()
        try? FileManager.default.removeItem(at: folder)
    }

    private static func open(_ folder: Foundation.URL, _ clock: Clock) throws -> MCPBackend {
        let config = try VaultConfig(
            try JSON.parse(
                """
                {"backend":"vault","path":"\(folder.path)/vault.db",
                 "key":{"bytes":"\(String(repeating: "5a", count: 32))"},"audit":"all"}
                """), environment: { _ in nil })
        let store = try SQLiteStore(path: folder.path + "/vault.db")
        return MCPBackend(try VaultBackend(store: store, config: config, clock: clock), clock: clock)
    }

    /// Runs `body` with another process's view of the same vault: it shares the file and nothing else.
    func withReplica<Result>(_ body: (Replica) throws -> Result) throws -> Result {
        let backend = try Self.open(folder, clock.clock)
        defer { backend.close() }
        return try body(Replica(backend: backend, clock: clock))
    }

    @discardableResult
    func run(
        _ operation: String, _ request: String, reply: String? = nil, onPause: (Flight?) throws -> Void = { _ in }
    ) throws -> JSON {
        try Replica(backend: backend, clock: clock).run(operation, request, reply: reply, onPause: onPause)
    }
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
        _ operation: String, _ request: String, reply: String? = nil, onPause: (Flight?) throws -> Void = { _ in }
    ) throws -> JSON {
        let request = try checked(operation, request)
        var step = try backend.begin(request)
        while true {
            switch step {
            case .done(let answer):
                try request.checkAnswer(answer, backend: .vault)
                return answer
            case .pause(let milliseconds, let then):
                try onPause(nil)
                clock.advance(milliseconds: milliseconds)
                step = try then()
            case .join(let flight, let limit?, let then):
                try onPause(flight)
                clock.advance(milliseconds: limit)
                step = try then()
            case .admission(_, _, let then), .settled(let then), .aside(_, let then):
                step = try then()
            case .blocking(let work):
                step = try work(.unbounded)
            case .queued(let work, _, let then):
                step = try then(Result { () throws(ConnError) in try work.perform(.unbounded) })
            case .http(_, let then):
                guard let reply else { throw ConnError(.internal, "no reply was prepared") }
                step = try then(.success(HTTPResponse(status: 200, headers: [:], body: Secret(reply))))
            case .join:
                throw ConnError(.internal, "these operations wait for nothing but time and grants")
            }
        }
    }
}

func checked(_ operation: String, _ request: String) throws(ConnError) -> Request {
    var request = request
    let result: Result<Request, ConnError> = request.withUTF8 { bytes in
        Result { () throws(ConnError) in
            try Request(UnsafeRawBufferPointer(bytes), operation: operation, backend: .vault)
        }
    }
    return try result.get()
}

/// What a body throws.
func error(of body: () throws -> Void) -> ConnError? {
    do {
        try body()
        return nil
    } catch {
        return error as? ConnError
    }
}

let urlElicitation = #"{"elicitation":{"form":{},"url":{}}}"#

extension Host {
    static let call = #""method":"tools/call","name":"plan","arguments":{"day":"monday","n":1},"userId":"alice""#

    /// Asks for the answer to a call that needs connections.
    func answer(
        _ call: String = Host.call, version: String = "2026-07-28", capabilities: String = urlElicitation,
        apps: [String] = ["calendar"], confirmation: Bool = false, wanting: String = "", more: String = ""
    ) throws -> JSON {
        let connections = apps.map {
            #"{"appId":"\#($0)","connectionUrl":"https://connect.example/\#($0)","confirmation":\#(confirmation)\#(wanting)}"#
        }
        return try run(
            "mcp.answer",
            """
            {\(call),"protocolVersion":"\(version)","capabilities":\(capabilities),
             "connections":[\(connections.joined(separator: ","))]\(more)}
            """)
    }

    /// The requestState of the answer to a call that needs connections.
    /// - Parameter wanting: more of each connection that is missing.
    func state(
        _ call: String = Host.call, apps: [String] = ["calendar"], wanting: String = "", more: String = ""
    ) throws -> String {
        try answer(call, apps: apps, wanting: wanting, more: more)["response"]?["result"]?["requestState"]?.string ?? ""
    }

    @discardableResult
    func resume(
        _ state: String, _ call: String = Host.call, more: String = "", onPause: (Flight?) throws -> Void = { _ in }
    ) throws -> JSON {
        try run("mcp.resume", #"{\#(call),"requestState":"\#(state)"\#(more)}"#, onPause: onPause)
    }

    /// Alice follows a connect URL, and leaves out what the provider does not name then.
    func connect(_ app: String, asking: String, granting scope: String) throws {
        let url = try run(
            "connect",
            #"{"appId":"\#(app)","userId":"alice","options":{"redirectUrl":"https://h.example/","scopes":[\#(asking)]}}"#
        )
        let state = url["url"]?.string.flatMap(URLComponents.init)?.queryItems?.first { $0.name == "state" }?.value
        try run(
            "complete", #"{"state":"\#(state ?? "")","code":"c","openedBy":{"userId":"alice"}}"#,
            reply: #"{"access_token":"t-\#(app)","scope":"\#(scope)"}"#)
    }

    func grant(_ app: String, to user: String = "alice", scopes: String = "") throws {
        try run(
            "store_token", #"{"appId":"\#(app)","userId":"\#(user)","accessToken":"t-\#(app)","scopes":[\#(scopes)]}"#)
    }
}
