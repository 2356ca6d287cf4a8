internal import Connections
internal import Crypto
internal import JSON
internal import Memory

extension VaultBackend {
    /// What a request did to a token, a connection or a key.
    func event(
        _ request: Request, appID: ID? = nil, subject: Subject? = nil, tokenID: ID? = nil, keyID: String? = nil,
        outcome: String = "ok"
    ) -> AuditEvent {
        AuditEvent(
            request.operation, actor: request.actor, appID: appID, subject: subject, tokenID: tokenID, keyID: keyID,
            outcome: outcome)
    }

    /// Records a request that was refused, where the config wants that. Fetches are recorded as their tokens are handed
    /// out.
    func audited(
        _ request: Request, _ body: () throws(ConnError) -> Step<JSON>
    ) throws(ConnError) -> Step<JSON> {
        guard config.audit == .all, !request.isLook else { return try body() }
        return try Step.attempt(body) { [self] (result) throws(ConnError) in
            if case .failure(let error) = result {
                let refused = event(
                    request, appID: request.id("appId") ?? request.id("id"), subject: request.subject,
                    tokenID: request.id("tokenId"), outcome: error.code.rawValue)
                return try rows.commit([], recording: [refused]).then { () throws(ConnError) in throw error }
            }
            return .done(try result.get())
        }
    }

    func listAudit(_ request: Request) throws(ConnError) -> Step<JSON> {
        let limit = request["limit"]?.integer.flatMap(Int.init(exactly:)) ?? 100
        let after = request["after"]?.integer.map(AuditLog.rowKey)
        let filter = AuditFilter(request)
        return auditPage(after: after, [], limit: limit, filter)
    }

    private func auditPage(after: [UInt8]?, _ found: [JSON], limit: Int, _ filter: AuditFilter) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            var found = found
            let page = try reader.page(RowKeys.audit, after: after)
            for stored in page {
                let row: Row<AuditRecord> = try reader.open(stored)
                guard filter.matches(row.value.event) else { continue }
                if found.count == limit, let last = found.last?["sequence"] {
                    return .done(.object(["records": .array(found), "next": last]))
                }
                found.append(row.value.json)
            }
            guard page.count == RowReader.pageSize, let last = page.last else {
                return .done(.object(["records": .array(found)]))
            }
            return auditPage(after: last.key, found, limit: limit, filter)
        }
    }

    /// Follows the chain from the first record that is kept to the head.
    func verifyAudit(_ request: Request) throws(ConnError) -> Step<JSON> {
        let anchor = request["sequence"]?.integer
        guard (anchor == nil) == (request["hash"] == nil) else {
            throw .invalid("hash", "and sequence belong together")
        }
        return try rows.read { [self] (reader) throws(ConnError) in
            let head = try reader.auditHead().value
            if let anchor, anchor < head.first { throw .invalid("sequence", "is a record that is not kept any more") }
            let chain = AuditChain(head, anchor: anchor, anchorHash: request.string("hash"))
            return rows.pages(RowKeys.audit, into: chain) { [self] (chain, page, reader) throws(ConnError) in
                var chain = chain
                for stored in page where chain.problem == nil {
                    if chain.skips(stored.key) { continue }
                    if stored.key != AuditLog.rowKey(chain.next) {
                        // Records whose time is over go while this looks.
                        chain.start(at: try reader.auditHead().value)
                        if chain.skips(stored.key) { continue }
                    }
                    chain.add(stored.key, try? reader.plain(of: stored), audit: rows.audit)
                }
                return .done(chain)
            }
        }.then { [self] (chain) throws(ConnError) in
            rows.read { [self] (reader) throws(ConnError) in
                var chain = chain
                if try hasRecordBeyondHead(reader) { chain.fail("there are records beyond the head") }
                return .done(chain.answer)
            }
        }
    }

    /// A head that was put back to what it was earlier leaves such records.
    private func hasRecordBeyondHead(_ reader: RowReader) throws(ConnError) -> Bool {
        var head = try reader.auditHead()
        while true {
            let after = AuditLog.rowKey(head.value.sequence)
            if try reader.page(RowKeys.audit, after: after, limit: 1).isEmpty { return false }
            let later = try reader.auditHead()
            if later.version == head.version { return true }
            head = later
        }
    }
}

private struct AuditFilter: Sendable {
    let appID: ID?
    let subject: Subject?
    let tokenID: ID?

    init(_ request: Request) {
        appID = request.id("appId")
        subject = request.subject
        tokenID = request.id("tokenId")
    }

    func matches(_ event: AuditEvent) -> Bool {
        (appID == nil || event.appID == appID) && (subject == nil || event.subject == subject)
            && (tokenID == nil || event.tokenID == tokenID)
    }
}
