import Connections
import Crypto
import Foundation
import HTTP
import JSON
import OAuth
import Runtime
import Store
import Synchronization
import TestSupport

@testable import Vault

/// A vault with a clock that is moved by hand and a provider that answers what a test says: no sockets, no waiting.
final class World: Sendable {
    let store: any Store
    let vault: VaultBackend
    let clock: MovableClock
    let provider: CannedProvider
    let statistics = Statistics()

    init(
        store: (any Store)? = nil, clock: MovableClock = MovableClock(),
        provider: CannedProvider = CannedProvider(), secondsAhead: Int64 = 0, boot: ID? = nil, key: String = "0a",
        config: JSON = [:], jitter: Jitter = Jitter { 0 }, chain: UInt8 = 0
    ) throws {
        let store = try store ?? makeStore()
        self.store = store
        self.clock = clock
        self.provider = provider
        vault = try VaultBackend(
            store: store, config: try World.config(config, key: key),
            clock: clock.clock(ahead: secondsAhead, boot: boot), jitter: jitter, chains: Self.choice(chain),
            statistics: statistics)
    }

    /// Chooses one of the audit's chains at first, and any when it is asked again.
    private static func choice(_ chain: UInt8) -> Jitter {
        let isFirst = Atomic(true)
        return Jitter { isFirst.exchange(false, ordering: .relaxed) ? chain : .random(in: 0...255) }
    }

    /// Another process on the same store.
    /// - Parameters:
    ///   - secondsAhead: what its time of day is ahead of this one's.
    ///   - boot: those of one boot have one monotonic clock. Nil: nobody knows which one it has.
    ///   - chain: which of the audit's it takes first.
    func another(
        secondsAhead: Int64 = 0, boot: ID? = nil, key: String = "0a", config: JSON = [:], chain: UInt8 = 0
    ) throws -> World {
        try World(
            store: store, clock: clock, provider: provider, secondsAhead: secondsAhead, boot: boot, key: key,
            config: config, chain: chain)
    }

    /// A master key as the config has it.
    static func key(_ byte: String) -> JSON { ["bytes": .string(String(repeating: byte, count: 32))] }

    /// A vault's config, of which `more` replaces members.
    static func config(_ more: JSON = [:], key: String = "0a") throws(ConnError) -> VaultConfig {
        let config: JSON = ["backend": "vault", "path": "unused", "key": World.key(key)]
        return try VaultConfig(config.with(more), environment: { _ in nil })
    }

    /// Begins an operation, which the test carries on.
    func begin(_ operation: String, _ request: JSON = [:]) -> StepDriver {
        StepDriver(operation, request, of: vault, provider, clock)
    }

    /// Answers an operation. Pauses move the clock.
    @discardableResult
    func call(_ operation: String, _ request: JSON = [:]) throws(ConnError) -> JSON {
        try begin(operation, request).finish()
    }

    func answer(_ operation: String, _ request: JSON = [:]) throws -> String { try call(operation, request).text }

    func error(_ operation: String, _ request: JSON = [:]) -> ConnError? { begin(operation, request).error() }

    /// What an operation says of a text that is no JSON value of ours.
    func error(_ operation: String, text: String) -> ConnError? {
        StepDriver(text, operation, of: vault, provider, clock).error()
    }

    /// A row as it is in the store.
    func read<Value>(_ key: [UInt8]) throws(ConnError) -> Row<Value>? {
        try vault.rows.read { (reader) throws(ConnError) in .done(try reader.get(key)) }.performed(.unbounded)
    }

    // MARK: - Shorthands

    static let providerURLs: JSON = [
        "authorizationUrl": "https://p.example/authorize", "tokenUrl": "https://p.example/token",
    ]

    /// Where the authorization server of this name answers.
    static func urls(_ server: String) -> JSON {
        let base = "https://\(server).example"
        return [
            "authorizationUrl": "\(base)/authorize", "tokenUrl": "\(base)/token", "revocationUrl": "\(base)/revoke",
            "introspectionUrl": "\(base)/introspect", "deviceAuthorizationUrl": "\(base)/device",
        ]
    }

    func makeApp(_ id: String = "google", _ more: JSON = [:]) throws {
        let app: JSON = ["id": .string(id), "clientId": "c", "clientSecret": "s3cret"]
        try call("apps.create", app.with(Self.providerURLs).with(more))
    }

    /// Connects a subject, and returns the token's id.
    /// - Parameter more: further options of `connect`.
    @discardableResult
    func connect(
        _ subject: JSON = ["userId": "u1"], app: String = "google", scopes: JSON = ["read"],
        reply: String = tokens("at-1", refresh: "rt-1"), more: JSON = [:]
    ) throws -> String {
        let options: JSON = ["redirectUrl": "https://h.example/done", "scopes": scopes]
        let request: JSON = ["appId": .string(app), "options": options.with(more)]
        let url = try call("connect", request.with(subject))
        provider.next(200, reply)
        let state = query(url["url"]?.string, "state") ?? ""
        let done = try call("complete", ["state": .string(state), "code": "hidden-code", "openedBy": subject])
        return done["tokenId"]?.string ?? ""
    }

    func fetch(_ more: JSON = [:], subject: JSON = ["userId": "u1"], app: String = "google") throws(ConnError)
        -> JSON
    {
        let request: JSON = ["appId": .string(app)]
        let answer = try call("fetch", request.with(subject).with(more))
        return answer["token"] ?? [:]
    }

    func fetchError(_ more: JSON = [:], subject: JSON = ["userId": "u1"], app: String = "google") -> ConnError? {
        let request: JSON = ["appId": .string(app)]
        return error("fetch", request.with(subject).with(more))
    }
}

extension Template {
    /// The settings of a connection that is made from it.
    var settings: JSON {
        let names = hosts.filter { $0.fallback == nil }.map { (ID($0.name), "acme") }
        let hosts: JSON = names.isEmpty ? [:] : ["hosts": .texts(Dictionary(uniqueKeysWithValues: names))]
        return hosts.with(["templateId": .string(id)])
    }
}

/// The store of every test that does not say which. What a vault promises, it promises over any store.
func makeStore() throws -> any Store { try (TestStore.named ?? .memory).open() }

func tokens(_ access: String, refresh: String? = nil, expiresIn: Int? = 3600, scope: String? = nil) -> String {
    var members = [#""access_token":"\#(access)","token_type":"Bearer""#]
    if let refresh { members.append(#""refresh_token":"\#(refresh)""#) }
    if let expiresIn { members.append(#""expires_in":\#(expiresIn)"#) }
    if let scope { members.append(#""scope":"\#(scope)""#) }
    return "{\(members.joined(separator: ","))}"
}

/// A parameter of a URL's query.
func query(_ url: String?, _ name: String) -> String? {
    url.flatMap(URLComponents.init)?.queryItems?.first { $0.name == name }?.value
}

func sha256(_ text: String) -> String { Crypto.hex(Crypto.sha256(text)) }

/// The header of a client that proves itself by Basic (RFC 6749 section 2.3.1).
func basic(_ pair: String) -> String { "Basic \(Data(pair.utf8).base64EncodedString())" }
