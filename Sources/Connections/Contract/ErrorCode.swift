/// The closed list of `error.code`. The header, `docs/errors.md` and both bindings hold the same list, which a check
/// compares.
package enum ErrorCode: String, Sendable, CaseIterable {
    /// The request is wrong; `field` says where. Nothing was sent or written.
    case invalidRequest = "invalid_request"
    /// The config of `open` is wrong, or something it names is not there.
    case invalidConfig = "invalid_config"
    /// The credential is missing, wrong or expired.
    case unauthorized
    /// A policy refuses this caller.
    case forbidden
    /// No such token, connection or record; `reason` says which.
    case notFound = "not_found"
    /// The user must grant access first, at `connectionUrl`.
    case connectionRequired = "connection_required"
    /// Something else changed or exists in its place.
    case conflict
    /// Too many requests; `retryAfterMs` says when to come back, if the server did.
    case rateLimited = "rate_limited"
    /// The call's time was up.
    case timeout
    /// The call was cancelled, or its handle closed.
    case cancelled
    /// A server or the network cannot be reached or is failing. Trying again later may help.
    case unavailable
    /// The OAuth provider refused; `errorCode` is its own code.
    case providerError = "provider_error"
    /// The operator must mend a setting, such as a wrong client secret. Never ask the user to reconnect.
    case misconfigured
    /// This backend cannot do that.
    case unsupported
    /// The request is too large, or too many calls are in flight.
    case limit
    /// A defect, or a state that should not be: a corrupt record, a full disk.
    case `internal`
}
