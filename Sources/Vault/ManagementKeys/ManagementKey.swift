internal import Connections
internal import Crypto
internal import HTTP
internal import JSON
internal import Runtime

/// A management key: who has it may use the whole of the REST API. Its row has the hash of the key alone; a fast one is
/// enough, since nobody can try 2^256 keys. That the row is sealed keeps whoever can write into the store from adding one.
struct ManagementKey: Record {
    let id: ID
    let name: String
    /// SHA-256 of the key's text.
    private let hash: [UInt8]
    /// Seconds since 1970.
    let createdAt: Int64
    private let expiresAt: Int64?
    /// Empty: it may be used from anywhere.
    private let addresses: [String]

    init(_ text: ManagementKeyText, name: String, addresses: [String], createdAt: Int64, expiresAt: Int64?) {
        id = text.id
        self.name = name
        hash = text.hash
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.addresses = addresses
    }

    /// - Parameters:
    ///   - address: where it came from, as text.
    ///   - now: seconds since 1970.
    func accepts(_ text: ManagementKeyText, from address: String?, now: Int64) -> Bool {
        let isSame = hash.withUnsafeBytes { a in text.hash.withUnsafeBytes { b in constantTimeEqual(a, b) } }
        return isSame && expiresAt.map { now < $0 } != false && isUsable(from: address)
    }

    private func isUsable(from address: String?) -> Bool {
        guard !addresses.isEmpty else { return true }
        guard let address else { return false }
        return addresses.contains { AddressBlock($0)?.contains(address) == true }
    }

    init?(json: JSON) {
        guard let id = json["id"]?.id, let name = json["name"]?.string,
            let hash = json["hash"]?.string.flatMap(Crypto.fromHex), let createdAt = json["createdAt"]?.integer
        else { return nil }
        self.id = id
        self.name = name
        self.hash = hash
        self.createdAt = createdAt
        expiresAt = json["expiresAt"]?.integer
        addresses = json["addresses"]?.strings ?? []
    }

    var json: JSON {
        let json = shown
        json.set("hash", .string(Crypto.hex(hash)))
        return json
    }

    /// As the operations answer it.
    var shown: JSON {
        .object([
            "id": .string(id), "name": .string(name), "createdAt": .integer(createdAt),
            "expiresAt": expiresAt.map { .integer($0) }, "addresses": addresses.isEmpty ? nil : .strings(addresses),
        ])
    }
}

/// The text of a management key: `dcmk_`, the key's id, and 32 random bytes in base64url. The id finds its row; the beginning
/// lets scanners find a key that was published by mistake.
struct ManagementKeyText: Sendable {
    private static let prefix = "dcmk_"
    private static let idBytes = 8
    private static let secretBytes = 32
    private static let count = 65

    let id: ID
    let hash: [UInt8]

    /// - Returns: nil for what no key looks like.
    init?(_ text: UnsafeRawBufferPointer) {
        let digits = text.dropFirst(Self.prefix.utf8.count).prefix(2 * Self.idBytes)
        guard text.count == Self.count, text.starts(with: Self.prefix.utf8),
            let bytes = Crypto.fromHex(String(decoding: digits, as: UTF8.self))
        else { return nil }
        id = ID(Crypto.hex(bytes))
        hash = Crypto.sha256(text)
    }

    /// A new one.
    static func random() -> (text: JSON, parsed: ManagementKeyText)? {
        let beginning = prefix + Crypto.hex(Crypto.random(idBytes)) + "_"
        let secret = Crypto.base64URL(Crypto.randomSecret(secretBytes))
        let text = Secret(count: beginning.utf8.count + secret.count) { bytes in
            bytes.copyBytes(from: beginning.utf8)
            secret.withBytes {
                UnsafeMutableRawBufferPointer(rebasing: bytes.dropFirst(beginning.utf8.count)).copyMemory(from: $0)
            }
        }
        guard let parsed = text.withBytes({ ManagementKeyText($0) }), let node = text.json else { return nil }
        return (node, parsed)
    }
}
