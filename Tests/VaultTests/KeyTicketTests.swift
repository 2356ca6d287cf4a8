import Connections
import Foundation
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// A connect URL may ask for an API key: the page that it leads to passes the key to `complete`.
@Suite struct KeyTicketTests {
    private let world: World

    init() throws {
        world = try World(config: ["connectPageUrl": "https://h.example/connect"])
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
    }

    private func ticket(_ subject: JSON = ["userId": "u1"], _ options: JSON = [:]) throws -> String {
        let options: JSON = options.with(["redirectUrl": "https://h.example/done"])
        let url = try world.call("connect", subject.with(["appId": "keys", "options": options]))["url"]?.string
        return query(url, "ticket") ?? ""
    }

    private func complete(_ ticket: String, _ key: String = "sk", as opener: JSON? = ["userId": "u1"])
        throws(ConnError) -> JSON
    {
        let opener = JSON.object(["openedBy": opener])
        return try world.call("complete", (["ticket": "\(ticket)", "apiKey": "\(key)"] as JSON).with(opener))
    }

    private func fetched(_ subject: JSON = ["userId": "u1"]) -> String? {
        try? world.call("fetch", subject.with(["appId": "keys"]))["token"]?["accessToken"]?.string
    }

    @Test func aFetchLeadsToThePage() throws {
        let error = world.error(
            "fetch",
            ["appId": "keys", "userId": "u1", "connect": ["redirectUrl": "https://h.example/done"]])
        #expect(error?.code == .connectionRequired)
        #expect(error?.reason == .missing)
        let ticket = query(error?.connectionURL, "ticket") ?? ""
        let opened = try world.call("open", ["ticket": "\(ticket)", "openedBy": ["userId": "u1"]])
        #expect(opened["url"] == nil)
        #expect(opened["appId"]?.string == "keys")
        #expect(opened["userId"]?.string == "u1")
        let done = try complete(ticket)
        #expect(done["redirectUrl"]?.string == "https://h.example/done")
        #expect(done["tokenId"]?.string != nil)
        #expect(fetched() == "sk")
    }

    /// No key has a scope: who asks for one would be asked for a key again and again.
    @Test func aFetchThatWantsScopesOfAKeyAsksForNone() throws {
        _ = try complete(try ticket())
        let error = world.error(
            "fetch",
            [
                "appId": "keys", "userId": "u1", "scopes": ["read"],
                "connect": ["redirectUrl": "https://h.example/done"],
            ])
        #expect(error?.code == .notFound)
    }

