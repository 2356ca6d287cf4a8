internal import HTTP

extension Step {
    /// The same exchanges, on which the caller's answer does not hang: each ends when the caller's time is up, or before.
    ///
    /// For chains of exchanges. What comes after a wait of another kind stays as it is.
    package func aside(timeoutMilliseconds: Int) -> Step {
        guard case .http(var request, let then) = self else { return self }
        request.isAside = true
        request.timeoutMilliseconds = min(request.timeoutMilliseconds, timeoutMilliseconds)
        return .http(request) { (result) throws(ConnError) in
            try then(result).aside(timeoutMilliseconds: timeoutMilliseconds)
        }
    }
}

extension HTTPResult {
    /// Of an exchange aside whose call has no time left.
    static var callEnded: HTTPResult {
        .failure(HTTPFailure(.timeout, "the call's time was up", mayHaveArrived: true))
    }
}
