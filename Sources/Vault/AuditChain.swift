internal import Crypto
internal import JSON
internal import Memory

/// Follows the audit's chain, record by record.
struct AuditChain: Sendable {
    /// The last record that is to be there.
    private let last: Int64
    private let lastHash: [UInt8]
    /// A record that somebody noted earlier, and its hash in hexadecimal digits.
    private let anchor: Int64?
    private let anchorHash: String?
    /// The record that comes next, and the hash of the one before.
    private(set) var next: Int64
    private var previous: [UInt8]
    private var verified: Int64 = 0
    /// Nil as long as all is well.
    private(set) var problem: String?

    init(_ head: AuditHead, anchor: Int64?, anchorHash: String?) {
        last = head.sequence
        lastHash = head.hash
        self.anchor = anchor
        self.anchorHash = anchorHash
        next = head.first
        previous = head.firstPrevious
    }

    /// Records before the head's first one are not kept any more.
    mutating func start(at head: AuditHead) {
        guard head.first > next else { return }
        (next, previous) = (head.first, head.firstPrevious)
    }

    mutating func fail(_ problem: String) { if self.problem == nil { self.problem = problem } }

    /// Whether a row is none of the records to look at: one that was on its way out, or came after this began.
    func skips(_ key: [UInt8]) -> Bool {
        key.lexicographicallyPrecedes(AuditLog.rowKey(next)) || AuditLog.rowKey(last).lexicographicallyPrecedes(key)
    }

    /// - Parameter plain: nil when the row does not open.
    mutating func add(_ key: [UInt8], _ plain: Secret?, audit: AuditLog) {
        guard key == AuditLog.rowKey(next) else { return problem = "the record is missing" }
        guard let plain, let json = try? RowReader.parse(plain), let record = AuditRecord(json: json) else {
            return problem = "the record was changed"
        }
        guard record.sequence == next, record.previous == previous else {
            return problem = "the record does not follow the one before"
        }
        let hash = audit.hash(plain)
        if next == anchor, Crypto.hex(hash) != anchorHash {
            return problem = "the record is not the one that was noted"
        }
        (next, previous, verified) = (next + 1, hash, verified + 1)
    }

    var answer: JSON {
        var problem = problem
        if problem == nil {
            if next <= last {
                problem = "the record is missing"
            } else if previous != lastHash {
                problem = "the last record is not the head's"
            } else if let anchor, anchor > last {
                problem = "the record that was noted is missing"
            }
        }
        return .object([
            "ok": .boolean(problem == nil),
            "verified": .integer(verified),
            "sequence": problem == nil ? .integer(last) : nil,
            "hash": problem == nil ? .string(Crypto.hex(lastHash)) : nil,
            "brokenAt": problem == nil ? nil : .integer(min(next, last + 1)),
            "problem": problem.map(JSON.string),
        ])
    }
}
