internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// A page of what waits in the outbox, as it is made.
private struct OutboxPage: Sendable {
    /// Of a row's key, what comes after the prefix.
    private static let placeBytes = 8 + 16

    let limit: Int
    /// The last row that was looked at; nil: none yet.
    var after: [UInt8]?
    var found: [JSON] = []
    var unreadable = 0
    var seen = 0

    init(_ request: Request) throws(ConnError) {
        limit = request["limit"]?.integer.flatMap(Int.init(exactly:)) ?? 100
        after = try request.string("after").map { (text) throws(ConnError) in
            guard let place = Crypto.fromBase64URL(text), place.count == Self.placeBytes else {
                throw .invalid("after", "is not the next of an earlier answer")
            }
            return RowKeys.revocations + place
        }
    }

    func answer(hasMore: Bool) -> JSON {
        let place = hasMore ? after.map { Array($0.dropFirst(RowKeys.revocations.count)) } : nil
        let answer = JSON.object([
            "revocations": .array(found), "next": place.map { .string(Crypto.base64URL($0)) },
        ])
        answer.setUnreadable(unreadable)
        return answer
    }
}

extension Outbox {
    /// Lists what waits, by when it is due. What is tried meanwhile moves, and may come twice or not at all.
    func list(_ request: Request) throws(ConnError) -> Step<JSON> { extend(try OutboxPage(request)) }

    private func extend(_ page: OutboxPage) -> Step<JSON> {
        rows.read { [self] (reader) throws(ConnError) in
            var page = page
            // One more, which says whether anything follows.
            let count = min(RowReader.pageSize, page.limit - page.seen + 1)
            let stored = try reader.page(RowKeys.revocations, after: page.after, limit: count)
            for row in stored.prefix(page.limit - page.seen) {
                page.after = row.key
                page.seen += 1
                if let row: Row<RevocationRecord> = try reader.readable(row) {
                    page.found.append(row.waiting)
                } else {
                    page.unreadable += 1
                }
            }
            guard stored.count == count, page.seen < page.limit else {
                return .done(page.answer(hasMore: stored.count == count))
            }
            return extend(page)
        }
    }
}

extension Row<RevocationRecord> {
    fileprivate var waiting: JSON {
        let json = JSON.object([
            "appId": .string(value.app.id), "tokenId": value.tokenID.map(JSON.string),
            "since": .integer(value.since / 1000), "nextTry": .integer(RowKeys.revocationDue(key) / 1000),
            "failures": .integer(value.failures),
        ])
        json.setSubject(value.subject)
        return json
    }
}
