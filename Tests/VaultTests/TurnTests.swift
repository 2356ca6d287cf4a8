import Connections
import HTTP
import JSON
import Runtime
import Store
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// A connection becomes another one at whatever moment of an operation: no server is shown a token, a code or a secret of
/// the other, and no grant is forgotten.
@Suite struct TurnTests {
    /// What becomes of the connection at the server `a`: it ends at the server `b`.
    enum Turn: CaseIterable, Sendable {
        case remade, moved
    }

    enum Way: String, CaseIterable, Sendable {
        case fetch, connect, open, complete, confirm, list, export, delete
        case report = "report_rejected"
        case poll = "device.poll"
        case revoke = "revocations.run"
        case sweep = "retention.sweep"
        case deleteApp = "apps.delete"
    }

    @Test(arguments: Turn.allCases, Way.allCases) func noServerIsShownWhatIsOfTheOther(_ turn: Turn, _ way: Way) throws
    {
        for moment in [MeddlingStore.Moment.read, .commit] {
            var number = 1
            while number <= 40, try isTurned(turn, way, before: number, moment) { number += 1 }
            #expect(number > 1 || (way == .list && moment == .commit), "\(moment)")
            #expect(number <= 40)
        }
    }

    /// - Returns: false when the operation was over before.
    private func isTurned(
        _ turn: Turn, _ way: Way, before number: Int, _ moment: MeddlingStore.Moment
    ) throws -> Bool {
        let stage = try Stage(way)
        let request = try stage.prepare(way)
        let isTurned = Flag()
        let other = try stage.other()
        stage.store.at(moment, number: number) { () throws(ConnError) in
            isTurned.set()
            if turn == .moved {
                _ = other.error("apps.update", Stage.settings("b"))
            } else {
                _ = other.error("apps.delete", ["id": "corp"])
                _ = other.error("apps.create", Stage.settings("b"))
            }
            // Where it would be replaced by a grant of the same server, which is another matter, somebody else's.
            try? Stage.grant(way == .connect ? "u2" : "u1", in: other)
        }
        let answer = try? stage.world.call(way.rawValue, request)
        stage.store.at(.commit, number: .max) {}
        if let url = answer?["url"]?.string { _ = stage.world.error("complete", Stage.callback(url)) }
        _ = stage.world.error("apps.delete", ["id": "corp"])
        try stage.emptyOutbox()
        let comment: Comment = "\(moment) \(number)"
        #expect(stage.servers.shown.isEmpty, comment)
        #expect(stage.servers.alive.isEmpty, comment)
        return isTurned.isSet
    }
}

private final class Flag: Sendable {
    private let value = Mutex(false)
    func set() { value.withLock { $0 = true } }
    var isSet: Bool { value.withLock { $0 } }
}

/// A vault with a connection at the server `a`.
private struct Stage {
    let store = MeddlingStore(MemoryStore())
    let servers: Servers
    let world: World
    let config: JSON

    init(_ way: TurnTests.Way) throws {
        let common: JSON = ["redirectUrl": "https://h.example/callback", "allowExport": true]
        config = way == .open ? common.with(["connectPageUrl": "https://h.example/connect"]) : common
        world = try World(store: store, config: config)
        servers = Servers(world.clock.clock)
        world.provider.otherwise { [servers] in servers.answer($0) }
        _ = try world.call("apps.create", Self.settings("a", way == .sweep ? ["maxIdleSeconds": 600] : [:]))
    }

    func other() throws -> World { try world.another(config: config) }

    /// The client has the same id everywhere.
    static func settings(_ server: String, _ more: JSON = [:]) -> JSON {
        let base: JSON = [
            "id": "corp", "clientId": "mcp", "clientSecret": "secret-of-\(server)",
            "tokenEndpointAuthMethod": "client_secret_post",
        ]
        return base.with(World.urls(server)).with(more)
    }

    static func connectURL(in world: World, _ user: String, _ more: JSON = [:]) throws -> String {
        let request: JSON =
            [
                "appId": "corp", "userId": "\(user)",
                "options": (["redirectUrl": "https://h.example/done"] as JSON).with(more),
            ]
        return try world.call("connect", request)["url"]?.string ?? ""
    }

    /// What the provider's page of this URL sends back.
    static func callback(_ url: String, by user: String = "u1") -> JSON {
        let server = url.hasPrefix("https://a.") ? "a" : "b"
        return
            ["state": "\(query(url, "state") ?? "")", "code": "code-of-\(server)", "openedBy": ["userId": "\(user)"]]
    }

