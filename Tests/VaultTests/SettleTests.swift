import Connections
import HTTP
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// What a provider has answered, and the store does not take when it comes.
@Suite struct SettleTests {
    private static let callback: JSON = ["redirectUrl": "https://h.example/callback"]
    private static let revocation: JSON = ["revocationUrl": "https://p.example/revoke"]

    // MARK: - Refreshes

    /// So many subjects whose refresh was answered while the disk was full, for longer than it is tried again.
    private func unsettled(_ count: Int = 1) throws -> (MemoryStore, World) {
        let store = MemoryStore()
        let world = try World(store: store, config: Self.callback)
        try world.makeApp()
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        for number in 1...count {
            try world.connect(["userId": "u\(number)"], reply: tokens("at-1", refresh: "rt-1"))
        }
        world.clock.advance(seconds: 3600)
        let calls = (1...count).map { world.begin("fetch", ["appId": "google", "userId": "u\($0)"]) }
        store.isFull = true
        for call in calls {
            world.provider.next(200, tokens("at-2", refresh: "rt-2"))
            while !call.isDone { call.step() }
            #expect(throws: ConnError.self) { try call.result.get() }
        }
        #expect(world.vault.refresher.outcomes.keys.count == count)
        return (store, world)
    }

    /// Nobody fetches that token in this process any more, and another one finds the lease over.
    private static let operations: [(operation: String, request: JSON)] = [
        ("store_api_key", ["appId": "keys", "userId": "u9", "apiKey": "k"]),
        ("list", ["appId": "keys"]),
        ("fetch", ["appId": "google", "userId": "nobody"]),
    ]

    @Test(arguments: operations)
    func whateverThisProcessDoesNextSettlesIt(_ operation: String, _ request: JSON) throws {
        let (store, world) = try unsettled()
        store.isFull = false
        _ = world.error(operation, request)
        #expect(world.vault.refresher.outcomes.isEmpty)
        world.clock.advance(seconds: 60)
        let token = try world.another().fetch(["options": ["withRefreshToken": true]])
        #expect(token["refreshToken"]?.string == "rt-2")
        #expect(world.provider.refreshes.count == 1)
    }

    /// A commit that the store takes shows that it takes more, however short ago it failed.
    @Test func aCommitSettlesItThoughATryHasFailedJustNow() throws {
        let (store, world) = try unsettled()
        _ = try world.call("list", ["appId": "keys"])
        store.isFull = false
        _ = try world.call("list", ["appId": "keys"])
        #expect(!world.vault.refresher.outcomes.isEmpty, "it was tried before a moment")
        _ = try world.call("store_api_key", ["appId": "keys", "userId": "u9", "apiKey": "k"])
        #expect(world.vault.refresher.outcomes.isEmpty)
    }

    /// What the MCP layer keeps comes through no operation.
    @Test func aStateThatIsSpentSettlesItToo() throws {
        let (store, world) = try unsettled()
        store.isFull = false
        _ = try world.vault.spend([1], expiresAt: world.clock.seconds + 60).performed(.unbounded)
        #expect(world.vault.refresher.outcomes.isEmpty)
    }

    @Test func submittedCallsSettleIt() throws {
        let (store, world) = try unsettled(3)
        store.isFull = false
        let vault = LoopVault(world)
        _ = try vault.call("store_api_key", ["appId": "keys", "userId": "u9", "apiKey": "k"])
        vault.close()
        #expect(world.vault.refresher.outcomes.isEmpty)
    }

    @Test func rowsThatCannotBeSettledTakeNoTimeFromTheOthers() throws {
        let (store, world) = try unsettled(6)
        store.isFull = false
        let keys = world.vault.refresher.outcomes.keys
        for key in keys.dropLast() { try store.commit([.put(key, Array("x".utf8), expecting: .any)]) }
        world.vault.refresher.settleAll(until: .after(milliseconds: 1000))
        #expect(Set(world.vault.refresher.outcomes.keys) == Set(keys.dropLast()))
    }

    // MARK: - First grants

    enum Way: CaseIterable { case complete, held, device }

    /// A call that gets a first grant, at the provider.
    private func granting(_ way: Way, in store: any Store) throws -> (World, StepDriver) {
        let world = try World(store: store, config: Self.callback)
        try world.makeApp("google", Self.revocation.with(["deviceAuthorizationUrl": "https://p.example/device"]))
        let request: JSON
        if way == .device {
            world.provider.next(
                200,
                #"{"device_code":"d","user_code":"U","expires_in":900,"interval":5,"verification_uri":"https://p.example/a"}"#
            )
            let flow = try world.call("device.start", ["appId": "google", "userId": "u1"])["flow"]?.string ?? ""
            world.clock.advance(seconds: 5)
            request = ["flow": "\(flow)"]
        } else {
            let confirmation: JSON = way == .held ? ["confirmation": true] : [:]
            let url = try world.call(
                "connect",
                [
                    "appId": "google", "userId": "u1",
                    "options": (["redirectUrl": "https://h.example/done"] as JSON).with(confirmation),
                ])
            let openedBy: JSON = way == .held ? [:] : ["openedBy": ["userId": "u1"]]
            request = (["state": "\(query(url["url"]?.string, "state") ?? "")", "code": "c"] as JSON).with(openedBy)
        }
        let call = world.begin(way == .device ? "device.poll" : "complete", request)
        #expect(call.isAtProvider)
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        return (world, call)
    }

