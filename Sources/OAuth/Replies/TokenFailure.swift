package import Connections
import HTTP
import Runtime

/// Why there is no token.
package struct TokenFailure: Error, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The code or refresh token is dead. Only a new grant of the user helps.
        case permanent
        /// The operator must mend a setting, such as the client secret. A new grant would not help.
        case misconfigured
        /// Trying again later may help.
        case transient
    }

    package var kind: Kind
    /// For people. Holds nothing that the provider said.
    package var message: String
    /// The provider's code, such as `invalid_grant`.
    package var code: String?
    /// The provider's words: one line of at most 256 characters that repeats no secret of the request.
    package var description: String?
    package var httpStatus: Int?
    package var retryAfterMilliseconds: Int?
    /// The provider may have done its work, and the reply with the new tokens is lost.
    package var mayHaveArrived = false
    /// A device's user has neither granted nor denied access yet.
    package var isPending = false
    /// A device asked too early.
    package var isTooEarly = false

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var asConnError: ConnError {
        var error = ConnError(errorCode, message)
        error.errorCode = code
        error.errorDescription = description
        error.httpStatus = httpStatus
        error.retryAfterMilliseconds = retryAfterMilliseconds
        return error
    }

    private var errorCode: ErrorCode {
        switch kind {
        case .permanent: .providerError
        case .misconfigured: .misconfigured
        case .transient: httpStatus == 429 ? .rateLimited : .unavailable
        }
    }
}

extension TokenFailure {
    /// There was no response.
    init(_ failure: HTTPFailure, provider: Provider) {
        let isOurs = failure.kind == .blockedAddress || failure.kind == .invalid
        self.init(isOurs ? .misconfigured : .transient, "\(provider.id) cannot be reached: \(failure.message)")
        mayHaveArrived = failure.mayHaveArrived
    }
}
