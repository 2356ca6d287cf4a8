internal import Connections
internal import Crypto
internal import Runtime
internal import Store

extension RowKeys {
    /// A ticket stands among the flows, since it expires like them.
    func ticket(_ ticket: FlowState) -> [UInt8] {
        Self.flows + Self.bytes(ticket.expiresAt) + hash(.ticket, ticket.text)
    }

    /// Where the row stands that finds what waits for its user at `key`.
    func waiting(_ key: [UInt8], _ waiting: some Waiting) -> [UInt8] {
        Self.waiting + place(of: waiting.subject, at: waiting.appID) + key
    }

    /// The prefix of the rows that find what waits for the users of a subject.
    func waiting(ofAll subject: Subject) -> [UInt8] { Self.waiting + places(ofAll: subject) }

    /// Whether the row with this key finds what waits at this app.
    func findsWaiting(_ key: [UInt8], at appID: ID) -> Bool {
        key.dropFirst(Self.waiting.count + 2 * TokenLocation.hashBytes).starts(with: hash(.app, appID))
    }

    /// Where what the row with this key finds stands.
    static func foundWaiting(_ key: [UInt8]) -> [UInt8] {
        Array(key.dropFirst(waiting.count + 3 * TokenLocation.hashBytes))
    }

    /// What removes something that waits for its user.
    func removal(ofWaiting key: [UInt8], _ waiting: some Waiting, expecting: StoreWrite.Expectation = .any)
        -> [StoreWrite]
    {
        [.remove(key, expecting: expecting), .remove(self.waiting(key, waiting), expecting: .any)]
    }

    /// A new place.
    /// - Parameter due: milliseconds since 1970.
    static func revocation(due: Int64) -> [UInt8] { revocations + bytes(due) + Crypto.random(16) }

    /// When the token of such a row is to be revoked. Milliseconds since 1970.
    static func revocationDue(_ key: [UInt8]) -> Int64 { number(key.dropFirst(revocations.count).prefix(8)) }

    /// The prefix of a subject's grants at an app that wait for a confirmation code.
    func heldGrants(of subject: Subject, at appID: ID) -> [UInt8] {
        Self.heldGrants + place(of: subject, at: appID)
    }

    /// The prefix of a set's grants, or of more of them, that nobody can fetch yet.
    /// - Parameter family: of ``RowFamily/pendingGrants``.
    func pendingGrants(of set: TokenSet, in family: RowFamily) -> [UInt8] {
        family.prefix + (set.subject.map(places(ofAll:)) ?? [])
    }

    /// Whether a grant that nobody can fetch yet is one of this app.
    func isPendingGrant(_ key: [UInt8], at appID: ID) -> Bool {
        key.dropFirst(1 + 2 * TokenLocation.hashBytes).starts(with: hash(.app, appID))
    }

    /// A new place.
    /// - Parameter expiry: seconds since 1970.
    func heldGrant(of subject: Subject, at appID: ID, expiry: Int64) -> [UInt8] {
        heldGrants(of: subject, at: appID) + Self.bytes(expiry) + Crypto.random(8)
    }

    /// When the grant of such a row expires. Seconds since 1970.
    static func heldGrantExpiry(_ key: [UInt8]) -> Int64 { number(key.suffix(16).prefix(8)) }

    /// The row that says when a row of ``RowFamily/pendingGrants`` expires.
    /// - Parameter expiry: seconds since 1970.
    static func expiry(of key: [UInt8], at expiry: Int64) -> [UInt8] {
        RowFamily.expiries.prefix + bytes(expiry) + key
    }

    /// The row whose expiry such a row says; nil when it is none.
    static func named(by key: [UInt8]) -> [UInt8]? {
        switch RowFamily(of: key) {
        case .expiries: Array(key.dropFirst(9))
        case .earlierUnverified: RowFamily.tokens.prefix + key.dropFirst(9)
        default: nil
        }
    }
}
