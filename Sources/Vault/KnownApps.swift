internal import Connections
internal import Memory

/// Connections as the store has them, those too that are being deleted, each looked up once.
struct KnownApps {
    private let reader: RowReader
    /// Nil stands for one that is not there.
    private var apps: [ID: AppRecord?] = [:]

    init(_ reader: RowReader) { self.reader = reader }

    mutating func app(_ id: ID) throws(ConnError) -> AppRecord? {
        if let known = apps[id] { return known }
        let row: Row<AppRecord>? = try reader.get(reader.keys.app(id))
        apps[id] = .some(row?.value)
        return row?.value
    }
}
