import Connections
import Crypto
import Foundation
import HTTP
import JSON
import Plugins
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

    init(
        store: (any Store)? = nil, clock: MovableClock = MovableClock(),
        provider: CannedProvider = CannedProvider(), secondsAhead: Int64 = 0, boot: ID? = nil, key: String = "0a",
        config: String = "", jitter: Jitter = Jitter { 0 }, chain: UInt8 = 0
    ) throws {
        let text = #"{"backend":"vault","path":"unused","key":\#(World.key(key))\#(config)}"#
        let store = try store ?? makeStore()
        self.store = store
        self.clock = clock
        self.provider = provider
        vault = try VaultBackend(
            store: store, config: try VaultConfig(try JSON.parse(text), environment: { _ in nil }),
            clock: clock.clock(ahead: secondsAhead, boot: boot), jitter: jitter, chains: Self.choice(chain))
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
        secondsAhead: Int64 = 0, boot: ID? = nil, key: String = "0a", config: String = "", chain: UInt8 = 0
    ) throws -> World {
        try World(
            store: store, clock: clock, provider: provider, secondsAhead: secondsAhead, boot: boot, key: key,
            config: config, chain: chain)
    }

    /// A master key as the config has it.
    static func key(_ byte: String) -> String { #"{"bytes":"\#(String(repeating: byte, count: 32))"}"# }

    /// Answers an operation. Pauses move the clock.
    func call(_ operation: String, _ request: String) throws(ConnError) -> JSON {
        let call = Call(self, operation, request)
        while !call.isDone {
            guard call.step() else {
                throw ConnError(.internal, "it waits for a call that this test does not carry on")
            }
        }
        return try call.result.get()
    }

    func answer(_ operation: String, _ request: String) throws -> String { try call(operation, request).text }

    func error(_ operation: String, _ request: String) -> ConnError? {
        do throws(ConnError) {
            _ = try call(operation, request)
            return nil
        } catch {
            return error
        }
    }

    /// A row as it is in the store.
    func read<Value>(_ key: [UInt8]) throws(ConnError) -> Row<Value>? {
        try vault.rows.read { (reader) throws(ConnError) in .done(try reader.get(key)) }.performed(.unbounded)
    }

    // MARK: - Shorthands

    static let providerURLs =
        #""authorizationUrl":"https://p.example/authorize","tokenUrl":"https://p.example/token""#

    func makeApp(_ id: String = "google", _ more: String = "") throws {
        _ = try call(
            "apps.create", #"{"id":"\#(id)","clientId":"c","clientSecret":"s3cret",\#(Self.providerURLs)\#(more)}"#)
    }

    /// Connects a subject, such as `"userId":"u1"`, and returns the token's id.
    @discardableResult
    func connect(
        _ subject: String = #""userId":"u1""#, app: String = "google", scopes: String = #"["read"]"#,
        reply: String = tokens("at-1", refresh: "rt-1"), more: String = ""
    ) throws -> String {
        let url = try call(
            "connect",
            #"{"appId":"\#(app)",\#(subject),"options":{"redirectUrl":"https://h.example/done","scopes":\#(scopes)\#(more)}}"#
        )
        provider.next(200, reply)
        let done = try call(
            "complete",
            #"{"state":"\#(query(url["url"]?.string, "state") ?? "")","code":"hidden-code","openedBy":{\#(subject)}}"#)
        return done["tokenId"]?.string ?? ""
    }

    func fetch(_ more: String = "", subject: String = #""userId":"u1""#, app: String = "google") throws(ConnError)
        -> JSON
    {
        let answer = try call("fetch", #"{"appId":"\#(app)",\#(subject)\#(more)}"#)
        return answer["token"] ?? .object()
    }

    func fetchError(_ more: String = "", subject: String = #""userId":"u1""#, app: String = "google") -> ConnError? {
        error("fetch", #"{"appId":"\#(app)",\#(subject)\#(more)}"#)
    }
}

/// A running operation that a test carries on by hand.
final class Call {
    private let world: World
    private var current: Step<JSON>?
    private(set) var result: Result<JSON, ConnError> = .failure(.cancelled)
    /// Set when the flight it waits for has landed.
    private let landed = Atomic(false)

    init(_ world: World, _ operation: String, _ request: String) {
        self.world = world
        advance { () throws(ConnError) in
            let request = try checked(operation, request)
            return try world.vault.begin(request).then { (answer) throws(ConnError) in
                try request.checkAnswer(answer, backend: .vault)
                return .done(answer)
            }
        }
        while isInside { step() }
    }

    var isDone: Bool { current == nil }

    var isAtProvider: Bool {
        if case .http = current { true } else { false }
    }

    var isPaused: Bool {
        if case .pause = current { true } else { false }
    }

    var isWaitingForFlight: Bool {
        if case .join = current { true } else { false }
    }

    /// Ends the wait it is in.
    /// - Returns: false when it waits for another call.
    @discardableResult
    func step() -> Bool {
        switch current {
        case .http(let request, let then):
            let reply = world.provider.answer(request)
            advance { () throws(ConnError) in try then(reply) }
        case .pause(let milliseconds, let then):
            world.clock.advance(milliseconds: Int64(milliseconds))
            advance(then)
        case .join(_, _, let then):
            guard landed.exchange(false, ordering: .relaxed) else { return false }
            advance(then)
        case .admission(_, _, let then), .settled(let then), .aside(_, let then):
            advance(then)
        case .blocking(let work):
            advance { () throws(ConnError) in try work(.unbounded) }
        case .queued(let work, _, let then):
            let result = Result { () throws(ConnError) in try work.perform(.unbounded) }
            advance { () throws(ConnError) in try then(result) }
        case .done, nil:
            break
        }
        while isInside { step() }
        return true
    }

    /// Whether the next step waits for nothing outside of the process.
    private var isInside: Bool {
        switch current {
        case .admission, .settled, .aside, .blocking, .queued: true
        case .http, .pause, .join, .done, nil: false
        }
    }

    /// The caller goes away.
    func cancel() { current = nil }

    /// The process ends without a word: nothing of what the call holds is let go of.
    func leave() {
        if let current { _ = Unmanaged.passRetained(Left(current)) }
        current = nil
    }

    private final class Left {
        let step: Step<JSON>
        init(_ step: Step<JSON>) { self.step = step }
    }

    private func advance(_ next: () throws(ConnError) -> Step<JSON>) {
        do throws(ConnError) {
            let step = try next()
            current = step
            switch step {
            case .done(let answer):
                result = .success(answer)
                current = nil
            case .join(let flight, _, _):
                flight.onLanding { [landed = Landed(self)] in landed.set() }
            default:
                break
            }
        } catch {
            result = .failure(error)
            current = nil
        }
    }

    private final class Landed: @unchecked Sendable {  // tests run their calls on one thread
        private weak var call: Call?
        init(_ call: Call) { self.call = call }
        func set() { call?.landed.store(true, ordering: .relaxed) }
    }
}

/// The store of every test that does not say which: in memory, or the plugin that DESCOPE_CONN_TEST_STORE names by its
/// path. What a vault promises, it promises over any store.
func makeStore() throws -> any Store {
    let variable = "DESCOPE_CONN_TEST_STORE"
    guard let plugin = ProcessInfo.processInfo.environment[variable] else { return MemoryStore() }
    return try PluginStore(plugin, field: variable, config: .object())
}

final class MovableClock: Sendable {
    private static let beginning: Int64 = 1_000_000
    private let passed = Mutex<Int64>(0)
    private let stepped = Mutex<Int64>(0)
    private let start: Int64
    init(milliseconds: Int64 = 1_700_000_000_000) { start = milliseconds }
    var clock: Clock { clock(ahead: 0) }
    /// The clock of a process whose time of day is so many seconds ahead.
    func clock(ahead seconds: Int64, boot: ID? = nil) -> Clock {
        Clock(
            milliseconds: { [self] in start + seconds * 1000 + stepped.withLock { $0 } + passed.withLock { $0 } },
            monotonic: { [self] in
                Deadline(nanoseconds: UInt64(Self.beginning + passed.withLock { $0 }) * 1_000_000)
            }, origin: boot.map { Clock.Origin(boot: $0, namespace: "") })
    }
    /// Somebody sets the time of day.
    func step(seconds: Int64) { stepped.withLock { $0 += seconds * 1000 } }
    var seconds: Int64 { clock.seconds }
    func advance(seconds: Int64) { advance(milliseconds: seconds * 1000) }
    func advance(milliseconds: Int64) { passed.withLock { $0 += milliseconds } }
}

/// What the provider answers, in order, and what it was sent.
final class CannedProvider: Sendable {
    private struct State {
        var replies: [HTTPResult] = []
        var requests: [HTTPRequest] = []
        var rule: @Sendable (HTTPRequest) -> HTTPResult? = { _ in nil }
        var otherwise: @Sendable (HTTPRequest) -> HTTPResult = { _ in
            .failure(HTTPFailure(.connect, "no reply was prepared", mayHaveArrived: false))
        }
    }

    private let state = Mutex(State())

    func next(_ status: Int, _ body: String, headers: [ID: String] = [:]) {
        next(.success(HTTPResponse(status: status, headers: headers, body: Secret(body))))
    }

    func next(_ result: HTTPResult) { state.withLock { $0.replies.append(result) } }

    /// What is answered to a request, whenever it comes; nil: the next reply.
    func always(_ rule: @escaping @Sendable (HTTPRequest) -> HTTPResult?) { state.withLock { $0.rule = rule } }

    /// What it answers when no reply is left.
    func otherwise(_ answer: @escaping @Sendable (HTTPRequest) -> HTTPResult) {
        state.withLock { $0.otherwise = answer }
    }

    /// No reply is left.
    func forget() { state.withLock { $0.replies = [] } }

    /// The connection broke after the request had left.
    func nextIsLost() { next(.failure(HTTPFailure(.interrupted, "p.example hung up", mayHaveArrived: true))) }

    func answer(_ request: HTTPRequest) -> HTTPResult {
        state.withLock { state in
            state.requests.append(request)
            if let reply = state.rule(request) { return reply }
            return state.replies.isEmpty ? state.otherwise(request) : state.replies.removeFirst()
        }
    }

    var requests: [HTTPRequest] { state.withLock { $0.requests } }

    /// The forms that were sent to the token endpoint.
    var forms: [String] {
        requests.compactMap { $0.body?.withBytes { String(decoding: $0, as: UTF8.self) } }
    }

    var refreshes: [String] { forms.filter { $0.contains("grant_type=refresh_token") } }
}

func tokens(_ access: String, refresh: String? = nil, expiresIn: Int? = 3600, scope: String? = nil) -> String {
    var members = [#""access_token":"\#(access)","token_type":"Bearer""#]
    if let refresh { members.append(#""refresh_token":"\#(refresh)""#) }
    if let expiresIn { members.append(#""expires_in":\#(expiresIn)"#) }
    if let scope { members.append(#""scope":"\#(scope)""#) }
    return "{\(members.joined(separator: ","))}"
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

/// A parameter of a URL's query.
func query(_ url: String?, _ name: String) -> String? {
    url.flatMap(URLComponents.init)?.queryItems?.first { $0.name == name }?.value
}

func sha256(_ text: String) -> String { Crypto.hex(Crypto.sha256(text)) }

/// The header of a client that proves itself by Basic (RFC 6749 section 2.3.1).
func basic(_ pair: String) -> String { "Basic \(Data(pair.utf8).base64EncodedString())" }
