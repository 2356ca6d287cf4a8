internal import Connections
internal import JSON
internal import OAuth
internal import Runtime
internal import Store

// The outbox: tokens that are to be revoked at their providers (RFC 7009).
//
// A row's key begins with the moment that it is due. Whoever tries it first moves it to a later moment, in one commit:
// nobody else tries it meanwhile, and should the process end, it falls due again. It goes when the provider has confirmed,
// or after a week. Nobody's rows hold up those of others: a look goes past what does not open, and past those of
// connections whose provider is in trouble (`OutboxWatch`).

/// What came of one try.
enum RevocationOutcome: Sendable {
    case revoked(revokesGrant: Bool?)
    case unsupported
    case pending
    /// It was tried for long enough.
    case givenUp

    /// What the statistics call it.
    fileprivate var label: String {
        switch self {
        case .revoked: "revoked"
        case .unsupported: "unsupported"
        case .pending: "pending"
        case .givenUp: "given_up"
        }
    }
}

/// The tokens that are to be revoked at their providers, and the operation that works through them.
final class Outbox: Sendable {
    let rows: Rows
    private let config: VaultConfig
    private let clock: Clock
    private let jitter: Jitter
    private let providers: Providers
    /// What calls that help know of providers in trouble.
    private let watch = OutboxWatch()

    init(rows: Rows, config: VaultConfig, clock: Clock, jitter: Jitter, providers: Providers) {
        self.rows = rows
        self.config = config
        self.clock = clock
        self.jitter = jitter
        self.providers = providers
    }

    /// A call that has done its own work spends at most so long on an exchange with a provider, and begins none after
    /// it has spent that. Milliseconds.
    static let asideMilliseconds = 5000

    /// How long a row is taken for. Milliseconds.
    private var claimMilliseconds: Int64 { Int64(2 * config.timeoutMilliseconds + 3 * Self.asideMilliseconds) }

    // MARK: - Into the outbox

    /// A new row of the outbox.
    /// - Parameter due: milliseconds since 1970; nil: the caller takes the row for itself at once.
    func put(_ record: RevocationRecord, due: Int64? = nil) -> (row: Row<RevocationRecord>, write: StoreWrite) {
        let now = clock.instant
        let due = due ?? now.time + claimMilliseconds
        let key = RowKeys.revocation(due: due)
        var record = record
        record.wait = Interval(begun: now, duration: max(due - now.time, 0))
        // Nobody changes a row of the outbox without moving it, so that the version does not matter.
        return (Row(key: key, value: record, version: 0), rows.seal(record, at: key, expecting: .absent))
    }

    /// What revokes a token, whatever becomes of its connection; nil when its provider revokes none.
    /// - Parameter id: the token's, for the audit; nil when it never had one.
    func revocation(
        of token: TokenRecord, id: ID? = nil, at app: AppRecord, _ reader: RowReader
    ) throws(ConnError) -> RevocationRecord? {
        RevocationRecord(
            token, id: id, of: try withClient(app, of: token, reader), config: config, now: clock.milliseconds())
    }

    /// A connection's registered client goes with it, so that it is kept beside its token.
    private func withClient(
        _ app: AppRecord, of token: TokenRecord, _ reader: RowReader
    ) throws(ConnError) -> AppRecord {
        guard app.registers else { return app }
        return try reader.client(token.clientID, of: app)?.client(of: app) ?? app
    }

    /// Has a token revoked that came too late to be kept.
    func discard(_ token: TokenRecord, of app: AppRecord, _ change: inout Change) throws(ConnError) {
        guard let record = try revocation(of: token, at: app, change.reader) else { return }
        change.writes.append(put(record, due: clock.milliseconds()).write)
    }

    // MARK: - Trying

    /// Tries what a call has taken for itself, each once: no more of a connection's once its provider failed, and none
    /// when the call has spent its time.
    func revoke(_ claimed: [Row<RevocationRecord>], _ tally: RevocationTally) throws(ConnError) -> Step<RevocationTally>
    {
        let until = clock.monotonic().adding(milliseconds: Self.asideMilliseconds)
        return .aside(timeoutMilliseconds: Self.asideMilliseconds) { [self] () throws(ConnError) in
            try revoke(claimed[...], tally, OutboxWatch(), until: until)
        }
    }

