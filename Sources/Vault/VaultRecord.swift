internal import Crypto
internal import JSON
internal import Memory

/// The vault's first row: its format, and the key of the hashes in row keys.
struct VaultRecord: Record {
    private static let format: Int64 = 1

    let hashKey: Secret

    init(hashKey: Secret) { self.hashKey = hashKey }

    init?(json: JSON) {
        guard json["format"]?.integer == Self.format,
            let key = json["hashKey"]?.string.flatMap(Crypto.fromBase64URL), key.count == 32
        else { return nil }
        hashKey = Secret(key)
    }

    var json: JSON {
        .object([
            "format": .integer(Self.format),
            "hashKey": .string(hashKey.withBytes { Crypto.base64URL($0) }),
        ])
    }
}
