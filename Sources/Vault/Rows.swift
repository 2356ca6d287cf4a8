internal import Connections
internal import Crypto
internal import JSON
internal import Memory

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

/// The store's rows, opened and sealed.
struct Rows: Sendable {
    let store: any Store
    let first: FirstRow
    let keys: RowKeys
    let audit: AuditLog

    /// Rows of one page of a scan.
    static let pageSize = 128
    /// How often a commit is made again because the keys or the audit went on meanwhile.
    private static let maxAttempts = 64

    /// Opens a vault, or makes one in an empty store. Its first row proves the master key: `invalid_config` for the field
    /// `key`.
    init(store: any Store, config: VaultConfig, clock: Clock) throws(ConnError) {
        let masters = Self.masters(config)
        let found = try FirstRow(store: store, masters: masters)
        let first: FirstRow
        if let found { first = found } else { first = try Self.make(in: store, masters: masters, clock: clock) }
        self.init(store: store, first: first, config: config, clock: clock)
        try takeMaster()
    }

    /// Opens a copy of a vault, to which nothing is written.
    init(copy store: any Store, config: VaultConfig, clock: Clock) throws(ConnError) {
        guard let first = try FirstRow(store: store, masters: Self.masters(config)) else {
            throw ConnError(.internal, "the copy is of no vault")
        }
        self.init(store: store, first: first, config: config, clock: clock)
    }

    private init(store: any Store, first: FirstRow, config: VaultConfig, clock: Clock) {
        self.store = store
        self.first = first
        let hashKey = first.current.record.hashKey
        keys = RowKeys(hashKey: hashKey)
        audit = AuditLog(hashKey: hashKey, config: config, clock: clock)
    }

    private static func masters(_ config: VaultConfig) -> KeyRing {
        KeyRing(active: SealingKey(master: config.key), others: config.otherKeys.map(SealingKey.init(master:)))
    }

    private static func make(in store: any Store, masters: KeyRing, clock: Clock) throws(ConnError) -> FirstRow {
        let record = VaultRecord(now: clock.seconds)
        let head = record.ring.seal(AuditHead().json.secret, boundTo: RowKeys.auditHead)
        if try store.scan(prefix: [], after: nil, limit: 1).isEmpty {
            do throws(ConnError) {
                try store.commit([
                    FirstRow.new(record, masters: masters), .put(RowKeys.auditHead, head, expecting: .absent),
                ])
            } catch {
                guard error.code == .conflict else { throw error }  // another process was faster
            }
        }
        guard let made = try FirstRow(store: store, masters: masters) else {
            throw ConnError(.internal, "the store is not empty, but no vault")
        }
        return made
    }

    /// Seals the first row by the config's master key, where it still is by one of the other keys.
    private func takeMaster() throws(ConnError) {
        guard let master = first.newMaster(first.current) else { return }
        let event = AuditEvent("master key", keyID: master.name)
        try changeKeys(event) { (record, reading) -> SealingKey in
            guard let master = first.newMaster(reading) else { return reading.master }  // another process was faster
            record.replaceMaster(reading.master.id)
            return master
        }
    }

    /// Changes the first row.
    /// - Parameter change: gives the master key to seal it by.
    func changeKeys(
        _ event: AuditEvent,
        _ change: (inout VaultRecord, FirstRow.Reading) throws(ConnError) -> SealingKey
    ) throws(ConnError) {
        for _ in 0..<Self.maxAttempts {
            let reading = try first.read()
            var record = reading.record
            let master = try change(&record, reading)
            let sealed = KeyRing(active: master).seal(record.json.secret, boundTo: RowKeys.vault)
            do throws(ConnError) {
                try commit(
                    [.put(RowKeys.vault, sealed, expecting: .version(reading.version))], recording: [event])
                _ = try first.read()
                return
            } catch {
                guard error.code == .conflict else { throw error }
            }
        }
        throw ConnError(.unavailable, "the vault's keys keep changing")
    }
}

// MARK: - Reading

extension Rows {
    func get<Value: Record>(_ key: [UInt8], as _: Value.Type = Value.self) throws(ConnError) -> Row<Value>? {
        guard let stored = try store.get(key) else { return nil }
        return try open(StoredRow(key: key, value: stored.value, version: stored.version))
    }

    /// All rows with the prefix, in the order of their keys.
    func all<Value: Record>(_ prefix: [UInt8], as _: Value.Type = Value.self) throws(ConnError) -> [Row<Value>] {
        var rows: [Row<Value>] = []
        try each(prefix) { (stored) throws(ConnError) in
            rows.append(try open(stored))
            return true
        }
        return rows
    }

    /// Calls `body` for each row with the prefix, in the order of their keys, until it answers false.
    func each(
        _ prefix: [UInt8], after: [UInt8]? = nil, _ body: (StoredRow) throws(ConnError) -> Bool
    ) throws(ConnError) {
        var after = after
        while true {
            let page = try store.scan(prefix: prefix, after: after, limit: Self.pageSize)
            for row in page {
                guard try body(row) else { return }
            }
            guard page.count == Self.pageSize, let last = page.last else { return }
            after = last.key
        }
    }

