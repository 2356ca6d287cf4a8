import Connections
import Foundation
import JSON
import Runtime
import TestSupport
import Testing

@testable import Pages

/// What all pages of the console have in common.
@Suite struct ConsoleTests {
    private let site: Site

    init() throws { site = try Site() }

    private static let paths = Route.console.map(\.path.text)
    private static let forms = Route.console.filter { $0.post != nil }.map(\.path.text)

    @Test(arguments: paths) func isForAdministratorsAlone(path: String) throws {
        for method in ["GET", "POST"] where method == "GET" || Self.forms.contains(path) {
            let refused = try site.send(
                method, path, [("app", "crm"), ("id", "crm")],
                more: ["headers": Site.formHeaders, "body": "form=x"])
            #expect(refused.status == 403)
            #expect(refused.title == "This did not work")
            #expect(refused.body.contains("The console is for administrators."))
            #expect(!refused.body.contains("CRM"))
        }
        #expect(try site.get(path, as: ["userId": "mallory", "administrator": false]).status == 403)
        #expect(try site.get(path, as: nil).status == 401)
        #expect(try site.get(path, as: nil, more: ["signInUrl": "https://id.example/sign-in"]).status == 303)
    }

    @Test(arguments: forms) func takesNoForgedForm(path: String) throws {
        let token = try site.formToken(for: path)
        let others = try site.formToken(for: path, as: "mallory")
        let elsewhere = try site.formToken(for: "/disconnect")
        for (headers, given) in [
            (Site.formHeaders, "x"), (Site.formHeaders, others), (Site.formHeaders, elsewhere),
            (Site.formHeaders.with(["origin": "https://evil.example"]), token),
            (Site.formHeaders.with(["origin": "null"]), token),
        ] {
            let refused = try site.send(
                "POST", path, as: Site.administrator, more: ["headers": headers, "body": .string("form=\(given)")])
            #expect(refused.status == 403)
            #expect(refused.body.contains("Nothing was changed"))
        }
    }

    @Test(arguments: paths) func otherMethodsAreRefused(path: String) throws {
        for method in ["PUT", "DELETE", "HEAD"] {
            #expect(try site.send(method, path, as: Site.administrator).status == 405)
        }
        if !Self.forms.contains(path) { #expect(try site.send("POST", path, as: Site.administrator).status == 405) }
    }

    @Test(arguments: paths) func keepsThePolicyOfAllPages(path: String) throws {
        let page = try site.get(path, as: Site.administrator)
        let policy = page.header("content-security-policy") ?? ""
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            #expect(policy.contains(part), "\(part)")
        }
        #expect(!policy.contains("unsafe") && !policy.contains("script-src"))
        #expect(page.header("cache-control") == "no-store")
    }

    @Test(arguments: ConsoleSection.all) func eachPartNamesItselfInTheNavigation(section: ConsoleSection) throws {
        let page = try site.get("\(section.path)", as: Site.administrator)
        #expect(page.status == 200)
        #expect(page.body.contains("href=\"\(Site.base)\(section.path)\" aria-current=\"true\""))
    }

    @Test func speaksGerman() throws {
        let page = try site.get(
            "/console/tokens", [("user", "bob")], as: Site.administrator.with(["locale": "de"]))
        #expect(page.body.contains("Keine Token passen dazu."))
    }

    @Test(
        arguments: [
            (0, "1970-01-01 00:00 UTC"), (951_782_399, "2000-02-28 23:59 UTC"), (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_210_096, "2024-02-29 12:34 UTC"), (4_107_542_400, "2100-03-01 00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59 UTC"), (Int64.max, "9999-12-31 23:59 UTC"),
            (-5, "1970-01-01 00:00 UTC"),
        ] as [(Int64, String)])
    func momentsAreWrittenAsDates(seconds: Int64, text: String) {
        #expect(Moment(seconds).text == text)
    }

    @Test(
        arguments: [
            (0, "just now"), (59, "in less than a minute"), (-59, "just now"), (60, "in 1 min"), (-7199, "119 min ago"),
            (7200, "in 2 h"),
            (-172_799, "47 h ago"), (172_800, "in 2 days"), (-864_000, "10 days ago"),
        ] as [(Int64, String)])
    func momentsAreAlsoSaidFromNow(distance: Int64, text: String) {
        #expect(Moment(2_000_000 + distance).text(from: 2_000_000, Texts(["en"])) == text)
    }
}
