import Connections
import HTTP
import Runtime
import Testing

@testable import OAuth

struct AuthorizationRequestTests {
    private func build(
        _ provider: Provider, scopes: [String] = ["a", "b"], prompt: [String]? = nil, loginHint: String? = nil,
        resources: [String] = []
    ) throws -> AuthorizationRequest {
        try authorization(
            provider, scopes: scopes, prompt: prompt, loginHint: loginHint, resources: resources)
    }

    @Test func everythingStandardOnce() throws {
        let request = try build(.sample, loginHint: "me@acme.example", resources: ["https://r.example"])
        let verifier = try #require(request.verifier)
        #expect(
            request.url
                == "https://acme.example/authorize?response_type=code&client_id=client"
                + "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fx%3D1&scope=a%20b&state=st%26te"
                + "&code_challenge=\(PKCE.challenge(verifier))&code_challenge_method=S256"
                + "&login_hint=me%40acme.example&resource=https%3A%2F%2Fr.example")
        #expect(!request.url.contains(text(verifier)))
        #expect(!request.url.contains("s3cr3t"))
    }

    @Test func providerSwitches() throws {
        let provider = Provider.sample.with {
            $0.authorizationURL = "https://acme.example/authorize?tenant=t"
            $0.scopeSeparator = ","
            $0.usesPKCE = false
            $0.accessType = "offline"
            $0.prompt = ["consent"]
            $0.authorizeParameters = [.init("owner", "user")]
            $0.droppedAuthorizeParameters = ["response_type"]
            $0.renamedAuthorizeParameters = ["client_id": "client_key", "scope": "user_scope"]
        }
        let request = try build(provider, scopes: ["a", "b", "a"])
        #expect(request.verifier == nil)
        #expect(
            request.url
                == "https://acme.example/authorize?tenant=t&client_key=client"
                + "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fx%3D1&user_scope=a%2Cb&state=st%26te"
                + "&access_type=offline&prompt=consent&owner=user")
        #expect(try build(provider, prompt: ["login", "consent"]).url.contains("&prompt=login%20consent&"))
    }

    @Test func parametersWhoseNamesReadTheSameAreTwo() throws {
        let provider = Provider.sample.with {
            $0.authorizeParameters = [.init("\u{e9}", "1"), .init("e\u{301}", "2"), .init("\u{212B}", "3")]
            $0.droppedAuthorizeParameters = ["\u{c5}"]
        }
        #expect(try build(provider).url.hasSuffix("&%C3%A9=1&e%CC%81=2&%E2%84%AB=3"))
    }

    @Test func noScopesNoParameter() throws {
        #expect(!(try build(.sample, scopes: []).url.contains("scope=")))
    }

    @Test(arguments: [nil, "http://acme.example/authorize", "javascript:alert(1)", "https://u@acme.example/", "acme"])
    func unusableURL(_ url: String?) {
        #expect(throws: ConnError.self) { try build(.sample.with { $0.authorizationURL = url }) }
    }
}
