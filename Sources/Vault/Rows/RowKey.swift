internal import Connections
internal import Crypto
internal import JSON
internal import Runtime

/// Where rows stand. Ids appear in keys as keyed hashes alone, ordered so that all rows of a subject, or of a subject at
/// an app, share a prefix.
///
///     v                                       the vault itself: its format and the key of these hashes
///     a  app                                  a connection
///     t  owner  context  app  slot            a token; owner is a user or a tenant, context the tenant a user acts in
///     i  app  owner  context  slot            finds an app's tokens
///     f  expiry  state                        a connect URL that waits for its callback, the next to expire first
///     d  expiry  flow                         a device that waits for its user, the next to expire first
///     q  owner  context  app  key             finds what waits for a subject's user: that is the key of a row of f or d
///     b  app  incarnation                     a connection as it was before it moved to another authorization server
///     c  app  client                          a client that a provider made for a connection
///     w  app  redirect URIs                   which of the clients asks for new grants by these redirect URIs
///     g  flow                                 a flow of the pages
///     m  key                                  a management key
///     r  app  issuer                          clients that a provider made, as earlier versions kept them
///     p  owner  context  app  expiry  random  a grant that waits for its confirmation code
///     s  owner  context  app  slot            a refresh token that is being verified
///     e  expiry  key                          which row of p or s expires, the next one first
///     u  expiry  place                        the same of earlier versions, of tokens that they verified among those of t
///     o  due  random                          a token to revoke at its provider, the next one due first
///     n  expiry  id                           something that was used and is good for one use, the next to expire first
///     h                                       the head of the audit's first chain: how far it goes
///     h  chain                                that of another one
///     l  chain  number                        a record of the audit; a byte for the chain, seven for the number
///
/// ``RowFamily`` says what becomes of each kind.
///
/// The hashes' key is made with the vault and kept in its first row, so that changing sealing keys moves no row.
struct RowKeys: Sendable {
    static let vault = RowFamily.vault.prefix
    static let apps = RowFamily.apps.prefix
    static let flows = RowFamily.flows.prefix
    static let deviceFlows = RowFamily.deviceFlows.prefix
    static let waiting = RowFamily.waiting.prefix
    static let earlier = RowFamily.earlier.prefix
    static let clients = RowFamily.clients.prefix
    static let clientChoices = RowFamily.clientChoices.prefix
    static let registrations = RowFamily.registrations.prefix
    static let pageFlows = RowFamily.pageFlows.prefix
    static let managementKeys = RowFamily.managementKeys.prefix
    static let heldGrants = RowFamily.heldGrants.prefix
    static let unverified = RowFamily.unverified.prefix
    static let revocations = RowFamily.revocations.prefix
    static let spent = RowFamily.spent.prefix
    static let auditHead = RowFamily.auditHead.prefix
    static let audit = RowFamily.audit.prefix

    let hashKey: Secret

    enum Kind: UInt8 {
        case app = 0x61
        case incarnation = 0x62
        case context = 0x63
        case flow = 0x66
        case pageFlow = 0x67
        case issuer = 0x69
        case ticket = 0x6B
        case client = 0x6C
        case managementKey = 0x6D
        case spent = 0x6E
        case slot = 0x73
        case tenant = 0x74
        case user = 0x75
        case unverified = 0x76
        case clientChoice = 0x77
        case version = 0x78
    }

    private func hash(_ kind: Kind, _ bytes: some Sequence<UInt8>) -> [UInt8] {
        Crypto.keyedHash([kind.rawValue] + bytes, key: hashKey, count: TokenLocation.hashBytes)
    }

    func hash(_ kind: Kind, _ text: String) -> [UInt8] { hash(kind, text.utf8) }

    func hash(_ kind: Kind, _ id: ID) -> [UInt8] { hash(kind, id.text.utf8) }

    /// Tells settings from any others that stand or stood in their place. No secret among them can be guessed by it.
    func version(of settings: JSON) -> String {
        let digest = settings.secret(isSorted: true).withBytes { Crypto.sha256($0) }
        return Crypto.base64URL(hash(.version, digest))
    }

