import Connections
import Foundation
import JSON
import Runtime
import Store
import TestSupport
import Testing

@testable import Vault

/// Whoever opens a connect URL must be who it was made for.
@Suite struct OpenerTests {
    private let store = MemoryStore()
    private let world: World

    init() throws {
        world = try World(
            store: store,
            config: [
                "redirectUrl": "https://h.example/callback", "connectPageUrl": "https://h.example/connect?from=tool",
            ])
        try world.makeApp()
    }

    private func link(_ more: JSON = [:]) throws -> String {
        let answer = try world.call(
            "connect",
            [
                "appId": "google", "userId": "u1",
                "options": (["redirectUrl": "https://h.example/done", "scopes": ["read"]] as JSON).with(more),
            ]
        )
        return answer["url"]?.string ?? ""
    }

    private func ticket(_ more: JSON = [:]) throws -> String { query(try link(more), "ticket") ?? "" }

    private func open(_ ticket: String, as opener: JSON = ["userId": "u1"]) throws(ConnError) -> String {
        try world.call("open", ["ticket": "\(ticket)", "openedBy": opener])["url"]?.string ?? ""
    }

    private func complete(_ url: String, as opener: JSON? = ["userId": "u1"]) throws(ConnError) -> JSON {
        let opener = JSON.object(["openedBy": opener])
        return try world.call(
            "complete", (["state": "\(query(url, "state") ?? "")", "code": "c"] as JSON).with(opener))
    }

    @Test func theLinkIsThePagesAndHoldsNothingButATicket() throws {
        let url = try link(["loginHint": "u1@mail.example"])
        #expect(url.hasPrefix("https://h.example/connect?from=tool&ticket="))
        #expect(URLComponents(string: url)?.queryItems?.map(\.name) == ["from", "ticket"])
        #expect(!url.contains("u1@") && !url.contains("google") && !url.contains("mail"))
        #expect(world.provider.requests.isEmpty)
        for row in try store.scan(prefix: [], after: nil, limit: 10) {
            #expect(!String(decoding: row.key + row.value, as: UTF8.self).contains(query(url, "ticket") ?? ""))
        }
    }

    @Test func thePageGetsTheProvidersURLWithWhatWasAskedFor() throws {
        let url = try open(
            try ticket(["loginHint": "u1@mail.example", "prompt": ["consent"], "resources": ["https://r.example"]]))
        #expect(url.hasPrefix("https://p.example/authorize?"))
        #expect(query(url, "scope") == "read")
        #expect(query(url, "login_hint") == "u1@mail.example")
        #expect(query(url, "prompt") == "consent")
        #expect(query(url, "resource") == "https://r.example")
        world.provider.next(200, tokens("at-1"))
        #expect(try complete(url)["redirectUrl"]?.string == "https://h.example/done")
        #expect(try world.fetch()["accessToken"]?.string == "at-1")
    }

    @Test func somebodyElseIsRefusedAndSpoilsNothing() throws {
        let ticket = try ticket()
        let before = try store.scan(prefix: [], after: nil, limit: 100)
        let openers: [JSON] = [["userId": "u2"], ["userId": "u1", "tenantId": "t"], ["tenantId": "u1"], [:]]
        for opener in openers {
            let error = world.error("open", ["ticket": "\(ticket)", "openedBy": opener])
            #expect(error?.code == .forbidden && error?.field == "openedBy", "\(opener)")
        }
        #expect(world.error("open", ["ticket": "\(ticket)"])?.field == "openedBy")
        #expect(try store.scan(prefix: [], after: nil, limit: 100) == before)
        _ = try open(ticket)
    }

    /// Whoever may open a link may send the provider's URL on: where it comes back is asked for again.
    @Test func anOpenedURLThatWasSentOnCompletesForNobodyElse() throws {
        let url = try open(try ticket())
        #expect(throws: ConnError.self) { try complete(url, as: ["userId": "u2"]) }
        #expect(throws: ConnError.self) { try complete(url, as: nil) }
        #expect(world.provider.requests.isEmpty)
    }

