internal import Connections

extension Rows {
    /// Goes through all rows with the prefix, however many, a page at a time, and lets other calls go on in between.
    /// - Parameters:
    ///   - value: what the first page is to be added to.
    ///   - body: adds a page.
    func pages<Value: Sendable>(
        _ prefix: [UInt8], after: [UInt8]? = nil, into value: Value,
        _ body: @escaping @Sendable (inout Value, [StoredRow]) throws(ConnError) -> Void
    ) throws(ConnError) -> Step<Value> {
        var value = value
        let page = try store.scan(prefix: prefix, after: after, limit: Self.pageSize)
        try body(&value, page)
        guard page.count == Self.pageSize, let last = page.last else { return .done(value) }
        return .pause(milliseconds: 0) { [self, value] () throws(ConnError) in
            try pages(prefix, after: last.key, into: value, body)
        }
    }
}
