internal import Crypto
internal import Runtime

/// Keys that seal and open rows. What is new is sealed by the active key; what the others sealed still opens.
///
/// A sealed value is a format byte, the sealing key's id, and what XChaCha20-Poly1305 makes of the plain value. The row's
/// own key is bound to it, so that a value moved to another row does not open.
struct KeyRing: Sendable {
    private static let format: UInt8 = 1
    private static let headerBytes = 1 + SealingKey.idBytes

    let active: SealingKey
    let others: [SealingKey]

    init(active: SealingKey, others: [SealingKey] = []) {
        self.active = active
        self.others = others
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
        return header + plain.withBytes { Crypto.seal($0, boundTo: header + row, key: active.secret) }
    }

    func open(_ value: [UInt8], boundTo row: [UInt8]) -> Opening {
        guard let id = Self.keyID(of: value) else { return .broken }
        guard let key = key(id) else { return .unknownKey }
        let header = Array(value.prefix(Self.headerBytes))
        let opened = Crypto.open(value.dropFirst(Self.headerBytes), boundTo: header + row, key: key.secret)
        return opened.map(Opening.opened) ?? .broken
    }

    func key(_ id: [UInt8]) -> SealingKey? { active.id == id ? active : others.first { $0.id == id } }

    /// The id of the key that sealed a value; nil when it is no sealed value.
    static func keyID(of value: [UInt8]) -> [UInt8]? {
        guard value.count > headerBytes, value[0] == format else { return nil }
        return Array(value[1..<headerBytes])
    }
}
