package import Runtime

extension ConnError {
    /// This error, which said why there is no token, with the URL where the user can mend that.
    package func connectionRequired(at url: String, appID: ID) -> ConnError {
        var error = self
        error.code = .connectionRequired
        error.message =
            "Additional permissions required. Please grant additional permissions using the following URL "
            + "and try again: \(url)"
        error.appID = appID
        error.connectionURL = url
        return error
    }
}
