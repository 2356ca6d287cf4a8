import Connections
import JSON
import Runtime
import Testing

@testable import OAuth

/// What the catalogue's providers say when a grant is dead, when the client is wrong, and when they are unwell.
struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var provider: String
        var status: Int
        var body: String
        var kind: TokenFailure.Kind

        init(_ provider: String, _ status: Int, _ body: String, _ kind: TokenFailure.Kind) {
            self.provider = provider
            self.status = status
            self.body = body
            self.kind = kind
        }

        var testDescription: String { "\(provider): \(status) \(body)" }
    }

    private static let dead: [Case] = [
        Case("github", 200, #"{"error":"bad_refresh_token"}"#, .permanent),
        Case("github", 200, #"{"error":"unverified_user_email"}"#, .permanent),
        Case("github-app", 200, #"{"error":"bad_refresh_token"}"#, .permanent),
        Case("slack", 200, #"{"ok":false,"error":"invalid_refresh_token"}"#, .permanent),
        Case("slack-user", 200, #"{"ok":false,"error":"token_revoked"}"#, .permanent),
        Case("salesforce", 400, #"{"error":"inactive_user","error_description":"user is inactive"}"#, .permanent),
        Case(
            "hubspot", 400, #"{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"}"#, .permanent),
        Case("hubspot", 400, #"{"status":"error","message":"missing or invalid refresh token"}"#, .permanent),
        Case("hubspot", 403, #"{"status":"BAD_HUB","message":"missing or unknown hub id"}"#, .permanent),
        Case("hubspot", 403, #"{"status":"BAD_HUB","error":"access_denied"}"#, .permanent),
        Case(
            "atlassian", 403, #"{"error":"unauthorized_client","error_description":"refresh_token is invalid"}"#,
            .permanent),
        Case(
            "atlassian", 403, #"{"error":"invalid_request","error_description":"Unknown or invalid refresh token."}"#,
            .permanent),
        Case("zoom", 400, #"{"reason":"Invalid Token!","error":"invalid_grant"}"#, .permanent),
        Case("zoom", 401, #"{"reason":"Invalid Token!","error":"invalid_request"}"#, .permanent),
        Case(
            "linkedin", 400,
            #"{"error":"invalid_request","error_description":"The provided refresh token is invalid"}"#, .permanent),
        Case(
            "x", 400, #"{"error":"invalid_request","error_description":"Value passed for the token was invalid."}"#,
            .permanent),
        Case(
            "facebook", 400,
            #"{"error":{"message":"Error validating access token","type":"OAuthException","code":190}}"#, .permanent),
        Case(
            "facebook", 400,
            #"{"error":{"message":"This authorization code has been used.","type":"OAuthException","code":100}}"#,
            .permanent),
        Case("instagram", 400, #"{"error":{"message":"Expired","type":"OAuthException","code":190}}"#, .permanent),
        Case(
            "shopify", 400,
            #"{"error":"invalid_request","error_description":"The authorization code was not found or was already used"}"#,
            .permanent),
        Case(
            "intercom", 401,
            #"{"type":"error.list","errors":[{"code":"token_not_found","message":"Token not found"}]}"#, .permanent),
        Case("bitbucket", 400, #"{"error":"invalid_request","error_description":"Invalid refresh_token"}"#, .permanent),
        Case("zoho", 200, #"{"error":"invalid_code"}"#, .permanent),
        Case("reddit", 400, #"{"message":"Bad Request","error":400}"#, .permanent),
        Case("tiktok-business", 200, #"{"code":40105,"message":"The token is incorrect.","data":{}}"#, .permanent),
        Case(
            "strava", 400,
            #"{"message":"Bad Request","errors":[{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}]}"#,
            .permanent),
        Case(
            "strava", 400,
            #"{"message":"Bad Request","errors":[{"resource":"AuthorizationCode","field":"code","code":"invalid"}]}"#,
            .permanent),
        Case("zoom", 400, #"{"reason":"Invalid authorization code abc_def","error":"invalid_request"}"#, .permanent),
        Case(
            "instagram", 400,
            #"{"code":400,"error_type":"OAuthException","error_message":"Matching code was not found or was already used."}"#,
            .permanent),
        Case(
            "instagram", 400,
            #"{"code":400,"error_type":"OAuthException","error_message":"This authorization code has been used"}"#,
            .permanent),
        Case(
            "instagram", 400,
            #"{"code":400,"error_type":"OAuthException","error_message":"This authorization code has expired"}"#,
            .permanent),
        Case(
            "shopify", 401,
            #"{"error":"invalid_request","error_description":"This request requires an active refresh_token"}"#,
            .permanent),
        Case("google", 403, #"{"error":"access_denied","error_description":"Account Restricted"}"#, .permanent),
        Case(
            "microsoft", 400, #"{"error":"invalid_grant","error_description":"AADSTS700082: expired"}"#, .permanent),
        Case("microsoft", 400, #"{"error":"interaction_required","error_description":"AADSTS50076: x"}"#, .permanent),
        Case(
            "salesforce", 400, #"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#,
            .permanent),
        Case("docusign", 400, #"{"error":"invalid_grant","error_description":"expired_client_token"}"#, .permanent),
        Case("slack", 200, #"{"ok":false,"error":"token_expired"}"#, .permanent),
    ]

    private static let others: [Case] = [
        Case(
            "x", 401,
            #"{"error":"unauthorized_client","error_description":"Missing valid authorization header"}"#,
            .misconfigured),
        Case(
            "bitbucket", 400,
            #"{"error":"unauthorized_client","error_description":"Invalid OAuth client credentials"}"#, .misconfigured),
        Case("atlassian", 401, #"{"error":"access_denied","error_description":"Unauthorized"}"#, .misconfigured),
        Case("okta", 400, #"{"error":"unauthorized_client","error_description":"not allowed"}"#, .misconfigured),
        Case("google", 401, #"{"error":"unauthorized_client","error_description":"Unauthorized"}"#, .misconfigured),
        Case("google", 400, #"{"error":"admin_policy_enforced"}"#, .misconfigured),
        Case(
            "atlassian", 403, #"{"error":"access_denied","error_description":"Rate limit exceeded"}"#, .transient),
        Case(
            "microsoft", 400,
            #"{"error":"invalid_grant","error_description":"AADSTS50196: The server terminated an operation"}"#,
            .transient),
        Case(
            "microsoft", 400,
            #"{"error":"invalid_grant","error_description":"AADSTS90033: A transient error has occurred."}"#,
            .transient),
        Case("salesforce", 400, #"{"error":"invalid_grant","error_description":"ip restricted"}"#, .misconfigured),
        Case(
            "salesforce", 400,
            #"{"error":"invalid_grant","error_description":"authentication failure - invalid client credentials"}"#,
            .misconfigured),
        Case("salesforce", 400, #"{"error":"invalid_grant","error_description":"invalid login hours"}"#, .transient),
        Case("salesforce", 400, #"{"error":"invalid_grant","error_description":"rate limit exceeded"}"#, .transient),
        Case(
            "docusign", 400, #"{"error":"invalid_grant","error_description":"unauthorized_client"}"#, .misconfigured),
        Case(
            "instagram", 400,
            #"{"code":400,"error_type":"OAuthException","error_message":"Invalid platform app"}"#, .misconfigured),
        Case("slack", 200, #"{"ok":false,"error":"invalid_auth"}"#, .misconfigured),
        Case(
            "servicenow", 401, #"{"error_description":"access_denied","error":"server_error"}"#, .transient),
        Case("google", 401, #"{"error":"deleted_client"}"#, .misconfigured),
        Case("microsoft", 400, #"{"error":"unauthorized_client","error_description":"AADSTS700016"}"#, .misconfigured),
        Case(
            "hubspot", 400, #"{"status":"BAD_CLIENT_SECRET","message":"missing or invalid client secret"}"#,
            .misconfigured),
        Case("hubspot", 500, #"{"status":"error","message":"internal error"}"#, .transient),
        Case("zoom", 400, #"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#, .misconfigured),
        Case(
            "facebook", 400,
            #"{"error":{"message":"Error validating application","type":"OAuthException","code":101}}"#, .misconfigured),
        Case(
            "facebook", 400,
            #"{"error":{"message":"Error validating application. Application has been deleted.","type":"OAuthException","code":190}}"#,
            .misconfigured),
        Case("facebook", 400, #"{"error":{"message":"too many calls","type":"OAuthException","code":4}}"#, .transient),
        Case(
            "bitbucket", 400, #"{"error":"invalid_request","error_description":"grant_type is missing"}"#,
            .misconfigured),
        Case("salesforce", 400, #"{"error":"rate_limit_exceeded"}"#, .transient),
        Case(
            "zoho", 400,
            #"{"error":"Access Denied","error_description":"You have made too many requests continuously."}"#,
            .transient),
        Case("reddit", 401, #"{"message":"Unauthorized","error":401}"#, .misconfigured),
        Case(
            "strava", 401,
            #"{"message":"Authorization Error","errors":[{"resource":"Application","field":"client_id","code":"invalid"}]}"#,
            .misconfigured),
        Case(
            "strava", 429,
            #"{"message":"Rate Limit Exceeded","errors":[{"resource":"Application","field":"rate limit","code":"exceeded"}]}"#,
            .transient),
    ]

    @Test(arguments: dead + others)
    func asTheProviderSaysIt(_ each: Case) throws {
        let failure = try failure(try provider(each.provider), response(each.status, each.body))
        #expect(failure.kind == each.kind)
    }

    /// However a row has it, the standard's own codes mean what they mean in every case of letters, and what a firewall
    /// or a page says costs nobody a grant.
    @Test(arguments: Template.all.map(\.id))
    func whatHoldsForAll(_ id: String) throws {
        let provider = try provider(id)
        func kind(_ status: Int, _ body: String) throws -> TokenFailure.Kind {
            try failure(provider, response(status, body)).kind
        }
        for code in ["invalid_grant", "INVALID_GRANT", "Invalid_Grant"] {
            #expect(try kind(400, #"{"error":"\#(code)"}"#) == .permanent)
        }
        #expect(try kind(401, #"{"error":"invalid_client"}"#) == .misconfigured)
        // Where the client's secret is the bearer, it is that one.
        let ofBearers: TokenFailure.Kind = provider.authMethod == .bearer ? .misconfigured : .permanent
        #expect(try kind(401, #"{"error":"invalid_token"}"#) == ofBearers)
        #expect(try kind(401, #"{"error":"INVALID_TOKEN","error_description":"expired"}"#) == ofBearers)
        // A wrong secret, as those put it who do not say invalid_client.
        for code in ["unauthorized_client", "access_denied", "unauthorized"] {
            #expect(try kind(401, #"{"error":"\#(code)","error_description":"Unauthorized"}"#) == .misconfigured)
            #expect(try kind(403, #"{"error":"\#(code)","error_description":"blocked"}"#) != .permanent)
        }
        for code in ["invalid_request", "access_denied", "invalid_grant", "Access Denied"] {
            #expect(try kind(400, #"{"error":"\#(code)","error_description":"Rate limit exceeded"}"#) == .transient)
        }
        #expect(try kind(400, "") == .transient)
        #expect(try kind(403, "<html>blocked</html>") == .transient)
        #expect(try kind(403, #"{"message":"blocked by the firewall"}"#) == .transient)
        #expect(try kind(502, #"{"message":"bad gateway"}"#) == .transient)
    }

    /// Words count for the provider alone whose they are.
    @Test func wordsOfOthersMeanNothing() throws {
        let body = #"{"error":"invalid_request","error_description":"Invalid refresh_token"}"#
        #expect(try failure(try provider("bitbucket"), response(400, body)).kind == .permanent)
        #expect(try failure(.sample, response(400, body)).kind == .misconfigured)
        #expect(try failure(try provider("google"), response(400, body)).kind == .misconfigured)
    }

    @Test(arguments: [
        (#"{"errors":[{"errorType":"expired","message":"x"}]}"#, "expired"),
        (#"{"errors":[{"errorType":"EXPIRED"}],"error":"invalid_client"}"#, "EXPIRED"),
        (#"{"failure":{"codes":["Expired"]}}"#, "Expired"), (#"{"failure":{"codes":["other","expired"]}}"#, "other"),
        (#"{"result":17}"#, "17"),
    ])
    func whereTheCodeStands(_ body: String, _ code: String) throws {
        var provider = Provider.sample
        provider.errorPaths = ["errors.0.errorType", "failure.codes.0", "failure.codes.1", "result"]
        provider.errorMap = ["expired": .permanent, "17": .permanent]
        let failure = try failure(provider, response(400, body))
        #expect(failure.kind == .permanent)
        #expect(failure.code == code)
    }

    @Test(arguments: [
        #"{"error":"the GRANT is gone."}"#, #"{"message":"The grant is gone, sorry"}"#,
        #"{"error":{"message":"the grant is gone"}}"#, #"{"errors":[{"message":"The Grant Is Gone"}]}"#,
        #"{"error_message":"the grant is gone"}"#, #"{"odd":[["the grant is gone"]]}"#,
        #"{"error":"invalid_request","reason":"the grant is gone"}"#,
    ])
    func whereTheWordsStand(_ body: String) throws {
        var provider = Provider.sample
        provider.errorPaths = ["odd.0.0"]
        provider.errorMessages = [("the grant is gone", .permanent)]
        #expect(try failure(provider, response(400, body)).kind == .permanent)
        provider.errorMessages = []
        #expect(try failure(provider, response(400, body)).kind != .permanent)
    }

    private func provider(_ id: String) throws -> Provider {
        let template = try #require(Template.named(ID(id)))
        return try template.provider(clientID: "c", clientSecret: Secret("s3cret"), hosts: sample(template))
    }
}
