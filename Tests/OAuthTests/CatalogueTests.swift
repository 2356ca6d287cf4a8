import Connections
import Foundation
import HTTP
import JSON
import Runtime
import Testing

@testable import OAuth

struct CatalogueTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func rows() throws -> [JSON] {
        let text = try String(
            contentsOf: root.appending(path: "Sources/OAuth/Providers/providers.json"), encoding: .utf8)
        return try JSON.parse(text)["providers"]?.elements ?? []
    }

    @Test func fortyProvidersWithNamesOfTheirOwn() throws {
        #expect(Template.all.count >= 40)
        #expect(Set(Template.all.map(\.id)).count == Template.all.count)
        #expect(Template.all.map(\.id) == (try Self.rows()).map { $0["id"]?.string })
        #expect(Template.named("github")?.name == "GitHub (OAuth app)")
        #expect(Template.named("nobody") == nil)
    }

    /// A misspelt field would otherwise be a switch that silently stays off.
    @Test func everyFieldIsInTheManual() throws {
        let manual = try String(contentsOf: Self.root.appending(path: "docs/providers.md"), encoding: .utf8)
        for row in try Self.rows() {
            for (key, value) in row.members {
                #expect(manual.contains("| `\(key)` |"), "\(key)")
                guard ["refresh", "revocation", "expiry", "source", "scopeRules", "callback"].contains(key) else {
                    continue
                }
                for (inner, _) in value.members { #expect(manual.contains("| `\(key).\(inner)` |"), "\(key).\(inner)") }
            }
            for (_, host) in row["hosts"]?.members ?? [] {
                for (inner, _) in host.members { #expect(manual.contains("| `hosts.*.\(inner)` |"), "\(inner)") }
            }
        }
    }

    /// Users read them beside what they are asked for.
    @Test func wordsForScopesAreInEachLanguage() throws {
        var count = 0
        for row in try Self.rows() {
            let id = row["id"]?.string ?? ""
            for (scope, words) in row["scopeWords"]?.members ?? [] {
                count += 1
                #expect(!scope.isEmpty && scope.allSatisfy { !$0.isWhitespace }, "\(id) \(scope)")
                #expect(words.members.map(\.key).sorted() == ["de", "en"], "\(id) \(scope)")
                for (_, text) in words.members {
                    let text = text.string ?? ""
                    #expect((5...100).contains(text.count) && text.last != ".", "\(id) \(scope)")
                    #expect(text.first?.isUppercase == true, "\(id) \(scope)")
                }
                #expect(words["en"]?.string != words["de"]?.string, "\(id) \(scope)")
            }
        }
        #expect(count > 300)
    }

    /// Those that the rules of a row know mean something to it.
    @Test(arguments: ["google", "github"]) func scopesThatRulesNameHaveWords(_ id: String) throws {
        let row = try #require(Template.named(ID(id))?.row)
        let words = row["scopeWords"]
        let rules = row["scopeRules"]
        let named =
            (rules?["aliases"]?.members.map { $0.value.string ?? "" } ?? [])
            + ["repo", "admin:org", "user"].filter {
                rules?["implies"]?[$0] != nil
            }
        #expect(!named.isEmpty)
        for scope in named { #expect(words?[scope] != nil, "\(scope)") }
    }

    @Test func theManualSaysWhereEachRowsFactsComeFrom() throws {
        let manual = try String(contentsOf: Self.root.appending(path: "docs/providers.md"), encoding: .utf8)
        let lines = manual.split(separator: "\n").filter { $0.hasPrefix("| `") }
        for template in Template.all {
            let cells = lines.map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
                .filter { $0.first == "`\(template.id)`" }
            #expect(cells.count == 1, "\(template.id)")
            #expect(cells.first?.count == 4 && cells.first?.allSatisfy { !$0.isEmpty } == true, "\(template.id)")
        }
    }

    @Test func sourcesNameFieldsOfTheirRow() throws {
        for row in try Self.rows() {
            let source = try #require(row["source"])
            #expect(source["read"]?.strings?.isEmpty == false)
            for field in try #require(source["unverified"]?.strings) { #expect(row[path: field] != nil, "\(field)") }
        }
    }

    @Test(arguments: Template.all.map(\.id))
    func makesUsableProviders(_ id: String) throws {
        let template = try #require(Template.named(ID(id)))
        let provider = try template.provider(
            clientID: "id", clientSecret: Secret("value"), hosts: sample(template))
        let urls = [
            provider.authorizationURL, provider.tokenURL, provider.refreshURL, provider.revocation?.url,
            provider.deviceAuthorizationURL, provider.introspectionURL,
        ]
        for url in urls.compactMap({ $0 }) {
            #expect(HTTP.URL(url)?.isSecureEndpoint == true, "\(url)")
            #expect(!url.contains("{") && url.hasPrefix("https://"), "\(url)")
        }
        #expect((try authorization(provider).verifier != nil) == provider.usesPKCE)
        #expect(try onlyRequest(of: exchangeStep(provider)).url == provider.tokenURL)
        #expect(try onlyRequest(of: refreshStep(provider)).url == provider.refreshURL ?? provider.tokenURL)
    }

    @Test func hostsOfOnesOwn() throws {
        let gitlab = try #require(Template.named("gitlab"))
        let own = try gitlab.provider(clientID: "c", clientSecret: nil, hosts: ["host": "git.acme.example"])
        #expect(own.tokenURL == "https://git.acme.example/oauth/token")
        #expect(own.revocation?.url == "https://git.acme.example/oauth/revoke")
        #expect(try gitlab.provider(clientID: "c", clientSecret: nil).tokenURL == "https://gitlab.com/oauth/token")
    }

    @Test(arguments: [
        "", ".", "evil.example/", "a.b", "a/b", "a#", "a?x", "a@b", "a:80", "-a", "a-", "a b", "ä", "a%2F",
        String(repeating: "a", count: 64),
    ])
    func hostsThatLeadElsewhere(_ value: String) throws {
        let shopify = try #require(Template.named("shopify"))
        let error = #expect(throws: ConnError.self) {
            try shopify.provider(clientID: "c", clientSecret: nil, hosts: ["shop": value])
        }
        #expect(error?.field == "hosts.shop")
    }

    /// A callback can be forged, and the client's secret goes where the host says.
    @Test func hostsThatCallbacksNameAreListed() throws {
        for template in Template.all {
            for pattern in try template.provider(clientID: "c", clientSecret: nil, hosts: sample(template)).callback
                .hosts
            {
                let name = try #require(Placeholders.match(pattern.value, pattern.value)?.name)
                #expect(template.hosts.first { $0.name == name }?.values?.isEmpty == false, "\(template.id)")
            }
        }
    }

    @Test func missingAndUnknownHosts() throws {
        let shopify = try #require(Template.named("shopify"))
        #expect(throws: ConnError.self) { try shopify.provider(clientID: "c", clientSecret: nil) }
        #expect(throws: ConnError.self) {
            try shopify.provider(clientID: "c", clientSecret: nil, hosts: ["shop": "a", "shpo": "a"])
        }
    }

    @Test func clientIDInAURLIsEncoded() throws {
        let provider = try #require(Template.named("github")).provider(clientID: "a/../b", clientSecret: Secret("v"))
        #expect(provider.revocation?.url == "https://api.github.com/applications/a%2F..%2Fb/grant")
    }

    @Test(arguments: [
        #"{"id":"a","name":"A"}"#, #"{"id":"a","name":"A","authorizationUrl":"x","tokenUrl":5}"#,
        #"{"id":"a","name":"A","authorizationUrl":"x","tokenUrl":"y","bodyFormat":"xml"}"#,
        #"{"id":"a","name":"A","authorizationUrl":"x","tokenUrl":"y","errors":{"e":"fatal"}}"#,
        #"{"id":"a","name":"A","authorizationUrl":"x","tokenUrl":"y","errorMessages":{"":"permanent"}}"#,
        #"{"id":"a","name":"A","authorizationUrl":"x","tokenUrl":"y","scopeRules":{"implies":{"a":["b"]}}}"#,
        #"{"id":"a","name":"A","authorizationUrl":"x","tokenUrl":"y","expiry":{"rule":"fixed"}}"#,
    ])
    func wrongRows(_ row: String) throws {
        let row = try JSON.parse(row)
        #expect(throws: Row.Problem.self) { try Template(row) }
    }
}

private typealias URL = Foundation.URL
