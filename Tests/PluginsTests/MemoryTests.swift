import Connections
import JSON
import Plugins
import Store
import TestSupport
import Testing

/// Whatever a plugin hands back is freed, also what nobody asked for: 16 blocks of 1 MiB do not stay.
@Suite(.serialized) struct MemoryTests {
    private func expectNothingStays(_ what: String, in library: String, _ body: () -> Void) throws {
        body()  // what is made once is made now
        let before = try counter("scripted_allocated", of: library)
        for _ in 0..<16 { body() }
        let kept = try counter("scripted_allocated", of: library) - before
        #expect(kept < 8, "\(what): \(kept) MiB are still there")
    }

    @Test(arguments: ["t.big.object", "t.big.text", "t.big.timeout", "t.big.failed"]) func answers(_ op: String) throws
    {
        let client = try scripted()
        defer { client.closeAndWait() }
        try expectNothingStays(op, in: library("scripted")) { _ = client.error(op) }
    }

    @Test(arguments: [["big": 1], ["fine": 1]] as [JSON]) func errorsOfOpen(_ config: JSON) throws {
        try expectNothingStays(config.text, in: library("scripted")) { try? scripted(config: config).closeAndWait() }
    }

    /// A value without a version, an error beside success, a value beside an error.
    @Test(arguments: ["V", "B", "E"] as [Character]) func whatStoresHandBack(_ what: Character) throws {
        let key = [what.asciiValue ?? 0]
        let whole = try library("scripted", ["-DSTORE"])
        let reader = try PluginStore(whole, field: "store.plugin", config: .object())
        defer { reader.close() }
        try expectNothingStays("read \(what)", in: whole) { _ = try? reader.get(key) }
        let path = try library("scripted", ["-DSTORE", "-DEARLIER"])
        let store = try PluginStore(path, field: "store.plugin", config: .object())
        defer { store.close() }
        try expectNothingStays("get \(what)", in: path) { _ = try? store.get(key) }
        try expectNothingStays("scan \(what)", in: path) { _ = try? store.scan(prefix: key, after: nil, limit: 1) }
        try expectNothingStays("commit \(what)", in: path) { try? store.commit([.put(key, [1], expecting: .any)]) }
    }
}
