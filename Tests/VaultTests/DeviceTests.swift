import Connections
import HTTP
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// RFC 8628 with a clock that is moved by hand.
@Suite struct DeviceTests {
    private let world: World

    init() throws {
        world = try World()
        try world.makeApp("a", ["deviceAuthorizationUrl": "https://p.example/device"])
    }

    private func start(_ reply: JSON = [:], in world: World? = nil) throws -> JSON {
        let world = world ?? self.world
        let answer: JSON = [
            "device_code": "d3vice", "user_code": "ABCD-EFGH", "expires_in": 900, "interval": 5,
            "verification_uri": "https://p.example/activate",
        ]
        world.provider.next(200, answer.with(reply))
        return try world.call("device.start", ["appId": "a", "userId": "u1", "scopes": ["read"]])
    }

    private func poll(_ started: JSON, waitMs: Int = 0) -> JSON {
        ["flow": "\(started["flow"]?.string ?? "")", "waitMs": .integer(waitMs)]
    }

    private func refuse(_ error: String) { world.provider.next(400, #"{"error":"\#(error)"}"#) }

    private var polls: Int { world.forms("device_code").count }

    @Test func theDeviceCodeStaysInTheVault() throws {
        let started = try start()
        #expect(!started.text.contains("d3vice"))
        #expect(started["userCode"]?.string == "ABCD-EFGH")
        #expect(started["verificationUri"]?.string == "https://p.example/activate")
        #expect(started["expiresIn"]?.integer == 900)
        for row in try world.store.scan(prefix: [], after: nil, limit: 100) {
            #expect(!String(decoding: row.value, as: UTF8.self).contains("d3vice"))
        }
    }

    @Test func waitingAsksAtEachInterval() throws {
        let started = try start()
        let begun = world.clock.seconds
        for _ in 0..<3 { refuse("authorization_pending") }
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        let done = try world.call("device.poll", poll(started, waitMs: 60_000))
        #expect(done["status"]?.string == "complete")
        #expect(world.clock.seconds - begun == 20)
        #expect(try world.fetch(["scopes": ["read"]], app: "a")["accessToken"]?.string == "at-1")
        #expect(world.error("device.poll", poll(started))?.code == .notFound)
    }

    @Test func nobodyAsksTooEarly() throws {
        let started = try start()
        #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == 5000)
        #expect(polls == 0)
        world.clock.advance(seconds: 5)
        refuse("authorization_pending")
        #expect(try world.call("device.poll", poll(started))["status"]?.string == "pending")
        let other = try world.another()
        #expect(try other.call("device.poll", poll(started))["retryAfterMs"]?.integer == 5000)
        #expect(polls == 1)
    }

    /// Clocks differ, and are set; a device's user waits for none of them.
    @Test(arguments: [-10_800, -600, 600, 10_800] as [Int64])
    func aFlowThatBeganByAnotherClockIsPolled(_ seconds: Int64) throws {
        let other = try world.another(secondsAhead: seconds)
        let started = try start()
        world.clock.advance(seconds: 5)
        if seconds < 10_800 {
            world.provider.next(200, tokens("at-1"))
            #expect(try other.call("device.poll", poll(started))["status"]?.string == "complete")
        } else {
            #expect(other.error("device.poll", poll(started))?.code == .notFound)  // to it, the flow has expired
        }
    }

    /// Processes of one machine know what time has passed, whatever the clock of the day says.
    @Test(arguments: [-10_800, 600] as [Int64]) func aClockThatIsSetChangesNoInterval(_ step: Int64) throws {
        let world = try world.another(boot: "b")
        let flow = try start(in: world)
        world.clock.step(seconds: step)
        #expect(try world.call("device.poll", poll(flow))["retryAfterMs"]?.integer == 5000)
        world.clock.advance(seconds: 5)
        world.provider.next(200, tokens("at-1"))
        #expect(try world.call("device.poll", poll(flow))["status"]?.string == "complete")
    }

    @Test(arguments: [-10_800, 600] as [Int64]) func aWaitLastsAsLongAsItSays(_ step: Int64) throws {
        let waiting = world.begin("device.poll", poll(try start(), waitMs: 12_000))
        #expect(waiting.isPaused)
        world.clock.step(seconds: step)
        refuse("authorization_pending")
        refuse("authorization_pending")
        while !waiting.isDone { waiting.step() }
        #expect(try waiting.result.get()["status"]?.string == "pending")
        #expect(polls == 2)
    }

    @Test func rowsOfEarlierVersionsAreRead() throws {
        let started = try start()
        let key = try #require(try world.store.scan(prefix: RowKeys.deviceFlows, after: nil, limit: 1).first?.key)
        let row: Row<DeviceFlowRecord> = try #require(try world.read(key))
        let json = row.value.json
        json.remove("wait")
        json.set("nextPollAt", .integer(world.clock.clock.milliseconds() + 5000))
        let old = try #require(DeviceFlowRecord(json: json))
        try world.store.commit([world.vault.rows.seal(old, at: key, expecting: .any)])
        #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == 5000)
        world.clock.advance(seconds: 5)
        world.provider.next(200, tokens("at-1"))
        #expect(try world.call("device.poll", poll(started))["status"]?.string == "complete")
    }

    @Test func slowDownIsHonouredForGood() throws {
        let started = try start()
        world.clock.advance(seconds: 5)
        refuse("slow_down")
        #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == 10_000)
        world.clock.advance(seconds: 10)
        refuse("authorization_pending")
        #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == 10_000)
    }

    @Test func aProviderOutOfReachIsWaitedOut() throws {
        let started = try start()
        world.clock.advance(seconds: 5)
        world.provider.next(503, "")
        #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == 10_000)
        world.clock.advance(seconds: 10)
        world.provider.next(.failure(HTTPFailure(.timeout, "p.example", mayHaveArrived: true)))
        #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == 20_000)
    }

    /// The standard's, and what Microsoft, GitHub, Google, Zoho and others say in their place.
    @Test(arguments: [
        "access_denied", "expired_token", "invalid_grant", "authorization_declined", "bad_verification_code",
        "incorrect_device_code", "token_expired", "code_expired", "expired", "expired_code", "device_code_expired",
        "invalid_device_code", "authorization_denied", "authorization_expired", "invalid_code", "ACCESS_DENIED",
    ])
    func aRefusalEndsTheFlow(_ code: String) throws {
        let started = try start()
        world.clock.advance(seconds: 5)
        refuse(code)
        let error = world.error("device.poll", poll(started))
        #expect(error?.code == .providerError)
        #expect(error?.errorCode == code)
        #expect(world.error("device.poll", poll(started))?.code == .notFound)
    }

    @Test(arguments: [
        "invalid_client", "unauthorized_client", "device_flow_disabled", "incorrect_client_credentials",
        "unsupported_grant_type", "admin_policy_enforced", "org_internal",
    ])
    func theOperatorsFaultDoesNotEndIt(_ code: String) throws {
        let started = try start()
        world.clock.advance(seconds: 5)
        refuse(code)
        #expect(world.error("device.poll", poll(started))?.code == .misconfigured)
        world.clock.advance(seconds: 5)
        world.provider.next(200, tokens("at-1"))
        #expect(try world.call("device.poll", poll(started))["status"]?.string == "complete")
    }

    /// However a provider says that its user is not there yet, it is asked again at the same pace.
    private static let pending: [(status: Int, body: JSON)] = [
        (400, ["error": "authorization_pending"]), (200, ["error": "authorization_pending"]),
        (428, ["error": "authorization_pending"]), (429, ["error": "authorization_pending"]),
        (400, ["error": "AUTHORIZATION_PENDING"]), (400, ["status": 400, "message": "authorization_pending"]),
        (400, ["error": ["code": "authorization_pending"]]), (400, ["code": "authorization_pending"]),
        (400, ["error": "invalid_request", "error_description": "authorization_pending"]),
    ]

    @Test(arguments: pending)
    func whoWaitsForItsUser(_ status: Int, _ body: JSON) throws {
        let started = try start()
        world.clock.advance(seconds: 5)
        world.provider.next(status, body)
        #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == 5000)
    }

    @Test(arguments: [["error": "Slow_Down"], ["status": 400, "message": "slow_down"]] as [JSON])
    func howElseToSayThatAPollCameTooEarly(_ body: JSON) throws {
        let started = try start()
        for seconds in [10, 15] as [Int64] {
            world.clock.advance(seconds: seconds)
            world.provider.next(403, body)
            #expect(try world.call("device.poll", poll(started))["retryAfterMs"]?.integer == seconds * 1000)
        }
    }

    /// As some say that the client's secret is wrong.
    @Test func a401OfAccessDeniedIsTheOperatorsFault() throws {
        let started = try start()
        world.clock.advance(seconds: 5)
        world.provider.next(401, #"{"error":"access_denied","error_description":"Unauthorized"}"#)
        #expect(world.error("device.poll", poll(started))?.code == .misconfigured)
        world.clock.advance(seconds: 5)
        world.provider.next(200, tokens("at-1"))
        #expect(try world.call("device.poll", poll(started))["status"]?.string == "complete")
    }

    @Test func tooManyPollsEndNothing() throws {
        let started = try start()
        world.clock.advance(seconds: 5)
        world.provider.next(403, #"{"error":"access_denied","error_description":"Rate limit exceeded"}"#)
        #expect(try world.call("device.poll", poll(started))["status"]?.string == "pending")
        world.clock.advance(seconds: 10)
        world.provider.next(200, tokens("at-1"))
        #expect(try world.call("device.poll", poll(started))["status"]?.string == "complete")
    }

    @Test func anExpiredFlowIsGone() throws {
        let started = try start()
        world.clock.advance(seconds: 1800)
        #expect(world.error("device.poll", poll(started))?.code == .notFound)
        _ = try start()
        #expect(try world.store.scan(prefix: Array("d".utf8), after: nil, limit: 10).count == 1)
    }

    /// GitHub answers 200 with an error, Google has another name for the page.
    @Test func habitsOfProviders() throws {
        world.provider.next(
            200,
            #"{"device_code":"d","user_code":"U","expires_in":"900","verification_url":"https://www.google.com/device"}"#
        )
        let started = try world.call("device.start", ["appId": "a", "userId": "u1"])
        #expect(started["verificationUri"]?.string == "https://www.google.com/device")
        #expect(started["interval"]?.integer == 5)
        world.clock.advance(seconds: 5)
        world.provider.next(200, #"{"error":"authorization_pending"}"#)
        #expect(try world.call("device.poll", poll(started))["status"]?.string == "pending")
    }

    /// It is shown as it is, perhaps on a terminal.
    @Test(arguments: [#"ABCD-EFGH\n"#, #"\r\n ABCD-EFGH\t"#, "  ABCD-EFGH"])
    func whiteSpaceAroundAUserCode(_ code: String) throws {
        world.provider.next(
            200,
            #"{"device_code":"d","user_code":"\#(code)","expires_in":900,"verification_uri":"https://p.example/a\n"}"#)
        let started = try world.call("device.start", ["appId": "a", "userId": "u1"])
        #expect(started["userCode"]?.string == "ABCD-EFGH")
        #expect(started["verificationUri"]?.string == "https://p.example/a")
    }

    @Test(arguments: [
        #"{"device_code":"d","user_code":"AB\nCD","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","user_code":"AB\u001b[2JCD","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","user_code":"AB\u202eCD","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","user_code":"AB\u2028CD","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","user_code":" \n","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","device_code":"e","user_code":"U","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","user_code":"U","user_code":"V","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"user_code":"U","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","expires_in":9,"verification_uri":"https://p.example"}"#,
        #"{"device_code":"d","user_code":"U","expires_in":9,"verification_uri":"javascript:alert(1)"}"#,
        #"{"device_code":"d","user_code":"U","expires_in":9,"verification_uri":"https://evil@p.example"}"#,
    ])
    func answersOfNoUse(_ reply: String) {
        world.provider.next(200, reply)
        #expect(world.error("device.start", ["appId": "a", "userId": "u1"])?.code == .providerError)
    }

    /// Some do not say how long, or write a code as a number.
    @Test(arguments: ["", #","expires_in":null"#, #","expires_in":0"#])
    func whatACodesLifeIsTakenFor(_ more: String) throws {
        world.provider.next(
            200, #"{"device_code":"d","user_code":123456,"verification_uri":"https://p.example"\#(more)}"#)
        let started = try world.call("device.start", ["appId": "a", "userId": "u1"])
        #expect(started["userCode"]?.string == "123456")
        #expect(started["expiresIn"]?.integer == 600)
    }

    @Test func aProviderWithoutDevices() throws {
        try world.makeApp("b")
        #expect(world.error("device.start", ["appId": "b", "userId": "u1"])?.code == .misconfigured)
    }
}

extension World {
    /// The forms sent to the token endpoint with this parameter.
    fileprivate func forms(_ parameter: String) -> [String] { provider.forms.filter { $0.contains("\(parameter)=") } }
}
