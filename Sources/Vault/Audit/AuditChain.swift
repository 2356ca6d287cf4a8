internal import Connections
internal import Crypto
internal import JSON
internal import Runtime
internal import Store

/// Follows one chain of the audit, record by record.
struct AuditChain: Sendable {
    let number: Int
    /// The last record that is to be there.
    private let last: Int64
    private let lastHash: [UInt8]
    /// A record that somebody noted earlier.
    private let noted: AuditMark?
    /// The record that comes next, and the hash of the one before.
    private var next: Int64
    private var previous: [UInt8]
    private(set) var verified: Int64 = 0
    private(set) var problem: AuditProblem?

    init(_ number: Int, _ head: AuditHead, noted: AuditMark?) {
        self.number = number
        last = head.sequence
        lastHash = head.hash
        self.noted = noted
        next = head.first
        previous = head.firstPrevious
        if let noted, noted.place.number == head.first - 1 { check(noted, head.firstPrevious) }
    }

    /// Of the record that comes next.
    var place: AuditPlace { AuditPlace(number, next) }

    /// Records before the head's first one are not kept any more.
    mutating func start(at head: AuditHead) {
        guard head.first > next else { return }
        (next, previous) = (head.first, head.firstPrevious)
    }

    mutating func fail(_ text: String, at place: AuditPlace) {
        if problem == nil { problem = AuditProblem(place: place, text: text) }
    }

    private mutating func check(_ noted: AuditMark, _ hash: [UInt8]) {
        if noted.hash != hash { fail("the record is not the one that was noted", at: noted.place) }
    }

    /// Whether a row is none of the records to look at: one that was on its way out, or came after this began.
    func skips(_ key: [UInt8]) -> Bool {
        guard let found = AuditPlace(rowKey: key) else { return false }
        return found.number < next || found.number > last
    }

    /// - Parameter found: nil when the row does not open.
    mutating func add(_ key: [UInt8], _ found: (record: AuditRecord, plain: Secret)?, audit: AuditLog) {
        guard let position = AuditPlace(rowKey: key) else { return fail("there is a row that is no record", at: place) }
        guard position == place else { return fail("the record is missing", at: place) }
        guard let (record, plain) = found else { return fail("the record was changed", at: place) }
        guard record.previous == previous else { return fail("the record does not follow the one before", at: place) }
        let hash = audit.hash(plain)
        if let noted, noted.place == place { check(noted, hash) }
        (next, previous, verified) = (next + 1, hash, verified + 1)
    }

    /// After the last row.
    mutating func end() {
        if next <= last {
            fail("the record is missing", at: place)
        } else if previous != lastHash {
            fail("the last record is not the head's", at: place)
        } else if let noted, noted.place.number > last {
            fail("the record that was noted is missing", at: place)
        }
    }

    /// Records of other chains that this one's speak of.
    mutating func check(
        _ witnesses: [AuditMark], _ heads: AuditHeads, _ reader: RowReader, audit: AuditLog
    ) throws(ConnError) {
        var kept: [AuditMark] = []
        for mark in witnesses {
            guard let head = heads[mark.place.chain].head else { continue }  // which is a problem of its own
            if mark.place.number > head.sequence {
                fail("the record that chain \(number) speaks of is missing", at: mark.place)
            } else if mark.place.number >= head.first {
                kept.append(mark)
            }
        }
        for (mark, found) in zip(kept, try reader.read(kept.map { .get($0.place.rowKey) })) {
            // One that has gone since, or does not open, is its own chain's.
            guard let stored = found.first, let (_, plain) = try reader.auditRecord(stored) else { continue }
            if audit.hash(plain) != mark.hash {
                fail("the record is not the one that chain \(number) speaks of", at: mark.place)
            }
        }
    }
}

/// Where the audit is not whole, and what is wrong there.
struct AuditProblem: Sendable {
    let place: AuditPlace
    let text: String
}

/// What is found as all chains are followed, one after the other.
struct AuditVerdict: Sendable {
    /// As they were when this began.
    let heads: AuditHeads
    /// What somebody noted earlier of each chain.
    private let noted: [AuditMark]
    private var verified: Int64 = 0
    private(set) var problem: AuditProblem?

    /// - Parameter anchor: an earlier verdict's.
    init(_ heads: AuditHeads, anchor: String?) throws(ConnError) {
        self.heads = heads
        guard let anchor else {
            noted = []
            return
        }
        guard let pieces = OpaqueText.pieces(of: anchor, .marks, size: AuditPlace.byteCount + AuditLog.hashBytes) else {
            throw .invalid("anchor", "is not an anchor from audit.verify")
        }
        let marks = pieces.compactMap { piece -> AuditMark? in
            AuditPlace(bytes: piece.prefix(AuditPlace.byteCount)).map {
                AuditMark($0, Array(piece.dropFirst(AuditPlace.byteCount)))
            }
        }
        guard marks.count == pieces.count else { throw .invalid("anchor", "is not an anchor from audit.verify") }
        noted = marks.filter { $0.place.number >= (heads[$0.place.chain].head?.first ?? 1) - 1 }
        if noted.isEmpty, !marks.isEmpty { throw .invalid("anchor", "is of records that are no longer kept") }
    }

    /// Nil when there is nothing to follow.
    mutating func chain(_ number: Int) -> AuditChain? {
        let place = AuditPlace(number, 0)
        let mark = noted.first { $0.place.chain == number }
        switch heads[number] {
        case .head(let head, _): return AuditChain(number, head, noted: mark)
        case .unreadable: fail("the chain's head was changed", at: place)
        case .absent where number == 0 || mark != nil: fail("the chain's head is gone", at: place)
        case .absent: break
        }
        return nil
    }

    mutating func add(_ chain: AuditChain) {
        verified += chain.verified
        if problem == nil { problem = chain.problem }
    }

    mutating func fail(_ text: String, at place: AuditPlace) {
        if problem == nil { problem = AuditProblem(place: place, text: text) }
    }

    var answer: JSON {
        let answer = JSON.object(["ok": .boolean(problem == nil), "verified": .integer(verified)])
        if let problem {
            answer.set("chain", .integer(problem.place.chain))
            answer.set("brokenAt", .integer(problem.place.number))
            answer.set("problem", .string(problem.text))
        } else {
            answer.set("anchor", .string(anchor))
        }
        return answer
    }

    private var anchor: String {
        let marks = heads.chains.compactMap { chain in
            heads[chain].head.map { AuditMark(AuditPlace(chain, $0.sequence), $0.hash) }
        }
        return OpaqueText.text(.marks, marks.filter { $0.place.number > 0 }.map { $0.place.bytes + $0.hash })
    }
}
