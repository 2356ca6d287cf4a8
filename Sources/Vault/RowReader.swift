internal import Connections
internal import JSON
internal import Memory

/// Reads and opens rows for one step of an operation, within its caller's time.
struct RowReader: Sendable {
    let store: any Store
    let first: FirstRow
    let keys: RowKeys
    let context: CallContext

    /// Rows of one page of a scan.
    static let pageSize = 128

    /// All from one state of the store.
    func read(_ reads: [StoreRead]) throws(ConnError) -> [[StoredRow]] { try store.read(reads, context) }

    func stored(_ key: [UInt8]) throws(ConnError) -> StoredRow? { try read([.get(key)]).first?.first }

    func get<Value: Record>(_ key: [UInt8], as _: Value.Type = Value.self) throws(ConnError) -> Row<Value>? {
        guard let stored = try stored(key) else { return nil }
        return try open(stored)
    }

    func page(_ prefix: [UInt8], after: [UInt8]? = nil, limit: Int = pageSize) throws(ConnError) -> [StoredRow] {
        try read([.scan(prefix: prefix, after: after, limit: limit)]).first ?? []
    }

    /// All rows with the prefix, in the order of their keys.
    func all<Value: Record>(_ prefix: [UInt8], as _: Value.Type = Value.self) throws(ConnError) -> [Row<Value>] {
        var rows: [Row<Value>] = []
        try each(prefix) { (stored) throws(ConnError) in
            rows.append(try open(stored))
            return true
        }
        return rows
    }

    /// Calls `body` for each row with the prefix, in the order of their keys, until it answers false. For what is few;
    /// ``Rows/pages(_:after:into:_:)`` is for more.
    func each(
        _ prefix: [UInt8], after: [UInt8]? = nil, _ body: (StoredRow) throws(ConnError) -> Bool
    ) throws(ConnError) {
        var after = after
        while true {
            let page = try page(prefix, after: after)
            for row in page {
                guard try body(row) else { return }
            }
            guard page.count == Self.pageSize, let last = page.last else { return }
            after = last.key
        }
    }

    func open<Value: Record>(_ stored: StoredRow) throws(ConnError) -> Row<Value> {
        guard let value = Value(json: try Self.parse(try plain(of: stored))) else {
            throw ConnError(.internal, "a row of the vault cannot be read")
        }
        return Row(key: stored.key, value: value, version: stored.version)
    }

    /// Nil when the row does not open.
    func readable<Value: Record>(_ stored: StoredRow, as _: Value.Type = Value.self) throws(ConnError) -> Row<Value>? {
        do throws(ConnError) {
            return try open(stored)
        } catch {
            guard error.code == .internal else { throw error }
            return nil
        }
    }

    /// What was sealed. A key that another process has added since is looked up.
    func plain(of stored: StoredRow) throws(ConnError) -> Secret {
        var opening = first.current.ring.open(stored.value, boundTo: stored.key)
        if case .unknownKey = opening {
            opening = try first.read(context).ring.open(stored.value, boundTo: stored.key)
        }
        switch opening {
        case .opened(let plain):
            return plain
        case .unknownKey:
            throw ConnError(.internal, "a row of the vault is sealed by a key that the vault does not have")
        case .broken:
            throw ConnError(.internal, "a row of the vault does not open: it was changed, or moved from another row")
        }
    }

    static func parse(_ plain: Secret) throws(ConnError) -> JSON {
        let parsed = plain.withBytes { bytes in Result { () throws(JSONError) in try JSON.parse(bytes) } }
        guard case .success(let json) = parsed else {
            throw ConnError(.internal, "a row of the vault cannot be read")
        }
        return json
    }
}

extension Rows {
    /// Goes through all rows with the prefix, however many, a page at a time, and lets other calls go on in between.
    /// - Parameters:
    ///   - value: what the first page is to be added to.
    ///   - body: adds a page.
    func pages<Value: Sendable>(
        _ prefix: [UInt8], after: [UInt8]? = nil, into value: Value,
        _ body: @escaping @Sendable (Value, [StoredRow], RowReader) throws(ConnError) -> Step<Value>
    ) -> Step<Value> {
        read { (reader) throws(ConnError) in
            let page = try reader.page(prefix, after: after)
            return try body(value, page, reader).then { (value) throws(ConnError) in
                guard page.count == RowReader.pageSize, let last = page.last else { return .done(value) }
                return pages(prefix, after: last.key, into: value, body)
            }
        }
    }
}
