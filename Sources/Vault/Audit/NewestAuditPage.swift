internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// A page of the records of all chains, the newest first: a chain's own come in the order of their numbers, backwards, and
/// of the last ones of all chains the newest comes first.
///
/// Where a page ends is told by the number that each chain has come down to. What is written between two pages is on none
/// of those that follow.
struct NewestAuditPage: Sendable {
    private struct Chain: Sendable {
        /// The number of the next record to look at; 0: none is left.
        var left: Int64
        /// The number of the first record that is kept.
        var first: Int64 = 1
        /// Rows from this number on were read.
        var read: Int64
        var rows: ArraySlice<StoredRow> = []
        var next: AuditRecord?

        init(left: Int64) {
            self.left = left
            read = left + 1
        }

        var needsRows: Bool { next == nil && rows.isEmpty && read > first }
    }

    /// A page that few records are for is answered when it has gone through so many.
    private static let maxSeen = 1000

    private let filter: AuditFilter
    private let limit: Int
    /// By their numbers; empty before their ends were looked for.
    private var chains: [Chain] = []
    private var isBegun = false
    private var found: [JSON] = []
    private var seen = 0
    private var unreadable: Int64 = 0
    private var hasMore = false
    private(set) var isDone = false

    init(_ request: Request) throws(ConnError) {
        filter = AuditFilter(request)
        limit = request["limit"]?.integer.flatMap(Int.init(exactly:)) ?? 100
        guard let after = request.string("after") else { return }
        var left = [Int64](repeating: 0, count: AuditPlace.chains)
        for place in try AuditPlace.places(of: after) { left[place.chain] = place.number }
        chains = left.map(Chain.init)
    }

    /// Adds what can be read at a time.
    mutating func add(_ reader: RowReader) throws(ConnError) {
        if !isBegun { try begin(reader) }
        try fill(reader)
        while !isDone {
            for index in chains.indices { try open(index, reader) }
            if chains.contains(where: \.needsRows) { return }
            take()
        }
    }

    private mutating func begin(_ reader: RowReader) throws(ConnError) {
        if chains.isEmpty {
            let heads = try reader.auditHeads()
            chains = try (0..<AuditPlace.chains).map { (chain) throws(ConnError) in
                // A head may have been put back to an earlier one, or be gone.
                let known = heads[chain].head?.sequence ?? 0
                let isLast = try !Self.hasRow(chain, after: known, below: .max, reader)
                return Chain(left: isLast ? known : try Self.lastRow(chain, below: .max, reader))
            }
        }
        let reads = chains.indices.map { StoreRead.scan(prefix: AuditPlace.records(of: $0), after: nil, limit: 1) }
        for (index, rows) in zip(chains.indices, try reader.read(reads)) {
            chains[index].first = rows.first.flatMap { AuditPlace(rowKey: $0.key)?.number } ?? .max
        }
        isBegun = true
    }

    private static func hasRow(
        _ chain: Int, after number: Int64, below end: Int64, _ reader: RowReader
    ) throws(ConnError) -> Bool {
        let rows = try reader.page(AuditPlace.records(of: chain), after: AuditPlace(chain, number).rowKey, limit: 1)
        return rows.first.map { row in AuditPlace(rowKey: row.key).map { $0.number < end } ?? true } ?? false
    }

    /// The number of a chain's last row below another number; 0 when there is none. Stores are read forwards alone.
    private static func lastRow(_ chain: Int, below end: Int64, _ reader: RowReader) throws(ConnError) -> Int64 {
        guard try hasRow(chain, after: 0, below: end, reader) else { return 0 }
        // There is a row after the one, and none after the other.
        var (low, high): (Int64, Int64) = (0, min(end, 1 << 56) - 1)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if try hasRow(chain, after: middle, below: end, reader) { low = middle } else { high = middle }
        }
        return high
    }

    private mutating func fill(_ reader: RowReader) throws(ConnError) {
        let empty = chains.indices.filter { chains[$0].needsRows }
        let count = Int64(max(AuditPage.minRows, RowReader.pageSize / max(empty.count, 1)))
        for index in empty {
            let (first, read) = (chains[index].first, chains[index].read)
            let low = max(first, read - count)
            let end = AuditPlace(index, read).rowKey
            var rows: [StoredRow] = []
            try reader.each(AuditPlace.records(of: index), after: AuditPlace(index, low - 1).rowKey) { row in
                guard row.key.lexicographicallyPrecedes(end) else { return false }
                rows.append(row)
                return true
            }
            chains[index].rows = rows[...]
            chains[index].read = low
            // Somebody may have put records where none belong, far from the others.
            if rows.isEmpty, low > first {
                chains[index].read = max(first, try Self.lastRow(index, below: low, reader) + 1)
            }
        }
    }

    /// Opens the next record of a chain that opens.
    private mutating func open(_ index: Int, _ reader: RowReader) throws(ConnError) {
        while chains[index].next == nil, let stored = chains[index].rows.popLast() {
            chains[index].next = try reader.auditRecord(stored)?.record
            guard chains[index].next == nil else { return }
            unreadable += 1
            if let place = AuditPlace(rowKey: stored.key) { chains[index].left = place.number - 1 }
        }
    }

    private mutating func take() {
        var newest: (index: Int, record: AuditRecord)?
        for index in chains.indices {
            guard let record = chains[index].next, record.time > newest?.record.time ?? .min else { continue }
            newest = (index, record)
        }
        guard let (index, record) = newest else { return isDone = true }
        guard seen < max(Self.maxSeen, limit) else { return (hasMore, isDone) = (true, true) }
        if filter.matches(record.event) {
            guard found.count < limit else { return (hasMore, isDone) = (true, true) }
            found.append(record.json)
        }
        seen += 1
        chains[index].left = record.place.number - 1
        chains[index].next = nil
    }

    var answer: JSON {
        let places = chains.indices.filter { chains[$0].left > 0 }.map { AuditPlace($0, chains[$0].left).bytes }
        return .object([
            "records": .array(found), "next": hasMore ? .string(OpaqueText.text(.places, places)) : nil,
            "unreadable": unreadable > 0 ? .integer(unreadable) : nil,
        ])
    }
}