    func open<Value: Record>(_ stored: StoredRow) throws(ConnError) -> Row<Value> {
        guard let value = Value(json: try Self.parse(try plain(of: stored))) else {
            throw ConnError(.internal, "a row of the vault cannot be read")
        }
        return Row(key: stored.key, value: value, version: stored.version)
    }

    /// What was sealed. A key that another process has added since is looked up.
    func plain(of stored: StoredRow) throws(ConnError) -> Secret {
        var opening = first.current.ring.open(stored.value, boundTo: stored.key)
        if case .unknownKey = opening {
            opening = try first.read().ring.open(stored.value, boundTo: stored.key)
        }
        switch opening {
        case .opened(let plain):
            return plain
        case .unknownKey:
            throw ConnError(.internal, "a row of the vault is sealed by a key that the vault does not have")
        case .broken:
            throw ConnError(.internal, "a row of the vault does not open: it was changed, or moved from another row")
        }
    }

    static func parse(_ plain: Secret) throws(ConnError) -> JSON {
        let parsed = plain.withBytes { bytes in Result { () throws(JSONError) in try JSON.parse(bytes) } }
        guard case .success(let json) = parsed else {
            throw ConnError(.internal, "a row of the vault cannot be read")
        }
        return json
    }
}

// MARK: - Writing

extension Rows {
    func seal(_ record: some Record, at key: [UInt8], expecting: StoreWrite.Expectation) -> StoreWrite {
        .put(key, first.current.ring.seal(record.json.secret, boundTo: key), expecting: expecting)
    }

    /// Keeps what is written, together with what the audit says of it, or nothing of it.
    /// - Parameter evenUntold: it is kept also when the audit is damaged, and then without a record.
    func commit(
        _ writes: [StoreWrite], recording events: [AuditEvent] = [], evenUntold: Bool = false
    ) throws(ConnError) {
        let events = audit.level == .off ? [] : events
        if writes.isEmpty, events.isEmpty { return }
        if events.isEmpty { return try commitGuarded(writes, recording: []) }
        // Those of one process queue up, so that only other processes' records get in between.
        let result = audit.turn.withLock { _ in
            Result { () throws(ConnError) in try commitGuarded(writes, recording: events, evenUntold: evenUntold) }
        }
        try result.get()
    }

    /// Commits only while the keys are those that sealed the writes; seals anew when they have changed.
    private func commitGuarded(
        _ writes: [StoreWrite], recording events: [AuditEvent], evenUntold: Bool = false
    ) throws(ConnError) {
        var conflict = ConnError(.conflict, "the row has changed")
        for _ in 0..<Self.maxAttempts {
            let reading = first.current
            var all: [StoreWrite] = []
            for write in writes { all.append(try sealed(write, by: reading.ring)) }
            var head: Row<AuditHead>?
            if !events.isEmpty {
                do throws(ConnError) {
                    let found = try auditHead()
                    all += auditWrites(events, after: found, reading.ring)
                    head = found
                } catch {
                    guard evenUntold else { throw error }
                    return try commitUntold(writes, error)
                }
            }
            if all.contains(where: { $0.value != nil }), !all.contains(where: { $0.key == RowKeys.vault }) {
                all.append(.keep(RowKeys.vault, expecting: .version(reading.version)))
            }
            do throws(ConnError) {
                return try store.commit(all)
            } catch {
                guard error.code == .conflict else { throw error }
                conflict = error
            }
            // If it was not the keys, nor the audit, it was a row of the caller's.
            let haveKeysChanged = try first.read().version != reading.version
            let hasAuditGoneOn = try head.map { (head) throws(ConnError) in try auditHead().version != head.version }
            if haveKeysChanged || hasAuditGoneOn == true { continue }
            // Or a head that was put back: there are records beyond it.
            guard evenUntold, head != nil else { throw conflict }
            return try commitUntold(writes, conflict)
        }
        throw conflict
    }

    /// Commits what must not be lost because the audit is damaged.
    private func commitUntold(_ writes: [StoreWrite], _ problem: ConnError) throws(ConnError) {
        try commitGuarded(writes, recording: [])
        Log.write(.warning, "a change is kept that the audit cannot tell of: \(problem.message)")
    }

    private func sealed(_ write: StoreWrite, by ring: KeyRing) throws(ConnError) -> StoreWrite {
        guard let value = write.value, write.key != RowKeys.vault, KeyRing.keyID(of: value) != ring.active.id else {
            return write
        }
        // A key that is gone by now: whoever sealed it looks at everything anew.
        guard case .opened(let plain) = ring.open(value, boundTo: write.key) else {
            throw ConnError(.conflict, "the vault's keys have changed")
        }
        return .put(write.key, ring.seal(plain, boundTo: write.key), expecting: write.expected)
    }
}
