internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// The operations on flows.
final class FlowOperations: Sendable {
    private let rows: Rows

    init(rows: Rows) { self.rows = rows }

    func create(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = request.id("id") ?? ID(Crypto.hex(Crypto.random(8)))
        return try save(request, as: id) { (change, key) throws(ConnError) in
            guard try change.reader.stored(key) == nil else {
                throw ConnError(.conflict, "a flow of this id exists", field: "id")
            }
            return .absent
        }
    }

    func update(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        return try save(request, as: id) { (change, key) throws(ConnError) in
            guard let stored = try change.reader.stored(key) else { throw .noSuchFlow(id) }
            if let version = request.id("version") {
                let row: Row<PageFlow> = try change.reader.open(stored)
                guard version == ID(change.keys.version(of: row.value.json)) else { throw .changedMeanwhile("flow") }
            }
            return .version(stored.version)
        }
    }

    /// - Parameter expecting: what must be there, given the key of the flow's row.
    private func save(
        _ request: Request, as id: ID,
        expecting: @escaping @Sendable (Change, [UInt8]) throws(ConnError) -> StoreWrite.Expectation
    ) throws(ConnError) -> Step<JSON> {
        let settings = request.fields.withoutNulls
        settings.remove("version")
        settings.set("id", .string(id))
        guard let flow = PageFlow(json: settings) else { throw .invalid("id", "is missing") }
        try flow.check()
        return rows.change { (change) throws(ConnError) in
            let key = change.keys.pageFlow(id)
            change.put(flow, at: key, expecting: try expecting(change, key))
            change.events = [AuditEvent(request, flowID: id)]
            let kinds = try change.reader.kinds(of: flow.apps)
            return .object(["flow": flow.versioned(change.keys), "warnings": flow.warnings(kinds)])
        }
    }

    func load(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        return rows.read { (reader) throws(ConnError) in
            guard let row: Row<PageFlow> = try reader.get(reader.keys.pageFlow(id)) else { throw .noSuchFlow(id) }
            return .done(.object(["flow": row.value.versioned(reader.keys)]))
        }
    }

    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        try rows.list(RowKeys.pageFlows, "flows", request) { (flow: PageFlow) in (flow.id, flow.json) }
    }

    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        return rows.change { (change) throws(ConnError) in
            let key = change.keys.pageFlow(id)
            guard let stored = try change.reader.stored(key) else { throw .noSuchFlow(id) }
            change.remove(key, expecting: .version(stored.version))
            change.events = [AuditEvent(request, flowID: id)]
            return .object()
        }
    }
}

extension RowReader {
    /// Which of these connections there are, and what they are for. A damaged one is none.
    fileprivate func kinds(of apps: [ID]) throws(ConnError) -> [ID: AppRecord.Kind] {
        let ids = Array(Set(apps))
        var kinds: [ID: AppRecord.Kind] = [:]
        for (id, found) in zip(ids, try read(ids.map { .get(keys.app($0)) })) {
            let row: Row<AppRecord>? = try readable(found.first)
            if let app = row?.value, !app.isBeingDeleted { kinds[id] = app.kind }
        }
        return kinds
    }
}

extension ConnError {
    fileprivate static func noSuchFlow(_ id: ID) -> ConnError {
        ConnError(.notFound, "there is no flow \(id)", field: "id")
    }
}
