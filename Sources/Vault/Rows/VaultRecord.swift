internal import Crypto
internal import JSON
internal import Runtime

/// The vault's first row: its format, the key of the hashes in row keys, and the keys that seal all other rows. It is
/// itself sealed by a master key, so that changing the master key changes this row alone.
struct VaultRecord: Record {
    private static let format: Int64 = 1
    static let maxKeys = 16
    /// Replaced master keys that are remembered.
    private static let maxReplaced = 64

    struct Key: Sendable {
        let key: SealingKey
        /// Seconds since 1970.
        let addedAt: Int64
    }

    let hashKey: Secret
    /// The first one is active. Never empty, each id once.
    private(set) var keys: [Key]
    /// The ids of the master keys that this vault had before, the latest one last: none of them is taken again, so that
    /// a process which still runs with an old config does not undo the change.
    private(set) var replacedMasters: [[UInt8]] = []

    /// A new vault's.
    init(now: Int64) {
        hashKey = Crypto.randomSecret(32)
        keys = [Key(key: .random(), addedAt: now)]
    }

    var ring: KeyRing { KeyRing(active: keys[0].key, others: keys.dropFirst().map(\.key)) }

    /// - Returns: false when there are as many as there may be, or one of this id.
    mutating func add(_ key: SealingKey, now: Int64) -> Bool {
        guard keys.count < Self.maxKeys, !keys.contains(where: { $0.key.id == key.id }) else { return false }
        keys.append(Key(key: key, addedAt: now))
        return true
    }

    /// - Returns: false when there is no such key.
    mutating func activate(_ id: [UInt8]) -> Bool {
        guard let index = keys.firstIndex(where: { $0.key.id == id }) else { return false }
        keys.insert(keys.remove(at: index), at: 0)
        return true
    }

    /// The active key stays.
    mutating func drop(_ id: [UInt8]) { keys = keys.prefix(1) + keys.dropFirst().filter { $0.key.id != id } }

    mutating func replaceMaster(_ id: [UInt8]) { replacedMasters = (replacedMasters + [id]).suffix(Self.maxReplaced) }
}

// MARK: - JSON

extension VaultRecord {
    init?(json: JSON) {
        guard json["format"]?.integer == Self.format, let hashKey = json["hashKey"].flatMap(Self.secret),
            let replaced = json["replacedMasters"]?.strings?.map(Crypto.fromHex)
        else { return nil }
        self.hashKey = hashKey
        keys = []
        for item in json["keys"]?.elements ?? [] {
            guard let id = item["id"]?.string.flatMap(Crypto.fromHex), id.count == SealingKey.idBytes,
                let secret = item["key"].flatMap(Self.secret), let addedAt = item["addedAt"]?.integer
            else { return nil }
            keys.append(Key(key: SealingKey(id: id, secret: secret), addedAt: addedAt))
        }
        replacedMasters = replaced.compactMap { $0 }
        if keys.isEmpty { return nil }
    }

    private static func secret(_ json: JSON) -> Secret? {
        let secret = json.withStringBytes { Crypto.decodeSecret($0) }
        return secret.flatMap { $0 }.flatMap { $0.count == 32 ? $0 : nil }
    }

    var json: JSON {
        .object([
            "format": .integer(Self.format),
            "hashKey": Crypto.base64(hashKey).json,
            "keys": .array(
                keys.map { item in
                    .object([
                        "id": .string(item.key.name),
                        "key": Crypto.base64(item.key.secret).json,
                        "addedAt": .integer(item.addedAt),
                    ])
                }),
            "replacedMasters": .strings(replacedMasters.map(Crypto.hex)),
        ])
    }
}
