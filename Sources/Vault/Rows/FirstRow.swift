internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// The vault's first row, as this process has last read it.
///
/// Other processes change the keys in it. Whoever meets a row of a key that he does not know reads it again; and each
/// commit of something sealed goes through only if the row is still as it was when its keys were taken. So nothing is
/// sealed any more by a key that has ceased to be the active one, however slow a process is, and whoever finds no row of
/// such a key can drop it.
final class FirstRow: Sendable {
    /// What the row held at one version.
    final class Reading: Sendable {
        let record: VaultRecord
        let version: UInt64
        /// The master key that sealed it.
        let master: SealingKey
        let ring: KeyRing

        init(record: VaultRecord, version: UInt64, master: SealingKey) {
            self.record = record
            self.version = version
            self.master = master
            ring = record.ring
        }
    }

    private let store: any Store
    private let masters: KeyRing
    private let latest: Monitor<Reading>

    /// Opens a vault. The row proves the master key: `invalid_config` for the field `key`.
    /// - Returns: nil when the store has no such row.
    init?(store: any Store, masters: KeyRing, _ context: CallContext) throws(ConnError) {
        guard let reading = try Self.read(store, masters, context) else { return nil }
        self.store = store
        self.masters = masters
        latest = Monitor(reading)
    }

    /// The row of a new vault.
    static func new(_ record: VaultRecord, masters: KeyRing) -> StoreWrite {
        .put(RowKeys.vault, masters.seal(record.json.secret, boundTo: RowKeys.vault), expecting: .absent)
    }

    /// Seals a row by the active key.
    func seal(_ record: some Record, at key: [UInt8], expecting: StoreWrite.Expectation) -> StoreWrite {
        .put(key, current.ring.seal(record.json.secret, boundTo: key), expecting: expecting)
    }

    var current: Reading { latest.withLock { $0 } }

    /// Reads the row again.
    func read(_ context: CallContext) throws(ConnError) -> Reading {
        guard let reading = try Self.read(store, masters, context) else {
            throw ConnError(.internal, "the vault's first row is gone")
        }
        latest.withLock { $0 = reading }
        return reading
    }

    /// The master key that the config wants the row to be sealed by; nil when it is, or may not be any more.
    func newMaster(_ reading: Reading) -> SealingKey? {
        let wanted = masters.active
        return wanted.id == reading.master.id || reading.record.replacedMasters.contains(wanted.id) ? nil : wanted
    }

    private static func read(
        _ store: any Store, _ masters: KeyRing, _ context: CallContext
    ) throws(ConnError) -> Reading? {
        guard let stored = try store.read([.get(RowKeys.vault)], context).first?.first else { return nil }
        guard let id = KeyRing.keyID(of: stored.value) else {
            throw ConnError(.internal, "the vault's first row is damaged")
        }
        guard let master = masters.key(id) else {
            throw .invalidConfig(
                "key",
                "is the master key \(masters.active.name), but the vault is sealed by \(Crypto.hex(id)), which is neither "
                    + "that nor one of otherKeys")
        }
        guard case .opened(let plain) = masters.open(stored.value, boundTo: RowKeys.vault) else {
            throw ConnError(.internal, "the vault's first row is damaged")
        }
        guard let record = VaultRecord(json: try RowReader.parse(plain)) else {
            throw ConnError(.internal, "the vault is of another version of this library")
        }
        return Reading(record: record, version: stored.version, master: master)
    }
}