    /// Lets the held grant out, and fetches.
    private func fetched(_ way: Way, _ world: World, _ call: StepDriver) throws -> String? {
        let answer = try call.result.get()
        if way == .held {
            _ = try world.call(
                "confirm", ["appId": "google", "userId": "u1", "code": "\(answer["code"]?.string ?? "")"])
        }
        return try world.fetch(["options": ["withRefreshToken": true]])["refreshToken"]?.string
    }

    @Test(arguments: Way.allCases) func aFirstGrantOutlivesADiskThatIsFullForAMoment(_ way: Way) throws {
        let store = MemoryStore()
        let (world, call) = try granting(way, in: store)
        store.isFull = true
        for _ in 0..<20 { call.step() }
        #expect(call.isPaused)
        store.isFull = false
        while !call.isDone { call.step() }
        #expect(try fetched(way, world, call) == "rt-1")
    }

    /// The store has taken it, and says that it has not.
    @Test(arguments: Way.allCases) func aFailureThatIsNoneLosesNothing(_ way: Way) throws {
        let store = MeddlingStore(MemoryStore())
        let (world, call) = try granting(way, in: store)
        store.at(.afterCommit) { () throws(ConnError) in throw ConnError(.internal, "the disk has failed") }
        while !call.isDone { call.step() }
        #expect(try fetched(way, world, call) == "rt-1")
        #expect(!world.provider.requests.contains { $0.url.contains("revoke") })
    }

    /// It is lost then. The provider revokes it, and the error says so.
    @Test(arguments: Way.allCases, [200, 503]) func aFirstGrantThatTheStoreNeverTakesIsRevoked(
        _ way: Way, _ status: Int
    ) throws {
        let store = MemoryStore()
        let (world, call) = try granting(way, in: store)
        store.isFull = true
        let begun = world.clock.seconds
        world.provider.otherwise { _ in .success(HTTPResponse(status: status, headers: [:], body: Secret(""))) }
        while !call.isDone { call.step() }
        #expect(world.clock.seconds - begun <= 11)
        let error = #expect(throws: ConnError.self) { try call.result.get() }
        #expect(error?.code == .internal)
        #expect(
            error?.message.hasSuffix(status == 200 ? "its token is revoked" : "stays valid at the provider") == true)
        let last = world.provider.requests.last
        #expect(last?.url == "https://p.example/revoke")
        #expect(world.provider.forms.last?.contains("token=rt-1") == true)
    }

    /// Google revokes all that a user granted with any token: what is kept would go too.
    @Test(arguments: [false, true]) func whatIsKeptDoesNotGoWithAGrantThatIsLost(_ hasOthers: Bool) throws {
        let store = MemoryStore()
        let world = try World(store: store, config: Self.callback)
        _ = try world.call(
            "apps.create",
            ["id": "google", "templateId": "google", "clientId": "c", "clientSecret": "s3cret", "defaultScopes": ["s"]])
        if hasOthers { try world.connect() }
        let url = try world.call(
            "connect", ["appId": "google", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        let call = world.begin(
            "complete",
            ["state": "\(query(url["url"]?.string, "state") ?? "")", "code": "c", "openedBy": ["userId": "u1"]])
        world.provider.next(200, tokens("at-9", refresh: "rt-9"))
        store.isFull = true
        world.provider.otherwise { _ in .success(HTTPResponse(status: 200, headers: [:], body: Secret(""))) }
        while !call.isDone { call.step() }
        #expect(throws: ConnError.self) { try call.result.get() }
        #expect(world.provider.requests.contains { $0.url.contains("revoke") } != hasOthers)
    }

    @Test func aCodeThatIsTypedFindsTheDiskFullForAMoment() throws {
        let store = FailingStore()
        let (world, call) = try granting(.held, in: store)
        while !call.isDone { call.step() }
        let code = try call.result.get()["code"]?.string ?? ""
        store.fail(after: 1)  // the try is counted
        let confirming = world.begin("confirm", ["appId": "google", "userId": "u1", "code": "\(code)"])
        #expect(confirming.isPaused)
        store.fail(after: nil)
        while !confirming.isDone { confirming.step() }
        #expect(try confirming.result.get()["tokenId"] != nil)
    }
}