    func app(_ id: ID) -> [UInt8] { Self.apps + hash(.app, id) }

    func pageFlow(_ id: ID) -> [UInt8] { Self.pageFlows + hash(.pageFlow, id) }

    func managementKey(_ id: ID) -> [UInt8] { Self.managementKeys + hash(.managementKey, id) }

    func flow(_ state: FlowState) -> [UInt8] { Self.flows + place(of: state) }

    func deviceFlow(_ state: FlowState) -> [UInt8] { Self.deviceFlows + place(of: state) }

    private func place(of state: FlowState) -> [UInt8] { Self.bytes(state.expiresAt) + hash(.flow, state.text) }

    func registration(of appID: ID, at issuer: String) -> [UInt8] {
        registrations(of: appID) + hash(.issuer, issuer)
    }

    /// The prefix of the clients that providers made for a connection, as earlier versions kept them.
    func registrations(of appID: ID) -> [UInt8] { Self.registrations + hash(.app, appID) }

    /// A client's id says little where the connection has moved: each server has its own.
    func client(_ id: ID, of app: AppRecord) -> [UInt8] {
        clients(of: app.id) + hash(.client, "\(app.incarnation ?? "")\0\(id)")
    }

    func clients(of appID: ID) -> [UInt8] { Self.clients + hash(.app, appID) }

    /// - Parameters:
    ///   - redirectURIs: in any order; none: the latest client of all.
    ///   - incarnation: the connection's.
    func clientChoice(for redirectURIs: [String], of appID: ID, _ incarnation: ID?) -> [UInt8] {
        let names = [incarnation ?? ""] + Set(redirectURIs.map { ID($0) }).sorted()  // a zero byte stands in no name
        return clientChoices(of: appID) + hash(.clientChoice, names.map(\.text).joined(separator: "\0"))
    }

    func clientChoices(of appID: ID) -> [UInt8] { Self.clientChoices + hash(.app, appID) }

    func earlier(_ appID: ID, _ incarnation: ID) -> [UInt8] {
        earlier(of: appID) + hash(.incarnation, incarnation)
    }

    /// The prefix of a connection's rows as it was before it moved.
    func earlier(of appID: ID) -> [UInt8] { Self.earlier + hash(.app, appID) }

    func spent(_ id: [UInt8], expiresAt: Int64) -> [UInt8] { Self.spent + Self.bytes(expiresAt) + hash(.spent, id) }

