internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// What a list of all rows of a kind has found.
private struct FoundRows: Sendable {
    var shown: [(id: ID, json: JSON)] = []
    var unreadable = 0
    /// The key of the last one, where others follow.
    var last: [UInt8]?
}

extension Rows {
    /// The answer to a request that lists all rows of a kind, by their ids. With a `limit` it goes through so many rows,
    /// after those of the answer before; nobody else's coming or going moves it.
    /// - Parameters:
    ///   - prefix: the kind's. Their keys are their ids' hashes.
    ///   - name: of the list in the answer.
    ///   - shown: what of a row is answered, if anything.
    func list<Value: Record>(
        _ prefix: [UInt8], _ name: String, _ request: Request,
        _ shown: @escaping @Sendable (Value) -> (id: ID, json: JSON)?
    ) throws(ConnError) -> Step<JSON> {
        let after = try request.string("after").map { (text) throws(ConnError) in
            guard let place = Crypto.fromBase64URL(text), place.count == TokenLocation.hashBytes else {
                throw .invalid("after", "is not the next of an earlier answer")
            }
            return prefix + place
        }
        let limit = request["limit"]?.integer.flatMap(Int.init(exactly:))
        return try extend(FoundRows(), prefix, after: after, limit: limit, shown).then { (found) throws(ConnError) in
            let sorted = found.shown.sorted { $0.id < $1.id }
            let answer = JSON.object()
            answer.set(name, .array(sorted.map(\.json)))
            if let last = found.last {
                answer.set("next", .string(Crypto.base64URL(Array(last.dropFirst(prefix.count)))))
            }
            answer.setUnreadable(found.unreadable)
            return .done(answer)
        }
    }

    /// Goes on with a list, and lets other calls go on in between.
    private func extend<Value: Record>(
        _ found: FoundRows, _ prefix: [UInt8], after: [UInt8]?, limit: Int?,
        _ shown: @escaping @Sendable (Value) -> (id: ID, json: JSON)?
    ) -> Step<FoundRows> {
        read { [self] (reader) throws(ConnError) in
            let wanted = min(RowReader.pageSize, limit ?? .max)
            // One more, which says whether anything follows.
            let page = try reader.page(prefix, after: after, limit: wanted + 1)
            var found = found
            for stored in page.prefix(wanted) {
                if let row: Row<Value> = try reader.readable(stored) {
                    if let item = shown(row.value) { found.shown.append(item) }
                } else {
                    found.unreadable += 1
                }
            }
            guard page.count > wanted else { return .done(found) }
            let last = page[wanted - 1].key
            let left = limit.map { $0 - wanted }
            guard left != 0 else {
                found.last = last
                return .done(found)
            }
            return extend(found, prefix, after: last, limit: left, shown)
        }
    }
}
