internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// The operations on the keys that seal the vault's rows: docs/keys.md.
final class KeyOperations: Sendable {
    private let rows: Rows
    private let clock: Clock

    init(rows: Rows, clock: Clock) {
        self.rows = rows
        self.clock = clock
    }

    func list() throws(ConnError) -> Step<JSON> {
        try rows.pages([], into: [[UInt8]: Int]()) { (counts, page, _) throws(ConnError) in
            var counts = counts
            for row in page where row.key != RowKeys.vault {
                counts[KeyRing.keyID(of: row.value) ?? [], default: 0] += 1
            }
            return .done(counts)
        }.then { [self] (counts) throws(ConnError) in
            rows.read { (reader) throws(ConnError) in
                let reading = try reader.first.read(reader.context)
                let keys = reading.record.keys.map { item in
                    JSON.object([
                        "id": .string(item.key.name),
                        "active": .boolean(item.key.id == reading.ring.active.id),
                        "addedAt": .integer(item.addedAt),
                        "rows": .integer(counts[item.key.id] ?? 0),
                    ])
                }
                return .done(.object(["masterKey": .string(reading.master.name), "keys": .array(keys)]))
            }
        }
    }

    func add(_ request: Request) throws(ConnError) -> Step<JSON> {
        let seconds = clock.seconds
        let added = SealingKey.random()
        return try rows.changeKeys(AuditEvent(request, keyID: added.name)) { (record, reading) throws(ConnError) in
            guard record.add(added, now: seconds) else {
                throw ConnError(.limit, "the vault has \(VaultRecord.maxKeys) keys already; drop one first")
            }
            return reading.master
        }.then { () throws(ConnError) in .done(.object(["id": .string(added.name)])) }
    }

    func activate(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try keyID(request)
        return try rows.changeKeys(AuditEvent(request, keyID: Crypto.hex(id))) {
            [self] (record, reading) throws(ConnError) in
            guard record.activate(id) else { throw noSuchKey }
            return reading.master
        }.then { () throws(ConnError) in .done(.object()) }
    }

    /// Seals by the active key what another one sealed. What is done stays done: a call that was cut off is made again.
    func reseal(_ request: Request) throws(ConnError) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            let active = try reader.first.read(reader.context).ring.active
            return try rows.pages([], into: Resealing()) { [self] (done, page, _) throws(ConnError) in
                let stale = page.filter { $0.key != RowKeys.vault && KeyRing.keyID(of: $0.value) != active.id }
                return stale.isEmpty ? .done(done) : resealRows(stale.map(\.key), after: done)
            }.then { [self] (done) throws(ConnError) in
                try rows.commit([], recording: [AuditEvent(request, keyID: active.name)]).then { () throws(ConnError) in
                    .done(.object(["resealed": .integer(done.resealed), "unreadable": .integer(done.unreadable)]))
                }
            }
        }
    }

    private struct Resealing: Sendable {
        var resealed = 0
        /// Rows that were changed behind the vault's back; they stay as they are.
        var unreadable = 0
    }

    private func resealRows(_ keys: [[UInt8]], after before: Resealing) -> Step<Resealing> {
        rows.change { (change) throws(ConnError) in
            var done = before
            let ring = change.reader.first.current.ring
            for found in try change.reader.read(keys.map { .get($0) }) {
                // Whoever changed it meanwhile has sealed it by the active key, or it is found here.
                guard let stored = found.first, KeyRing.keyID(of: stored.value) != ring.active.id else { continue }
                guard case .opened(let plain) = ring.open(stored.value, boundTo: stored.key) else {
                    done.unreadable += 1
                    continue
                }
                let sealed = ring.seal(plain, boundTo: stored.key)
                change.writes.append(.put(stored.key, sealed, expecting: .version(stored.version)))
                done.resealed += 1
            }
            return done
        }
    }

    /// Forgets a key for good, if no row needs it. None can come to need it meanwhile: see ``FirstRow``.
    func drop(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try keyID(request)
        return rows.read { [self] (reader) throws(ConnError) in
            let before = try reader.first.read(reader.context)
            guard before.ring.key(id) != nil else { throw noSuchKey }
            guard before.ring.active.id != id else { throw .invalid("id", "is the active key") }
            return try rows.pages([], into: ()) { (_, page, _) throws(ConnError) in
                if page.contains(where: { $0.key != RowKeys.vault && KeyRing.keyID(of: $0.value) == id }) {
                    throw ConnError(.conflict, "the key still seals rows; call keys.reseal first", field: "id")
                }
                return .done(())
            }.then { [self] () throws(ConnError) in
                try rows.changeKeys(AuditEvent(request, keyID: Crypto.hex(id))) { (record, reading) throws(ConnError) in
                    guard reading.version == before.version else {
                        throw ConnError(.conflict, "the keys were changed meanwhile; nothing was dropped")
                    }
                    record.drop(id)
                    return reading.master
                }
            }.then { () throws(ConnError) in .done(.object()) }
        }
    }

    private func keyID(_ request: Request) throws(ConnError) -> [UInt8] {
        guard let id = Crypto.fromHex(try request.required("id")), id.count == SealingKey.idBytes else {
            throw noSuchKey
        }
        return id
    }

    private var noSuchKey: ConnError { ConnError(.notFound, "the vault has no key of this id", field: "id") }
}
