import Connections
import Crypto
import Foundation
import HTTP
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// What becomes of rows, for each kind of them that a vault has.
@Suite struct RowFamilyTests {
    private let world: World

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback", "allowExport": true])
        for app in ["a", "b"] { try makeApp(app) }
        world.provider.always { request in
            request.url == "https://p.example/revoke"
                ? .success(HTTPResponse(status: 200, headers: [:], body: Secret(""))) : nil
        }
    }

    private func makeApp(_ id: String, _ more: JSON = [:]) throws {
        try world.makeApp(
            id,
            (["revocationUrl": "https://p.example/revoke", "deviceAuthorizationUrl": "https://p.example/device"] as JSON)
                .with(more))
    }

    // MARK: - Making

    /// A row, or what it stands for.
    private struct Made {
        let isThere: () throws -> Bool
        /// In the row.
        var token: String?
    }

    private func keys(_ family: RowFamily) throws -> Set<[UInt8]> {
        Set(try world.store.scan(prefix: family.prefix, after: nil, limit: 10_000).map(\.key))
    }

    private func row(_ family: RowFamily, token: String? = nil, _ make: () throws -> Void) throws -> Made {
        let before = try keys(family)
        try make()
        let made = try keys(family).subtracting(before)
        #expect(!made.isEmpty)
        return Made(isThere: { try !keys(family).isDisjoint(with: made) }, token: token)
    }

    private func flow(_ subject: JSON, at app: String, confirmation: Bool = false) throws -> JSON {
        let url = try world.call(
            "connect",
            ([
                "appId": "\(app)",
                "options": ["redirectUrl": "https://h.example/x", "confirmation": .boolean(confirmation)],
            ] as JSON).with(subject)
        )
        return ["state": "\(query(url["url"]?.string, "state") ?? "")", "code": "c", "openedBy": subject]
    }

    /// Makes a row as a vault comes to it.
    /// - Parameter number: no other row's.
    private func make(_ family: RowFamily, of subject: JSON, at app: String, number: Int = 0) throws -> Made {
        let token = "rt-\(app)-\(number)-\(subject.text.filter(\.isLetter))"
        switch family {
        case .tokens, .tokensOfApps:
            return try row(family, token: token) {
                _ = try world.call(
                    "store_token", (["appId": "\(app)", "refreshToken": "\(token)"] as JSON).with(subject))
            }
        case .flows, .waiting:
            let request = try flow(subject, at: app)
            return Made(isThere: { world.error("complete", request)?.code != .notFound })
        case .deviceFlows:
            world.provider.next(
                200,
                #"{"device_code":"d","user_code":"U","expires_in":900,"interval":5,"verification_uri":"https://p.example/d"}"#
            )
            let flow = try world.call("device.start", (["appId": "\(app)"] as JSON).with(subject))["flow"]?.string ?? ""
            return Made(isThere: { world.error("device.poll", ["flow": "\(flow)"])?.code != .notFound })
        case .heldGrants, .expiries:
            return try row(family, token: token) {
                let request = try flow(subject, at: app, confirmation: true)
                world.provider.next(200, tokens("at", refresh: token))
                _ = try world.call("complete", request)
            }
        case .unverified:
            return try row(family, token: token) { begin(token, of: subject, at: app).leave() }
        case .spent:
            return try row(family) {
                let expiry = world.clock.seconds + 60
                let isFirst = try world.vault.spend([UInt8(number), 1], expiresAt: expiry).performed(.unbounded)
                #expect(isFirst == true)
            }
        case .earlierUnverified:
            return try row(family) {
                let place = Crypto.random(3 * TokenLocation.hashBytes + TokenLocation.slotBytes)
                let key = family.prefix + RowKeys.bytes(world.clock.seconds + 86_400) + place
                let pointer = world.vault.rows.seal(PointerRecord(), at: key, expecting: .absent)
                var record = TokenRecord(
                    appID: ID(app), subject: .user("old"), scopes: [], grantedAt: world.clock.clock.milliseconds())
                record.refreshToken = .string(token)
                let named = RowFamily.tokens.prefix + place
                try world.store.commit([pointer, world.vault.rows.seal(record, at: named, expecting: .absent)])
            }
        case .apps:
            return try row(family) { try makeApp(own(family, of: app)) }
        case .earlier:
            try makeApp(own(family, of: app))
            let elsewhere = try World.providerURLs.replacing("p.example", with: "q.example")
            return try row(family) {
                _ = try world.call(
                    "apps.update", (["id": "\(own(family, of: app))", "clientId": "c"] as JSON).with(elsewhere))
            }
        case .clients, .clientChoices:
            try makeApp(own(family, of: app), ["useDcr": true, "dcrUrl": "https://p.example/register"])
            world.provider.next(201, #"{"client_id":"made","client_secret":"s"}"#)
            return try row(family) { _ = try flow(subject, at: own(family, of: app)) }
        case .registrations:
            try makeApp(own(family, of: app))
            return try row(family) {
                let client = JSON.object([
                    "redirectUris": .strings([]), "clientId": .string("made"), "authMethod": .string("none"),
                ])
                let record = try #require(RegistrationRecord(json: .object(["clients": .array([client])])))
                let key = world.vault.rows.keys.registration(of: ID(own(family, of: app)), at: "https://p.example")
                try world.store.commit([world.vault.rows.seal(record, at: key, expecting: .absent)])
            }
        case .pageFlows:
            return try row(family) {
                _ = try world.call("flows.create", ["actions": [["type": "connect", "appId": "\(app)"]]])
            }
        case .managementKeys:
            return try row(family) { _ = try world.call("management_keys.create", ["name": "k"]) }
        case .vault, .revocations, .auditHead, .audit:
            return Made(isThere: { try !keys(family).isEmpty })
        }
    }

    /// The connection whose rows those of a family are that are a connection's alone.
    private func own(_ family: RowFamily, of app: String) -> String { "\(family)-\(app)" }

    private func makeAll() throws {
        for family in RowFamily.allCases { _ = try make(family, of: ["userId": "of \(family)"], at: "a") }
    }

    private func begin(_ token: String, of subject: JSON, at app: String) -> StepDriver {
        world.begin(
            "store_token",
            (["appId": "\(app)", "refreshToken": "\(token)", "verifyRefresh": true] as JSON).with(subject))
    }

    /// The refresh tokens that were revoked.
    private func takenBack() throws -> [String] {
        world.clock.advance(seconds: 120)
        _ = try world.call("revocations.run", ["limit": 1000])
        #expect(try keys(.revocations).allSatisfy { RowKeys.revocationDue($0) > world.clock.clock.milliseconds() })
        return zip(world.provider.requests, world.provider.forms)
            .filter { $0.0.url == "https://p.example/revoke" }
            .map { String($0.1.dropFirst("token=".count).prefix { $0 != "&" }) }
    }

    // MARK: - All of them

    @Test func eachRowIsOfAKnownFamilyAndEachFamilyIsInTheManual() throws {
        try makeAll()
        for row in try world.store.scan(prefix: [], after: nil, limit: 10_000) {
            #expect(RowFamily(of: row.key) != nil)
        }
        let manual = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/rows.md")
        let lines = try String(contentsOf: manual, encoding: .utf8).split(separator: "\n")
        let letters = lines.filter { $0.hasPrefix("| `") }.compactMap { $0.dropFirst(3).utf8.first }
        #expect(letters.sorted() == RowFamily.allCases.map(\.rawValue).sorted())
        #expect(Set(RowFamily.allCases.filter { $0.end == .expiry }) == Set(RowFamily.expiring))
    }

    @Test func whatIsNotShownIsInNoListAndNoExport() throws {
        for family in RowFamily.allCases where !family.isShown && family != .tokensOfApps {
            _ = try make(family, of: ["userId": "u1"], at: "a")
        }
        for set in [["userId": "u1"], ["appId": "a"]] as [JSON] {
            #expect(try world.call("list", set)["tokens"]?.elements.isEmpty == true)
            #expect(try world.call("export", set)["tokens"]?.elements.isEmpty == true)
        }
        #expect(try world.call("export", [:])["tokens"]?.elements.isEmpty == true)
        #expect(world.fetchError(app: "a")?.reason == .missing)
        for family in RowFamily.allCases where family.isShown {
            _ = try make(family, of: ["userId": "u1"], at: "a")
            #expect(try world.call("list", ["userId": "u1"])["tokens"]?.elements.count == 1)
        }
    }

    @Test func allAreSealedAnew() throws {
        try makeAll()
        let key = try world.call("keys.add", [:])["id"]?.string ?? ""
        _ = try world.call("keys.activate", ["id": "\(key)"])
        #expect(try world.call("keys.reseal", [:])["unreadable"]?.integer == 0)
        for family in RowFamily.allCases where family != .vault {
            for row in try world.store.scan(prefix: family.prefix, after: nil, limit: 10_000) {
                #expect(Crypto.hex(KeyRing.keyID(of: row.value) ?? []) == key)
            }
        }
    }

    // MARK: - Deletions

    enum Deletion: CaseIterable {
        case user, userInTenant, tenant, userAtApp, app, wholeApp

        var subject: JSON {
            switch self {
            case .user, .userAtApp, .app, .wholeApp: ["userId": "u1"]
            case .userInTenant: ["userId": "u1", "tenantId": "t1"]
            case .tenant: ["tenantId": "t1"]
            }
        }

        /// One that it leaves alone.
        var bystander: (subject: JSON, app: String) {
            switch self {
            case .user: (["userId": "u2"], "a")
            case .userInTenant: (["userId": "u1"], "a")
            case .tenant: (["userId": "u1", "tenantId": "t1"], "a")
            case .userAtApp, .app, .wholeApp: (["userId": "u1"], "b")
            }
        }

        func call(_ world: World) throws {
            switch self {
            case .user, .userInTenant, .tenant: _ = try world.call("delete", subject)
            case .userAtApp: _ = try world.call("delete", (["appId": "a"] as JSON).with(subject))
            case .app: _ = try world.call("delete", ["appId": "a"])
            case .wholeApp: _ = try world.call("apps.delete", ["id": "a"])
            }
        }
    }

    @Test(arguments: RowFamily.allCases.filter { $0.owner == .subject }, Deletion.allCases)
    func aRowGoesWithEachDeletionOfItsOwnerAndItsTokenIsRevoked(
        _ family: RowFamily, _ deletion: Deletion
    ) throws {
        let made = try make(family, of: deletion.subject, at: "a")
        let other = try make(family, of: deletion.bystander.subject, at: deletion.bystander.app, number: 1)
        try deletion.call(world)
        #expect(try !made.isThere())
        #expect(try other.isThere())
        if family.holdsToken { #expect(try takenBack() == [made.token]) }
    }

    @Test(arguments: RowFamily.allCases.filter { $0.owner == .connection })
    func whatIsAConnectionsAloneGoesWithIt(_ family: RowFamily) throws {
        let made = try make(family, of: ["userId": "u1"], at: "a")
        let other = try make(family, of: ["userId": "u1"], at: "b")
        _ = try world.call("delete", ["appId": "\(own(family, of: "a"))"])
        #expect(try made.isThere())
        _ = try world.call("apps.delete", ["id": "\(own(family, of: "a"))"])
        #expect(try !made.isThere())
        #expect(try other.isThere())
    }

    @Test(arguments: RowFamily.allCases.filter { $0.owner == .subject && $0.holdsToken })
    func aTokenThatIsForgottenIsNotRevoked(_ family: RowFamily) throws {
        let made = try make(family, of: ["userId": "u1"], at: "a")
        _ = try world.call("delete", ["userId": "u1", "revoke": false])
        #expect(try !made.isThere())
        #expect(try takenBack().isEmpty)
    }

    // MARK: - Expiry

    private static let expiring = RowFamily.allCases.filter { $0.end == .expiry || $0.end == .namedExpiry }

    enum Activity: CaseIterable {
        case connect, storeToken, sweep
    }

    private func act(_ activity: Activity, _ number: Int) throws {
        switch activity {
        case .connect: _ = try flow(["userId": "other\(number)"], at: "b")
        case .storeToken:
            _ = try world.call("store_token", ["appId": "b", "userId": "other\(number)", "accessToken": "at"])
        case .sweep: _ = try world.call("retention.sweep", [:])
        }
    }

    @Test(arguments: expiring, Activity.allCases)
    func whatExpiresGoesByWhatOthersDoAndItsTokenIsRevoked(_ family: RowFamily, _ activity: Activity) throws {
        let made = try (0..<20).map { try make(family, of: ["userId": "u\($0)"], at: "a", number: $0) }
        let before = try keys(family)
        world.clock.advance(seconds: 2 * 86_400)
        for number in 0..<(activity == .sweep ? 1 : 4) { try act(activity, number) }
        #expect(try keys(family).isDisjoint(with: before))
        #expect(try keys(.tokens).count == (activity == .storeToken ? 4 : 0))
        if family.holdsToken {
            #expect(try Set(takenBack()) == Set(made.compactMap(\.token)))
        }
    }

    /// Whoever's they are.
    @Test func theFirstToExpireGoFirst() throws {
        for number in 0..<40 {
            _ = try make(.heldGrants, of: ["userId": "u\(number)"], at: "a", number: number)
            world.clock.advance(seconds: 1)
        }
        world.clock.advance(seconds: 86_400)
        let expiries = try keys(.heldGrants).map(RowKeys.heldGrantExpiry).sorted()
        try act(.connect, 0)
        let left = try keys(.heldGrants).map(RowKeys.heldGrantExpiry).sorted()
        #expect(left.count < 40 && left == expiries.suffix(left.count))
    }

    /// An earlier version held them, and made no row that says when.
    @Test func aHeldGrantThatNoOtherRowNamesGoesWithASweep() throws {
        let made = try make(.heldGrants, of: ["userId": "u1"], at: "a")
        for key in try keys(.expiries) { try world.store.commit([.remove(key, expecting: .any)]) }
        _ = try world.call("retention.sweep", [:])
        #expect(try made.isThere())
        world.clock.advance(seconds: 3600)
        _ = try world.call("retention.sweep", [:])
        #expect(try !made.isThere())
    }

    /// It was brought again after a row that did not open was removed, and by earlier versions whenever it was.
    @Test(arguments: [RowFamily.unverified, .earlierUnverified])
    func aRowThatIsNamedTwiceExpiresAllTheSame(_ family: RowFamily) throws {
        let made = try make(family, of: ["userId": "u1"], at: "a")
        for name in try keys(.expiries).union(keys(.earlierUnverified)) {
            let earlier = Array(name.prefix(1)) + RowKeys.bytes(RowKeys.expiry(name) - 5) + name.dropFirst(9)
            let pointer = world.vault.rows.seal(PointerRecord(), at: earlier, expecting: .absent)
            try world.store.commit([pointer])
        }
        world.clock.advance(seconds: 2 * 86_400)
        try act(.connect, 0)
        #expect(try !made.isThere())
        #expect(try keys(.expiries).isEmpty && keys(.earlierUnverified).isEmpty && keys(.tokens).isEmpty)
        #expect(try takenBack() == (family.holdsToken ? [made.token] : []))
    }

    @Test func whatDoesNotOpenExpiresAllTheSame() throws {
        let made = try RowFamily.pendingGrants.map { try make($0, of: ["userId": "u1"], at: "a") }
        for family in RowFamily.pendingGrants {
            for key in try keys(family) {
                try world.store.commit([.put(key, Array(repeating: 7, count: 64), expecting: .any)])
            }
        }
        world.clock.advance(seconds: 2 * 86_400)
        try act(.connect, 0)
        for made in made { #expect(try !made.isThere()) }
        #expect(try keys(.expiries).isEmpty)
    }

    /// It would end a grant that lives.
    @Test(arguments: [false, true])
    func aVerificationThatEndedTakesNoTokenBackThatSomebodyHas(_ wasNeverSent: Bool) throws {
        if wasNeverSent {
            let store = world.vault.rows
            let place = store.keys.token(of: .user("u1"), at: "a", account: nil, scopes: [], resources: [])
            let location = store.keys.unverified(.string("rt"), for: place)
            var record = TokenRecord(
                appID: "a", subject: .user("u1"), scopes: [], grantedAt: world.clock.clock.milliseconds())
            record.refreshToken = .string("rt")
            let name = RowKeys.expiry(of: location.key, at: record.unverifiedUntil)
            try world.store.commit([
                store.seal(record, at: location.key, expecting: .absent),
                store.seal(PointerRecord(), at: name, expecting: .absent),
            ])
        } else {
            begin("rt", of: ["userId": "u1"], at: "a").leave()
            _ = try world.call("store_token", ["appId": "a", "userId": "u1", "refreshToken": "rt"])
        }
        #expect(try keys(.unverified).count == 1)
        world.clock.advance(seconds: 2 * 86_400)
        try act(.connect, 0)
        #expect(try keys(.unverified).isEmpty)
        #expect(try takenBack().isEmpty)
    }

    // MARK: - Verification

    /// The reply comes when the row is gone.
    @Test(arguments: [Deletion.user, .app, .wholeApp])
    func aTokenThatIsDeletedWhileItIsVerifiedIsRevokedAndSoIsWhatCameForIt(_ deletion: Deletion) throws {
        let call = begin("rt-0", of: deletion.subject, at: "a")
        #expect(call.isAtProvider)
        try deletion.call(world)
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        while !call.isDone { call.step() }
        #expect(throws: ConnError.self) { try call.result.get() }
        #expect(try keys(.unverified).isEmpty && keys(.tokens).isEmpty && keys(.expiries).isEmpty)
        #expect(try Set(takenBack()) == ["rt-0", "rt-1"])
    }

    /// Before one of the commits that keep what the provider gave, and perhaps made anew by then.
    @Test(arguments: [1, 2], [false, true])
    func nothingIsKeptAtAConnectionThatIsDeletedWhileATokenIsVerified(_ commit: Int, _ isMadeAnew: Bool) throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        let other = try world.another()
        @Sendable func makeApp() throws(ConnError) {
            _ = try other.call(
                "apps.create",
                (["id": "a", "clientId": "c", "revocationUrl": "https://p.example/revoke"] as JSON).with(
                    World.providerURLs))
        }
        try makeApp()
        let call = world.begin(
            "store_token", ["appId": "a", "userId": "u1", "refreshToken": "rt-0", "verifyRefresh": true])
        #expect(call.isAtProvider)
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        store.at(.commit, number: commit) { () throws(ConnError) in
            _ = try other.call("apps.delete", ["id": "a"])
            if isMadeAnew { try makeApp() }
        }
        while !call.isDone { call.step() }
        #expect(throws: ConnError.self) { try call.result.get() }
        for family in [RowFamily.tokens, .unverified, .expiries] {
            #expect(try store.scan(prefix: family.prefix, after: nil, limit: 1).isEmpty)
        }
        world.provider.always { _ in .success(HTTPResponse(status: 200, headers: [:], body: Secret(""))) }
        world.clock.advance(seconds: 3600)
        _ = try world.call("revocations.run", [:])
        #expect(try store.scan(prefix: RowKeys.revocations, after: nil, limit: 1).isEmpty)
        let takenBack = Set(world.provider.forms.filter { $0.hasPrefix("token=") }.map { $0.prefix { $0 != "&" } })
        #expect(takenBack == (commit == 1 ? ["token=rt-0", "token=rt-1"] : ["token=rt-1"]))
    }

    /// The first process ended before it could keep what the provider gave, and the second one cannot reach the provider.
    @Test func whatAVerificationBroughtStaysUntilItIsKept() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        try world.makeApp()
        let request: JSON = ["appId": "google", "userId": "u1", "refreshToken": "rt-0", "verifyRefresh": true]
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        store.at(.commit, number: 4) { () throws(ConnError) in throw ConnError(.unavailable, "the disk is full") }
        #expect(world.error("store_token", request)?.code == .unavailable)
        world.clock.advance(seconds: 7200)
        #expect(world.error("store_token", request) != nil)
        world.clock.advance(seconds: 600)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        _ = try world.call("store_token", request)
        #expect(world.provider.refreshes.last?.contains("rt-1") == true)
        #expect(try world.fetch()["accessToken"]?.string == "at-2")
    }
}
