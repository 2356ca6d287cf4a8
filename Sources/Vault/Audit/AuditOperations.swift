internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// The operations on the audit, and its record of what was refused: docs/audit.md.
final class AuditOperations: Sendable {
    private let rows: Rows
    private let config: VaultConfig

    init(rows: Rows, config: VaultConfig) {
        self.rows = rows
        self.config = config
    }

    /// Records a request that was refused, where the config wants that. Fetches are recorded as their tokens are handed
    /// out.
    func refused(_ request: Request, _ error: ConnError) -> Step<Void>? {
        // Whoever is on the network may send a key, as often as they like.
        guard config.audit == .all, request.look == nil, request.operation != "management_keys.verify" else {
            return nil
        }
        // What it is the id of.
        let appID = request.operation.hasPrefix("apps.") ? request.id("id") : request.id("appId")
        let isOfKeys = ["keys.", "management_keys."].contains { request.operation.hasPrefix($0) }
        let keyID = isOfKeys ? request.string("id") : nil
        let flowID = request.operation.hasPrefix("flows.") ? request.id("id") : nil
        let refused = AuditEvent(
            request, appID: appID, subject: request.subject, tokenID: request.id("tokenId"), keyID: keyID,
            flowID: flowID, outcome: error.code.rawValue)
        return rows.commit([], recording: [refused])
    }

    func list(_ request: Request) throws(ConnError) -> Step<JSON> {
        guard request["newestFirst"]?.boolean ?? false else { return answer(try AuditPage(request)) }
        return answer(try NewestAuditPage(request))
    }

    private func answer(_ page: NewestAuditPage) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            var page = page
            try page.add(reader)
            return page.isDone ? .done(page.answer) : answer(page)
        }
    }

    private func answer(_ page: AuditPage) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            var page = page
            try page.add(reader)
            return page.isDone ? .done(page.answer) : answer(page)
        }
    }

    /// Follows each chain from the first record that is kept to the head.
    func verify(anchor: String? = nil) throws(ConnError) -> Step<JSON> {
        try rows.read { [self] (reader) throws(ConnError) in
            try follow(0, AuditVerdict(try reader.auditHeads(), anchor: anchor))
        }.then { [self] (verdict) throws(ConnError) in
            rows.read { [self] (reader) throws(ConnError) in
                var verdict = verdict
                if let place = try placeBeyondHead(reader) {
                    verdict.fail("there are records beyond the head", at: place)
                }
                return .done(verdict.answer)
            }
        }
    }

    private func follow(_ number: Int, _ before: AuditVerdict) throws(ConnError) -> Step<AuditVerdict> {
        guard number < AuditPlace.chains, before.problem == nil else { return .done(before) }
        var verdict = before
        guard let chain = verdict.chain(number) else { return try follow(number + 1, verdict) }
        let heads = verdict.heads
        return try rows.pages(AuditPlace.records(of: number), into: chain) {
            [self] (chain, page, reader) throws(ConnError) in
            var chain = chain
            var witnesses: [AuditMark] = []
            for stored in page where chain.problem == nil {
                if chain.skips(stored.key) { continue }
                if stored.key != chain.place.rowKey, let head = try reader.auditHead(of: number).head {
                    // Records whose time is over go while this looks.
                    chain.start(at: head)
                    if chain.skips(stored.key) { continue }
                }
                let found = try reader.auditRecord(stored)
                chain.add(stored.key, found, audit: rows.audit)
                if let witness = found?.record.witness { witnesses.append(witness) }
            }
            try chain.check(witnesses, heads, reader, audit: rows.audit)
            return .done(chain)
        }.then { [self, verdict] (chain) throws(ConnError) in
            var (verdict, chain) = (verdict, chain)
            chain.end()
            verdict.add(chain)
            return try follow(number + 1, verdict)
        }
    }

    /// A head that was put back to what it was earlier leaves records behind it, and so does one that was removed.
    private func placeBeyondHead(_ reader: RowReader) throws(ConnError) -> AuditPlace? {
        let heads = try reader.auditHeads()
        for chain in 0..<AuditPlace.chains {
            var found = heads[chain]
            while let head = found.head {
                let after = AuditPlace(chain, head.sequence)
                let rows = try reader.page(AuditPlace.records(of: chain), after: after.rowKey, limit: 1)
                if rows.isEmpty { break }
                let later = try reader.auditHead(of: chain)
                if later.version == found.version { return AuditPlace(chain, head.sequence + 1) }
                found = later
            }
        }
        return nil
    }
}
