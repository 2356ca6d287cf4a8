internal import HTTP
package import JSON
package import Runtime

/// What one client has done since it was opened: what `stats` answers. This is the list of all that is counted.
package final class Statistics: Sendable {
    private let openedAt = Clock.system.seconds

    // MARK: - Calls

    private let calls = Counter(
        "calls_total", "Calls that have ended, by what came of them: ok, or the code of the error.",
        labels: [operations, outcomes])
    private let callDuration = Histogram(
        "call_duration_microseconds", "How long the calls took that have ended.", labels: [operations])
    let callsInFlight = Counter(
        "calls_in_flight",
        "Calls whose work has not ended, that of stats itself among them, and those whose caller has been answered.",
        type: .gauge)

    // MARK: - Fetches

    private let fetches = Counter(
        "fetches_total", "Fetches of tokens, those on behalf of other operations among them.", labels: [outcomes])
    private let fetchDuration = Histogram("fetch_duration_microseconds", "How long these fetches took.")

    // MARK: - Refreshes

    package let refreshes = Counter(
        "refreshes_total",
        "Refreshes that the vault's providers, or Descope, were asked for: ok, or why there is no token.",
        labels: [("outcome", ["ok", "permanent", "misconfigured", "transient"])], backends: [.vault, .cloud])
    package let refreshesJoined = Counter(
        "refreshes_joined_total", "Waits for the refresh of another call of this process, in place of one more.",
        backends: [.vault])

    // MARK: - The cloud's cache of tokens

    package let cacheLookups = Counter(
        "cache_lookups_total",
        "Fetches that looked into the cache: answered with a token, or as missing, asked Descope, or joined one that does.",
        labels: [("outcome", ["hit", "hit_missing", "miss", "joined"])], backends: [.cloud])
    package let cacheEntries = Counter(
        "cache_entries", "Tokens in the cache, and what is known to be missing.", type: .gauge, backends: [.cloud])

    // MARK: - Exchanges with providers and with Descope

    private let exchanges = Counter(
        "exchanges_total",
        "HTTP exchanges that have ended: the class of the response's status, or why there is no response.",
        labels: [("outcome", statuses + HTTPFailure.Kind.allCases.map(\.rawValue) + ["dropped"])],
        backends: [.cloud, .vault])
    private let exchangeDuration = Histogram(
        "exchange_duration_microseconds", "How long they took, the wait for a place at the server included.",
        backends: [.cloud, .vault])
    private let exchangesInFlight = Counter(
        "exchanges_in_flight", "HTTP exchanges that have begun or wait for a place.", type: .gauge,
        backends: [.cloud, .vault])

    // MARK: - The store

    private let storeReads = Counter(
        "store_reads_total", "Reads of the store: ok, or the code of the error.", labels: [outcomes],
        backends: [.vault])
    private let storeReadDuration = Histogram(
        "store_read_duration_microseconds", "How long these reads took.", backends: [.vault])
    private let storeCommits = Counter(
        "store_commits_total", "Commits to the store: ok, or the code of the error.", labels: [outcomes],
        backends: [.vault])
    private let storeCommitDuration = Histogram(
        "store_commit_duration_microseconds", "How long these commits took.", backends: [.vault])
    private let storeChanges = Counter(
        "store_changes_total", "Changes that were written: one commit writes those of many calls.", backends: [.vault])

    // MARK: - The outbox

    package let revocations = Counter(
        "revocations_total", "Attempts to revoke a token at its provider, by what came of them.",
        labels: [("outcome", ["revoked", "unsupported", "pending", "given_up"])], backends: [.vault])

    package init() {}

    var all: [any Metric] {
        [
            calls, callDuration, callsInFlight, fetches, fetchDuration, refreshes, refreshesJoined, cacheLookups,
            cacheEntries, exchanges, exchangeDuration, exchangesInFlight, storeReads, storeReadDuration, storeCommits,
            storeCommitDuration,
            storeChanges, revocations,
        ]
    }

    /// What `stats` answers.
    package func json(_ backend: BackendKind) -> JSON {
        .object([
            "since": .integer(openedAt),
            "metrics": .array(all.filter { $0.about.backends.contains(backend) }.map { $0.json() }),
        ])
    }
}

// MARK: - Labels

extension Statistics {
    /// The operations of the table, and one more for those that a plugin alone knows, and for what is no operation.
    private static let operations: MetricDescription.Label = ("op", Operation.all.map(\.name) + ["other"])
    private static let outcomes: MetricDescription.Label = ("outcome", ["ok"] + ErrorCode.allCases.map(\.rawValue))
    private static let statuses = ["1xx", "2xx", "3xx", "4xx", "5xx"]

    private static func outcome(of result: Result<JSON, ConnError>) -> Int {
        switch result {
        case .success: outcome(nil)
        case .failure(let error): outcome(error)
        }
    }

    /// Where `outcomes` has an error; nil is none.
    private static func outcome(_ error: ConnError?) -> Int {
        error.map { 1 + (ErrorCode.allCases.firstIndex(of: $0.code) ?? 0) } ?? 0
    }
}

// MARK: - Counting

extension Statistics {
    /// Counts a call that has ended.
    func count(_ request: Request, since begun: Deadline, _ result: Result<JSON, ConnError>) {
        let operation = request.place ?? Operation.all.count
        calls.add(at: operation * Self.outcomes.values.count + Self.outcome(of: result))
        callDuration.add(since: begun, at: operation)
    }

    /// Counts a read of the store that has ended.
    package func countRead(since begun: Deadline, _ error: ConnError?) {
        storeReads.add(at: Self.outcome(error))
        storeReadDuration.add(since: begun)
    }

    /// Counts a commit that has ended.
    /// - Parameter changes: how many it wrote together.
    package func countCommit(_ changes: Int, since begun: Deadline, _ error: ConnError?) {
        storeCommits.add(at: Self.outcome(error))
        storeCommitDuration.add(since: begun)
        storeChanges.add(changes)
    }

    /// Counts a fetch when it has ended. A look is none.
    package func fetch(
        _ request: Request, _ begin: () throws(ConnError) -> Step<JSON>
    ) throws(ConnError) -> Step<JSON> {
        guard request.look == nil else { return try begin() }
        let begun = Deadline.now
        return try Step.attempt(begin) { [fetches, fetchDuration] (result) throws(ConnError) in
            fetches.add(at: Self.outcome(of: result))
            fetchDuration.add(since: begun)
            return .done(try result.get())
        }
    }

    func exchange() -> Exchange { Exchange(self) }

    /// An HTTP exchange, from the moment that it is asked for. If nobody holds it any more, it was dropped.
    final class Exchange: @unchecked Sendable {  // one thread at a time has it
        private let statistics: Statistics
        private let begun = Deadline.now
        private var hasEnded = false

        fileprivate init(_ statistics: Statistics) {
            self.statistics = statistics
            statistics.exchangesInFlight.add()
        }

        func end(_ result: HTTPResult) {
            guard !hasEnded else { return }
            hasEnded = true
            switch result {
            case .success(let response):
                statistics.exchanges.add(at: min(max(response.status / 100, 1), Statistics.statuses.count) - 1)
            case .failure(let failure): statistics.exchanges.add(at: failure.kind.rawValue)
            }
            statistics.exchangeDuration.add(since: begun)
        }

        deinit {
            if !hasEnded { statistics.exchanges.add(at: "dropped") }
            statistics.exchangesInFlight.add(-1)
        }
    }
}
