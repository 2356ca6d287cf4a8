internal import Connections
internal import Runtime
internal import Store

/// The heads of all chains, of one state of the store.
struct AuditHeads: Sendable {
    enum Found: Sendable {
        case absent
        case unreadable(version: UInt64)
        case head(AuditHead, version: UInt64)

        /// Nil where there is no row.
        var version: UInt64? {
            switch self {
            case .absent: nil
            case .unreadable(let version), .head(_, let version): version
            }
        }

        /// As far as is known: a chain without a head has not begun.
        var head: AuditHead? {
            switch self {
            case .absent: AuditHead()
            case .unreadable: nil
            case .head(let head, _): head
            }
        }
    }

    private var found = [Found](repeating: .absent, count: AuditPlace.chains)

    subscript(chain: Int) -> Found {
        get { found[chain] }
        set { found[chain] = newValue }
    }

    /// Those that have a row.
    var chains: [Int] { found.indices.filter { found[$0].version != nil } }
}

extension RowReader {
    /// - Parameter known: heads that were read before: those of the same version need not be opened again.
    func auditHeads(since known: AuditHeads = AuditHeads()) throws(ConnError) -> AuditHeads {
        var heads = AuditHeads()
        for stored in try page(RowKeys.auditHead) {
            guard let chain = AuditPlace.chain(ofHead: stored.key) else { continue }
            heads[chain] = known[chain].version == stored.version ? known[chain] : try auditHead(stored)
        }
        return heads
    }

    /// A chain's head as it is now.
    func auditHead(of chain: Int) throws(ConnError) -> AuditHeads.Found {
        guard let stored = try stored(AuditPlace.head(of: chain)) else { return .absent }
        return try auditHead(stored)
    }

    private func auditHead(_ stored: StoredRow) throws(ConnError) -> AuditHeads.Found {
        do throws(ConnError) {
            let row: Row<AuditHead> = try open(stored)
            return .head(row.value, version: row.version)
        } catch {
            guard error.code == .internal else { throw error }
            return .unreadable(version: stored.version)
        }
    }

    /// - Returns: nil when the row does not open, or holds no record that belongs there.
    func auditRecord(_ stored: StoredRow) throws(ConnError) -> (record: AuditRecord, plain: Secret)? {
        do throws(ConnError) {
            let plain = try plain(of: stored)
            guard let record = AuditRecord(json: try Self.parse(plain)), record.place.rowKey == stored.key else {
                return nil
            }
            return (record, plain)
        } catch {
            guard error.code == .internal else { throw error }
            return nil
        }
    }
}