    @Test func withoutAPageThereIsNowhereToAsk() throws {
        let world = try World()
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        let error = world.error(
            "fetch", ["appId": "keys", "userId": "u1", "connect": ["redirectUrl": "https://h.example/done"]])
        #expect(error?.code == .notFound)
        #expect(
            world.error("connect", ["appId": "keys", "userId": "u1"])?.code == .invalidRequest)
    }

    @Test(arguments: [
        ["userId": "u1"] as JSON, ["userId": "u1", "tenantId": "t1"], ["tenantId": "t1"],
    ])
    func theKeyIsTheSubjectsWhoWasAsked(subject: JSON) throws {
        let opener: JSON = ["userId": "u1", "tenants": ["t1"]]
        _ = try complete(try ticket(subject), as: opener)
        #expect(fetched(subject) == "sk")
        for other in [["userId": "u1"] as JSON, ["userId": "u1", "tenantId": "t1"], ["tenantId": "t1"]]
        where !other.equals(subject) {
            #expect(fetched(other) == nil)
        }
    }

    @Test(
        arguments: [
            ["userId": "u2"] as JSON, ["userId": "u2", "tenants": ["t1"]], ["tenantId": "t1"], [:], nil,
        ] as [JSON?])
    func nobodyElseFollowsIt(opener: JSON?) throws {
        let ticket = try ticket()
        #expect(throws: ConnError.self) { try complete(ticket, as: opener) }
        #expect(fetched() == nil)
    }

    @Test func aSlipIsCorrectedAndAnAccountIsKept() throws {
        let ticket = try ticket(["userId": "u1"], ["externalIdentifier": "work"])
        _ = try complete(ticket, "wrong")
        _ = try complete(ticket, "right")
        let tokens = try world.call("list", ["userId": "u1"])["tokens"]?.elements ?? []
        #expect(tokens.map { $0["externalIdentifier"]?.string } == ["work"])
        #expect(
            try world.call("fetch", ["appId": "keys", "userId": "u1", "externalIdentifier": "work"])["token"]?[
                "accessToken"]?.string == "right")
    }

    @Test func itEndsWithItsTimeADeletionAndItsConnection() throws {
        let late = try ticket()
        world.clock.advance(seconds: 4 * 3600)
        #expect(throws: ConnError.self) { try complete(late) }
        let deleted = try ticket()
        _ = try world.call("delete", ["userId": "u1"])
        #expect(throws: ConnError.self) { try complete(deleted) }
        let made = try ticket()
        _ = try world.call("apps.delete", ["id": "keys"])
        _ = try world.call("apps.create", ["id": "keys", "appType": "apikey"])
        #expect(throws: ConnError.self) { try complete(made) }
        #expect(fetched() == nil)
    }

    /// Where no page knows the user, a key is held back like a grant.
    @Test func aKeyWaitsForItsCode() throws {
        let ticket = try ticket(["userId": "u1"], ["confirmation": true])
        let held = try complete(ticket, as: nil)
        #expect(held["confirmationRequired"]?.boolean == true)
        #expect(fetched() == nil)
        let code = held["code"]?.string ?? ""
        let wrong = world.error(
            "confirm", ["appId": "keys", "userId": "u1", "code": "\(code == "000-000" ? "1" : "0")"])
        #expect(wrong?.code == .forbidden)
        let done = try world.call("confirm", ["appId": "keys", "userId": "u1", "code": "\(code)"])
        #expect(done["redirectUrl"]?.string == "https://h.example/done")
        #expect(fetched() == "sk")
    }

    /// Its code would let a mistyped key out, and each key more is another chance to guess.
    @Test func theLastKeyAloneWaits() throws {
        let ticket = try ticket(["userId": "u1"], ["confirmation": true])
        let first = try complete(ticket, "mistyped", as: nil)["code"]?.string ?? ""
        let last = try complete(ticket, "right", as: nil)["code"]?.string ?? ""
        if first != last {
            #expect(world.error("confirm", ["appId": "keys", "userId": "u1", "code": "\(first)"])?.code == .forbidden)
        }
        _ = try world.call("confirm", ["appId": "keys", "userId": "u1", "code": "\(last)"])
        #expect(fetched() == "right")
    }

    @Test func aHeldKeyThatIsDeletedIsGone() throws {
        let held = try complete(try ticket(["userId": "u1"], ["confirmation": true]), as: nil)
        _ = try world.call("delete", ["userId": "u1"])
        let code = held["code"]?.string ?? ""
        #expect(world.error("confirm", ["appId": "keys", "userId": "u1", "code": "\(code)"])?.code == .notFound)
        #expect(fetched() == nil)
    }

    @Test func noErrorRepeatsTheKeyOrTheTicket() throws {
        let ticket = try ticket()
        let error = world.error(
            "complete", ["ticket": "\(ticket)", "apiKey": "sk-secret-key", "openedBy": ["userId": "u2"]])
        #expect(error.map { !"\($0)".contains("sk-secret-key") && !"\($0)".contains(ticket) } == true)
    }

    @Test(arguments: [["apiKey": "k"] as JSON, ["apiKey": "k", "ticket": "x"], ["apiKey": "", "ticket": "x"]])
    func whatIsNoTicketIsToldSo(fields: JSON) throws {
        let error = world.error("complete", fields.with(["openedBy": ["userId": "u1"]]))
        #expect(error?.code == .invalidRequest || error?.code == .notFound)
    }
}
