import JSON
import OAuth
import Runtime
import Testing

struct ScopeRulesTests {
    /// What a provider was asked for, what it said that it granted, and what of it is missing.
    struct Case: Sendable, CustomTestStringConvertible {
        var provider: String
        var asked: String
        var granted: String
        var missing: String

        init(_ provider: String, asked: String, granted: String, missing: String = "") {
            self.provider = provider
            self.asked = asked
            self.granted = granted
            self.missing = missing
        }

        var testDescription: String { "\(provider): \(asked) -> \(granted)" }
    }

    private static let google = "https://www.googleapis.com/auth"
    private static let graph = "https://graph.microsoft.com"

    private static let cases: [Case] = [
        Case(
            "google", asked: "email profile openid",
            granted: "openid \(google)/userinfo.email \(google)/userinfo.profile"),
        Case("google", asked: "\(google)/userinfo.email", granted: "email openid"),
        Case("google", asked: "\(google)/drive email", granted: "\(google)/userinfo.email", missing: "\(google)/drive"),
        Case("google", asked: "\(google)/Drive", granted: "\(google)/drive", missing: "\(google)/Drive"),
        Case("microsoft", asked: "offline_access openid profile email User.Read", granted: "User.Read"),
        Case("microsoft", asked: "Mail.Read offline_access", granted: "\(graph)/Mail.Read \(graph)/User.Read"),
        Case("microsoft", asked: "\(graph)/Mail.Read", granted: "Mail.Read User.Read profile openid email"),
        Case("microsoft", asked: "mail.read", granted: "\(graph)/Mail.Read"),
        Case("microsoft", asked: "\(graph)/.default", granted: "\(graph)/Mail.Read \(graph)/User.Read"),
        Case("microsoft", asked: "api://app/.default offline_access", granted: "api://app/access"),
        Case("microsoft", asked: "Mail.Send Mail.Read", granted: "\(graph)/Mail.Read", missing: "Mail.Send"),
        Case(
            "microsoft", asked: "https://outlook.office.com/Mail.Read", granted: "\(graph)/Mail.Read",
            missing: "https://outlook.office.com/Mail.Read"),
        Case("github", asked: "user user:email gist", granted: "user gist"),
        Case("github", asked: "repo public_repo repo:status security_events", granted: "repo"),
        Case("github", asked: "admin:org read:org", granted: "admin:org"),
        Case("github", asked: "read:public_key write:public_key", granted: "admin:public_key"),
        Case("github", asked: "repo user:email", granted: "user", missing: "repo"),
        Case("github", asked: "repo", granted: "public_repo", missing: "repo"),
        Case("github", asked: "read:org", granted: "read:user", missing: "read:org"),
        Case("salesforce", asked: "offline_access api", granted: "refresh_token api id"),
        Case("salesforce", asked: "profile email", granted: "id"),
        Case("salesforce", asked: "api web visualforce", granted: "full"),
        Case("salesforce", asked: "refresh_token", granted: "full", missing: "refresh_token"),
        Case("hubspot", asked: "oauth contacts", granted: "contacts"),
        Case("atlassian", asked: "read:jira-work offline_access", granted: "read:jira-work"),
        Case("stripe-connect", asked: "read_only", granted: "read_write"),
        Case("stripe-connect", asked: "read_write", granted: "read_only", missing: "read_write"),
        Case("shopify", asked: "read_products write_products", granted: "write_products"),
        Case("shopify", asked: "read_orders", granted: "write_products", missing: "read_orders"),
        Case("shopify", asked: "write_products", granted: "read_products", missing: "write_products"),
        Case("xero", asked: "accounting.transactions offline_access", granted: "accounting.transactions"),
        Case("zendesk", asked: "tickets:read users:read", granted: "read"),
        Case("zendesk", asked: "tickets:write", granted: "read", missing: "tickets:write"),
        Case("gitlab", asked: "read_api read_user", granted: "api"),
        Case("gitlab", asked: "api", granted: "read_api", missing: "api"),
        Case("bitbucket", asked: "repository repository:write", granted: "repository:write"),
        Case("bitbucket", asked: "repository pullrequest", granted: "pullrequest:write"),
        Case("bitbucket", asked: "repository", granted: "repository:admin", missing: "repository"),
        Case("docusign", asked: "signature extended", granted: "signature"),
        Case("pipedrive", asked: "deals:read", granted: "base deals:full"),
        Case("zoho", asked: "ZohoCRM.modules.READ", granted: "ZohoCRM.modules.all"),
        Case("zoho", asked: "ZohoCRM.users.READ", granted: "ZohoCRM.modules.ALL", missing: "ZohoCRM.users.READ"),
        Case("reddit", asked: "identity read", granted: "*"),
        Case("reddit", asked: "identity read", granted: "identity", missing: "read"),
        Case("snowflake", asked: "refresh_token session:role:R", granted: "session:role:R"),
        Case("servicenow", asked: "whatever it is", granted: "useraccount"),
        Case("okta", asked: "openid offline_access", granted: "openid"),
        Case("strava", asked: "activity:read", granted: "read activity:read_all"),
        Case("strava", asked: "activity:read_all", granted: "read", missing: "activity:read_all"),
    ]

