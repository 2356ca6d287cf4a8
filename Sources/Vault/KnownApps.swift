internal import Connections
internal import Memory

/// Connections as the store has them, those too that are being deleted, each looked up once. A damaged one is nil, as if
/// it were not there.
struct KnownApps {
    private let reader: RowReader
    /// Nil stands for one that is not there.
    private var apps: [ID: AppRecord?] = [:]
    private(set) var damaged: Set<ID> = []

    init(_ reader: RowReader) { self.reader = reader }

    mutating func app(_ id: ID) throws(ConnError) -> AppRecord? {
        if let known = apps[id] { return known }
        var app: AppRecord?
        if let stored = try reader.stored(reader.keys.app(id)) {
            app = try reader.openIfWhole(stored)?.value
            if app == nil { damaged.insert(id) }
        }
        apps[id] = .some(app)
        return app
    }
}
