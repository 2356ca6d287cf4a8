internal import Connections
internal import JSON
internal import Runtime
internal import Store

/// A page of the records of all chains, in one order: a chain's own stay as they are, and of the next ones of all chains the
/// oldest comes first.
///
/// Where a page ends is told by the number that each chain has come to. So no record is left out or comes twice, whatever
/// is written between two pages and however the clocks of those who write differ.
struct AuditPage: Sendable {
    private struct Chain: Sendable {
        /// The number of the last record that was looked at.
        var last: Int64
        /// The last row that was read.
        var after: [UInt8]
        var rows: ArraySlice<StoredRow> = []
        var next: AuditRecord?
        /// No more rows are there.
        var isRead = false

        init(_ place: AuditPlace) {
            last = place.number
            after = place.rowKey
        }

        var needsRows: Bool { next == nil && rows.isEmpty && !isRead }
    }

    private let filter: AuditFilter
    private let limit: Int
    /// By their numbers.
    private var chains: [Chain]
    private var found: [JSON] = []
    private var unreadable: Int64 = 0
    private var hasMore = false
    private(set) var isDone = false

    /// Rows of a chain that are read at a time, at the least.
    static let minRows = 16

    init(_ request: Request) throws(ConnError) {
        filter = AuditFilter(request)
        limit = request["limit"]?.integer.flatMap(Int.init(exactly:)) ?? 100
        chains = (0..<AuditPlace.chains).map { Chain(AuditPlace($0, 0)) }
        guard let after = request.string("after") else { return }
        for place in try AuditPlace.places(of: after) { chains[place.chain] = Chain(place) }
    }

    /// Adds what can be read at a time.
    mutating func add(_ reader: RowReader) throws(ConnError) {
        try fill(reader)
        while !isDone {
            for index in chains.indices { try open(index, reader) }
            if chains.contains(where: \.needsRows) { return }
            take()
        }
    }

    private mutating func fill(_ reader: RowReader) throws(ConnError) {
        let empty = chains.indices.filter { chains[$0].needsRows }
        let count = max(Self.minRows, RowReader.pageSize / max(chains.filter { !$0.isRead }.count, 1))
        let reads = empty.map { chain in
            StoreRead.scan(prefix: AuditPlace.records(of: chain), after: chains[chain].after, limit: count)
        }
        for (index, rows) in zip(empty, try reader.read(reads)) {
            chains[index].rows = rows[...]
            chains[index].after = rows.last?.key ?? chains[index].after
            chains[index].isRead = rows.count < count
        }
    }

    /// Opens the next record of a chain that opens.
    private mutating func open(_ index: Int, _ reader: RowReader) throws(ConnError) {
        while chains[index].next == nil, let stored = chains[index].rows.popFirst() {
            chains[index].next = try reader.auditRecord(stored)?.record
            guard chains[index].next == nil else { return }
            let place = AuditPlace(rowKey: stored.key)
            Log.write(
                .warning,
                "record \(place?.number ?? 0) of chain \(index) of the audit is not listed: it does not open"
            )
            unreadable += 1
            chains[index].last = place?.number ?? chains[index].last
        }
    }

    private mutating func take() {
        var oldest: (index: Int, record: AuditRecord)?
        for index in chains.indices {
            guard let record = chains[index].next, record.time < oldest?.record.time ?? .max else { continue }
            oldest = (index, record)
        }
        guard let (index, record) = oldest else { return isDone = true }
        if filter.matches(record.event) {
            guard found.count < limit else { return (hasMore, isDone) = (true, true) }
            found.append(record.json)
        }
        chains[index].last = record.place.number
        chains[index].next = nil
    }

    var answer: JSON {
        let end = OpaqueText.text(
            .places, chains.indices.filter { chains[$0].last > 0 }.map { AuditPlace($0, chains[$0].last).bytes })
        return .object([
            "records": .array(found),
            (hasMore ? "next" : "end"): .string(end),
            "unreadable": unreadable > 0 ? .integer(unreadable) : nil,
        ])
    }
}

extension AuditPlace {
    /// Where each chain has come to, as the next of an answer says.
    static func places(of next: String) throws(ConnError) -> [AuditPlace] {
        let pieces = OpaqueText.pieces(of: next, .places, size: byteCount) ?? [[]]
        return try pieces.map { (piece) throws(ConnError) in
            guard let place = AuditPlace(bytes: piece), !piece.isEmpty else {
                throw .invalid("after", "is not the next of an earlier answer")
            }
            return place
        }
    }
}

struct AuditFilter: Sendable {
    let appID: ID?
    let subject: Subject?
    let tokenID: ID?
    let operation: ID?
    let actor: ID?
    let outcome: ID?

    init(_ request: Request) {
        appID = request.id("appId")
        subject = request.subject
        tokenID = request.id("tokenId")
        operation = request.id("operation")
        actor = request.id("byActor")
        outcome = request.id("outcome")
    }

    func matches(_ event: AuditEvent) -> Bool {
        (appID == nil || event.appID == appID) && (subject == nil || event.subject == subject)
            && (tokenID == nil || event.tokenID == tokenID)
            && (operation == nil || ID(event.operation) == operation)
            && (actor == nil || event.actor.map { ID($0) } == actor)
            && (outcome == nil || ID(event.outcome) == outcome)
    }
}
