internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// Reads and opens rows for one step of an operation, within its caller's time.
struct RowReader: Sendable {
    let store: any Store
    let first: FirstRow
    let keys: RowKeys
    let statistics: Statistics
    let context: CallContext

    /// Rows of one page of a scan.
    static let pageSize = 128

    /// All from one state of the store.
    func read(_ reads: [StoreRead]) throws(ConnError) -> [[StoredRow]] {
        let begun = Deadline.now
        do throws(ConnError) {
            let rows = try store.read(reads, context)
            statistics.countRead(since: begun, nil)
            return rows
        } catch {
            statistics.countRead(since: begun, error)
            throw error
        }
    }

    func stored(_ key: [UInt8]) throws(ConnError) -> StoredRow? { try read([.get(key)]).first?.first }

    func get<Value: Record>(_ key: [UInt8], as _: Value.Type = Value.self) throws(ConnError) -> Row<Value>? {
        guard let stored = try stored(key) else { return nil }
        return try open(stored)
    }

    func page(_ prefix: [UInt8], after: [UInt8]? = nil, limit: Int = pageSize) throws(ConnError) -> [StoredRow] {
        try read([.scan(prefix: prefix, after: after, limit: limit)]).first ?? []
    }

    /// All rows with the prefix, in the order of their keys.
    func all<Value: Record>(_ prefix: [UInt8], as _: Value.Type = Value.self) throws(ConnError) -> OpenedRows<Value> {
        var rows = OpenedRows<Value>()
        try each(prefix) { (stored) throws(ConnError) in
            try rows.add(stored, self)
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

    /// - Throws: `internal` when the row is damaged.
    func open<Value: Record>(_ stored: StoredRow) throws(ConnError) -> Row<Value> {
        try opened(stored).get()
    }

    /// A row among others, which do not suffer from it when it is damaged: then it is nil, and the log tells.
    func readable<Value: Record>(_ stored: StoredRow, as _: Value.Type = Value.self) throws(ConnError) -> Row<Value>? {
        switch try opened(stored) as Result<Row<Value>, ConnError> {
        case .success(let row): return row
        case .failure(let damage):
            Log.write(.warning, "a row was skipped: \(damage.message)")
            return nil
        }
    }

    /// The row of this key if it is there and whole.
    func readable<Value: Record>(at key: [UInt8]) throws(ConnError) -> Row<Value>? { try readable(try stored(key)) }

    func readable<Value: Record>(
        _ stored: StoredRow?, as _: Value.Type = Value.self
    ) throws(ConnError) -> Row<Value>? {
        guard let stored else { return nil }
        return try readable(stored)
    }

    /// - Throws: what the store fails with. How the row is damaged is in the result.
    func opened<Value: Record>(_ stored: StoredRow) throws(ConnError) -> Result<Row<Value>, ConnError> {
        let (stored, plain) = try opening(stored)
        return Result { () throws(ConnError) in
            guard let value = Value(json: try Self.parse(plain.get())) else {
                throw ConnError(.internal, "a row of the vault cannot be read")
            }
            return Row(key: stored.key, value: value, version: stored.version)
        }
    }

    /// What was sealed.
    func plain(of stored: StoredRow) throws(ConnError) -> Secret { try opening(stored).plain.get() }

    /// Opens a row. A key that another process has added since is looked up; a row that was sealed anew since it was read,
    /// and whose key was dropped then, is read again.
    private func opening(
        _ stored: StoredRow
    ) throws(ConnError) -> (row: StoredRow, plain: Result<Secret, ConnError>) {
        var opening = first.current.ring.open(stored.value, boundTo: stored.key)
        if case .unknownKey = opening {
            opening = try first.read(context).ring.open(stored.value, boundTo: stored.key)
        }
        switch opening {
        case .opened(let plain):
            return (stored, .success(plain))
        case .unknownKey:
            guard let now = try self.stored(stored.key) else { throw .rowHasChanged }
            if now.version != stored.version { return try self.opening(now) }
            return (
                stored,
                .failure(ConnError(.internal, "a row of the vault is sealed by a key that the vault does not have"))
            )
        case .broken:
            return (
                stored,
                .failure(
                    ConnError(
                        .internal, "a row of the vault does not open: it was changed, or moved from another row"))
            )
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

/// Rows that were looked at together: a damaged one denies itself alone.
struct OpenedRows<Value: Record>: Sendable {
    private(set) var whole: [Row<Value>] = []
    private(set) var damaged: [StoredRow] = []

    mutating func add(_ stored: StoredRow, _ reader: RowReader) throws(ConnError) {
        if let row: Row<Value> = try reader.readable(stored) {
            whole.append(row)
        } else {
            damaged.append(stored)
        }
    }
}

extension JSON {
    /// Says of an answer how many rows it would tell of, were they not damaged; nothing when there are none.
    func setUnreadable(_ count: Int) {
        if count > 0 { set("unreadable", .integer(count)) }
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
        read { [self] (reader) throws(ConnError) in
            let page = try reader.page(prefix, after: after)
            return try body(value, page, reader).then { [self] (value) throws(ConnError) in
                guard page.count == RowReader.pageSize, let last = page.last else { return .done(value) }
                return pages(prefix, after: last.key, into: value, body)
            }
        }
    }
}
