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
    let ring: KeyRing
    let keys: RowKeys

    /// Rows of one page of a scan.
    private static let pageSize = 128

    /// Opens a vault, or makes one in an empty store. Its first row proves the key: `invalid_config` for the field `key`.
    init(store: any Store, ring: KeyRing) throws(ConnError) {
        let record: VaultRecord
        if let found = try Self.vault(in: store, ring) {
            record = found
        } else {
            guard try store.scan(prefix: [], after: nil, limit: 1).isEmpty else {
                throw ConnError(.internal, "the store is not empty, but no vault")
            }
            let made = VaultRecord(hashKey: Crypto.randomSecret(32))
            do throws(ConnError) {
                try store.commit([
                    .put(RowKeys.vault, ring.seal(made.json.secret, boundTo: RowKeys.vault), expecting: .absent)
                ])
                record = made
            } catch {
                // Another process was faster.
                guard error.code == .conflict, let found = try Self.vault(in: store, ring) else { throw error }
                record = found
            }
        }
        self.store = store
        self.ring = ring
        keys = RowKeys(hashKey: record.hashKey)
    }

    private static func vault(in store: any Store, _ ring: KeyRing) throws(ConnError) -> VaultRecord? {
        guard let stored = try store.get(RowKeys.vault) else { return nil }
        guard case .opened(let plain) = ring.open(stored.value, boundTo: RowKeys.vault) else {
            throw .invalidConfig("key", "is not the one that this vault was made with")
        }
        guard let record = VaultRecord(json: try parse(plain)) else {
            throw ConnError(.internal, "the vault is of another version of this library")
        }
        return record
    }

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
    func each(_ prefix: [UInt8], _ body: (StoredRow) throws(ConnError) -> Bool) throws(ConnError) {
        var after: [UInt8]?
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
        switch ring.open(stored.value, boundTo: stored.key) {
        case .opened(let plain):
            guard let value = Value(json: try Self.parse(plain)) else {
                throw ConnError(.internal, "a row of the vault cannot be read")
            }
            return Row(key: stored.key, value: value, version: stored.version)
        case .unknownKey:
            throw ConnError(.internal, "a row of the vault is sealed by a key that was not given")
        case .broken:
            throw ConnError(.internal, "a row of the vault does not open: it was changed, or moved from another row")
        }
    }

    private static func parse(_ plain: Secret) throws(ConnError) -> JSON {
        let parsed = plain.withBytes { bytes in Result { () throws(JSONError) in try JSON.parse(bytes) } }
        guard case .success(let json) = parsed else {
            throw ConnError(.internal, "a row of the vault cannot be read")
        }
        return json
    }

    /// Keeps what is written, or nothing of it.
    func commit(_ writes: [StoreWrite]) throws(ConnError) {
        if !writes.isEmpty { try store.commit(writes) }
    }

    func seal(_ record: some Record, at key: [UInt8], expecting: StoreWrite.Expectation) -> StoreWrite {
        .put(key, ring.seal(record.json.secret, boundTo: key), expecting: expecting)
    }
}