    @Test(arguments: cases)
    func whatWasGrantedCoversWhatWasAsked(_ each: Case) throws {
        let rules = try #require(Template.named(ID(each.provider))).scopeRules
        let asked = Scopes.parse(each.asked)
        let grant = ScopeRules.Grant(scopes: Scopes.parse(each.granted), requested: asked)
        #expect(rules.missing(asked, from: grant) == Scopes.parse(each.missing))
    }

    /// Whatever a row says, names that were granted as they were asked for are there, and others are not.
    @Test(arguments: Template.all.map(\.id))
    func opaqueNames(_ id: String) throws {
        let rules = try #require(Template.named(ID(id))).scopeRules
        let grant = ScopeRules.Grant(scopes: ["some:one", "two"], requested: ["some:one", "two"])
        #expect(rules.missing(["two", "some:one"], from: grant) == [])
        #expect(rules.missing(["two", "three", "three"], from: grant) == ["three"])
    }

    /// What replies leave out is granted if it was asked for, and where nobody knows what was.
    @Test func whatRepliesLeaveOut() throws {
        let rules = try #require(Template.named("microsoft")).scopeRules
        func missing(_ requested: [String]?) -> [String] {
            rules.missing(["offline_access"], from: ScopeRules.Grant(scopes: ["User.Read"], requested: requested))
        }
        #expect(missing(["User.Read", "offline_access"]) == [])
        #expect(missing(["User.Read"]) == ["offline_access"])
        #expect(missing(nil) == [])
    }

    /// A list that says nothing makes nothing of what nobody asked for.
    @Test func whatAnIncompleteListIsGoodFor() throws {
        let rules = try #require(Template.named("servicenow")).scopeRules
        func missing(_ requested: [String]?) -> [String] {
            rules.missing(["a", "b"], from: ScopeRules.Grant(scopes: ["useraccount"], requested: requested))
        }
        #expect(missing(["a", "b"]) == [])
        #expect(missing(["a"]) == ["b"])
        #expect(missing(nil) == ["a", "b"])
    }

    @Test func unionsAskForNothingTwice() throws {
        let rules = try #require(Template.named("google")).scopeRules
        #expect(
            rules.union(["email"], ["\(Self.google)/userinfo.email", "openid"]) == ["email", "openid"])
        let github = try #require(Template.named("github")).scopeRules
        #expect(github.union(["repo"], ["public_repo", "gist"]) == ["repo", "gist"])
        #expect(github.union(["public_repo"], ["repo"]) == ["public_repo", "repo"])
    }

    /// Rules that a connection brings may go round in circles, or grow names without end.
    @Test func rulesWithoutEnd() {
        var rules = ScopeRules()
        rules.implied = [("a", ["b"]), ("b", ["a"]), ("x*", ["x*x"])]
        #expect(rules.missing(["a", "b"], from: .init(scopes: ["b"])) == [])
        #expect(rules.missing(["c"], from: .init(scopes: ["xy"])) == ["c"])
        rules.implied = [("*:write", ["*"])]
        #expect(rules.missing(["c"], from: .init(scopes: [":write"])) == ["c"])
    }
}
