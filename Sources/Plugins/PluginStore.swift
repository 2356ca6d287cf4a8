internal import CDescopeConn
package import Connections
package import JSON
internal import Runtime
package import Store

/// A store that somebody else wrote.
package final class PluginStore: Store, @unchecked Sendable {  // the functions may be called from any thread
    private let instance: PluginInstance
    /// The plugin's functions. Those that its table does not reach to are nil.
    private let table: descope_conn_store

    /// A store's function has this long at most, in milliseconds.
    private static let timeoutMilliseconds = 10_000

    /// - Parameters:
    ///   - reference: an absolute path, or a registered plugin's name.
    ///   - field: the config's field that holds it.
    package init(_ reference: String, field: String, config: JSON) throws(ConnError) {
        instance = try PluginInstance(reference, kind: .store, field: field, config: config)
        var table = descope_conn_store()
        if let theirs = instance.library.table.store {
            withUnsafeMutableBytes(of: &table) { table in
                table.copyMemory(
                    from: UnsafeRawBufferPointer(start: theirs, count: min(theirs.pointee.struct_size, table.count)))
            }
        }
        self.table = table
    }

    package func close() { instance.close() }

    package func read(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        if table.read != nil { return try readTogether(reads, context) }
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
        guard let get = table.get else { throw lost }
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
        guard let scan = table.scan else { throw lost }
        var found = FoundRows(parts: 1)
        var error = descope_conn_bytes()
        let after = after ?? []
        let status = withUnsafeMutablePointer(to: &found) { found in
            instance.call(bounded(context)) { plugin, context in
                scan(
                    plugin, context, prefix, prefix.count, after, after.count, limit,
                    { found, key, keyLength, value, valueLength, version in
                        FoundRows.take(found, 0, key, keyLength, value, valueLength, version)
                    }, found, &error)
            }
        }
        try instance.check(status, error)
        return try checked(found)[0]
    }

    private func readTogether(_ reads: [StoreRead], _ context: CallContext) throws(ConnError) -> [[StoredRow]] {
        guard let read = table.read else { throw lost }
        var found = FoundRows(parts: reads.count)
        var error = descope_conn_bytes()
        let bytes = PlacedBytes(reads.flatMap { [$0.key, $0.after] })
        let status = bytes.withAddresses { addresses in
            let raw = reads.enumerated().map { index, read in
                descope_conn_read(
                    key: addresses[2 * index], key_len: read.key.count, after: addresses[2 * index + 1],
                    after_len: read.after.count, limit: read.limit)
            }
            return withUnsafeMutablePointer(to: &found) { found in
                instance.call(bounded(context)) { plugin, context in
                    read(
                        plugin, context, raw, raw.count,
                        { found, part, key, keyLength, value, valueLength, version in
                            FoundRows.take(found, part, key, keyLength, value, valueLength, version)
                        }, found, &error)
                }
            }
        }
        try instance.check(status, error)
        return try checked(found)
    }

    private func checked(_ found: FoundRows) throws(ConnError) -> [[StoredRow]] {
        guard found.rows.allSatisfy({ $0.allSatisfy { $0.version != 0 && $0.version != .max } }) else {
            throw noVersion
        }
        return found.rows
    }

    package func commit(_ context: CallContext, taking take: () -> StoreCommit?) throws(ConnError) {
        guard let taken = take() else { return }
        try commit(taken.writes, taken.context)
    }

    private func commit(_ writes: [StoreWrite], _ context: CallContext) throws(ConnError) {
        guard let commit = table.commit else { throw lost }
        var error = descope_conn_bytes()
        let bytes = PlacedBytes(writes.flatMap { [$0.key, $0.value ?? []] })
        let status = bytes.withAddresses { addresses in
            let raw = writes.enumerated().map { index, write in
                descope_conn_write(
                    key: addresses[2 * index], key_len: write.key.count,
                    value: write.value.flatMap { _ in addresses[2 * index + 1] }, value_len: write.valueLength,
                    expected: write.expected.raw)
            }
            return instance.call(bounded(context)) { plugin, context in commit(plugin, context, raw, raw.count, &error)
            }
        }
        try instance.check(status, error)
    }

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

/// What a plugin hands back for the parts of a read.
private struct FoundRows {
    var rows: [[StoredRow]]

    init(parts: Int) { rows = Array(repeating: [], count: parts) }

    /// Takes a row, or has the plugin stop.
    static func take(
        _ found: UnsafeMutableRawPointer?, _ part: Int, _ key: UnsafeRawPointer?, _ keyLength: Int,
        _ value: UnsafeRawPointer?, _ valueLength: Int, _ version: UInt64
    ) -> Int32 {
        guard let found = found?.assumingMemoryBound(to: FoundRows.self), found.pointee.rows.indices.contains(part),
            let key, keyLength >= 0, valueLength >= 0
        else { return 1 }
        found.pointee.rows[part].append(
            StoredRow(
                key: Array(UnsafeRawBufferPointer(start: key, count: keyLength)),
                value: Array(UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : valueLength)),
                version: version))
        return 0
    }
}

/// Pieces of bytes, all in one, so that their addresses hold for the time of a call.
private struct PlacedBytes {
    private let bytes: [UInt8]
    private let offsets: [Int]

    init(_ pieces: [[UInt8]]) {
        bytes = Array(pieces.joined())
        var offset = 0
        offsets = pieces.map { piece in
            defer { offset += piece.count }
            return offset
        }
    }

    /// - Parameter body: gets the address of each piece.
    func withAddresses<Value>(_ body: ([UnsafeRawPointer?]) -> Value) -> Value {
        bytes.withUnsafeBytes { bytes in body(offsets.map { offset in bytes.baseAddress.map { $0 + offset } }) }
    }
}

extension StoreRead {
    fileprivate var key: [UInt8] {
        switch self {
        case .get(let key): key
        case .scan(let prefix, _, _): prefix
        }
    }

    fileprivate var after: [UInt8] {
        if case .scan(_, let after?, _) = self { after } else { [] }
    }

    /// 0 asks for one row by its key.
    fileprivate var limit: Int {
        if case .scan(_, _, let limit) = self { limit } else { 0 }
    }
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
