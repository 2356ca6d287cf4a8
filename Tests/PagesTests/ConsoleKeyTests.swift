import Connections
import Foundation
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct ConsoleKeyTests {
    private let site: Site

    init() throws { site = try Site() }

    private func keys() throws -> [JSON] { try site.run("keys.list")["keys"]?.elements ?? [] }

    private func page(_ path: String, _ query: [(String, String)] = []) throws -> Shown {
        try site.get(path, query, as: Site.administrator)
    }

    @Test func changesTheKeyStepByStep() throws {
        let old = try #require(keys().first?["id"]?.string)
        let shown = try page("/console/keys")
        #expect(shown.body.contains("<code>\(old)</code>") && shown.body.contains("Active"))
        #expect(!shown.body.contains("keys/drop?id="))
        #expect(try page("/console/keys/add").title == "Add a key")
        #expect(try keys().count == 1)
        let added = try site.submit("/console/keys/add", as: Site.administrator)
        let new = try #require(keys().first { $0["id"]?.string != old }?["id"]?.string)
        #expect(added.body.contains("The key \(new) is added."))
        #expect(added.body.contains("keys/activate?id=\(new)"))
        #expect(
            try site.submit("/console/keys/activate", [("id", new)], as: Site.administrator).body
                .contains("The key is active."))
        // The old one still seals rows, so that it cannot be dropped.
        #expect(try !page("/console/keys").body.contains("keys/drop?id=\(old)"))
        let early = try site.submit("/console/keys/drop", [("id", old)], as: Site.administrator)
        #expect(early.status == 409)
        #expect(early.body.contains("Nothing was changed."))
        #expect(
            try site.submit("/console/keys/reseal", as: Site.administrator).body.contains("Rows sealed again:"))
        #expect(try page("/console/keys").body.contains("keys/drop?id=\(old)"))
        let asked = try page("/console/keys/drop", [("id", old)])
        #expect(asked.body.contains("This cannot be undone.") && asked.body.contains("button danger"))
        #expect(try keys().count == 2)
        #expect(
            try site.submit("/console/keys/drop", [("id", old)], as: Site.administrator).body
                .contains("The key is dropped."))
        #expect(try keys().map { $0["id"]?.string } == [new])
        let records = try site.run("audit.list", ["byActor": "root"])["records"]?.elements ?? []
        for operation in ["keys.add", "keys.activate", "keys.reseal", "keys.drop"] {
            #expect(records.contains { $0["op"]?.string == operation }, "\(operation)")
        }
    }

    @Test(arguments: ["/console/keys/activate", "/console/keys/drop"]) func whatDoesNotExistIsSaidSo(path: String)
        throws
    {
        for id in ["nope", "<script>", "00000000", String(repeating: "0", count: 100)] {
            let done = try site.submit(path, [("id", id)], as: Site.administrator)
            #expect([400, 404].contains(done.status))
            #expect(!done.body.contains("<script>"))
        }
        #expect(try page(path).status == 400)
    }
}
