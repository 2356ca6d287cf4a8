import Connections
import HTTP
import JSON
import Runtime

extension OAuth {
    /// Sends a client's request to an endpoint that answers an object which is no token.
    static func ask(
        _ request: TokenRequest, url: String, _ provider: Provider, _ clock: Clock, mustFinish: Bool = false
    ) -> Step<Result<JSON, TokenFailure>> {
        do throws(TokenFailure) {
            let (http, redaction) = try request.http(
                .post, url, format: .form, authMethod: provider.usedAuthMethod, mustFinish: mustFinish)
            return ask(http, provider, clock, redaction)
        } catch {
            return .done(.failure(error))
        }
    }

    static func ask(
        _ request: HTTPRequest, _ provider: Provider, _ clock: Clock, _ redaction: Redaction
    ) -> Step<Result<JSON, TokenFailure>> {
        .http(request) { result in
            switch result {
            case .failure(let failure):
                return .done(.failure(TokenFailure(failure, provider: provider)))
            case .success(let response):
                let answer = Answer(response)
                // What stands there twice is not known, whoever reads it.
                if answer.isSuccess, let object = answer.plainObject { return .done(.success(object)) }
                return .done(
                    .failure(TokenFailure(answer, .token, provider: provider, clock: clock, redaction: redaction)))
            }
        }
    }
}

extension Result where Failure == TokenFailure {
    func orThrow() throws(ConnError) -> Success {
        switch self {
        case .success(let value): return value
        case .failure(let failure): throw failure.asConnError
        }
    }
}
