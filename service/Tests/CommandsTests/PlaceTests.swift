import DescopeConn
import Testing

@testable import Commands

@Suite struct VaultPlaceTests {
    private func place(
        vault: String? = nil, keyFile: String? = nil, _ environment: [String: String]
    ) throws -> VaultPlace {
        try VaultPlace(vault: vault, keyFile: keyFile) { environment[$0] }
    }

    @Test func theDefaultIsInTheUsersDataFolder() throws {
        let home = try place(["HOME": "/home/alice"])
        #expect(home.path == "/home/alice/.local/share/descope-conn/vault.db")
        #expect(home.key == .file("/home/alice/.local/share/descope-conn/vault.db.key"))
        #expect(try place(["HOME": "/h", "XDG_DATA_HOME": "/data"]).path == "/data/descope-conn/vault.db")
        #expect(try place(["HOME": "/h", "XDG_DATA_HOME": "data"]).path == "/h/.local/share/descope-conn/vault.db")
        #expect(throws: Failure.self) { try place([:]) }
    }

    @Test func argumentsGoBeforeTheEnvironment() throws {
        let environment = ["DESCOPE_CONN_VAULT": "/env.db", "DESCOPE_CONN_VAULT_KEY": "0a"]
        #expect(try place(environment).path == "/env.db")
        #expect(try place(environment).key == .variable("DESCOPE_CONN_VAULT_KEY"))
        #expect(try place(vault: "/own.db", environment).path == "/own.db")
        #expect(try place(keyFile: "/own.key", environment).key == .file("/own.key"))
        #expect(try place(vault: "/own.db", [:]).key == .file("/own.db.key"))
    }
}

@Suite struct SubjectTests {
    private func subject(_ arguments: [String], isCloud: Bool = false) throws -> Subject {
        try SubjectOptions.parse(arguments).subject(isCloud: isCloud)
    }

    @Test func aPersonIsCalledMe() throws {
        #expect(try subject([]) == Subject(user: "me"))
        #expect(try subject(["--user", "bob"]) == Subject(user: "bob"))
        #expect(try subject(["--tenant", "acme"]) == Subject(tenant: "acme"))
        #expect(try subject(["--user", "bob", "--tenant", "acme"]) == Subject(user: "bob", tenant: "acme"))
        #expect(throws: Failure.self) { try subject([], isCloud: true) }
    }
}

@Suite struct CallbackAddressTests {
    @Test(arguments: [
        ("http://127.0.0.1:8976/callback", CallbackAddress(port: 8976)),
        ("http://localhost:1/", CallbackAddress(host: "localhost", port: 1, path: "/")),
        ("http://localhost:1", CallbackAddress(host: "localhost", port: 1, path: "/")),
    ])
    func urlsOfThisMachine(url: String, address: CallbackAddress) {
        #expect(CallbackAddress(url: url) == address)
    }

    @Test(arguments: [
        "https://127.0.0.1:8976/callback", "http://127.0.0.1/callback", "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://app.example.com:80/callback", "http://127.0.0.1.example.com:80/", "http://127.0.0.1:80/?a=b", "",
    ])
    func urlsOfOthers(url: String) {
        #expect(CallbackAddress(url: url) == nil)
    }

    @Test func theRegisteredOneIsUsedUnlessAPortIsNamed() {
        let registered = "http://localhost:7000/back"
        #expect(CallbackAddress.choose(port: nil, registered: registered).url == registered)
        #expect(CallbackAddress.choose(port: 1, registered: registered).url == "http://127.0.0.1:1/callback")
        #expect(
            CallbackAddress.choose(port: nil, registered: "https://a.example/").url == "http://127.0.0.1:8914/callback")
    }

    @Test func onlyThisMachinesNamesAreTheHost() {
        let address = CallbackAddress(port: 80)
        #expect(address.isHost("127.0.0.1:80") && address.isHost("localhost:80"))
        #expect(!address.isHost("localhost:81") && !address.isHost("evil.example:80") && !address.isHost(nil))
    }
}
