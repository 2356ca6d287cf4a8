import Connections
import HTTP
import JSON
import OAuth
import Runtime
import TestSupport
import Testing

@testable import Vault

/// What was granted, and what was asked for: whether a user is asked again, and whether he is told.
@Suite struct ScopeTests {
    private let world: World
    private let connect: JSON = ["connect": ["redirectUrl": "https://h.example/done"]]

    init() throws {
        world = try World(config: ["redirectUrl": "https://h.example/callback"])
        try world.makeApp()
    }

    /// Follows a connect URL. The provider answers what `reply` says.
    @discardableResult
    private func follow(_ url: String?, _ reply: String, more: JSON = [:]) throws -> JSON {
        world.provider.next(200, reply)
        let state = query(url, "state") ?? ""
        return try world.call(
            "complete", (["state": "\(state)", "code": "c", "openedBy": ["userId": "u1"]] as JSON).with(more))
    }

    private func list(_ scopes: String) -> String { JSON.strings(Scopes.parse(scopes)).text }

    private static let asked: [(template: String, asked: String, granted: String)] = [
        (
            "google", "email profile https://www.googleapis.com/auth/drive",
            "https://www.googleapis.com/auth/drive https://www.googleapis.com/auth/userinfo.email openid https://www.googleapis.com/auth/userinfo.profile"
        ),
        ("microsoft", "offline_access Mail.Read openid", "https://graph.microsoft.com/Mail.Read profile email"),
        ("microsoft", "https://graph.microsoft.com/.default offline_access", "User.Read profile openid email"),
        ("github", "user user:email repo public_repo", "repo,user"),
        ("shopify", "read_orders,write_orders", "write_orders"),
        ("salesforce", "api offline_access", "refresh_token api"),
        ("servicenow", "one two", "useraccount"),
    ]

