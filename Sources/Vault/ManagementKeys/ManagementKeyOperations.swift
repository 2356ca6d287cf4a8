internal import Connections
internal import HTTP
internal import JSON
internal import Runtime
internal import Store

/// The operations on management keys: docs/api.md.
final class ManagementKeyOperations: Sendable {
    /// So that a list of them is one answer.
    private static let maxCount = 1000
    private let rows: Rows
    private let clock: Clock

    init(rows: Rows, clock: Clock) {
        self.rows = rows
        self.clock = clock
    }

    func create(_ request: Request) throws(ConnError) -> Step<JSON> {
        let addresses = request["addresses"]?.strings ?? []
        for (index, address) in addresses.enumerated() where AddressBlock(address) == nil {
            throw .invalid(
                "addresses[\(index)]", "is neither an IP address nor a network in CIDR notation, such as 192.0.2.0/24")
        }
        guard let (text, parsed) = ManagementKeyText.random() else {
            throw ConnError(.internal, "no management key could be made")
        }
        let now = clock.seconds
        let key = ManagementKey(
            parsed, name: try request.required("name"), addresses: addresses, createdAt: now,
            expiresAt: request["expiresIn"]?.integer.map { now + $0 })
        return rows.change { (change) throws(ConnError) in
            let stored = try change.reader.page(RowKeys.managementKeys, limit: Self.maxCount)
            guard stored.count < Self.maxCount else {
                throw ConnError(.limit, "the vault has \(Self.maxCount) management keys already; delete one first")
            }
            change.put(key, at: change.keys.managementKey(key.id), expecting: .absent)
            change.events = [AuditEvent(request, keyID: key.id.text)]
            let answer = key.shown
            answer.set("key", text)
            return answer
        }
    }

    func list() throws(ConnError) -> Step<JSON> {
        rows.read { (reader) throws(ConnError) in
            let found: OpenedRows<ManagementKey> = try reader.all(RowKeys.managementKeys)
            let keys = found.whole.map(\.value).sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
            let answer = JSON.object(["keys": .array(keys.map(\.shown))])
            answer.setUnreadable(found.damaged.count)
            return .done(answer)
        }
    }

    func delete(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try request.requiredID("id")
        return rows.change { (change) throws(ConnError) in
            let key = change.keys.managementKey(id)
            guard let stored = try change.reader.stored(key) else {
                throw ConnError(.notFound, "there is no management key \(id)", field: "id")
            }
            change.remove(key, expecting: .version(stored.version))
            change.events = [AuditEvent(request, keyID: id.text)]
            return .object()
        }
    }

    func verify(_ request: Request) throws(ConnError) -> Step<JSON> {
        let refusal = ConnError(.unauthorized, "the management key is not accepted", field: "key")
        guard let text = request["key"]?.withStringBytes({ ManagementKeyText($0) }).flatMap({ $0 }) else {
            throw refusal
        }
        return rows.read { [clock] (reader) throws(ConnError) in
            guard let row: Row<ManagementKey> = try reader.readable(at: reader.keys.managementKey(text.id)),
                row.value.accepts(text, from: request.string("address"), now: clock.seconds)
            else { throw refusal }
            return .done(row.value.shown)
        }
    }
}
