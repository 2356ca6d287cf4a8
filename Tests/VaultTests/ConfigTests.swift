import Connections
import Foundation
import JSON
import Runtime
import TestSupport
import Testing

@testable import Vault

@Suite struct ConfigTests {
    private let key = String(repeating: "0a", count: 32)

    private func config(
        _ text: String, environment: [String: String] = [:]
    ) -> Result<VaultConfig, ConnError> {
        Result { () throws(ConnError) in
            guard let json = try? JSON.parse(text) else { throw ConnError(.internal, "the test's JSON is wrong") }
            return try VaultConfig(json, environment: { environment[$0] })
        }
    }

    private func error(_ text: String, environment: [String: String] = [:]) -> ConnError? {
        if case .failure(let error) = config(text, environment: environment) { error } else { nil }
    }

    private func key(_ source: String, environment: [String: String] = [:]) throws -> Secret {
        try config(#"{"backend":"vault","path":"v.db","key":\#(source)}"#, environment: environment).get().key
    }

    private func keyError(_ source: String, environment: [String: String] = [:]) -> ConnError? {
        error(#"{"backend":"vault","path":"v.db","key":\#(source)}"#, environment: environment)
    }

    @Test func whatIsWrongIsNamed() {
        let vault = #""backend":"vault","key":{"bytes":"\#(key)"}"#
        let wrong: [(config: String, field: String)] = [
            (#"{\#(vault)}"#, "path"),
            (#"{\#(vault),"path":"v.db","store":{"plugin":"/x.so"}}"#, "store"),
            (#"{\#(vault),"store":{}}"#, "store.plugin"),
            (#"{\#(vault),"path":":memory:"}"#, "path"),
            (#"{\#(vault),"path":"file:v.db?mode=memory"}"#, "path"),
            (#"{\#(vault),"path":"FILE:///v.db"}"#, "path"),
            (#"{\#(vault),"path":"v.db","create":"no"}"#, "create"),
            (#"{\#(vault),"path":"v.db","pth":1}"#, "pth"),
            (#"{\#(vault),"path":"v.db","redirectUrl":"nowhere"}"#, "redirectUrl"),
            (#"{\#(vault),"path":"v.db","timeoutMs":1}"#, "timeoutMs"),
            (#"{"backend":"vault","path":"v.db"}"#, "key"),
            (#"{"backend":"vault","path":"v.db","key":{}}"#, "key"),
            (#"{"backend":"vault","path":"v.db","key":{"env":"A","bytes":"\#(key)"}}"#, "key"),
        ]
        for (config, field) in wrong {
            let error = error(config)
            #expect(error?.code == .invalidConfig, "\(config)")
            #expect(error?.field == field, "\(config)")
            #expect(error?.message.contains(key) != true)
        }
    }

    @Test(arguments: ["in memory.db", "./:memory:", "files:v.db"]) func aPathIsAPath(_ path: String) throws {
        let read = try config(#"{"backend":"vault","path":"\#(path)","key":{"bytes":"\#(key)"}}"#).get()
        guard case .path(path) = read.storage else { throw ConnError(.internal, "it is read as another path") }
        #expect(read.creates)
    }

    /// Whatever store it is in.
    @Test func aVaultThatIsNotToBeMadeMustExist() throws {
        let store = try makeStore()
        let error = #expect(throws: ConnError.self) { try World(store: store, config: ["create": false]) }
        #expect(error?.code == .invalidConfig)
        #expect(error?.field == "create")
        #expect(try store.scan(prefix: [], after: nil, limit: 1).isEmpty)
        _ = try World(store: store)
        _ = try World(store: store, config: ["create": false])
    }

    @Test func oneKeyInManyForms() throws {
        let folder = try TemporaryFolder()
        let bytes = [UInt8](200..<232)
        let hex = bytes.map { String(format: "%02x", $0) }.joined()
        let base64 = Data(bytes).base64EncodedString()
        let base64URL = base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        for text in [hex, hex.uppercased(), base64, base64URL, hex + "\n", " \(base64)\r\n"] {
            #expect(try key(#"{"env":"K"}"#, environment: ["K": text]).equals(Secret(bytes)), "\(text)")
            let file = try folder.write("key", Array(text.utf8))
            #expect(try key(#"{"file":"\#(file)"}"#).equals(Secret(bytes)), "\(text)")
        }
        #expect(try key(#"{"bytes":"\#(hex)"}"#).equals(Secret(bytes)))
        #expect(try key(#"{"file":"\#(try folder.write("raw", bytes))"}"#).equals(Secret(bytes)))
    }

    @Test func allBytesOfALongKeyCount() throws {
        let long = String(repeating: "0a", count: 40)
        let other = String(repeating: "0a", count: 39) + "0b"
        #expect(try key(#"{"bytes":"\#(long)"}"#).count == 32)
        #expect(try !key(#"{"bytes":"\#(long)"}"#).equals(key(#"{"bytes":"\#(other)"}"#)))
    }

    @Test func whatIsTooShortOrNoKeyIsRefused() throws {
        let folder = try TemporaryFolder()
        for text in [
            "short", String(repeating: "0a", count: 31), String(repeating: "0a", count: 16),
            "a passphrase, however long it may be!!",
        ] {
            #expect(keyError(#"{"env":"K"}"#, environment: ["K": text])?.field == "key.env", "\(text)")
        }
        #expect(keyError(#"{"env":"K"}"#)?.field == "key.env")
        #expect(keyError(#"{"file":"\#(folder.file("missing"))"}"#)?.field == "key.file")
        #expect(keyError(#"{"file":"\#(folder.path)"}"#)?.field == "key.file")
        #expect(keyError(#"{"file":"\#(try folder.write("empty", []))"}"#)?.field == "key.file")
        let open = try folder.write("open", [UInt8](0..<32), mode: 0o622)
        #expect(keyError(#"{"file":"\#(open)"}"#)?.message.contains("others") == true)
    }

    /// The likeliest mistake with a key is to write it where its source belongs.
    @Test(
        arguments: ["env", "file", "bytes"],
        [
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "/abcdEFGH0123456789+/abcdEFGH0123456789+/abc=",
            "a passphrase, and a long one",
        ])
    func aKeyInTheWrongPlaceIsNotShown(_ source: String, _ key: String) throws {
        for text in [#"{"\#(source)":"\#(key)"}"#, #"{"\#(source)":"x","\#(key)":"x"}"#, #"{"\#(key)":"x"}"#] {
            let error = try #require(keyError(text))
            #expect(error.code == .invalidConfig)
            #expect(error.field?.hasPrefix("key") == true)
            #expect(!error.json.text.contains(key.prefix(8)), "\(error.message)")
        }
    }

    @Test func anotherKeyDoesNotOpenTheVault() throws {
        let store = try makeStore()
        func open(_ key: String) throws(ConnError) {
            let text = #"{"backend":"vault","path":"v.db","key":{"bytes":"\#(key)"}}"#
            _ = try VaultBackend(store: store, config: try config(text).get())
        }
        try open(key)
        try open(key)
        let error = #expect(throws: ConnError.self) { try open(String(repeating: "0b", count: 32)) }
        #expect(error?.code == .invalidConfig)
        #expect(error?.field == "key")
    }
}
