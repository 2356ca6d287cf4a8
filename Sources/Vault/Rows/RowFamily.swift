/// The kinds of rows that a vault has, each by the letter that its keys begin with, and what becomes of them
/// (docs/rows.md). What deletes and expires goes by this table, and so does the test that no kind is forgotten.
enum RowFamily: UInt8, CaseIterable, Sendable {
    case vault = 0x76  // v
    case apps = 0x61  // a
    case tokens = 0x74  // t
    case tokensOfApps = 0x69  // i
    case flows = 0x66  // f
    case deviceFlows = 0x64  // d
    case waiting = 0x71  // q
    case earlier = 0x62  // b
    case clients = 0x63  // c
    case clientChoices = 0x77  // w
    case registrations = 0x72  // r
    case pageFlows = 0x67  // g
    case managementKeys = 0x6D  // m
    case heldGrants = 0x70  // p
    case unverified = 0x73  // s
    case expiries = 0x65  // e
    case earlierUnverified = 0x75  // u
    case revocations = 0x6F  // o
    case spent = 0x6E  // n
    case auditHead = 0x68  // h
    case audit = 0x6C  // l

    var prefix: [UInt8] { [rawValue] }

    /// Nil when no key of a vault begins like this one.
    init?(of key: [UInt8]) {
        guard let first = key.first else { return nil }
        self.init(rawValue: first)
    }

    /// Whose deletion removes a row.
    enum Owner: Sendable {
        /// Nobody's.
        case vault
        case connection
        /// Its subject's at its connection, or either's.
        case subject
    }

    var owner: Owner {
        switch self {
        case .vault, .pageFlows, .managementKeys, .revocations, .spent, .auditHead, .audit, .earlierUnverified: .vault
        case .apps, .earlier, .clients, .clientChoices, .registrations: .connection
        case .tokens, .tokensOfApps, .flows, .deviceFlows, .waiting, .heldGrants, .unverified, .expiries: .subject
        }
    }

    /// What ends a row that nobody deletes.
    enum End: Sendable {
        case nothing
        /// The moment that its key begins with.
        case expiry
        /// A moment too, but its key begins with its owner: a row of `expiries` names it.
        case namedExpiry
        /// That of the row which it finds.
        case found
        /// Its connection's `maxIdleSeconds` or `deleteAfterFirstFetch`.
        case retention
        /// Nobody needs the client any more, when there are many.
        case disuse
        /// A week in which its provider did not revoke it.
        case patience
        /// The audit's retention.
        case auditRetention
    }

    var end: End {
        switch self {
        case .vault, .apps, .earlier, .registrations, .pageFlows, .managementKeys, .auditHead: .nothing
        case .clients, .clientChoices: .disuse
        case .flows, .deviceFlows, .expiries, .earlierUnverified, .spent: .expiry
        case .heldGrants, .unverified: .namedExpiry
        case .waiting: .found
        case .tokens, .tokensOfApps: .retention
        case .revocations: .patience
        case .audit: .auditRetention
        }
    }

    /// Whether it holds a token, which is revoked at its provider when the row is deleted or ends.
    var holdsToken: Bool {
        switch self {
        case .tokens, .heldGrants, .unverified, .revocations: true
        case .vault, .apps, .tokensOfApps, .flows, .deviceFlows, .waiting, .earlier, .clients, .clientChoices,
            .registrations, .pageFlows, .managementKeys, .expiries, .earlierUnverified, .spent, .auditHead, .audit:
            false
        }
    }

    /// Whether a row waits for its user, to become a grant then; one of `waiting` finds it. A deletion of its connection does
    /// not remove it, but it is of no use any more (``AppRecord/epoch``).
    var isWaiting: Bool { self == .flows || self == .deviceFlows }

    /// Whether `list` and `export` show it.
    var isShown: Bool { self == .tokens }

    /// Those whose rows are grants already that nobody can fetch yet. They stand like tokens: by owner, context and app.
    static let pendingGrants = allCases.filter { $0.end == .namedExpiry }

    /// Those whose rows stand in the order in which they expire.
    static let expiring = allCases.filter { $0.end == .expiry }
}
