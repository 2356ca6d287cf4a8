import DescopeConn
import Testing

@testable import Commands

@Suite struct SecretSourceTests {
    private func secret(_ text: String) throws -> String {
        try SecretSource.secret(Array(text.utf8), in: "it").value
    }

    @Test func whatWasNamedIsRead() {
        func choose(_ file: String?, _ variable: String?, canAsk: Bool = true) -> SecretSource {
            .choose(file: file, variable: variable, question: "?", canAsk: canAsk)
        }
        #expect(choose("f", nil) == .file("f"))
        #expect(choose("-", nil) == .prompt("?"))
        #expect(choose("-", nil, canAsk: false) == .input)
        #expect(choose(nil, "V") == .variable("V"))
        #expect(choose(nil, nil) == .prompt("?"))
        #expect(choose(nil, nil, canAsk: false) == .input)
    }

    @Test func aLinesEndIsNoPartOfIt() throws {
        #expect(try secret("s3cret\n") == "s3cret")
        #expect(try secret("s3cret\r\n") == "s3cret")
        #expect(try secret(" s3cret ") == " s3cret ")
        for text in ["", "\n", "two\nlines", "s3cret\n\n", "a\u{0}b"] {
            #expect(throws: Failure.self) { try secret(text) }
        }
        #expect(throws: Failure.self) { try SecretSource.secret([0xff, 0xfe], in: "it") }
    }

    @Test func anErrorDoesNotRepeatIt() {
        do {
            _ = try secret("s3cret\nmore")
            Issue.record("it was taken")
        } catch {
            #expect(!"\(error)".contains("s3cret"))
        }
    }
}

@Suite struct BatchesTests {
    private func token(_ number: Int, size: Int = 0) -> JSON {
        ["appId": "crm", "userId": .string("u\(number)"), "refreshToken": .string(String(repeating: "r", count: size))]
    }

    @Test func usersAndTenantsAreApart() throws {
        let tenant: JSON = ["appId": "crm", "tenantId": "acme", "userId": .null]
        let batches = try Batches(.array([tenant] + (0..<250).map { token($0) } + [tenant]), from: "it")
        #expect(batches.tokens.map(\.count) == [100, 100, 50, 2])
        #expect(batches.count == 252)
    }

    @Test func aRequestIsNotTooLarge() throws {
        let batches = try Batches(.array((0..<10).map { token($0, size: 200_000) }), from: "it")
        #expect(batches.tokens.map(\.count) == [2, 2, 2, 2, 2])
    }

    @Test func whatExportWritesIsTaken() throws {
        let batches = try Batches(
            ["tokens": [token(1)], "apiKeys": [["appId": "weather", "apiKey": "k"]]], from: "it")
        #expect(batches.tokens.count == 1)
        #expect(batches.apiKeys == [["appId": "weather", "apiKey": "k"]])
        #expect(try Batches([:], from: "it").count == 0)
    }

    @Test(
        arguments: [
            "text", ["token": []], ["tokens": "x"], ["apiKeys": ["x"]], nil,
        ] as [JSON])
    func whatIsNoBatch(file: JSON) {
        #expect(throws: Failure.self) { try Batches(file, from: "it") }
    }
}

@Suite struct SystemTests {
    @Test func whereACommandMayBe() {
        #expect(Execution.candidates("./x", searchPath: "/bin") == ["./x"])
        #expect(Execution.candidates("x", searchPath: "/a:/b:") == ["/a/x", "/b/x", "x"])
        #expect(Execution.candidates("x", searchPath: nil) == ["/bin/x", "/usr/bin/x"])
    }

    @Test func whatOpensAURL() {
        #expect(Browser.command { ["BROWSER": "firefox", "DISPLAY": ":0"][$0] } == "firefox")
        #expect(Browser.command { ["WAYLAND_DISPLAY": "wayland-0"][$0] } == "xdg-open")
        #expect(Browser.command { _ in nil } == nil)
    }

    @Test func whereAServerIs() {
        func server(_ url: String) -> String? { Server(url: url)?.words }
        #expect(server("https://a.example/token?x=y") == "a.example, port 443")
        #expect(server("http://127.0.0.1:9000/token") == "127.0.0.1, port 9000")
        #expect(server("https://[::1]:8443/") == "::1, port 8443")
        #expect(server("https://[::1]/") == "::1, port 443")
        for url in ["ftp://a.example/", "https:///x", "https://{tenant}.example/", "https://user@a.example/"] {
            #expect(server(url) == nil)
        }
    }

    @Test func whatADiskIs() {
        let mounts = "36 35 8:2 / / rw,noatime shared:1 - ext4 /dev/sda2 rw\n40 36 0:51 / /mnt rw - nfs4 server:/x rw\n"
        #expect(FileSystem.type(ofDevice: 8 << 8 | 2, mounts: mounts) == "ext4")
        #expect(FileSystem.type(ofDevice: 51, mounts: mounts) == "nfs4")
        #expect(FileSystem.type(ofDevice: 52, mounts: mounts) == nil)
    }

    @Test func foldersOfPaths() {
        #expect(File.folder(of: "/a/b.db") == "/a")
        #expect(File.folder(of: "/b.db") == "/")
        #expect(File.folder(of: "b.db") == ".")
    }
}
