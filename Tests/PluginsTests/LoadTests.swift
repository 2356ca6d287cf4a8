import CDescopeConn
import Connections
import Foundation
import JSON
import Plugins
import TestSupport
import Testing

/// What does not load says what was tried and why it failed, in the loader's words where it was the loader.
@Suite struct LoadTests {
    private func refusal(_ library: String, _ config: JSON = [:]) -> ConnError? {
        do throws(ConnError) {
            let config = openConfig(library, config)
            try PluginBackend(config: config).close()
            return nil
        } catch {
            return error
        }
    }

    private func expect(
        _ error: ConnError?, _ library: String, says words: [String], _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(error?.code == .invalidConfig, sourceLocation: location)
        #expect(error?.field == "library", sourceLocation: location)
        for word in [library] + words {
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "it opened")", sourceLocation: location)
        }
    }

    @Test func aFileThatIsNoLibrary() throws {
        let folder = FileManager.default.temporaryDirectory.path
        expect(refusal("/nowhere/plugin.so"), "/nowhere/plugin.so", says: ["loader says", "No such file or directory"])
        let pipe = folder + "/descope-conn-\(UUID()).so"
        #expect(mkfifo(pipe, 0o600) == 0)
        defer { unlink(pipe) }
        for path in [folder, pipe, "/dev/zero"] { expect(refusal(path), path, says: ["no regular file"]) }
        let text = Repository.root.appending(path: "Package.swift").path
        expect(refusal(text), text, says: ["loader says", "invalid ELF header"])
    }

    @Test(arguments: ["plugin.so", "./plugin.so", "lib/plugin.so", "~/plugin.so"])
    func aRelativePathIsNotLookedForAnywhere(_ path: String) {
        expect(refusal(path), path, says: ["neither an absolute path nor the name of a registered plugin"])
    }

    @Test func aLibraryThatIsNoPlugin() throws {
        let path = try library("odd", ["-DINIT=some_other_name"])
        expect(refusal(path), path, says: ["exports no descope_conn_plugin_init", "undefined symbol"])
    }

    /// What the flags make init say, and the words for it.
    private static let oddities: [(flag: String, words: String)] = [
        ("-DSTATUS=DESCOPE_CONN_E_ARGUMENT", "init answered -1 to plugin ABI 1"),
        ("-DSTATUS=DESCOPE_CONN_E_FAILED", "init answered -6"),
        ("-DABI=2", "plugin ABI 2, not 1"),
        ("-DABI=0", "plugin ABI 0, not 1"),
        ("-DSTRUCT_SIZE=8", "struct_size is 8"),
        ("-DSTRUCT_SIZE=offsetof(descope_conn_plugin, store)", "struct_size is"),
        ("-DSTRUCT_SIZE=4096", "struct_size is 4096"),
        ("-DKIND=0", "kind 0 is unknown"),
        ("-DKIND=3", "kind 3 is unknown"),
        ("-DNAME=NULL", "no name or version"),
        ("-DVERSION=NULL", "no name or version"),
        (#"-DNAME="""#, "name is not 1 to 32"),
        (#"-DNAME="Odd""#, "name is not 1 to 32"),
        (#"-DNAME="a b""#, "name is not 1 to 32"),
        (#"-DNAME="123456789012345678901234567890123""#, "name is not 1 to 32"),
        ("-DOPEN=NULL", "no open or close function"),
        ("-DCLOSE=NULL", "no open or close function"),
        ("-DBACKEND=NULL", "functions as a backend is missing or incomplete"),
        ("-DCALL=NULL", "functions as a backend is missing or incomplete"),
        ("-DBACKEND_SIZE=8", "functions as a backend is missing or incomplete"),
    ]

    @Test(arguments: oddities) func anInitThatSaysSomethingWrong(_ oddity: (flag: String, words: String)) throws {
        let path = try library("odd", [oddity.flag])
        expect(refusal(path), path, says: [oddity.words])
    }

    @Test func aStoreThatLacksAFunction() throws {
        let path = try library("odd", ["-DKIND=DESCOPE_CONN_PLUGIN_STORE", "-DSCAN=NULL"])
        let error = #expect(throws: ConnError.self) {
            try PluginStore(path, field: "store.plugin", config: .object())
        }
        #expect(error?.field == "store.plugin")
        #expect(error?.message.contains("functions as a store is missing or incomplete") == true)
    }

    @Test func aPluginOfTheOtherKind() throws {
        let store = try library("odd", ["-DKIND=DESCOPE_CONN_PLUGIN_STORE"])
        let error = refusal(store)
        #expect(error?.field == "library")
        #expect(error?.message.contains("the plugin odd is a store, not a backend") == true)
        let backend = try library("odd")
        let other = #expect(throws: ConnError.self) {
            try PluginStore(backend, field: "store.plugin", config: .object())
        }
        #expect(other?.field == "store.plugin")
        #expect(other?.message.contains("the plugin odd is a backend, not a store") == true)
    }

    @Test(arguments: ["-DCALLS", "-DSTATUS=DESCOPE_CONN_E_LIMIT"]) func initIsCalledOnce(_ flag: String) throws {
        let path = try library("odd", [flag])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in _ = refusal(path) }
        let first = refusal(path)
        #expect(first?.message == refusal(path)?.message)
        #expect(try counter("odd_init_calls", of: path) == 1)
    }

    @Test func openSaysWhyItFails() throws {
        let path = try library("scripted")
        let words: [(config: JSON, says: String)] = [
            (["missing": 1], "the plugin scripted does not open: the password is missing"),
            (["text": 1], "its error is no JSON"),
            (["nothing": 1], "status -6"),
        ]
        for (config, says) in words {
            let error = refusal(path, config)
            #expect(error?.code == .invalidConfig)
            #expect(error?.field == "library")
            #expect(error?.message.contains(says) == true, "\(error?.message ?? "it opened")")
            #expect(error?.message.contains("not-to-be-repeated") == false)
        }
        let example = try CPlugin.build("examples/plugins/backend_static.c")
        #expect(refusal(example)?.message.contains("config.tokens is missing") == true)
    }

    /// A process that starts while its database does may try again.
    @Test func openSaysThatItMayWorkLater() throws {
        let error = refusal(try library("scripted"), ["say": 1])
        #expect(error?.code == .unavailable)
        #expect(error?.message == "the plugin scripted does not open: the disk is gone")
    }

    /// Nobody here knows what the members of a plugin's config mean.
    @Test(
        arguments: [
            ["password": "hunter"], ["apiKey": "abcdefgh"], ["tokens": ["github": "ghpabcd"]],
            ["a": ["b", ["c": "s3cr3t-value"]]],
            ["dsn": "postgres://app:pa-ss@db.example/v"], ["conninfo": "host=db.example password=pa-ss dbname=v"],
            ["odbc": "Server=db;Pwd=pa-ss;"], ["blob": "https://b.example/v?sig=pa-ss"],
            ["url": "https://pa-ss@b.example/v"],
        ] as [JSON])
    func whatAPluginSaysRepeatsNoSecretOfItsConfig(_ member: JSON) throws {
        let path = try library("scripted")
        let refused = try #require(refusal(path, (["quote": 1] as JSON).with(member)))
        #expect(refused.message == "the plugin scripted does not open: \(Redaction.withheld)")
        let client = try scripted(config: (["fine": 1] as JSON).with(member))
        defer { client.closeAndWait() }
        let error = client.error("t.quote.config")
        #expect(error?.code == .unavailable)
        #expect(error?.message == Redaction.withheld)
    }

    @Test(
        arguments: [
            ["path": "/var/lib/app/v.db"], ["table": "descope_rows"], ["host": "db-1.example:5432"],
            ["url": "https://b.example/v"], ["n": 12_345_678, "on": true, "empty": "", "none": nil],
        ] as [JSON])
    func whatNoConfigHidesIsSaid(_ member: JSON) throws {
        let refused = try #require(refusal(try library("scripted"), (["quote": 1] as JSON).with(member)))
        #expect(refused.message.contains("cannot open {"), "\(refused.message)")
    }

    @Test func theConfigIsChecked() throws {
        let wrong: [(config: JSON, field: String)] = [
            (["backend": "plugin"], "library"),
            (["backend": "plugin", "library": 7], "library"),
            (["backend": "plugin", "library": "/x.so", "config": 7], "config"),
            (["backend": "plugin", "library": "/x.so", "path": "/x"], "path"),
        ]
        for (config, field) in wrong {
            let error = #expect(throws: ConnError.self) { try PluginBackend(config: config) }
            #expect(error?.code == .invalidConfig)
            #expect(error?.field == field)
        }
    }

    // MARK: - Registered plugins

    private func initializer(_ path: String) throws -> descope_conn_plugin_init_fn {
        let mapped = try #require(dlopen(path, RTLD_NOW | RTLD_LOCAL))
        return unsafeBitCast(
            try #require(dlsym(mapped, "descope_conn_plugin_init")), to: descope_conn_plugin_init_fn.self)
    }

    @Test func aRegisteredPluginIsFoundByItsName() throws {
        let path = try library("odd", [#"-DNAME="registered""#])
        #expect(refusal("registered")?.message.contains("registered plugin") == true)
        let first = try initializer(path)
        try registerPlugin(first)
        try registerPlugin(first)
        #expect(try counter("odd_init_calls", of: path) == 1)
        #expect(refusal("registered") == nil)
        #expect(refusal("registred")?.message.contains("registered: registered") == true)

        let other = try initializer(try library("odd", [#"-DNAME="registered""#, "-DOTHER"]))
        let taken = #expect(throws: ConnError.self) { try registerPlugin(other) }
        #expect(taken?.message.contains("another one of the name registered is registered") == true)
    }

    @Test func whatIsNoPluginIsNotRegistered() throws {
        let refused = try initializer(try library("odd", ["-DKIND=9"]))
        let error = #expect(throws: ConnError.self) { try registerPlugin(refused) }
        #expect(error?.code == .invalidConfig)
        #expect(error?.message.contains("kind 9 is unknown") == true)
    }
}
