import Connections
import HTTP
import JSON
import Runtime
import Testing

@testable import OAuth

struct RevocationTests {
    private func provider(_ change: (inout Provider.Revocation) -> Void = { _ in }) -> Provider {
        var revocation = Provider.Revocation(url: "https://acme.example/revoke")
        change(&revocation)
        return Provider.sample.with { $0.revocation = revocation }
    }

    private func step(_ provider: Provider, isRefreshToken: Bool = true) -> Step<RevocationResult> {
        OAuth.revoke(token: .string("t0k&n"), isRefreshToken: isRefreshToken, provider: provider, clock: clock)
    }

    private func result(_ answer: HTTPResult, _ provider: Provider? = nil) throws -> RevocationResult {
        try run(step(provider ?? self.provider())) { _ in answer }
    }

    @Test func standardRequest() throws {
        let request = try onlyRequest(of: step(provider()))
        #expect(request.method == .post)
        #expect(!request.mustFinish)
        #expect(text(request.body) == "token=t0k%26n&token_type_hint=refresh_token")
        #expect(header("Authorization", request)?.hasPrefix("Basic ") == true)
        let other = try onlyRequest(of: step(provider(), isRefreshToken: false))
        #expect(text(other.body).hasSuffix("token_type_hint=access_token"))
    }

    @Test func tokenProvesItself() throws {
        let provider = provider {
            $0.authentication = .token
            $0.takes = .accessToken
        }
        let request = try onlyRequest(of: step(provider, isRefreshToken: false))
        #expect(header("Authorization", request) == "Bearer t0k&n")
        #expect(request.body == nil)
        guard case .done(.unsupported) = step(provider, isRefreshToken: true) else {
            Issue.record("a refresh token is sent to who takes access tokens")
            return
        }
    }

    @Test func deletingWithJSON() throws {
        let provider = provider {
            $0.method = .delete
            $0.bodyFormat = .json
            $0.authentication = .basic
            $0.takes = .accessToken
            $0.tokenParameter = "access_token"
        }.with { $0.authMethod = .post }
        let request = try onlyRequest(of: step(provider, isRefreshToken: false))
        #expect(request.method == .delete)
        #expect(text(request.body) == #"{"access_token":"t0k&n"}"#)
        #expect(header("Authorization", request)?.hasPrefix("Basic ") == true)
    }

    @Test func whereNoneIsRevoked() {
        guard case .done(.unsupported) = step(.sample) else {
            Issue.record("something is sent")
            return
        }
    }

    @Test(arguments: [
        (response(200, ""), "revoked true"), (response(204, ""), "revoked true"), (json(200, "{}"), "revoked true"),
        (json(200, #"{"ok":true,"revoked":true}"#), "revoked true"),
        (json(200, #"{"ok":false,"error":"invalid_auth"}"#), "failed permanent"),
        (json(403, #"{"error":"unauthorized_client"}"#), "failed permanent"),
        (json(401, #"{"error":"access_denied"}"#), "failed misconfigured"),
        (json(403, #"{"error":"access_denied","error_description":"Rate limit exceeded"}"#), "failed transient"),
        (json(400, #"{"error":"invalid_token"}"#), "revoked false"),
        (json(400, #"{"error":"INVALID_GRANT"}"#), "revoked false"),
        (json(400, #"{"error":{"code":"token_revoked"}}"#), "revoked false"),
        (json(200, #"{"error":""}"#), "revoked true"), (json(200, #"{"error":{"code":0}}"#), "revoked true"),
        (json(400, #"{"error":"unsupported_token_type"}"#), "unsupported"),
        (json(401, #"{"error":"invalid_client"}"#), "failed misconfigured"),
        (response(503, "", ["retry-after": "7"]), "failed transient 7000"), (response(302, ""), "failed transient"),
        (.failure(.init(.timeout, "acme.example", mayHaveArrived: true)), "failed transient"),
    ])
    func outcomes(_ answer: HTTPResult, _ expected: String) throws {
        let shown =
            switch try result(answer, provider { $0.revokesGrant = true }) {
            case .revoked(let revokesGrant): "revoked \(revokesGrant == true)"
            case .unsupported: "unsupported"
            case .failed(let failure):
                (["failed \(failure.kind.rawValue)"] + (failure.retryAfterMilliseconds.map { ["\($0)"] } ?? []))
                    .joined(separator: " ")
            }
        #expect(shown == expected)
    }
}
