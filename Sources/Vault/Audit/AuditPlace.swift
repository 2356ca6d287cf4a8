internal import Crypto
internal import JSON

/// Where a record of the audit stands: the so-many-th one of a chain.
struct AuditPlace: Hashable, Sendable {
    /// More than processes usually share a store, so that each finds a chain of its own; few enough to read all heads at
    /// once.
    static let chains = 64
    static let byteCount = 8

    let chain: Int
    /// 1 is the chain's first one; 0 stands before it.
    let number: Int64

    init(_ chain: Int, _ number: Int64) {
        self.chain = chain
        self.number = number
    }

    /// Nil when there is no such chain.
    init?(bytes: some Sequence<UInt8>) {
        let whole = RowKeys.number(bytes)
        self.init(Int(whole >> 56), whole & (1 << 56 - 1))
        guard 0..<Self.chains ~= chain else { return nil }
    }

    var bytes: [UInt8] { RowKeys.bytes(Int64(chain) << 56 | number) }

    var rowKey: [UInt8] { RowKeys.audit + bytes }

    /// Of a record's row.
    init?(rowKey: [UInt8]) {
        let bytes = rowKey.dropFirst(RowKeys.audit.count)
        guard bytes.count == Self.byteCount else { return nil }
        self.init(bytes: bytes)
    }

    /// The prefix of a chain's records.
    static func records(of chain: Int) -> [UInt8] { RowKeys.audit + RowKeys.bytes(Int64(chain) << 56).prefix(1) }

    /// The row of a chain's head. The first chain's is as it was when there was but one.
    static func head(of chain: Int) -> [UInt8] {
        chain == 0 ? RowKeys.auditHead : RowKeys.auditHead + RowKeys.bytes(Int64(chain)).suffix(1)
    }

    /// Nil when the key is none of a head.
    static func chain(ofHead key: [UInt8]) -> Int? {
        let chain = Int(RowKeys.number(key.dropFirst(RowKeys.auditHead.count).prefix(1)))
        return chain < chains && key == head(of: chain) ? chain : nil
    }
}

/// A record, by its place and its hash.
struct AuditMark: Sendable {
    let place: AuditPlace
    let hash: [UInt8]

    init(_ place: AuditPlace, _ hash: [UInt8]) {
        self.place = place
        self.hash = hash
    }

    init?(json: JSON) {
        guard let chain = json["chain"]?.integer.flatMap(Int.init(exactly:)), 0..<AuditPlace.chains ~= chain,
            let number = json["sequence"]?.integer, let hash = json["hash"]?.string.flatMap(Crypto.fromHex)
        else { return nil }
        self.init(AuditPlace(chain, number), hash)
    }

    var json: JSON {
        .object([
            "chain": .integer(place.chain), "sequence": .integer(place.number), "hash": .string(Crypto.hex(hash)),
        ])
    }
}

/// Text that is handed out and comes back, and that nobody else need read: pieces of one length after a byte that says what
/// they are.
struct OpaqueText {
    enum Kind: UInt8 {
        /// Where a list goes on: the place of the last record of each chain that was looked at.
        case places = 1
        /// Where all chains had come to: the mark of each one's last record.
        case marks = 2
    }

    static func text(_ kind: Kind, _ pieces: [[UInt8]]) -> String {
        Crypto.base64URL([kind.rawValue] + pieces.joined())
    }

    /// Nil when the text is none of this kind.
    static func pieces(of text: String, _ kind: Kind, size: Int) -> [ArraySlice<UInt8>]? {
        guard let bytes = Crypto.fromBase64URL(text), bytes.first == kind.rawValue else { return nil }
        var rest = bytes.dropFirst()
        var pieces: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            pieces.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return pieces.allSatisfy { $0.count == size } ? pieces : nil
    }
}
