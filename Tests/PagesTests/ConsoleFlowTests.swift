import Connections
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct ConsoleFlowTests {
    private let site: Site
    private let root: JSON = ["userId": "root", "administrator": true]

    init() throws { site = try Site() }

    private let flow = #"{"id":"f","name":"On <board>","actions":[{"type":"connect","appId":"crm"}]}"#

    private func save(_ query: [(String, String)] = [], _ text: String) throws -> Shown {
        try site.submit("/console/flow", query, as: root, [("flow", text)])
    }

    @Test func aFlowIsMadeChangedAndDeleted() throws {
        let made = try save([], flow)
        #expect(made.status == 200)
        #expect(made.body.contains("The flow is saved.") && made.body.contains("/connections/flow?id=f"))
        #expect(try site.get("/console/flows", as: root).body.contains("On &lt;board&gt;"))
        let shown = try site.get("/console/flow", [("id", "f")], as: root)
        #expect(shown.body.contains("&quot;appId&quot;: &quot;crm&quot;"))
        _ = try save([("id", "f")], #"{"id":"other","actions":[{"type":"connect","appId":"gone"}]}"#)
        #expect(
            try site.run("flows.load", ["id": "f"])["flow"]?["actions"]?.text == #"[{"type":"connect","appId":"gone"}]"#
        )
        #expect(try site.get("/console/flow/delete", [("id", "f")], as: root).formToken != nil)
        #expect(try site.run("flows.list")["flows"]?.elements.count == 1)
        _ = try site.submit("/console/flow/delete", [("id", "f")], as: root)
        #expect(try site.run("flows.list")["flows"]?.elements.isEmpty == true)
    }

    @Test func whatIsMissingIsSaid() throws {
        let made = try save([], #"{"id":"f","actions":[{"type":"connect","appId":"gone"}]}"#)
        #expect(made.body.contains("there is no connection gone"))
    }

    @Test(arguments: [("{", 422), ("[]", 422), (#"{"actions":[]}"#, 422), (#"{"actions":"<b>"}"#, 422), ("", 422)])
    func whatIsWrongStaysAsItWasTyped(_ row: (text: String, status: Int64)) throws {
        let page = try save([], row.text)
        #expect(page.status == row.status)
        #expect(!page.body.contains("<b>"))
        #expect(page.formToken != nil)
        #expect(try site.run("flows.list")["flows"]?.elements.isEmpty == true)
    }

    @Test func anIdIsTakenOnce() throws {
        _ = try save([], flow)
        #expect(try save([], flow).status == 409)
        #expect(try site.get("/console/flow", [("id", "gone")], as: root).status == 404)
    }

    @Test(arguments: ["/console/flows", "/console/flow", "/console/flow/delete"])
    func onlyAdministratorsSeeThem(path: String) throws {
        #expect(try site.get(path, [("id", "f")]).status == 403)
        #expect(try site.get(path, [("id", "f")], as: nil).status == 401)
    }
}
