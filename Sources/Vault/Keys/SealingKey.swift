internal import Crypto
internal import Runtime

/// A key that seals rows, and its name in what it sealed.
struct SealingKey: Sendable {
    static let idBytes = 4
    private static let secretBytes = 32

    /// Says nothing of the key itself.
    let id: [UInt8]
    let secret: Secret

    init(id: [UInt8], secret: Secret) {
        self.id = id
        self.secret = secret
    }

    /// - Parameter master: of at least 32 bytes. The same one makes the same key.
    init(master: Secret) {
        let id = Crypto.derive(1, "vaultkid", from: master)
        self.init(
            id: id.withBytes { Array($0.prefix(Self.idBytes)) }, secret: Crypto.derive(1, "vaultrow", from: master))
    }

    static func random() -> SealingKey {
        SealingKey(id: Crypto.random(idBytes), secret: Crypto.randomSecret(secretBytes))
    }

    /// The id as operations and messages write it.
    var name: String { Crypto.hex(id) }
}
