internal import Connections
internal import Crypto
internal import JSON

/// The keys that seal the vault's rows: docs/keys.md.
extension VaultBackend {
    func listKeys() throws(ConnError) -> Step<JSON> {
        try rows.pages([], into: [String: Int]()) { (counts, page) throws(ConnError) in
            for row in page where row.key != RowKeys.vault {
                counts[KeyRing.keyID(of: row.value).map(Crypto.hex) ?? "", default: 0] += 1
            }
        }.then { [self] (counts) throws(ConnError) in
            let reading = try rows.first.read()
            let keys = reading.record.keys.map { item in
                JSON.object([
                    "id": .string(item.key.name),
                    "active": .boolean(item.key.id == reading.ring.active.id),
                    "addedAt": .integer(item.addedAt),
                    "rows": .integer(counts[item.key.name] ?? 0),
                ])
            }
            return .done(.object(["masterKey": .string(reading.master.name), "keys": .array(keys)]))
        }
    }

    func addKey(_ request: Request) throws(ConnError) -> Step<JSON> {
        let seconds = clock.seconds
        let added = SealingKey.random()
        try rows.changeKeys(event(request, keyID: added.name)) { (record, reading) throws(ConnError) in
            guard record.add(added, now: seconds) else {
                throw ConnError(.limit, "the vault has \(VaultRecord.maxKeys) keys already; drop one first")
            }
            return reading.master
        }
        return .done(.object(["id": .string(added.name)]))
    }

    func activateKey(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try keyID(request)
        try rows.changeKeys(event(request, keyID: Crypto.hex(id))) { (record, reading) throws(ConnError) in
            guard record.activate(id) else { throw noSuchKey }
            return reading.master
        }
        return .done(.object())
    }

    /// Seals by the active key what another one sealed. What is done stays done: a call that was cut off is made again.
    func resealRows(_ request: Request) throws(ConnError) -> Step<JSON> {
        let active = try rows.first.read().ring.active
        return try rows.pages([], into: Resealing()) { [self] (done, page) throws(ConnError) in
            let stale = page.filter { $0.key != RowKeys.vault && KeyRing.keyID(of: $0.value) != active.id }
            if !stale.isEmpty { try reseal(stale.map(\.key), into: &done) }
        }.then { [self] (done) throws(ConnError) in
            try rows.commit([], recording: [event(request, keyID: active.name)])
            return .done(
                .object(["resealed": .integer(done.resealed), "unreadable": .integer(done.unreadable)]))
        }
    }

    private struct Resealing: Sendable {
        var resealed = 0
        /// Rows that were changed behind the vault's back; they stay as they are.
        var unreadable = 0
    }

    private func reseal(_ keys: [[UInt8]], into total: inout Resealing) throws(ConnError) {
        let done = try retrying { () throws(ConnError) -> Resealing in
            var done = Resealing()
            var writes: [StoreWrite] = []
            let ring = rows.first.current.ring
            for key in keys {
                // Whoever changed it meanwhile has sealed it by the active key, or it is found here.
                guard let stored = try rows.store.get(key), KeyRing.keyID(of: stored.value) != ring.active.id else {
                    continue
                }
                guard case .opened(let plain) = ring.open(stored.value, boundTo: key) else {
                    done.unreadable += 1
                    continue
                }
                writes.append(.put(key, ring.seal(plain, boundTo: key), expecting: .version(stored.version)))
                done.resealed += 1
            }
            try rows.commit(writes)
            return done
        }
        total.resealed += done.resealed
        total.unreadable += done.unreadable
    }

    /// Forgets a key for good, if no row needs it. None can come to need it meanwhile: see ``FirstRow``.
    func dropKey(_ request: Request) throws(ConnError) -> Step<JSON> {
        let id = try keyID(request)
        let before = try rows.first.read()
        guard before.ring.key(id) != nil else { throw noSuchKey }
        guard before.ring.active.id != id else { throw .invalid("id", "is the active key") }
        return try rows.pages([], into: false) { (_, page) throws(ConnError) in
            if page.contains(where: { $0.key != RowKeys.vault && KeyRing.keyID(of: $0.value) == id }) {
                throw ConnError(.conflict, "the key still seals rows; call keys.reseal first", field: "id")
            }
        }.then { [self] (_) throws(ConnError) in
            try rows.changeKeys(event(request, keyID: Crypto.hex(id))) { (record, reading) throws(ConnError) in
                guard reading.version == before.version else {
                    throw ConnError(.conflict, "the keys were changed meanwhile; nothing was dropped")
                }
                record.drop(id)
                return reading.master
            }
            return .done(.object())
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
