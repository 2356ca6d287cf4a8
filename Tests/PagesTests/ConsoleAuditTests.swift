import Connections
import Foundation
import JSON
import Runtime
import TestSupport
import Testing

@Suite struct ConsoleAuditTests {
    private let site: Site

    init() throws { site = try Site() }

    private func page(_ query: [(String, String)] = []) throws -> Shown {
        try site.get("/console/audit", query, as: Site.administrator)
    }

    private func store(_ user: String, actor: String? = nil) throws {
        let fields: JSON = ["appId": "weather", "userId": .string(user), "apiKey": "hush-hush"]
        try site.run("store_api_key", actor.map { fields.with(["actor": .string($0)]) } ?? fields)
    }

    @Test func theNewestPageComesFirst() throws {
        for index in 0..<120 { try store("user-\(index)-") }
        var pages = [try page()]
        #expect(pages[0].body.contains("user-119-") && pages[0].body.contains("user-70-"))
        #expect(!pages[0].body.contains("user-69-"))
        #expect(pages[0].link("Newest") == nil)
        while let older = pages.last?.link("Older"), pages.count < 9 {
            pages.append(try site.follow(older, as: Site.administrator))
        }
        let shown = (0..<120).map { index in pages.filter { $0.body.contains("user-\(index)-<") }.count }
        #expect(shown == Array(repeating: 1, count: 120))
        #expect(pages.last?.link("Newest") == "\(Site.base)/console/audit")
        #expect(!pages.contains { $0.body.contains("hush-hush") })
    }

    @Test func filtersByWhateverARecordHas() throws {
        try store("bob", actor: "tool:<b>")
        try store("carol", actor: "tool:two")
        _ = try? site.run("fetch", ["appId": "crm", "userId": "bob", "actor": "tool:two"])
        try site.run("keys.add")
        let found: [([(String, String)], [String], [String])] = [
            ([("user", "bob")], ["tool:&lt;b&gt;"], ["carol"]),
            ([("actor", "tool:two")], ["carol"], ["tool:&lt;b&gt;</"]),
            ([("operation", "keys.add")], ["keys.add</code>"], ["bob", "carol", "store_api_key</code>"]),
            ([("app", "weather"), ("user", "carol")], ["carol"], ["keys.add</code>"]),
            ([("outcome", "ok"), ("tenant", "nobody")], ["No records match."], ["carol"]),
        ]
        for (query, present, absent) in found {
            let shown = try page(query)
            let list = shown.body.components(separatedBy: "</form>")[1]
            for text in present { #expect(list.contains(text), "\(query) \(text)") }
            for text in absent { #expect(!list.contains(text), "\(query) \(text)") }
        }
    }

    /// A page that few records are for says that there is more.
    @Test func aPageWithoutAMatchIsHonest() throws {
        try store("first")
        for index in 0..<1100 {
            try site.run("store_api_key", ["appId": "weather", "userId": "u", "apiKey": .string("k\(index)")])
        }
        let none = try page([("user", "first")])
        #expect(none.body.contains("There is more on the next one."))
        let older = try #require(none.link("Older"))
        #expect(older.contains("user=first&after="))
        #expect(try site.follow(older, as: Site.administrator).body.contains("<span>first</span>"))
    }

    @Test(arguments: [
        [("after", "nonsense")], [("user", String(repeating: "x", count: 5000))], [("actor", "\u{0}<b>")],
        [("operation", "<script>")], [("token", "\u{202E}")],
    ])
    func filtersMayHoldAnything(query: [(String, String)]) throws {
        let shown = try page(query)
        #expect([200, 422].contains(shown.status))
        #expect(!shown.body.contains("<script>") && !shown.body.contains("<b>"))
    }

    @Test func saysThatTheAuditIsWhole() throws {
        try store("bob")
        let whole = try site.submit("/console/audit", as: Site.administrator)
        #expect(whole.body.contains("The audit is whole."))
        let anchor = try #require(whole.list(after: "Keep this anchor").first)
        try store("carol")
        let again = try site.submit("/console/audit", as: Site.administrator, [("anchor", " \(anchor) ")])
        #expect(again.body.contains("The audit is whole."))
        let wrong = try site.submit("/console/audit", as: Site.administrator, [("anchor", "<i>")])
        #expect(wrong.status == 400)
        #expect(!wrong.body.contains("<i>"))
    }

    @Test func saysWhereTheAuditIsDamaged() throws {
        try store("bob")
        let records = try site.run("audit.list", ["operation": "store_api_key"])["records"]?.elements ?? []
        let record = try #require(records.first)
        try site.removeAuditRecord(record)
        let broken = try site.submit("/console/audit", as: Site.administrator)
        #expect(broken.status == 200)
        #expect(broken.body.contains("The audit is not whole."))
        #expect(broken.body.contains("role=\"alert\""))
    }
}