    /// So that greater numbers stand behind smaller ones.
    static func bytes(_ number: Int64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    static func number(_ bytes: some Sequence<UInt8>) -> Int64 { bytes.reduce(0) { $0 << 8 | Int64($1) } }

    /// When a row of ``RowFamily/expiring`` expires. Seconds since 1970.
    static func expiry(_ key: [UInt8]) -> Int64 { number(key.dropFirst(1).prefix(8)) }

    /// Where a token belongs: one account of a subject at an app has one place for each set of scopes and resources, so
    /// that two who store the same grant at a time meet there.
    func token(
        of subject: Subject, at appID: ID, account: ID?, scopes: [String], resources: [String]
    ) -> TokenLocation {
        var names = [account ?? ""] + Set(scopes.map { ID($0) }).sorted()  // a zero byte stands in no name
        if !resources.isEmpty { names += [""] + Set(resources.map { ID($0) }).sorted() }  // and no scope is empty
        return TokenLocation(
            owner: owner(of: subject), context: context(of: subject), app: hash(.app, appID),
            slot: Array(hash(.slot, names.map(\.text).joined(separator: "\0")).prefix(TokenLocation.slotBytes)))
    }

    /// Where a refresh token stands while it is verified: as the token that it will be, but where no fetch looks. The same
    /// one that comes again gets there again.
    /// - Parameter place: where it will belong.
    func unverified(_ refreshToken: JSON, for place: TokenLocation) -> TokenLocation {
        let slot = refreshToken.withStringBytes { bytes in
            Array(hash(.unverified, place.key + Array(bytes)).prefix(TokenLocation.slotBytes))
        }
        return TokenLocation(
            owner: place.owner, context: place.context, app: place.app, slot: slot ?? place.slot, family: .unverified)
    }

    /// The prefix of a subject's tokens at an app.
    func tokens(of subject: Subject, at appID: ID) -> [UInt8] {
        TokenLocation.family + place(of: subject, at: appID)
    }

    func place(of subject: Subject, at appID: ID) -> [UInt8] {
        owner(of: subject) + context(of: subject) + hash(.app, appID)
    }

    /// The prefix of the rows that find an app's tokens: all of them, or a subject's.
    func tokens(at appID: ID, ofAll subject: Subject? = nil) -> [UInt8] {
        TokenLocation.appFamily + hash(.app, appID) + (subject.map(places(ofAll:)) ?? [])
    }

    /// The prefix of all a user's tokens, in tenants and outside; of a user's tokens in a tenant; or of a tenant's own.
    func tokens(ofAll subject: Subject) -> [UInt8] {
        TokenLocation.family + places(ofAll: subject)
    }

    func places(ofAll subject: Subject) -> [UInt8] {
        switch subject {
        case .user, .tenant: owner(of: subject)
        case .userInTenant: owner(of: subject) + context(of: subject)
        }
    }

    private func owner(of subject: Subject) -> [UInt8] {
        switch subject {
        case .user(let user), .userInTenant(let user, _): hash(.user, user)
        case .tenant(let tenant): hash(.tenant, tenant)
        }
    }

    private func context(of subject: Subject) -> [UInt8] {
        switch subject {
        case .userInTenant(_, let tenant): hash(.context, tenant)
        case .user, .tenant: Array(repeating: 0, count: TokenLocation.hashBytes)
        }
    }
}

/// Where a token's rows stand, which is also its id: base64url of what its row's key says.
struct TokenLocation: Hashable, Sendable {
    static let family = RowFamily.tokens.prefix
    static let appFamily = RowFamily.tokensOfApps.prefix
    static let hashBytes = 16
    static let slotBytes = 8

    let owner: [UInt8]
    let context: [UInt8]
    let app: [UInt8]
    let slot: [UInt8]
    /// `unverified` as long as it is not known whether the token is one.
    let family: RowFamily

    init(owner: [UInt8], context: [UInt8], app: [UInt8], slot: [UInt8], family: RowFamily = .tokens) {
        self.owner = owner
        self.context = context
        self.app = app
        self.slot = slot
        self.family = family
    }

    private init?(parts: ArraySlice<UInt8>, family: RowFamily = .tokens) {
        guard parts.count == 3 * Self.hashBytes + Self.slotBytes else { return nil }
        var rest = parts
        func take(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        self.init(
            owner: take(Self.hashBytes), context: take(Self.hashBytes), app: take(Self.hashBytes), slot: Array(rest),
            family: family)
    }

    /// Nil when this is no token's id.
    init?(id: ID) {
        guard let bytes = Crypto.fromBase64URL(id.text) else { return nil }
        self.init(parts: bytes[...])
    }

    init?(key: [UInt8]) {
        guard let family = RowFamily(of: key), family == .tokens || family == .unverified else { return nil }
        self.init(parts: key.dropFirst(family.prefix.count), family: family)
    }

    /// From the key of the row by which an app's tokens are found.
    init?(appKey key: [UInt8]) {
        guard key.starts(with: Self.appFamily) else { return nil }
        let parts = key.dropFirst(Self.appFamily.count)
        let rest = parts.dropFirst(Self.hashBytes)
        let owners = rest.prefix(2 * Self.hashBytes)
        self.init(parts: (owners + parts.prefix(Self.hashBytes) + rest.dropFirst(2 * Self.hashBytes))[...])
    }

    private var parts: [UInt8] { owner + context + app + slot }

    var id: ID { ID(Crypto.base64URL(parts)) }
    var key: [UInt8] { family.prefix + parts }
    var appKey: [UInt8] { Self.appFamily + app + owner + context + slot }
}
