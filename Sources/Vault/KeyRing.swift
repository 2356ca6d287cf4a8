internal import Crypto
package import Memory

/// The keys that seal the vault's rows. New rows are sealed by the active key; rows of the others still open.
///
/// A sealed value is a format byte, the sealing key's id, and what XChaCha20-Poly1305 makes of the plain value. The row's
/// own key is bound to it, so that a value moved to another row does not open.
package struct KeyRing: Sendable {
    private static let format: UInt8 = 1
    private static let idBytes = 4
    private static let headerBytes = 1 + idBytes

    private struct Key: Sendable {
        let id: [UInt8]
        let sealing: Secret
    }

    private let active: Key
    private let others: [Key]

    /// - Parameters:
    ///   - active: a master key of at least 32 bytes.
    ///   - others: master keys that sealed rows before it.
    package init(active: Secret, others: [Secret] = []) {
        self.active = Self.key(of: active)
        self.others = others.map(Self.key)
    }

    private static func key(of master: Secret) -> Key {
        let id = Crypto.derive(1, "vaultkid", from: master)
        return Key(id: id.withBytes { Array($0.prefix(idBytes)) }, sealing: Crypto.derive(1, "vaultrow", from: master))
    }

    enum Opening {
        case opened(Secret)
        /// Sealed by a key that is not in the ring.
        case unknownKey
        /// Changed, or moved from another row.
        case broken
    }

    func seal(_ plain: Secret, boundTo row: [UInt8]) -> [UInt8] {
        let header = [Self.format] + active.id
        return header + plain.withBytes { Crypto.seal($0, boundTo: header + row, key: active.sealing) }
    }

    func open(_ value: [UInt8], boundTo row: [UInt8]) -> Opening {
        guard value.count > Self.headerBytes, value[0] == Self.format else { return .broken }
        let header = Array(value.prefix(Self.headerBytes))
        let id = Array(header.dropFirst())
        guard let key = active.id == id ? active : others.first(where: { $0.id == id }) else { return .unknownKey }
        let opened = Crypto.open(value.dropFirst(Self.headerBytes), boundTo: header + row, key: key.sealing)
        return opened.map(Opening.opened) ?? .broken
    }
}