    private func revoke(
        _ claimed: ArraySlice<Row<RevocationRecord>>, _ tally: RevocationTally, _ watch: OutboxWatch, until: Deadline
    ) throws(ConnError) -> Step<RevocationTally> {
        guard let row = claimed.first else { return .done(tally) }
        let now = clock.monotonic()
        let isTried = now < until && watch.trouble(of: row.value.party, now: now) == nil
        let step = isTried ? try attempt(row, watch) : .done(.pending)
        return try step.then { [self] (outcome) throws(ConnError) in
            var tally = tally
            switch outcome {
            case .revoked(let revokesGrant):
                tally.revoked += 1
                if revokesGrant == true { tally.grantRevoked += 1 }
            case .unsupported: tally.unsupported += 1
            case .pending, .givenUp: tally.pending += 1
            }
            return try revoke(claimed.dropFirst(), tally, watch, until: until)
        }
    }

    /// Tries one that is due, aside. It never fails: the caller has its answer.
    func help() throws(ConnError) -> Step<Void> {
        try look(Look(after: watch.cursor), watch, pages: Look.fewPages).then { [self] (look) throws(ConnError) in
            watch.cursor = look.isOver ? nil : look.after
            guard let row = look.claimed else { return .done(()) }
            return try attempt(row, watch).then { (_) throws(ConnError) in .done(()) }
        }.result { (result) throws(ConnError) in
            if case .failure(let error) = result { Log.write(.warning, "no token was revoked: \(error.message)") }
            return .done(())
        }
    }

    /// A look for a row to try.
    private struct Look: Sendable {
        /// Rows of a page.
        static let pageSize = 32
        /// For a call that helps.
        static let fewPages = 4

        /// The last row that was looked at; nil: none yet.
        var after: [UInt8]?
        /// The row that was found, and taken.
        var claimed: Row<RevocationRecord>?
        /// The last of them that is due by its key.
        var lastDue: [UInt8]?
        /// Whether it has come to what seems to be due later than anything waits.
        var isBeyond = false
        /// Whether all that is due was looked at.
        var isOver = false
        /// Rows that were given up.
        var givenUp = 0
        /// Rows that do not open.
        var unreadable = 0
        /// When the next row falls due.
        var nextDue: Deadline?
        /// When the first of the connections whose rows were passed may be tried again; nil: none was passed.
        var nextTry: Deadline?
    }

    /// A row that is given up; its record is nil when it does not open.
    private typealias Hopeless = (key: [UInt8], record: RevocationRecord?)

    /// Goes through what is due until there is a row that can be tried, and takes it.
    /// - Parameters:
    ///   - watch: knows whose rows to pass.
    ///   - pages: the most that are looked at.
    private func look(_ begun: Look, _ watch: OutboxWatch, pages: Int = .max) throws(ConnError) -> Step<Look> {
        rows.read { [self] (reader) throws(ConnError) in
            var look = begun
            var hopeless: [Hopeless] = []
            var found: Row<RevocationRecord>?
            let (now, moment) = (clock.instant, clock.monotonic())
            let page = try reader.page(RowKeys.revocations, after: look.after, limit: Look.pageSize)
            look.isOver = page.count < Look.pageSize
            for stored in page {
                let due = RowKeys.revocationDue(stored.key)
                if due > now.time, !look.isBeyond {
                    // Nothing waits for so long: what is due after that was written before the clock was set back.
                    look.nextDue = moment.adding(milliseconds: Int(clamping: due - now.time))
                    look.after = RowKeys.revocations + RowKeys.bytes(now.time + RevocationRecord.longestWait)
                    (look.isBeyond, look.isOver) = (true, false)
                    break
                }
                look.after = stored.key
                if !look.isBeyond { look.lastDue = stored.key }
                guard let row: Row<RevocationRecord> = try reader.readable(stored) else {
                    // Nobody could move it since it was put there.
                    if now.time - due < RevocationRecord.patience {
                        look.unreadable += 1
                    } else {
                        hopeless.append((stored.key, nil))
                    }
                    continue
                }
                if look.isBeyond, row.value.wait?.remaining(now: now) != nil { continue }
                guard let end = watch.trouble(of: row.value.party, now: moment) else {
                    found = row
                    break
                }
                if now.time - row.value.since >= RevocationRecord.patience {
                    hopeless.append((row.key, row.value))
                } else {
                    look.nextTry = min(look.nextTry ?? end, end)
                }
            }
            return try giveUp(hopeless).then { [self, look, found] (count) throws(ConnError) in
                var look = look
                look.givenUp += count
                if let found { return try claim(found, look, watch, pages: pages) }
                return look.isOver || pages == 1 ? .done(look) : try self.look(look, watch, pages: pages - 1)
            }
        }
    }