    static func grant(_ user: String, in world: World) throws {
        var url = try connectURL(in: world, user)
        if let ticket = query(url, "ticket") {
            url =
                try world.call("open", ["ticket": "\(ticket)", "openedBy": ["userId": "\(user)"]])["url"]?.string
                ?? ""
        }
        _ = try world.call("complete", callback(url, by: user))
    }

    /// - Returns: the operation's request.
    func prepare(_ way: TurnTests.Way) throws -> JSON {
        switch way {
        case .connect:
            return ["appId": "corp", "userId": "u1"]
        case .open:
            let ticket = query(try Self.connectURL(in: world, "u1"), "ticket") ?? ""
            return ["ticket": "\(ticket)", "openedBy": ["userId": "u1"]]
        case .complete:
            return Self.callback(try Self.connectURL(in: world, "u1"))
        case .confirm:
            let url = try Self.connectURL(in: world, "u1", ["confirmation": true])
            let code = try world.call("complete", Self.callback(url))["code"]?.string ?? ""
            return ["appId": "corp", "userId": "u1", "code": "\(code)"]
        case .poll:
            let flow = try world.call("device.start", ["appId": "corp", "userId": "u1"])["flow"]?.string ?? ""
            world.clock.advance(seconds: 5)
            return ["flow": "\(flow)"]
        case .fetch, .report, .list, .export, .delete, .revoke, .sweep, .deleteApp:
            try Self.grant("u1", in: world)
        }
        let token = try world.fetch(app: "corp")
        let (id, hash) = (token["id"]?.string ?? "", sha256(token["accessToken"]?.string ?? ""))
        if way == .revoke {
            servers.isDown.withLock { $0 = true }
            _ = try world.call("delete", ["userId": "u1"])
            servers.isDown.withLock { $0 = false }
        }
        world.clock.advance(seconds: 4000)
        return switch way {
        case .report: ["tokenId": "\(id)", "tokenHash": "\(hash)", "userId": "u1"]
        case .revoke, .sweep: [:]
        case .deleteApp: ["id": "corp"]
        case .list, .export, .delete: ["userId": "u1"]
        default: ["appId": "corp", "userId": "u1"]
        }
    }

    func emptyOutbox() throws {
        for _ in 0..<8 {
            world.clock.advance(seconds: 4000)
            _ = try world.call("revocations.run", [:])
        }
        #expect(try store.scan(prefix: RowKeys.revocations, after: nil, limit: 1).isEmpty)
    }
}

/// The servers `a` and `b`. Whatever they hand out ends with `-of-a` or `-of-b` and a number.
private final class Servers: Sendable {
    private struct State {
        var count = 0
        /// Refresh tokens that work.
        var alive: Set<String> = []
        /// What a server was shown of the other's.
        var shown: [String] = []
    }

    let isDown = Mutex(false)
    private let state = Mutex(State())
    private let clock: Clock

    init(_ clock: Clock) { self.clock = clock }

    var alive: Set<String> { state.withLock { $0.alive } }
    var shown: [String] { state.withLock { $0.shown } }

    func answer(_ request: HTTPRequest) -> HTTPResult {
        let name = request.url.hasPrefix("https://a.example/") ? "a" : "b"
        let sent = request.body?.withBytes { String(decoding: $0, as: UTF8.self) } ?? ""
        let body = sent.replacing(#/code_verifier=[^&]*/#, with: "")  // random text, in which anything may stand
        let form = Dictionary(
            body.split(separator: "&").map { pair in
                let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1] : "")
            }, uniquingKeysWith: { $1 })
        return state.withLock { state in
            if body.contains("-of-\(name == "a" ? "b" : "a")") { state.shown.append("\(request.url) \(body)") }
            if isDown.withLock({ $0 }) { return reply(503, "") }
            switch request.url.split(separator: "/").last {
            case "token":
                if let used = form["refresh_token"], state.alive.remove(used) == nil {
                    return reply(400, #"{"error":"invalid_grant"}"#)
                }
                state.count += 1
                let token = "rt-of-\(name)-\(state.count)"
                state.alive.insert(token)
                return reply(200, tokens("at-of-\(name)-\(state.count)", refresh: token, expiresIn: nil))
            case "revoke":
                state.alive.remove(form["token"] ?? "")
                return reply(200, "")
            case "introspect":
                return reply(200, #"{"active":true,"exp":\#(clock.seconds + 600)}"#)
            default:
                let device: JSON = [
                    "device_code": "device-of-\(name)", "user_code": "U", "expires_in": 900, "interval": 5,
                    "verification_uri": "https://\(name).example/d",
                ]
                return reply(200, device.text)
            }
        }
    }

    private func reply(_ status: Int, _ body: String) -> HTTPResult {
        .success(HTTPResponse(status: status, headers: [:], body: Secret(body)))
    }
}
