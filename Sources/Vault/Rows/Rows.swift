internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// What a row holds once it is opened.
protocol Record: Sendable {
    /// Nil when the JSON is no such record.
    init?(json: JSON)
    var json: JSON { get }
}

struct Row<Value: Record>: Sendable {
    var key: [UInt8]
    var value: Value
    var version: UInt64
}

/// The store's rows. They are read through a ``RowReader`` and changed by a ``Change``.
final class Rows: Sendable {
    let store: any Store
    let first: FirstRow
    let keys: RowKeys
    let audit: AuditLog
    let committer: Committer
    let statistics: Statistics
    private let clock: Clock

    /// How often what another process or thread is about is looked after. Milliseconds.
    static let pollMilliseconds = 50

    /// Opens a vault, or makes one in an empty store. Its first row proves the master key: `invalid_config` for the field
    /// `key`.
    convenience init(
        store: any Store, config: VaultConfig, clock: Clock, chains: Jitter, statistics: Statistics,
        _ context: CallContext
    ) throws(ConnError) {
        let masters = Self.masters(config)
        let found = try FirstRow(store: store, masters: masters, context)
        let first: FirstRow
        if let found {
            first = found
        } else {
            first = try Self.make(in: store, masters: masters, config: config, clock: clock, context)
        }
        self.init(
            store: store, first: first, config: config, clock: clock, chains: chains, statistics: statistics)
        try takeMaster(context)
    }

    /// Opens a copy of a vault, to which nothing is written.
    convenience init(copy store: any Store, config: VaultConfig, clock: Clock, _ context: CallContext) throws(ConnError)
    {
        guard let first = try FirstRow(store: store, masters: Self.masters(config), context) else {
            throw ConnError(.internal, "the copy is not of a vault")
        }
        self.init(
            store: store, first: first, config: config, clock: clock, chains: .random, statistics: Statistics())
    }

    private init(
        store: any Store, first: FirstRow, config: VaultConfig, clock: Clock, chains: Jitter, statistics: Statistics
    ) {
        self.statistics = statistics
        self.store = store
        self.first = first
        self.clock = clock
        let hashKey = first.current.record.hashKey
        keys = RowKeys(hashKey: hashKey)
        audit = AuditLog(hashKey: hashKey, config: config, clock: clock, chains: chains)
        committer = Committer(store: store, first: first, keys: keys, audit: audit, statistics: statistics)
    }

    private static func masters(_ config: VaultConfig) -> KeyRing {
        KeyRing(active: SealingKey(master: config.key), others: config.otherKeys.map(SealingKey.init(master:)))
    }

    private static func make(
        in store: any Store, masters: KeyRing, config: VaultConfig, clock: Clock, _ context: CallContext
    ) throws(ConnError) -> FirstRow {
        let record = VaultRecord(now: clock.seconds)
        let head = record.ring.seal(AuditHead().json.secret, boundTo: RowKeys.auditHead)
        if try store.read([.scan(prefix: [], limit: 1)], context).allSatisfy(\.isEmpty) {
            guard config.creates else {
                throw .invalidConfig("create", "is false, and there is no vault in \(config.storage.name)")
            }
            let writes = [FirstRow.new(record, masters: masters), .put(RowKeys.auditHead, head, expecting: .absent)]
            do throws(ConnError) {
                try store.commit(context) { StoreCommit(writes, context) }
                Log.write(.warning, "there was no vault in \(config.storage.name): a new one was made")
            } catch {
                guard error.code == .conflict else { throw error }  // another process was faster
            }
        }
        guard let made = try FirstRow(store: store, masters: masters, context) else {
            throw ConnError(.internal, "the store is not empty, but no vault")
        }
        return made
    }

    /// Seals the first row by the config's master key, where it still is by one of the other keys.
    private func takeMaster(_ context: CallContext) throws(ConnError) {
        guard let master = first.newMaster(first.current) else { return }
        let event = AuditEvent("master key", keyID: master.name)
        try changeKeys(event) { [first] (record, reading) throws(ConnError) -> SealingKey in
            guard let master = first.newMaster(reading) else { return reading.master }  // another process was faster
            record.replaceMaster(reading.master.id)
            return master
        }.performed(context)
    }

    /// Changes the first row.
    /// - Parameter change: gives the master key to seal it by.
    func changeKeys(
        _ event: AuditEvent,
        _ change: @escaping @Sendable (inout VaultRecord, FirstRow.Reading) throws(ConnError) -> SealingKey
    ) throws(ConnError) -> Step<Void> {
        try self.change { [first] (writing) throws(ConnError) in
            let reading = try first.read(writing.reader.context)
            var record = reading.record
            let master = try change(&record, reading)
            let sealed = KeyRing(active: master).seal(record.json.secret, boundTo: RowKeys.vault)
            writing.writes = [.put(RowKeys.vault, sealed, expecting: .version(reading.version))]
            writing.events = [event]
        }.then { [first] () throws(ConnError) in
            // Whoever meets the new keys without this reads them then.
            .aside(timeoutMilliseconds: 0) {
                .blocking { (context) throws(ConnError) in
                    _ = try? first.read(context)
                    return .done(())
                }
            }
        }
    }

    func seal(_ record: some Record, at key: [UInt8], expecting: StoreWrite.Expectation) -> StoreWrite {
        first.seal(record, at: key, expecting: expecting)
    }

    func reader(_ context: CallContext) -> RowReader {
        RowReader(store: store, first: first, keys: keys, statistics: statistics, context: context)
    }

    /// Reads, where that may block.
    func read<Value>(_ body: @escaping @Sendable (RowReader) throws(ConnError) -> Step<Value>) -> Step<Value> {
        .blocking { [self] (context) throws(ConnError) in try body(reader(context)) }
    }

    /// Does what the store must take, again for a while if it does not. That there is no place for it is final.
    /// - Parameter body: is told whether it was tried before. A failure may be none: what was tried before may be there.
    func retrying<Value>(
        _ body: @escaping @Sendable (_ isAgain: Bool) throws(ConnError) -> Step<Value>
    ) throws(ConnError) -> Step<Value> {
        try retrying(until: clock.monotonic().adding(milliseconds: TimeLimit.retrying), isAgain: false, body)
    }

    private func retrying<Value>(
        until end: Deadline, isAgain: Bool, _ body: @escaping @Sendable (Bool) throws(ConnError) -> Step<Value>
    ) throws(ConnError) -> Step<Value> {
        try Step.attempt({ () throws(ConnError) in try body(isAgain) }) { [self] (result) throws(ConnError) in
            guard case .failure(let error) = result, error.code != .notFound, clock.monotonic() < end else {
                return .done(try result.get())
            }
            return .pause(milliseconds: Self.pollMilliseconds) { [self] () throws(ConnError) in
                try retrying(until: end, isAgain: true, body)
            }
        }
    }
}

/// A row whose key says everything.
struct PointerRecord: Record {
    init() {}
    init?(json: JSON) {}
    var json: JSON { .object() }
}