    /// Takes a row, or looks further when somebody else has.
    private func claim(
        _ row: Row<RevocationRecord>, _ look: Look, _ watch: OutboxWatch, pages: Int
    ) throws(ConnError) -> Step<Look> {
        let (claimed, write) = put(row.value)
        return try rows.commit([.remove(row.key, expecting: .version(row.version)), write]).result {
            [self] (result) throws(ConnError) in
            if case .failure(let error) = result {
                guard error.code == .conflict else { throw error }
                return try self.look(look, watch, pages: pages)
            }
            var look = look
            look.claimed = claimed
            look.isOver = false
            return .done(look)
        }
    }

    /// - Returns: how many were there yet.
    private func giveUp(_ hopeless: [Hopeless]) throws(ConnError) -> Step<Int> {
        if hopeless.isEmpty { return .done(0) }
        return try rows.change { (change) throws(ConnError) in
            var count = 0
            for (key, record) in hopeless {
                guard let stored = try change.reader.stored(key) else { continue }
                change.remove(key, expecting: .version(stored.version))
                change.events.append(record?.event("given up") ?? AuditEvent("revocation", outcome: "given up"))
                count += 1
            }
            return count
        }.then { [rows] (count) throws(ConnError) in
            for (_, record) in hopeless {
                let whose = record.map { "of \($0.app.id) " } ?? "whose row does not open "
                Log.write(.warning, "a token \(whose)was not revoked, and is given up")
            }
            rows.statistics.revocations.add(count, at: RevocationOutcome.givenUp.label)
            return .done(count)
        }
    }

    /// Tries a row that this call has taken for itself.
    /// - Parameter watch: is told what came of it.
    private func attempt(
        _ row: Row<RevocationRecord>, _ watch: OutboxWatch
    ) throws(ConnError) -> Step<RevocationOutcome> {
        try client(for: row.value).then { [self] (app) throws(ConnError) in
            try providers.provider(of: app, hosts: row.value.hosts).then { [self] (provider) throws(ConnError) in
                OAuth.revoke(
                    token: row.value.token, isRefreshToken: row.value.isRefreshToken, provider: provider, clock: clock)
            }
        }.result { [self] (result) throws(ConnError) in
            note(result, of: row.value.party, watch)
            return try settle(result, row).result { [rows] (settled) throws(ConnError) in
                rows.statistics.revocations.add(at: ((try? settled.get()) ?? .pending).label)
                switch settled {
                case .success(let outcome):
                    return .done(outcome)
                case .failure(let error):
                    // The row falls due again.
                    Log.write(
                        .warning, "the result of revoking a token of \(row.value.app.id) is not kept: \(error.message)")
                    return .done(.pending)
                }
            }
        }
    }

    /// The connection as it is today, if it is the same one, at the same server, and the same client: its secret may have
    /// been mended since.
    private func client(for record: RevocationRecord) -> Step<AppRecord> {
        rows.read { [self] (reader) throws(ConnError) in
            var apps = KnownApps(reader)
            guard let app = try apps.app(record.app.id), !app.isBeingDeleted, app.clientID == record.app.clientID,
                try isStanding(record.app, app)
            else { return .done(record.app) }
            return .done(app)
        }
    }

    /// Rows that were kept before they said of which incarnation they are are told by their server.
    private func isStanding(_ kept: AppRecord, _ app: AppRecord) throws(ConnError) -> Bool {
        if kept.incarnation != nil { return app.isSame(as: kept) }
        guard app.has(nil) else { return false }
        return try app.server(config).isSame(as: try kept.server(config))
    }

    /// Tells a call's own watch, and that of the calls that help.
    private func note(
        _ result: Result<RevocationResult, ConnError>, of party: OutboxWatch.Party, _ own: OutboxWatch
    ) {
        let watches = own === self.watch ? [own] : [own, self.watch]
        let retryAfter: Int?
        switch result {
        case .success(.revoked), .success(.unsupported): return watches.forEach { $0.hasAnswered(party) }
        case .success(.failed(let failure)):
            if failure.kind == .permanent { return }  // it is about this token
            retryAfter = failure.retryAfterMilliseconds
        case .failure(let error): retryAfter = error.retryAfterMilliseconds
        }
        for watch in watches {
            watch.hasFailed(party, now: clock.monotonic(), retryAfter: retryAfter, jitter: jitter)
        }
    }

    private func settle(
        _ result: Result<RevocationResult, ConnError>, _ row: Row<RevocationRecord>
    ) throws(ConnError) -> Step<RevocationOutcome> {
        switch result {
        case .success(.revoked(let revokesGrant)):
            return try finish(row, "ok", .revoked(revokesGrant: revokesGrant))
        case .success(.unsupported):
            return try finish(row, "unsupported", .unsupported)
        case .success(.failed(let failure)):
            return try postpone(row, failure.message, retryAfter: failure.retryAfterMilliseconds)
        case .failure(let error):
            return try postpone(row, error.message, retryAfter: error.retryAfterMilliseconds)
        }
    }

