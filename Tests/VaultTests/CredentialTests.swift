import Connections
import HTTP
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct CredentialTests {
    private let world: World

    init() throws {
        world = try World(config: [
            "redirectUrl": "https://h.example/callback", "connectPageUrl": "https://h.example/connect",
            "allowExport": true, "audit": "all",
        ])
    }

    private static let fields: JSON = [
        ["name": "userName", "label": "User name", "secret": false],
        ["name": "apiKey", "label": "Token", "pattern": "sk-[a-z0-9]{4,8}", "helpUrl": "https://jira.example/keys"],
        ["name": "region", "pattern": "eu|us", "optional": true],
    ]

    private func make(_ more: JSON = [:], fields: JSON = fields) throws {
        _ = try world.call(
            "apps.create", (["id": "jira", "appType": "apikey", "credentials": fields] as JSON).with(more))
    }

    private func store(_ more: JSON) -> ConnError? { world.error("store_api_key", request(more)) }

    private func request(_ more: JSON) -> JSON {
        (["appId": "jira", "userId": "u1", "apiKey": "sk-abcd", "credentials": ["userName": "bob"]] as JSON).with(more)
    }

    private func token(_ subject: JSON = ["userId": "u1"]) throws -> JSON {
        try #require(try world.call("fetch", subject.with(["appId": "jira"]))["token"])
    }

    @Test func whatBelongsToAKeyIsFetchedWithIt() throws {
        try make()
        _ = try world.call("store_api_key", request(["credentials": ["userName": "bob", "region": "eu"]]))
        #expect(try token()["accessToken"]?.string == "sk-abcd")
        #expect(try token()["credentials"] == ["userName": "bob", "region": "eu"])
        _ = try world.call("store_api_key", request([:]))
        #expect(try token()["credentials"] == ["userName": "bob"])
    }

    @Test func aKeyAloneStaysAsItWas() throws {
        _ = try world.call("apps.create", ["id": "jira", "appType": "apikey"])
        #expect(store([:])?.field == "credentials.userName")
        _ = try world.call("store_api_key", ["appId": "jira", "userId": "u1", "apiKey": "any thing"])
        #expect(try token()["accessToken"]?.string == "any thing")
        #expect(try token()["credentials"] == nil)
    }

    @Test func noListAndNoLogShowsThem() throws {
        try make()
        _ = try world.call("store_api_key", request([:]))
        #expect(try !world.answer("list", ["appId": "jira"]).contains("bob"))
        #expect(try !world.answer("audit.list").contains("bob"))
        let error = try #require(store(["credentials": ["userName": "bob-secret", "region": "mars-secret"]]))
        #expect(!error.json.text.contains("secret"))
    }

    @Test func anExportHasThemAsTheyAreStored() throws {
        try make()
        _ = try world.call("store_api_key", request([:]))
        let keys = try world.call("export")["apiKeys"]?.elements ?? []
        #expect(keys.count == 1)
        _ = try world.call("delete", ["appId": "jira"])
        _ = try world.call("store_api_key", try #require(keys.first))
        #expect(try token()["credentials"] == ["userName": "bob"])
    }

    @Test(
        arguments: [
            (["credentials": [:]], "credentials.userName"),
            (["credentials": ["userName": "b", "region": "mars"]], "credentials.region"),
            (["credentials": ["userName": "b", "region": "eus"]], "credentials.region"),
            (["credentials": ["userName": "b", "password": "p"]], "credentials.password"),
            (["credentials": ["userName": "b", "apiKey": "sk-abcd"]], "credentials.apiKey"),
            (["credentials": ["userName": ""]], "credentials.userName"),
            (["credentials": ["userName": "a\nb"]], "credentials.userName"),
            (["credentials": ["userName": 1]], "credentials.userName"),
            (["credentials": ["us/er": "b"]], "credentials"), (["credentials": "bob"], "credentials"),
            (["apiKey": "sk-abc"], "apiKey"), (["apiKey": "xsk-abcd"], "apiKey"),
            (["apiKey": "sk-abcdefghi"], "apiKey"),
            (["apiKey": "SK-ABCD"], "apiKey"),
        ] as [(JSON, String)])
    func whatDoesNotFitIsNotKept(_ row: (more: JSON, field: String)) throws {
        try make()
        let error = store(row.more)
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == row.field)
        #expect(try world.call("list", ["appId": "jira"])["tokens"]?.elements.isEmpty == true)
    }

    @Test(
        arguments: [
            ([["name": "userName"]], "credentials"),
            ([["name": "user name"], ["name": "apiKey"]], "credentials[0].name"),
            ([["name": "apiKey"], ["name": "apiKey"]], "credentials[1].name"),
            ([["name": "apiKey", "optional": true]], "credentials[0].optional"),
            ([["name": "apiKey", "pattern": "("]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "a)|(b"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": #"(a)\1"#]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "((a{100}){100}){100}"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "a{2000}"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "(a|a|a|a|a|a){400}"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "(ab){9223372036854775807}"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "(ab){1,4611686018427387904}"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "a{2}{9223372036854775807}"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": #"(\b(\ba)*)*"#]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "a{1,x}"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "[a"]], "credentials[0].pattern"),
            ([["name": "apiKey", "pattern": "*a"]], "credentials[0].pattern"),
            ([["name": "apiKey", "helpUrl": "javascript:alert(1)"]], "credentials[0].helpUrl"),
        ] as [(JSON, String)])
    func whatCannotBeAskedForIsRefused(_ row: (fields: JSON, field: String)) throws {
        let request: JSON = ["id": "jira", "appType": "apikey", "credentials": row.fields]
        #expect(world.error("apps.create", request)?.field == row.field)
        _ = try world.call("apps.create", ["id": "jira", "appType": "apikey"])
        #expect(world.error("apps.update", request)?.field == row.field)
    }

    @Test(arguments: ["credentials", "credentialCheck"]) func onlyKeysHaveThem(name: String) throws {
        let value: JSON = name == "credentials" ? [["name": "apiKey"]] : ["url": "https://jira.example/me"]
        #expect(world.error("apps.create", ["id": "o", "clientId": "c", "\(name)": value])?.field == name)
    }

    /// Some write back so what they have loaded.
    @Test func anEmptyListOfThemIsNone() throws {
        for request in [["id": "k", "appType": "apikey"], ["id": "o", "clientId": "c"]] as [JSON] {
            _ = try world.call("apps.create", request.with(["credentials": []]))
            _ = try world.call("apps.update", request.with(["credentials": []]))
        }
        _ = try world.call("store_api_key", ["appId": "k", "userId": "u1", "apiKey": "any"])
    }

    /// Those that services' keys have.
    @Test(arguments: [
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "01234567-89ab-cdef-0123-456789abcdef", true),
        (
            "xox[bp]-[0-9]{10,13}-[0-9]{10,13}-[a-zA-Z0-9]{24}", "xoxb-1234567890-1234567890-abcdefghijklmnopqrstuvwx",
            true
        ),
        ("SK[0-9a-f]{32}", "SK0123456789abcdef0123456789abcdef", true), ("(ghp|gho)_[A-Za-z0-9_]{36,}", "ghp_x", false),
        ("[a-z]+(-[a-z]+)*", "a-b-c", true), (#"\\1"#, #"\1"#, true), (#"[\1]+"#, #"\1"#, true), ("[]a]+", "a]", true),
        ("[[:alpha:]]{3}", "abc", true), (".{4}", "äöüß", true), ("a|b", "ab", false),
        (".+-.{36}", String(repeating: "-", count: 1025), false),
        (".+-.{36}", String(repeating: "-", count: 1024), true),
        ("^sk-(a|b)$", "sk-b", true), (#"\d{2}\w\s."#, "12_ x", true), ("a{0}b", "b", true), ("[^a-c]", "d", true),
        ("(((((a?)+?)+?)+?)+?)+?", String(repeating: "a", count: 1000), true),
        ("((a*){0,22}){0,23}", String(repeating: "a", count: 1000) + "b", false), ("(a|)b", "b", true),
        ("(a?|b?){0,250}", "abab", true), ("x{2,3}", "xxxx", false), ("x{2,}", "xxxx", true),
    ])
    func aPatternIsHeldAgainstTheWholeValue(_ row: (pattern: String, key: String, fits: Bool)) throws {
        try make(fields: [["name": "apiKey", "pattern": .string(row.pattern)]])
        let error = world.error("store_api_key", ["appId": "jira", "userId": "u1", "apiKey": .string(row.key)])
        #expect((error == nil) == row.fits)
    }

    @Test func aBackslashIsNoBackReferenceByItself() throws {
        try make(fields: [["name": "apiKey", "pattern": #"a\.b|c{2}[^)]+"#]])
        for (key, fits) in [("a.b", true), ("axb", false), ("ccx", true), ("cc)", false)] {
            let error = world.error("store_api_key", ["appId": "jira", "userId": "u1", "apiKey": "\(key)"])
            #expect((error == nil) == fits, "\(key)")
        }
    }

    // MARK: - By a connect URL

    @Test(arguments: [false, true]) func aTicketTakesThemToo(confirmation: Bool) throws {
        try make()
        let options: JSON = ["redirectUrl": "https://h.example/x", "confirmation": .boolean(confirmation)]
        let url = try world.call("connect", ["appId": "jira", "userId": "u1", "options": options])["url"]?.string
        let complete: JSON = [
            "ticket": "\(query(url, "ticket") ?? "")", "apiKey": "sk-abcd", "openedBy": ["userId": "u1"],
        ]
        #expect(world.error("complete", complete)?.field == "credentials.userName")
        let answer = try world.call("complete", complete.with(["credentials": ["userName": "bob"]]))
        if confirmation {
            _ = try world.call("confirm", ["appId": "jira", "userId": "u1", "code": "\(answer["code"]?.string ?? "")"])
        }
        #expect(try token()["credentials"] == ["userName": "bob"])
    }

    // MARK: - The service's word

    private func makeChecked(_ check: JSON = [:]) throws {
        try make([
            "credentialCheck":
                ([
                    "url": "https://jira.example/me",
                    "headers": ["X-Token": "{apiKey}", "X-For": "u:{userName}!{region}"],
                ] as JSON).with(check)
        ])
    }

    @Test func theServiceIsAskedWithWhatWasEntered() throws {
        try makeChecked()
        world.provider.next(200, "{}")
        _ = try world.call("store_api_key", request([:]))
        let asked = try #require(world.provider.requests.last)
        #expect(asked.url == "https://jira.example/me")
        #expect(asked.method == .get)
        #expect(asked.header("X-Token") == "sk-abcd")
        #expect(asked.header("X-For") == "u:bob!")
        #expect(try token()["accessToken"]?.string == "sk-abcd")
    }

    @Test func aUserNameAndAPasswordAreAskedByBasicAuthentication() throws {
        try makeChecked(["method": "POST", "userName": "{userName}/token", "password": "{apiKey}", "headers": [:]])
        world.provider.next(204, "")
        _ = try world.call("store_api_key", request([:]))
        let asked = try #require(world.provider.requests.last)
        #expect(asked.method == .post)
        #expect(asked.header("Authorization") == basic("bob/token:sk-abcd"))
    }

    @Test(arguments: [
        (400, ErrorCode.providerError), (401, .providerError), (403, .providerError), (404, .providerError),
        (429, .rateLimited), (500, .unavailable), (503, .unavailable), (302, .misconfigured), (410, .misconfigured),
    ])
    func whatTheServiceDoesNotAcceptIsNotKept(_ row: (status: Int, code: ErrorCode)) throws {
        try makeChecked()
        world.provider.next(row.status, "sk-abcd is bad")
        let error = store([:])
        #expect(error?.code == row.code)
        #expect(error?.field == "apiKey")
        #expect(error?.httpStatus == row.status)
        #expect(error?.json.text.contains("sk-abcd") == false)
        #expect(try world.call("list", ["appId": "jira"])["tokens"]?.elements.isEmpty == true)
    }

    @Test func aServiceThatCannotBeReachedTellsNothing() throws {
        try makeChecked()
        world.provider.nextIsLost()
        #expect(store([:])?.code == .unavailable)
        #expect(try world.call("list", ["appId": "jira"])["tokens"]?.elements.isEmpty == true)
    }

    /// What does not fit is not sent anywhere.
    @Test func theServiceIsNotAskedAboutWhatDoesNotFit() throws {
        try makeChecked()
        _ = store(["apiKey": "nonsense"])
        #expect(world.provider.requests.isEmpty)
    }

    @Test(
        arguments: [
            (["url": "http://jira.example/me"], "credentialCheck.url"),
            (["headers": ["X": "{password}"]], "credentialCheck.headers"),
            (["headers": ["X": "{apiKey"]], "credentialCheck.headers"),
            (["headers": ["Host": "x"]], "credentialCheck.headers"),
            (["headers": ["X: y": "x"]], "credentialCheck.headers"),
            (["password": "{apiKey}"], "credentialCheck.userName"),
            (["method": "DELETE"], "credentialCheck.method"),
        ] as [(JSON, String)])
    func aCheckThatCannotBeIsRefused(_ row: (check: JSON, field: String)) throws {
        let error = error { try makeChecked(row.check) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.field == row.field)
    }
}
