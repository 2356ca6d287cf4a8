internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// Tokens that Descope answered a short while ago, and what it did not have. Any thread; nothing of it outlives the client.
///
/// One fetch at a time asks Descope the same question, and the others wait for its answer. Whoever changes something at
/// Descope clears what it may touch, when it begins and when it has ended: what was asked before that is not kept, and
/// nobody joins it any more.
final class TokenCache: Sendable {
    typealias Answer = Result<JSON, ConnError>

    /// A question that is being asked.
    final class Asked: Sendable {
        fileprivate let question: Question
        fileprivate let number: UInt64
        let flight: Flight
        private let told = Monitor<Answer?>(nil)

        fileprivate init(_ question: Question, _ number: UInt64, _ flight: Flight) {
            self.question = question
            self.number = number
            self.flight = flight
        }

        /// Once the flight has landed; nil: whoever asked has left without an answer.
        var answer: Answer? { told.withLock { $0 } }

        fileprivate func tell(_ answer: Answer) { told.withLock { $0 = answer } }
    }

    enum Found {
        /// It was kept. A token that is, is everybody's: nobody changes it.
        case kept(Answer)
        /// Somebody is asking.
        case asked(Asked)
        /// The caller asks, holds the leader meanwhile, and has the answer kept.
        case missing(Asked, Flight.Leader)
    }

    fileprivate struct Entry: Sendable {
        let appID: ID
        let answer: Answer
        let until: Deadline
    }

    fileprivate struct State: Sendable {
        var entries: [Question: Entry] = [:]
        var asked: [Question: Asked] = [:]
        var lastNumber: UInt64 = 0
        /// When what is over is thrown away next, whether or not anybody asks for it.
        var nextSweep = Deadline(nanoseconds: 0)
        var isClosed = false
    }

    /// A token is not answered from here that lives no longer than this. Seconds.
    private static let margin: Int64 = 60
    private static let sweepMilliseconds = 1000

    private let limits: CacheLimits
    private let clock: Clock
    private let statistics: Statistics
    private let hashKey = Crypto.randomSecret(32)
    private let state = Monitor(State())

    init(_ limits: CacheLimits, clock: Clock, statistics: Statistics) {
        self.limits = limits
        self.clock = clock
        self.statistics = statistics
    }

    /// Nil for a fetch that has to ask.
    func question(_ request: Request) -> Question? { Question(request, key: hashKey) }

    // MARK: - Asking

    /// - Parameters:
    ///   - minTTL: what the token must live at least. Seconds.
    ///   - takesMissing: whether the caller is content with what was missing a short while ago.
    ///   - joins: whether the caller waits for somebody who asks the same.
    func find(_ question: Question, minTTL: Int64, takesMissing: Bool, joins: Bool) -> Found {
        let now = clock.monotonic()
        let found: Found = change { state in
            if state.nextSweep <= now { state.sweep(now, next: now.adding(milliseconds: Self.sweepMilliseconds)) }
            if let entry = state.entries[question], now < entry.until {
                switch entry.answer {
                case .success(let token): if lives(token, minTTL) { return .kept(entry.answer) }
                case .failure: if takesMissing { return .kept(entry.answer) }
                }
            }
            if joins, let asked = state.asked[question] { return .asked(asked) }
            state.lastNumber += 1
            let number = state.lastNumber
            let leader = Flight.Leader { [weak self] in self?.forget(question, number) }
            let asked = Asked(question, number, leader.flight)
            state.asked[question] = asked
            return .missing(asked, leader)
        }
        statistics.cacheLookups.add(at: found.label)
        return found
    }

    /// Whether a token lives long enough to be answered without asking.
    func lives(_ token: JSON, _ minTTL: Int64) -> Bool {
        guard let expiry = token["accessTokenExpiry"]?.integer else { return true }
        return expiry - clock.seconds >= max(minTTL, Self.margin)
    }

    /// Tells an answer to all who wait for it, and keeps it unless something was cleared meanwhile.
    /// - Parameter keepsMissing: whether it is remembered that there is no token.
    func keep(_ answer: Answer, of asked: Asked, keepsMissing: Bool) {
        asked.tell(answer)
        let milliseconds: Int
        switch answer {
        case .success: milliseconds = limits.ttl
        case .failure(let error) where error.code == .notFound && keepsMissing: milliseconds = limits.missingTTL
        case .failure: return
        }
        let now = clock.monotonic()
        change { state in
            guard !state.isClosed, state.asked[asked.question] === asked, milliseconds > 0 else { return }
            if state.entries.count >= limits.maxEntries, state.entries[asked.question] == nil { state.makePlace() }
            state.entries[asked.question] = Entry(
                appID: asked.question.appID, answer: answer, until: now.adding(milliseconds: milliseconds))
        }
    }

    private func forget(_ question: Question, _ number: UInt64) {
        state.withLock { if $0.asked[question]?.number == number { $0.asked[question] = nil } }
    }

    // MARK: - Clearing

    /// Something that changes what Descope answers. What it may touch is cleared now, and when it ends.
    final class Clearing: Sendable {
        private let cache: TokenCache
        private let appID: ID?

        fileprivate init(_ cache: TokenCache, _ appID: ID?) {
            self.cache = cache
            self.appID = appID
            cache.clear(appID)
        }

        func end() { cache.clear(appID) }

        /// Its caller has gone, perhaps while it was at Descope.
        deinit { end() }
    }

    /// - Parameter appID: the connection that is touched; nil: any may be. Which users are cannot be told: one has several
    ///   names at Descope.
    func clearing(_ appID: ID?) -> Clearing { Clearing(self, appID) }

    private func clear(_ appID: ID?) {
        change { state in
            state.entries = state.entries.filter { appID != nil && $0.value.appID != appID }
            state.asked = state.asked.filter { appID != nil && $0.key.appID != appID }
        }
    }

    /// A user was sent to connect: what was missing may be there at any moment.
    func clearMissing(_ appID: ID) {
        change { state in
            state.entries = state.entries.filter { $0.value.appID != appID || (try? $0.value.answer.get()) != nil }
        }
    }

    func close() {
        change { state in
            state.isClosed = true
            state.entries = [:]
            state.asked = [:]
        }
    }

    private func change<Value>(_ body: (inout State) -> Value) -> Value {
        state.withLock { state in
            let before = state.entries.count
            defer { if state.entries.count != before { statistics.cacheEntries.add(state.entries.count - before) } }
            return body(&state)
        }
    }
}

extension TokenCache.Found {
    /// What the statistics call it.
    fileprivate var label: String {
        switch self {
        case .kept(.success): "hit"
        case .kept(.failure): "hit_missing"
        case .asked: "joined"
        case .missing: "miss"
        }
    }
}

extension TokenCache.State {
    fileprivate mutating func sweep(_ now: Deadline, next: Deadline) {
        entries = entries.filter { now < $0.value.until }
        nextSweep = next
    }

    /// Throws away what ends first.
    fileprivate mutating func makePlace() {
        if let first = entries.min(by: { $0.value.until < $1.value.until }) { entries[first.key] = nil }
    }
}
