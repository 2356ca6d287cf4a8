import Connections
import HTTP
import JSON
import Runtime

@testable import OAuth

/// The moment that tests happen at, in seconds since 1970.
let now: Int64 = 1_700_000_000
let clock = Clock { now * 1000 }

/// Carries a step on, with `answer` in place of a server.
func run<Value>(_ step: Step<Value>, _ answer: (HTTPRequest) throws -> HTTPResult) throws -> Value {
    var step = step
    while true {
        switch step {
        case .done(let value): return value
        case .http(let request, let then): step = try then(try answer(request))
        case .admission, .aside, .blocking, .join, .pause, .queued, .settled: throw UnexpectedStep()
        }
    }
}

struct UnexpectedStep: Error {}

/// The one request of a step.
func onlyRequest<Value>(of step: Step<Value>) throws -> HTTPRequest {
    guard case .http(let request, _) = step else { throw UnexpectedStep() }
    return request
}

func response(_ status: Int, _ body: String, _ headers: [ID: String] = [:]) -> HTTPResult {
    .success(HTTPResponse(status: status, headers: headers, body: Secret(body)))
}

func json(_ status: Int, _ body: String, _ headers: [ID: String] = [:]) -> HTTPResult {
    response(status, body, headers.merging(["content-type": "application/json"]) { first, _ in first })
}

extension Provider {
    static var sample: Provider {
        var provider = Provider(id: "acme", clientID: "client", clientSecret: Secret("s3cr3t-value"))
        provider.authorizationURL = "https://acme.example/authorize"
        provider.tokenURL = "https://acme.example/token"
        return provider
    }

    func with(_ change: (inout Provider) -> Void) -> Provider {
        var changed = self
        change(&changed)
        return changed
    }
}

/// The browser's request, of a provider that wants none of it pushed.
func authorization(
    _ provider: Provider, scopes: [String] = ["a", "b"], prompt: [String]? = nil, loginHint: String? = nil,
    resources: [String] = []
) throws -> AuthorizationRequest {
    let step = try AuthorizationRequest.build(
        provider, redirectURI: "https://app.example/cb?x=1", state: "st&te", scopes: scopes, prompt: prompt,
        loginHint: loginHint, resources: resources, clock: clock)
    guard case .done(let request) = step else { throw UnexpectedStep() }
    return request
}

func exchangeStep(_ provider: Provider, resources: [String] = []) -> Step<Result<TokenReply, TokenFailure>> {
    OAuth.exchange(
        code: Secret("c/1"), verifier: Secret("verifier"), redirectURI: "https://app.example/cb", resources: resources,
        provider: provider, clock: clock)
}

func refreshStep(_ provider: Provider, scopes: [String]? = nil) -> Step<Result<TokenReply, TokenFailure>> {
    OAuth.refresh(
        refreshToken: .string("refresh-token-1"), scopes: scopes, provider: provider, clock: clock)
}

func refresh(_ provider: Provider = .sample, _ answer: HTTPResult) throws -> Result<TokenReply, TokenFailure> {
    try run(refreshStep(provider)) { _ in answer }
}

func reply(_ provider: Provider = .sample, _ body: String) throws -> TokenReply {
    try refresh(provider, json(200, body)).get()
}

func failure(_ provider: Provider = .sample, _ answer: HTTPResult) throws -> TokenFailure {
    switch try refresh(provider, answer) {
    case .success: throw UnexpectedStep()
    case .failure(let failure): return failure
    }
}

func header(_ name: String, _ request: HTTPRequest) -> String? {
    request.headers.first { $0.name == name }.map { text($0.value) }
}
