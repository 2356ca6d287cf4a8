import Connections
import JSON
import Runtime
import Store
import StoreSQLite
import TestSupport
import Testing

@testable import Vault

@Suite struct AuditTests {
    private static let callback: JSON = ["redirectUrl": "https://h.example/callback"]

    private func records(_ world: World, _ request: JSON = [:]) throws -> [JSON] {
        try world.call("audit.list", request)["records"]?.elements ?? []
    }

    /// What was done, in order: the operation and what came of it.
    private func story(_ world: World, _ request: JSON = [:]) throws -> [String] {
        try records(world, request).map { "\($0["op"]?.string ?? "") \($0["outcome"]?.string ?? "")" }
    }

    @Test func whatIsChangedIsTold() throws {
        let world = try World(config: Self.callback)
        try world.makeApp()
        let id = try world.connect(["userId": "u1", "tenantId": "t1"])
        _ = try world.fetch(subject: ["userId": "u1", "tenantId": "t1"])
        world.clock.advance(seconds: 3600)
        world.provider.next(503, "")
        _ = world.fetchError(subject: ["userId": "u1", "tenantId": "t1"])
        world.clock.advance(seconds: 60)
        world.provider.next(200, tokens("at-2"))
        _ = try world.fetch(subject: ["userId": "u1", "tenantId": "t1"])
        _ = try world.call("store_token", ["appId": "google", "userId": "u2", "accessToken": "at", "actor": "admin"])
        _ = try world.call("delete", ["tokenId": "\(id)", "actor": "tool:mail"])
        _ = try world.call("apps.delete", ["id": "google"])
        #expect(
            try story(world) == [
                "apps.create ok", "connect ok", "complete ok", "refresh transient", "refresh ok", "store_token ok",
                "delete ok", "apps.delete ok", "apps.delete ok",
            ])
        let told = try records(world)
        #expect(told[2]["userId"]?.string == "u1" && told[2]["tenantId"]?.string == "t1")
        #expect([2, 3, 4, 6].allSatisfy { told[$0]["tokenId"]?.string == id })
        #expect(told[5]["actor"]?.string == "admin" && told[6]["actor"]?.string == "tool:mail")
        #expect(told.map { $0["sequence"]?.integer } == (1...9).map { Int64($0) })
        #expect(told[3]["timeMs"]?.integer == (told[2]["timeMs"]?.integer ?? 0) + 3_600_000)
    }

    /// How a grant came by way of a page and a typed code, and how it went.
    @Test func openingConfirmingAndTakingBackAreTold() throws {
        let world = try World(config: (["connectPageUrl": "https://h.example/connect"] as JSON).with(Self.callback))
        try world.makeApp("google", ["revocationUrl": "https://p.example/revoke"])
        let url = try world.call(
            "connect",
            [
                "appId": "google", "userId": "u1", "actor": "agent",
                "options": ["confirmation": true, "redirectUrl": "https://h.example/done"],
            ]
        )
        let ticket = query(url["url"]?.string, "ticket") ?? ""
        let opened = try world.call("open", ["ticket": "\(ticket)", "openedBy": ["userId": "u1"], "actor": "page"])
        let state = query(opened["url"]?.string, "state") ?? ""
        world.provider.next(200, tokens("at-1", refresh: "rt-1"))
        let held = try world.call("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]])
        let code = held["code"]?.string ?? ""
        let done = try world.call("confirm", ["appId": "google", "userId": "u1", "code": "\(code)"])
        world.provider.next(200, "")
        _ = try world.call("delete", ["userId": "u1"])
        #expect(
            try story(world) == [
                "apps.create ok", "connect ok", "open ok", "complete held", "confirm ok", "delete ok", "revocation ok",
            ])
        let told = try records(world)
        #expect(told.dropFirst().allSatisfy { $0["userId"]?.string == "u1" && $0["appId"]?.string == "google" })
        #expect(told[1]["actor"]?.string == "agent" && told[2]["actor"]?.string == "page")
        #expect(told[4...].allSatisfy { $0["tokenId"]?.string == done["tokenId"]?.string })
        #expect(!told.contains { $0.text.contains(code) || $0.text.contains("rt-1") })
    }

    @Test func noSecretIsTold() throws {
        let world = try World(config: (["audit": "all"] as JSON).with(Self.callback))
        try world.makeApp()
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        try world.connect(reply: tokens("hidden-access", refresh: "hidden-refresh"))
        _ = try world.call("store_api_key", ["appId": "keys", "userId": "u1", "apiKey": "hidden-key"])
        _ = try world.fetch(["options": ["withRefreshToken": true]])
        let text = try world.answer("audit.list", [:])
        #expect(text.contains("fetch"))
        #expect(!text.contains("hidden") && !text.contains("s3cret"))
    }

    @Test func howMuchIsToldIsConfigured() throws {
        let silent = try World(config: ["audit": "off"])
        try silent.makeApp()
        #expect(try story(silent) == [])
        let world = try World(config: ["audit": "all"])
        try world.makeApp()
        _ = try world.call("store_token", ["appId": "google", "userId": "u1", "accessToken": "at"])
        _ = try world.call("fetch", ["appId": "google", "userId": "u1", "actor": "tool:mail"])
        _ = world.fetchError(subject: ["userId": "nobody"])
        #expect(try story(world).suffix(2) == ["fetch ok", "fetch not_found"])
        let fetch = try #require(try records(world).last { $0["outcome"]?.string == "ok" })
        #expect(fetch["actor"]?.string == "tool:mail" && fetch["userId"]?.string == "u1")
        #expect(fetch["tokenId"]?.string == (try world.fetch())["id"]?.string)
    }

    @Test func aTokenWhoseFetchCannotBeToldIsNotHandedOut() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store, config: ["audit": "all"])
        try world.makeApp()
        _ = try world.call("store_token", ["appId": "google", "userId": "u1", "accessToken": "at"])
        store.at(.commit) { () throws(ConnError) in throw ConnError(.internal, "the disk is full") }
        #expect(world.fetchError()?.message == "the disk is full")
        #expect(try world.fetch()["accessToken"]?.string == "at")
    }

    @Test func aChangeThatFailsIsNotTold() throws {
        let store = MeddlingStore(MemoryStore())
        let world = try World(store: store)
        store.at(.commit) { () throws(ConnError) in throw ConnError(.internal, "the disk is full") }
        #expect(world.error("apps.create", ["id": "x", "appType": "apikey"])?.code == .internal)
        #expect(try story(world) == [])
        #expect(world.error("apps.load", ["id": "x"])?.code == .notFound)
    }

    @Test func anActorIsForTheVaultAlone() throws {
        let request: JSON = ["appId": "a", "userId": "u", "actor": "me"]
        let refused = error { _ = try checked("fetch", request, backend: .cloud) }
        #expect(refused?.field == "actor")
        // Nor is it one of a connection's settings.
        let world = try World()
        let app = try world.answer("apps.create", ["id": "x", "appType": "apikey", "actor": "me"])
        #expect(!app.contains("actor"))
    }

    @Test func theListIsFilteredAndPaged() throws {
        let world = try World()
        try world.makeApp("a")
        try world.makeApp("b")
        for number in 0..<300 {
            let app = number.isMultiple(of: 3) ? "a" : "b"
            _ = try world.call(
                "store_token", ["appId": "\(app)", "userId": "u\(number % 10)", "accessToken": "at-\(number)"])
        }
        #expect(try records(world, ["limit": 1000]).count == 302)
        #expect(try records(world).count == 100)
        #expect(try records(world, ["appId": "a", "limit": 1000]).count == 101)
        #expect(try records(world, ["appId": "a", "userId": "u3", "limit": 1000]).count == 10)
        #expect(try records(world, ["userId": "u3", "tenantId": "t"]).count == 0)
        var seen: [Int64] = []
        var after: JSON = [:]
        while true {
            let page = try world.call("audit.list", (["appId": "b", "limit": 7] as JSON).with(after))
            seen += (page["records"]?.elements ?? []).compactMap { $0["sequence"]?.integer }
            guard let next = page["next"]?.string else { break }
            after = ["after": "\(next)"]
        }
        #expect(seen.count == 201 && seen == seen.sorted() && Set(seen).count == 201)
    }

    // MARK: - The chain

    /// A vault with twenty records.
    private func twenty(_ config: JSON = [:]) throws -> World {
        let world = try World(config: config)
        for number in 0..<20 { _ = try world.call("apps.create", ["id": "\(number)", "appType": "apikey"]) }
        return world
    }

    private func row(_ world: World, _ sequence: Int64) throws -> StoredRow {
        try #require(try world.store.get(AuditPlace(0, sequence).rowKey))
    }

    @Test func aWholeChainIsVerified() throws {
        let world = try twenty()
        let answer = try world.call("audit.verify", [:])
        #expect(answer["ok"]?.boolean == true)
        #expect(answer["verified"]?.integer == 20)
        #expect(try World().call("audit.verify", [:])["verified"]?.integer == 0)
        // It does not depend on which key seals the records.
        let key = try world.call("keys.add", [:])["id"]?.string ?? ""
        _ = try world.call("keys.activate", ["id": "\(key)"])
        _ = try world.call("keys.reseal", [:])
        #expect(try world.call("audit.verify", [:])["verified"]?.integer == 23)
    }

    private func verdict(_ world: World, _ request: JSON = [:]) throws -> String {
        let answer = try world.call("audit.verify", request)
        return "\(answer["brokenAt"]?.integer ?? 0) \(answer["problem"]?.string ?? "ok")"
    }

    @Test func whateverIsDoneToTheChainIsFound() throws {
        let meddlings: [(name: String, verdict: String, act: (World) throws -> Void)] = [
            (
                "changed", "7 the record was changed",
                { world in
                    var value = try row(world, 7).value
                    value[value.count - 1] ^= 1
                    try world.store.commit([.put(AuditPlace(0, 7).rowKey, value, expecting: .any)])
                }
            ),
            (
                "removed", "7 the record is missing",
                { world in
                    try world.store.commit([.remove(AuditPlace(0, 7).rowKey, expecting: .any)])
                }
            ),
            (
                "first removed", "1 the record is missing",
                { world in
                    try world.store.commit([.remove(AuditPlace(0, 1).rowKey, expecting: .any)])
                }
            ),
            (
                "last removed", "20 the record is missing",
                { world in
                    try world.store.commit([.remove(AuditPlace(0, 20).rowKey, expecting: .any)])
                }
            ),
            (
                "swapped", "7 the record was changed",
                { world in
                    let (a, b) = (try row(world, 7).value, try row(world, 8).value)
                    try world.store.commit([
                        .put(AuditPlace(0, 7).rowKey, b, expecting: .any),
                        .put(AuditPlace(0, 8).rowKey, a, expecting: .any),
                    ])
                }
            ),
            (
                "one of another history", "8 the record does not follow the one before",
                { world in
                    // By somebody who has the key.
                    let forged = AuditRecord(
                        place: AuditPlace(0, 8), time: 0, previous: AuditLog.origin, witness: nil,
                        event: AuditEvent("delete"))
                    try world.store.commit([world.vault.rows.seal(forged, at: AuditPlace(0, 8).rowKey, expecting: .any)]
                    )
                }
            ),
            (
                "last replaced", "21 the last record is not the head's",
                { world in
                    let old: Row<AuditRecord> = try #require(try world.read(AuditPlace(0, 20).rowKey))
                    let forged = AuditRecord(
                        place: AuditPlace(0, 20), time: 0, previous: old.value.previous, witness: nil,
                        event: AuditEvent("delete"))
                    try world.store.commit([
                        world.vault.rows.seal(forged, at: AuditPlace(0, 20).rowKey, expecting: .any)
                    ])
                }
            ),
        ]
        for (name, expected, act) in meddlings {
            let world = try twenty()
            try act(world)
            #expect(try verdict(world) == expected, "\(name)")
        }
    }

    @Test func aHeadThatIsPutBackIsFound() throws {
        let world = try twenty()
        let head = try #require(try world.store.get(RowKeys.auditHead))
        _ = try world.call("apps.create", ["id": "more", "appType": "apikey"])
        try world.store.commit([.put(RowKeys.auditHead, head.value, expecting: .any)])
        #expect(try verdict(world).hasSuffix("there are records beyond the head"))
        try world.store.commit([.remove(RowKeys.auditHead, expecting: .any)])
        #expect(try verdict(world) == "0 the chain's head is gone")
        // Who wrote the last record knows where the chain has come to.
        _ = try world.call("apps.create", ["id": "y", "appType": "apikey"])
        #expect(try verdict(world) == "0 ok")
    }

    /// All that a copy of the store cannot tell by itself.
    @Test func aNotedRecordShowsThatTheStoreWasPutBack() throws {
        let world = try twenty()
        let backup = try world.store.scan(prefix: [], after: nil, limit: 1000)
        _ = try world.call("apps.create", ["id": "secret deed", "appType": "apikey"])
        let noted = try world.call("audit.verify", [:])
        let note: JSON = ["anchor": "\(noted["anchor"]?.string ?? "")"]
        #expect(try verdict(world, note) == "0 ok")
        for row in try world.store.scan(prefix: [], after: nil, limit: 1000) {
            try world.store.commit([.remove(row.key, expecting: .any)])
        }
        for row in backup { try world.store.commit([.put(row.key, row.value, expecting: .any)]) }
        #expect(try verdict(world) == "0 ok")
        #expect(try verdict(world, note).hasSuffix("the record that was noted is missing"))
        _ = try world.call("apps.create", ["id": "harmless", "appType": "apikey"])
        #expect(try verdict(world, note) == "21 the record is missing")
        #expect(try verdict(world) == "21 the record is missing")
        for text in ["AQ", "nonsense", "AgAA", "!"] {
            #expect(world.error("audit.verify", ["anchor": "\(text)"])?.field == "anchor", "\(text)")
        }
    }

    @Test func recordsGoWhenTheirTimeIsOver() throws {
        let world = try twenty(["auditDays": 2])
        let anchor = try world.call("audit.verify", [:])["anchor"]?.string ?? ""
        world.clock.advance(seconds: 86_400)
        for number in 20..<40 { _ = try world.call("apps.create", ["id": "\(number)", "appType": "apikey"]) }
        #expect(try records(world).count == 40)
        world.clock.advance(seconds: 86_400 + 1)
        _ = try world.call("apps.create", ["id": "40", "appType": "apikey"])
        #expect(try verdict(world) == "0 ok")
        _ = try world.call("apps.create", ["id": "41", "appType": "apikey"])
        #expect(try records(world).first?["sequence"]?.integer == 21)
        // What comes first says so of the one before.
        #expect(try verdict(world, ["anchor": "\(anchor)"]) == "0 ok")
        try world.store.commit([.remove(AuditPlace(0, 21).rowKey, expecting: .any)])
        #expect(try verdict(world) == "21 the record is missing")
        world.clock.advance(seconds: 300_000)
        for number in 42..<50 { _ = try world.call("apps.create", ["id": "\(number)", "appType": "apikey"]) }
        #expect(world.error("audit.verify", ["anchor": "\(anchor)"])?.field == "anchor")
    }

    @Test func everythingMayGoAndTheChainGoesOn() throws {
        let world = try World(config: ["auditDays": 1])
        _ = try world.call("apps.create", ["id": "1", "appType": "apikey"])
        world.clock.advance(seconds: 200_000)
        _ = try world.call("apps.create", ["id": "2", "appType": "apikey"])
        #expect(try records(world).map { $0["sequence"]?.integer } == [2])
        world.clock.advance(seconds: 200_000)
        _ = try world.call("apps.create", ["id": "3", "appType": "apikey"])
        #expect(try records(world).map { $0["sequence"]?.integer } == [3])
        #expect(try verdict(world) == "0 ok")
    }

    // MARK: - An audit that is damaged

    /// Nobody can write to any chain.
    private func damageAll(_ world: World) throws {
        for chain in 0..<AuditPlace.chains {
            try world.store.commit([.put(AuditPlace.head(of: chain), [1, 2, 3], expecting: .any)])
        }
    }

    /// A reply may hold the only refresh token there is: it is kept though nobody can be told of it.
    @Test func aRefreshIsKeptThoughTheAuditIsDamaged() throws {
        let world = try World(config: Self.callback)
        try world.makeApp()
        try world.connect()
        try damageAll(world)
        world.clock.advance(seconds: 3600)
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        #expect(try world.another().fetch()["accessToken"]?.string == "at-2")
        // It is in the store, and not in this process alone.
        let token = try world.another().fetch(["options": ["withRefreshToken": true]])
        #expect(token["refreshToken"]?.string == "rt-2")
        // All else that is to be told stops, and goes on when it is seen to.
        for world in [world, try world.another()] {
            #expect(world.error("apps.create", ["id": "x", "appType": "apikey"])?.code == .internal)
        }
        try world.store.commit([.remove(AuditPlace.head(of: 5), expecting: .any)])
        _ = try world.another().call("apps.create", ["id": "x", "appType": "apikey"])
    }

    /// A refusal is remembered too, so that the user is asked for a new grant.
    @Test func aRefusalIsKeptThoughTheAuditIsDamaged() throws {
        let world = try World(config: Self.callback)
        try world.makeApp()
        try world.connect()
        try damageAll(world)
        world.clock.advance(seconds: 3600)
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        for _ in 0..<2 { #expect(world.fetchError()?.reason == .reauthorize) }
        #expect(world.provider.refreshes.count == 1)
    }

    /// Records go one after the other: one that does not open stops that, and no change.
    @Test func anOldRecordThatDoesNotOpenStopsNothing() throws {
        let world = try twenty(["auditDays": 1])
        var value = try row(world, 7).value
        value[value.count - 1] ^= 1
        try world.store.commit([.put(AuditPlace(0, 7).rowKey, value, expecting: .any)])
        world.clock.advance(seconds: 200_000)
        for number in 20..<23 { _ = try world.call("apps.create", ["id": "\(number)", "appType": "apikey"]) }
        #expect(try verdict(world) == "7 the record was changed")
    }
}
