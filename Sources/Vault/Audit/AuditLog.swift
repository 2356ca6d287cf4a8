internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// The audit: records that hang together by hashes, each committed with the change that it tells of.
///
/// There are several chains, so that processes on a store do not wait for each other (``AuditTail``). A chain's head counts
/// its records and holds the last one's hash; it changes in the same commit, which goes through only if no record of that
/// number is there. The hashes' key comes from the vault's first row, so that nobody without the vault's key makes a chain.
struct AuditLog: Sendable {
    enum Level: String, CaseIterable {
        case off
        /// What changes a grant, a connection or a key, and what hands out many tokens.
        case changes
        /// Every fetch and every refused operation too.
        case all
    }

    static let hashBytes = 32
    /// Stands before the first record.
    static let origin = [UInt8](repeating: 0, count: hashBytes)
    let level: Level
    let clock: Clock
    let tail: AuditTail
    private let key: Secret

    init(hashKey: Secret, config: VaultConfig, clock: Clock, chains: Jitter) {
        key = Crypto.derive(1, "auditlog", from: hashKey)
        level = config.audit
        self.clock = clock
        tail = AuditTail(
            key: key, lifetime: level == .off ? nil : config.auditDays.map { $0 * 86_400_000 },
            isKept: level != .off, clock: clock, choice: chains)
    }

    func hash(_ plain: Secret) -> [UInt8] { Self.hash(plain, key: key) }

    static func hash(_ plain: Secret, key: Secret) -> [UInt8] {
        Crypto.keyedHash(plain.withBytes { Array($0) }, key: key, count: hashBytes)
    }
}