    @Test func anUnknownTicketChangesNothing() throws {
        let ticket = try ticket()
        let state =
            query(
                try World(store: store, config: ["redirectUrl": "https://h.example/callback"]).call(
                    "connect",
                    ["appId": "google", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])[
                        "url"]?.string, "state") ?? ""
        let before = try store.scan(prefix: [], after: nil, limit: 100)
        for wrong in ["x", ticket + "A", state, String(repeating: "A", count: 54)] {
            let error = world.error("open", ["ticket": "\(wrong)", "openedBy": ["userId": "u1"]])
            #expect(error?.code == .notFound && error?.field == "ticket", "\(wrong)")
        }
        #expect(try store.scan(prefix: [], after: nil, limit: 100).map(\.key) == before.map(\.key))
        #expect(
            world.error("complete", ["state": "\(ticket)", "code": "c", "openedBy": ["userId": "u1"]])?.code
                == .notFound
        )
    }

    @Test func aLinkLivesForHoursAndWhatItOpensForMinutes() throws {
        let ticket = try ticket()
        world.clock.advance(seconds: 4 * 3600 - 1)
        let url = try open(ticket)
        world.clock.advance(seconds: 1)
        #expect(throws: ConnError.self) { try open(ticket) }
        world.clock.advance(seconds: 598)
        world.provider.next(200, tokens("at-1"))
        _ = try complete(url)
        let late = try open(try self.ticket())
        world.clock.advance(seconds: 600)
        let error = #expect(throws: ConnError.self) { try complete(late) }
        #expect(error?.code == .notFound && error?.field == "state")
    }

    @Test func aClosedWindowIsOpenedAgainAndTheFirstStillWorks() throws {
        let ticket = try ticket()
        let (first, second) = (try open(ticket), try open(ticket))
        #expect(query(first, "state") != query(second, "state"))
        #expect(query(first, "code_challenge") != query(second, "code_challenge"))
        world.provider.next(200, tokens("at-1"))
        let done = try complete(first)
        // The link has done its work; another window that is open yet may finish.
        #expect(throws: ConnError.self) { try open(ticket) }
        world.provider.next(200, tokens("at-2"))
        #expect(try complete(second)["tokenId"]?.string == done["tokenId"]?.string)
    }

    @Test func adaptiveConnectLeadsToThePageToo() throws {
        let error = world.fetchError(["scopes": ["read"], "connect": ["redirectUrl": "https://h.example/done"]])
        let ticket = query(error?.connectionURL, "ticket") ?? ""
        #expect(query(try open(ticket), "scope") == "read")
    }

    @Test func whatIsWrongIsToldBeforeThereIsALink() throws {
        #expect(world.error("connect", ["appId": "none", "userId": "u1"])?.reason == .app)
        let bare = try World(config: ["connectPageUrl": "https://h.example/connect"])
        try bare.makeApp()
        #expect(bare.error("connect", ["appId": "google", "userId": "u1"])?.field == "defaultRedirectUrl")
    }

    /// For one user, or while developing.
    @Test func theOpenerNeedNotBeToldWhereTheConfigSaysSo() throws {
        let world = try World(config: ["redirectUrl": "https://h.example/callback", "requireOpener": false])
        try world.makeApp()
        let url = try world.call(
            "connect", ["appId": "google", "userId": "u1", "options": ["redirectUrl": "https://h.example/done"]])
        let state = query(url["url"]?.string, "state") ?? ""
        let other = world.error("complete", ["state": "\(state)", "code": "c", "openedBy": ["userId": "u2"]])
        #expect(other?.code == .forbidden)
        world.provider.next(200, tokens("at-1"))
        _ = try world.call("complete", ["state": "\(state)", "code": "c"])
    }
}