    /// From the first fetch to those after a refresh: a user who grants all that he is asked for is asked once.
    @Test(arguments: asked)
    func whoGrantsAllIsAskedOnce(_ row: (template: String, asked: String, granted: String)) throws {
        let template = try #require(Template.named(ID(row.template)))
        let isSigned = template.row["callback"]?["signature"] != nil
        _ = try world.call(
            "apps.create",
            template.settings.with([
                "id": "t", "clientId": "c", "clientSecret": "s3cret", "introspectionUrl": "https://p.example/i",
            ])
        )
        world.provider.always {
            $0.url.hasSuffix("/i") ? .success(.init(status: 404, headers: [:], body: Secret(""))) : nil
        }
        let scopes = JSON.strings(Scopes.parse(row.asked, separators: " ,"))
        let wanted = (["scopes": scopes] as JSON).with(connect)
        let url = world.fetchError(wanted, app: "t")?.connectionURL
        #expect(url != nil)
        guard !isSigned else { return }  // whose callback nobody can make here
        let done = try follow(url, tokens("at-1", refresh: "rt-1", scope: row.granted))
        #expect(done["missingScopes"] == nil)
        #expect(try world.fetch(wanted, app: "t")["accessToken"]?.string == "at-1")
        world.provider.next(200, tokens("at-2", refresh: "rt-2", scope: row.granted))
        #expect(
            try world.fetch((["options": ["forceRefresh": true]] as JSON).with(wanted), app: "t")["accessToken"]?.string
                == "at-2")
        world.provider.next(200, tokens("at-3", refresh: "rt-3"))
        #expect(
            try world.fetch((["options": ["forceRefresh": true]] as JSON).with(wanted), app: "t")["accessToken"]?.string
                == "at-3")
    }

    /// A wider connect asks for what was granted before by one of its names, and for what replies leave out.
    @Test func aWiderGrantKeepsWhatRepliesLeaveOut() throws {
        _ = try world.call(
            "apps.create", ["id": "m", "templateId": "microsoft", "clientId": "c", "clientSecret": "s3cret"])
        try world.connect(
            app: "m", scopes: ["Mail.Read", "offline_access"],
            reply: tokens("at-1", refresh: "rt-1", scope: "https://graph.microsoft.com/Mail.Read User.Read"))
        let wider = world.fetchError((["scopes": ["Mail.Send"]] as JSON).with(connect), app: "m")
        #expect(wider?.missingScopes == ["Mail.Send"])
        #expect(query(wider?.connectionURL, "scope") == "Mail.Send Mail.Read offline_access User.Read")
    }

    // MARK: - What was declined

    private func decline() throws {
        let url = world.fetchError((["scopes": ["read", "write"]] as JSON).with(connect))?.connectionURL
        let done = try follow(url, tokens("at-1", refresh: "rt-1", scope: "read"))
        #expect(done["scopes"]?.strings == ["read"])
        #expect(done["missingScopes"]?.strings == ["write"])
    }

    @Test func whatWasDeclinedIsToldAndNotAskedForAgain() throws {
        try decline()
        for _ in 0..<2 {
            let error = world.fetchError((["scopes": ["read", "write"]] as JSON).with(connect))
            #expect(error?.code == .notFound)
            #expect(error?.reason == .scopes)
            #expect(error?.missingScopes == ["write"])
            #expect(error?.declined == ["write"])
            #expect(error?.connectionURL == nil)
            world.clock.advance(seconds: 86_400)
            world.provider.next(200, tokens("at-2", scope: "read"))
        }
        #expect(try world.fetch((["scopes": ["read"]] as JSON).with(connect))["missingScopes"] == nil)
    }

    @Test func aNarrowerTokenIsTakenByWhoeverSaysSo() throws {
        let wanted = (["scopes": ["read", "write"], "options": ["acceptNarrower": true]] as JSON).with(connect)
        #expect(world.fetchError(wanted)?.code == .connectionRequired)
        try world.connect(scopes: ["read"])
        // He was not asked for the other one yet.
        #expect(world.fetchError(wanted)?.code == .connectionRequired)
        try follow(world.fetchError(wanted)?.connectionURL, tokens("at-2", refresh: "rt-2", scope: "read"))
        let token = try world.fetch(wanted)
        #expect(token["accessToken"]?.string == "at-2")
        #expect(token["scopes"]?.strings == ["read"])
        #expect(token["missingScopes"]?.strings == ["write"])
        #expect(try world.fetch(["scopes": ["read"], "options": ["acceptNarrower": true]])["missingScopes"] == nil)
    }

    @Test func whoeverAsksAgainGetsAURL() throws {
        try decline()
        let again = world.fetchError(
            ["scopes": ["read", "write"], "connect": ["redirectUrl": "https://h.example/done", "askDeclined": true]])
        #expect(again?.code == .connectionRequired)
        #expect(again?.declined == ["write"])
        #expect(query(again?.connectionURL, "scope") == "read write")
        try follow(again?.connectionURL, tokens("at-2", refresh: "rt-2", scope: "read write"))
        #expect(
            try world.fetch((["scopes": ["read", "write"]] as JSON).with(connect))["accessToken"]?.string == "at-2")
    }

    /// Somebody else's question: what was never asked for is, and what was declined comes along.
    @Test func whatWasNeverAskedForIs() throws {
        try decline()
        let error = world.fetchError((["scopes": ["write", "admin"]] as JSON).with(connect))
        #expect(error?.code == .connectionRequired)
        #expect(error?.missingScopes == ["write", "admin"])
        #expect(error?.declined == ["write"])
        #expect(query(error?.connectionURL, "scope") == "write admin read")
        try follow(error?.connectionURL, tokens("at-2", refresh: "rt-2", scope: "read"))
        #expect(
            world.fetchError((["scopes": ["write", "admin"]] as JSON).with(connect))?.declined == ["write", "admin"])
        #expect(world.fetchError((["scopes": ["write"]] as JSON).with(connect))?.code == .notFound)
    }

    /// A connect may ask for more than its fetch.
    @Test func aConnectThatAsksForMoreIsAsked() throws {
        try decline()
        let more = world.fetchError(
            ["scopes": ["write"], "connect": ["redirectUrl": "https://h.example/done", "scopes": ["write", "admin"]]])
        #expect(more?.code == .connectionRequired)
        let same = world.fetchError(
            ["scopes": ["write"], "connect": ["redirectUrl": "https://h.example/done", "scopes": ["write", "read"]]])
        #expect(same?.code == .notFound)
    }

    /// The same fetch asks once for what it asks for, whatever else it wants.
    private static let wishes: [JSON] = [
        ["scopes": ["read"]], ["scopes": ["read", "extra"]], ["scopes": ["read"], "askDeclined": true],
        ["scopes": ["read"], "externalIdentifier": "second"],
        ["scopes": ["read"], "resources": ["https://r.example/"]],
    ]

    @Test(arguments: wishes)
    func whatWasAskedForAndGrantedIsNotAskedForAgain(_ options: JSON) throws {
        let other: JSON = options["externalIdentifier"] != nil ? ["externalIdentifier": "first"] : [:]
        let resource: JSON = options["resources"] != nil ? ["resources": ["https://s.example/"]] : [:]
        let wanted =
            ([
                "scopes": ["read", "admin"],
                "connect": (["redirectUrl": "https://h.example/done"] as JSON).with(options),
            ] as JSON).with(other).with(resource)
        var asked = 0
        while let url = world.fetchError(wanted)?.connectionURL {
            asked += 1
            try #require(asked < 3)
            let scope = query(url, "scope") ?? ""
            #expect(!scope.contains("admin"))
            try follow(url, tokens("at-\(asked)", refresh: "rt-\(asked)", scope: scope))
        }
        #expect(asked == 1)
        let error = world.fetchError(wanted)
        #expect(error?.code == .notFound)
        #expect(error?.missingScopes?.contains("admin") == true)
        // Whoever asks for all of it is asked.
        #expect(
            world.fetchError((["scopes": ["read", "admin"]] as JSON).with(other).with(connect))?.connectionURL != nil)
    }

    /// Neither is what was asked for and declined, whatever else the fetch wants.
    @Test func whatAnotherConnectAskedForAndWasDeclinedIsNot() throws {
        try decline()
        let wanted: JSON =
            ["scopes": ["admin"], "connect": ["redirectUrl": "https://h.example/done", "scopes": ["read", "write"]]]
        #expect(world.fetchError(wanted)?.code == .notFound)
        #expect(world.fetchError((["scopes": ["admin"]] as JSON).with(connect))?.code == .connectionRequired)
    }

    /// A grant that has ended is asked for again by whatever scopes.
    @Test func whatWasGrantedAndHasEndedIsAskedForAgain() throws {
        try world.connect(scopes: ["read"])
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.fetchError(["options": ["forceRefresh": true]])?.reason == .reauthorize)
        let connect: JSON = ["connect": ["redirectUrl": "https://h.example/done", "scopes": ["read"]]]
        #expect(world.fetchError((["scopes": ["read", "admin"]] as JSON).with(connect))?.code == .connectionRequired)
    }

    /// He must come by anyway.
    @Test func aDeadGrantIsAskedForWithWhatWasDeclined() throws {
        try decline()
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        #expect(world.fetchError(["options": ["forceRefresh": true]])?.reason == .reauthorize)
        let error = world.fetchError((["scopes": ["read", "write"]] as JSON).with(connect))
        #expect(error?.code == .connectionRequired)
        #expect(query(error?.connectionURL, "scope") == "read write")
    }

    /// What a refresh lost was granted once: nobody declined it.
    @Test func whatARefreshLosesIsAskedForAgain() throws {
        try world.connect(
            scopes: ["read", "write", "admin"], reply: tokens("at-1", refresh: "rt-1", scope: "read write"))
        world.provider.next(200, tokens("at-2", refresh: "rt-2", scope: "read"))
        _ = try world.fetch(["options": ["forceRefresh": true]])
        let lost = world.fetchError((["scopes": ["write"]] as JSON).with(connect))
        #expect(lost?.code == .connectionRequired)
        #expect(lost?.declined == nil)
        #expect(world.fetchError((["scopes": ["admin"]] as JSON).with(connect))?.declined == ["admin"])
    }

    /// A refusal of the same grant again says that it is not to be had: the same fetch asks once.
    @Test func whatEachRefreshLosesIsAskedForOnce() throws {
        let wanted = (["scopes": ["read", "write"]] as JSON).with(connect)
        try world.connect(scopes: ["read", "write"], reply: tokens("at-1", refresh: "rt-1", scope: "read write"))
        var asked = 0
        for round in 0..<4 {
            world.provider.next(200, tokens("at-\(round)-2", refresh: "rt-\(round)-2", scope: "read"))
            _ = try world.fetch(["options": ["forceRefresh": true]])
            let narrower: JSON = ["scopes": ["read", "write"], "options": ["acceptNarrower": true]]
            #expect(try world.fetch(narrower)["missingScopes"]?.strings == ["write"])
            let error = world.fetchError(wanted)
            guard let url = error?.connectionURL else {
                #expect(error?.declined == ["write"])
                continue
            }
            asked += 1
            try follow(url, tokens("at-\(round)-3", refresh: "rt-\(round)-3", scope: "read write"))
        }
        #expect(asked == 1)
    }

    /// A reply without scopes means as requested; the refresh's goes by names of the provider's own.
    @Test(arguments: [nil, "read write"]) func whatARefreshRenamesIsNotAskedForAgain(_ granted: String?) throws {
        let wanted = (["scopes": ["read", "write"]] as JSON).with(connect)
        try follow(world.fetchError(wanted)?.connectionURL, tokens("at-1", refresh: "rt-1", scope: granted))
        #expect(try world.fetch(wanted)["accessToken"]?.string == "at-1")
        world.provider.next(200, tokens("at-2", refresh: "rt-2", scope: "basic"))
        _ = try world.fetch(["options": ["forceRefresh": true]])
        let error = world.fetchError(wanted)
        #expect(error?.code == .notFound)
        #expect(error?.declined == ["read", "write"])
        let narrower = wanted.with(["options": ["acceptNarrower": true]])
        #expect(try world.fetch(narrower)["accessToken"]?.string == "at-2")
    }

    /// A grant that has ended had more: what came after it was asked for as much.
    @Test(arguments: ["read", "x:read x:write"]) func aDeadGrantDoesNotHideALaterOneThatHasLess(_ names: String) throws
    {
        let wanted = (["scopes": ["read", "write"]] as JSON).with(connect)
        try world.connect(scopes: ["read", "write"], reply: tokens("at-1", refresh: "rt-1", scope: "read write"))
        world.clock.advance(seconds: 4000)
        world.provider.next(400, #"{"error":"invalid_grant"}"#)
        let url = world.fetchError(wanted)?.connectionURL
        #expect(url != nil)
        try follow(url, tokens("at-2", refresh: "rt-2", scope: names))
        let error = world.fetchError(wanted)
        #expect(error?.code == .notFound)
        #expect(error?.reason == .scopes)
        let narrower = wanted.with(["options": ["acceptNarrower": true]])
        #expect(try world.fetch(narrower)["accessToken"]?.string == "at-2")
        // It is the other way about where the one that has ended came last.
        try world.connect(scopes: ["read", "write"], reply: tokens("at-3", scope: "read write"))
        world.clock.advance(seconds: 3600)
        #expect(world.fetchError(wanted)?.code == .connectionRequired)
    }

    /// Each has its user asked once, though one's grant takes the place of the other's.
    @Test func twoToolsDoNotAskInTurns() throws {
        let wanted = ["x", "y"].map { (["scopes": [.string($0)]] as JSON).with(connect) }
        var asked = 0
        for round in 0..<6 {
            let error = world.fetchError(wanted[round % 2])
            if let url = error?.connectionURL {
                asked += 1
                try follow(url, tokens("at-\(round)", refresh: "rt-\(round)", scope: "basic"))
            } else {
                #expect(error?.declined?.count == 1)
            }
        }
        #expect(asked == 2)
        let narrower = wanted[0].with(["options": ["acceptNarrower": true]])
        #expect(try world.fetch(narrower)["missingScopes"]?.strings == ["x"])
        // Whoever says so has him asked again.
        let again: JSON = ["scopes": ["x"], "connect": ["redirectUrl": "https://h.example/", "askDeclined": true]]
        #expect(world.fetchError(again)?.code == .connectionRequired)
    }

    /// Nobody knows what was asked for when a token is brought along.
    @Test func whatIsBroughtAlongWasDeclinedByNobody() throws {
        _ = try world.call("store_token", ["appId": "google", "userId": "u1", "accessToken": "at", "scopes": ["read"]])
        #expect(world.fetchError((["scopes": ["write"]] as JSON).with(connect))?.code == .connectionRequired)
        _ = try world.call(
            "apps.create", ["id": "m", "templateId": "microsoft", "clientId": "c", "clientSecret": "s3cret"])
        _ = try world.call(
            "store_token",
            ["appId": "m", "userId": "u1", "accessToken": "at", "scopes": ["https://graph.microsoft.com/Mail.Read"]])
        #expect(try world.fetch(["scopes": ["Mail.Read", "offline_access"]], app: "m")["accessToken"]?.string == "at")
    }

    @Test func aTypedCodeTellsWhatIsMissingToo() throws {
        let url = try world.call(
            "connect",
            [
                "appId": "google", "userId": "u1",
                "options": [
                    "redirectUrl": "https://h.example/done", "scopes": ["read", "write"], "confirmation": true,
                ],
            ]
        )
        let code = try follow(url["url"]?.string, tokens("at-1", scope: "write"))["code"]?.string ?? ""
        let done = try world.call("confirm", ["appId": "google", "userId": "u1", "code": "\(code)"])
        #expect(done["missingScopes"]?.strings == ["read"])
        #expect(world.fetchError((["scopes": ["read"]] as JSON).with(connect))?.declined == ["read"])
    }

    /// A grant that the provider refused goes when one comes that covers it, by whatever name.
    @Test func aRefusedGrantGoesWithOneThatCoversIt() throws {
        _ = try world.call(
            "apps.create", ["id": "g", "templateId": "github", "clientId": "c", "clientSecret": "s3cret"])
        try world.connect(app: "g", scopes: ["public_repo"], reply: tokens("at-1", refresh: "rt-1"))
        world.provider.next(200, #"{"error":"bad_refresh_token"}"#)
        #expect(world.fetchError(["options": ["forceRefresh": true]], app: "g")?.reason == .reauthorize)
        try world.connect(app: "g", scopes: ["repo"], reply: tokens("at-2", refresh: "rt-2", scope: "repo"))
        #expect(try world.call("list", ["appId": "g"])["tokens"]?.elements.count == 1)
    }

    // MARK: - Callbacks

    private func makeStrava() throws -> String? {
        _ = try world.call(
            "apps.create", ["id": "s", "templateId": "strava", "clientId": "c", "clientSecret": "s3cret"])
        let url = world.fetchError(
            (["scopes": ["activity:read_all", "profile:write"]] as JSON).with(connect), app: "s")?
            .connectionURL
        #expect(query(url, "scope") == "activity:read_all,profile:write")
        return url
    }

    /// However the host's parser hands it on.
    @Test(arguments: [["read", "activity:read_all"], ["read,activity:read_all", "read"]] as [JSON])
    func theCallbackMaySayItInParts(_ told: JSON) throws {
        let done = try follow(try makeStrava(), tokens("at-1"), more: ["parameters": ["scope": told]])
        #expect(done["scopes"]?.strings == ["read", "activity:read_all"])
        #expect(done["missingScopes"]?.strings == ["profile:write"])
    }

    @Test(arguments: [
        ("read,activity:read_all", ["profile:write"]), ("read", ["activity:read_all", "profile:write"]),
        ("", ["activity:read_all", "profile:write"]),
    ])
    func theCallbackSaysWhatWasGranted(_ told: String, _ missing: [String]) throws {
        let done = try follow(
            try makeStrava(), tokens("at-1", refresh: "rt-1"), more: ["parameters": ["scope": "\(told)"]])
        #expect(done["scopes"]?.strings == Scopes.parse(told, separators: ","))
        #expect(done["missingScopes"]?.strings == missing)
        let error = world.fetchError(
            (["scopes": ["activity:read_all", "profile:write"]] as JSON).with(connect), app: "s")
        #expect(error?.code == .notFound)
        #expect(error?.declined == missing)
        // A refresh whose reply names none changes nothing.
        world.provider.next(200, tokens("at-2", refresh: "rt-2"))
        let token = try world.fetch(["options": ["forceRefresh": true]], app: "s")
        #expect(token["scopes"]?.strings == Scopes.parse(told, separators: ","))
    }

    @Test func aCallbackThatSaysNothingMeansAll() throws {
        let done = try follow(try makeStrava(), tokens("at-1", refresh: "rt-1"))
        #expect(done["missingScopes"] == nil)
        #expect(
            try world.fetch(["scopes": ["profile:write", "activity:read"]], app: "s")["accessToken"]?.string == "at-1")
    }

    @Test func theReplyGoesBeforeTheCallback() throws {
        _ = try world.call(
            "apps.update",
            (["id": "google", "clientId": "c", "sameProvider": true, "callback": ["scopes": "granted"]] as JSON).with(
                World.providerURLs)
        )
        let url = world.fetchError((["scopes": ["a", "b"]] as JSON).with(connect))?.connectionURL
        let done = try follow(url, tokens("at-1", scope: "a"), more: ["parameters": ["granted": "a b"]])
        #expect(done["missingScopes"]?.strings == ["b"])
    }
}