    private func finish(
        _ row: Row<RevocationRecord>, _ event: String, _ outcome: RevocationOutcome
    ) throws(ConnError) -> Step<RevocationOutcome> {
        try rows.commit([.remove(row.key, expecting: .any)], recording: [row.value.event(event)])
            .then { () throws(ConnError) in .done(outcome) }
    }

    private func postpone(
        _ row: Row<RevocationRecord>, _ problem: String, retryAfter: Int?
    ) throws(ConnError) -> Step<RevocationOutcome> {
        try rows.change { [self] (change) throws(ConnError) -> RevocationOutcome in
            guard let stored = try change.reader.stored(row.key) else { return .pending }  // somebody else took it over
            var record = row.value
            change.remove(row.key, expecting: .version(stored.version))
            guard let due = record.fail(now: clock.milliseconds(), retryAfter: retryAfter, jitter: jitter) else {
                change.events = [record.event("given up")]
                return .givenUp
            }
            change.writes.append(put(record, due: due).write)
            return .pending
        }.then { (outcome) throws(ConnError) in
            let app = row.value.app.id
            if case .givenUp = outcome {
                Log.write(.warning, "a token of \(app) was not revoked, and is given up: \(problem)")
            } else {
                Log.write(.info, "a token of \(app) is not revoked yet: \(problem)")
            }
            return .done(outcome)
        }
    }

    // MARK: - The operation

    private struct Run: Sendable {
        /// Tries.
        var left: Int64
        let until: Deadline
        /// Its own: each run finds out anew who is in trouble.
        let watch = OutboxWatch()
        var look = Look()
        var revoked = 0
        var failed = 0
    }

    /// How long a run looks away. Milliseconds.
    private static let naps = 50...1000

    func run(_ request: Request) throws(ConnError) -> Step<JSON> {
        let until = clock.monotonic().adding(milliseconds: Int(clamping: request["waitMs"]?.integer ?? 0))
        return try goOn(Run(left: request["limit"]?.integer ?? 100, until: until))
    }

    private func goOn(_ run: Run) throws(ConnError) -> Step<JSON> {
        guard run.left > 0 else { return try answer(run) }
        return try look(run.look, run.watch).then { [self] (look) throws(ConnError) in
            var next = run
            next.failed += look.givenUp
            next.look = look
            next.look.givenUp = 0
            next.look.claimed = nil
            guard let row = look.claimed else { return try wait(next) }
            next.left -= 1
            return try attempt(row, run.watch).then { [self, next] (outcome) throws(ConnError) in
                var next = next
                switch outcome {
                case .revoked: next.revoked += 1
                case .unsupported, .givenUp: next.failed += 1
                case .pending: break
                }
                return try goOn(next)
            }
        }
    }

    /// Looks away when there is nothing to try.
    private func wait(_ run: Run) throws(ConnError) -> Step<JSON> {
        let now = clock.monotonic()
        guard now < run.until else { return try answer(run) }
        let next = min(run.look.nextDue ?? .never, run.look.nextTry ?? .never)
        let nap = max(next.remainingMilliseconds(atMost: Self.naps.upperBound, at: now), Self.naps.lowerBound)
        return .pause(milliseconds: run.until.remainingMilliseconds(atMost: nap, at: now)) {
            [self] () throws(ConnError) in
            var run = run
            // What was passed is not looked at again before it can be tried.
            let isPassedAgain = run.look.nextTry.map { clock.monotonic() < $0 } ?? false
            guard isPassedAgain else {
                run.look = Look()
                return try goOn(run)
            }
            run.look.after = run.look.lastDue
            run.look.isBeyond = false
            run.look.nextDue = nil
            return try goOn(run)
        }
    }

    private func answer(_ run: Run) throws(ConnError) -> Step<JSON> {
        if run.look.unreadable > 0 {
            Log.write(.warning, "\(run.look.unreadable) tokens cannot be revoked: their rows do not open")
        }
        return try rows.pages(RowKeys.revocations, into: 0) { (count, page, _) throws(ConnError) in
            .done(count + page.count)
        }
        .then { (pending) throws(ConnError) in
            .done(
                .object([
                    "revoked": .integer(run.revoked), "pending": .integer(pending), "failed": .integer(run.failed),
                ]))
        }
    }
}
