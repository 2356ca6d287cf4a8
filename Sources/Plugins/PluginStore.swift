internal import CDescopeConn
package import Connections
internal import HTTP
package import JSON
internal import Memory

/// A store that somebody else wrote.
package final class PluginStore: Store {
    private let instance: PluginInstance

    /// A store's function has this long at most, in milliseconds.
    private static let timeoutMilliseconds = 10_000

    /// - Parameters:
    ///   - reference: an absolute path, or a registered plugin's name.
    ///   - field: the config's field that holds it.
    package init(_ reference: String, field: String, config: JSON) throws(ConnError) {
        instance = try PluginInstance(reference, kind: .store, field: field, config: config)
    }

    package func close() { instance.close() }

    package func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        var found: [[StoredRow]] = []
        for read in reads {
            switch read {
            case .get(let key): found.append(try get(key, context).map { [$0] } ?? [])
            case .scan(let prefix, let after, let limit):
                found.append(try scan(prefix: prefix, after: after, limit: limit, context))
            }
        }
        return found
    }

    private func get(_ key: [UInt8], _ context: CallContext) throws(ConnError) -> StoredRow? {
        guard let get = table?.get else { throw lost }
        var value = descope_conn_bytes()
        var version: UInt64 = 0
        var error = descope_conn_bytes()
        let status = instance.call(bounded(context)) { plugin, context in
            get(plugin, context, key, key.count, &value, &version, &error)
        }
        let bytes = PluginHost.take(value) { Array($0) }
        try instance.check(status, error)
        guard version != 0 else { return nil }
        guard version != .max else { throw noVersion }
        return StoredRow(key: key, value: bytes ?? [], version: version)
    }

    private func scan(
        prefix: [UInt8], after: [UInt8]?, limit: Int, _ context: CallContext
    ) throws(ConnError) -> [StoredRow] {
        guard let scan = table?.scan else { throw lost }
        var rows: [StoredRow] = []
        var error = descope_conn_bytes()
        let after = after ?? []
        let status = withUnsafeMutablePointer(to: &rows) { rows in
            instance.call(bounded(context)) { plugin, context in
                scan(
                    plugin, context, prefix, prefix.count, after, after.count, limit,
                    { rows, key, keyLength, value, valueLength, version in
                        guard let rows, let key, keyLength >= 0, valueLength >= 0 else { return 1 }
                        rows.assumingMemoryBound(to: [StoredRow].self).pointee.append(
                            StoredRow(
                                key: Array(UnsafeRawBufferPointer(start: key, count: keyLength)),
                                value: Array(
                                    UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : valueLength)),
                                version: version))
                        return 0
                    }, rows, &error)
            }
        }
        try instance.check(status, error)
        guard rows.allSatisfy({ $0.version != 0 && $0.version != .max }) else { throw noVersion }
        return rows
    }

    package func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        guard let taken = take() else { return }
        try commit(taken.writes, taken.context)
    }

    private func commit(_ writes: [StoreWrite], _ context: CallContext) throws(ConnError) {
        guard let commit = table?.commit else { throw lost }
        var error = descope_conn_bytes()
        // All keys and values in one piece, so that their addresses hold for the time of the call.
        let bytes = writes.flatMap { $0.key + ($0.value ?? []) }
        let status = bytes.withUnsafeBytes { bytes in
            var offset = 0
            func place(_ count: Int) -> UnsafeRawPointer? {
                defer { offset += count }
                return bytes.baseAddress.map { $0 + offset }
            }
            let raw = writes.map { write in
                descope_conn_write(
                    key: place(write.key.count), key_len: write.key.count,
                    value: write.value.flatMap { place($0.count) }, value_len: write.valueLength,
                    expected: write.expected.raw)
            }
            return instance.call(bounded(context)) { plugin, context in commit(plugin, context, raw, raw.count, &error)
            }
        }
        try instance.check(status, error)
    }

    private var table: descope_conn_store? { instance.library.table.store?.pointee }

    private func bounded(_ context: CallContext) -> CallContext {
        CallContext(
            deadline: min(context.deadline, .after(milliseconds: Self.timeoutMilliseconds)),
            cancellation: context.cancellation)
    }

    /// Such a number would mean "any" or "absent" to the next commit.
    private var noVersion: ConnError {
        ConnError(.internal, "the plugin \(instance.library.name) gave a row a number that is no version")
    }

    private var lost: ConnError { ConnError(.internal, "the plugin \(instance.library.name) lost a function") }
}

extension StoreWrite {
    fileprivate var valueLength: Int {
        keepsRow ? -1 : value?.count ?? 0  // DESCOPE_CONN_STORE_KEEP
    }
}

extension StoreWrite.Expectation {
    fileprivate var raw: UInt64 {
        switch self {
        case .absent: UInt64(DESCOPE_CONN_STORE_ABSENT)
        case .version(let version): version
        case .any: .max  // DESCOPE_CONN_STORE_ANY
        }
    }
}
